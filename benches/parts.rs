//! What the parts cost, without the server around them. `scripts/bench` measures the whole.
//!
//! `cargo bench` for all, `cargo bench -- token` for some.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput};
use doorward::AccessToken;
use doorward::auth::browsers::Keep;
use doorward::auth::clock::Timestamp;
use doorward::auth::hasher::{Cost, Hasher};
use doorward::auth::keys::{Algorithm, Keyring, SharedSecrets, StoredKey};
use doorward::auth::password::{Password, PasswordHash, Typed};
use doorward::auth::session::{Lifetimes, Presented, Session};
use doorward::auth::token::{Issuer, TokenId, Tokens};
use doorward::auth::user::{CustomClaims, User, UserId, Username};
use doorward::auth::{Auth, Origin};
use doorward::config::{Flags, Settings};
use doorward::http::{self, Surface};
use doorward::store::{NewUser, SledStore, Store as _, StoreOptions, Which};
use rocket::http::{Header, Status};
use rocket::local::asynchronous::Client;
use rocket::{get, routes};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const LIFETIMES: Lifetimes = Lifetimes::USUAL;

/// Writers that wait at the same time.
const WRITERS: u64 = 32;

fn main() {
    let mut criterion = Criterion::default().measurement_time(Duration::from_secs(3)).configure_from_args();
    tokens(&mut criterion, "ES256", None);
    tokens(&mut criterion, "HS256", Some("a secret of thirty-two bytes ....."));
    guard(&mut criterion);
    passwords(&mut criterion);
    store(&mut criterion);
    criterion.final_summary();
}

fn user() -> User {
    User {
        id: UserId::new(7),
        username: Username::parse("arun").expect("a name"),
        password: PasswordHash::from_phc(String::new()),
        roles: Vec::new(),
        claims: CustomClaims::default(),
        disabled: false,
        created: NOW,
    }
}

/// `issue` signs a pair: the access token with the algorithm named, the refresh token with HMAC.
fn tokens(criterion: &mut Criterion, algorithm: &str, shared: Option<&str>) {
    let stored = [StoredKey::generate(Algorithm::ES256, NOW).expect("a key"), StoredKey::generate_refresh(NOW).expect("a key")];
    let shared = SharedSecrets { current: shared.map(SecretString::from), previous: Vec::new() };
    let keys = Keyring::load(&stored, &shared).expect("keys that fit");
    let issuer = Issuer { name: "doorward".into(), audience: None, claims: CustomClaims::default(), backdate: Duration::ZERO };
    let tokens = Tokens::new(keys, issuer);
    let (user, session) = (user(), Session::open(UserId::new(7), NOW, &LIFETIMES));
    let issue = || tokens.issue(&user, &session, true, NOW, &LIFETIMES).expect("a pair");

    let mut group = criterion.benchmark_group(format!("token {algorithm}"));
    group.bench_function("issue a pair", |bencher| bencher.iter(issue));
    // Each is new, so none is in the cache; a full cache has to make room, as it would.
    group.bench_function("verify, first time", |bencher| {
        bencher.iter_batched(issue, |pair| tokens.verify(black_box(&pair.access)).expect("good"), BatchSize::SmallInput);
    });
    let known = issue().access;
    group.bench_function("verify, cached", |bencher| bencher.iter(|| tokens.verify(black_box(&known)).expect("good")));
    group.finish();
}

#[get("/open")]
fn open() -> &'static str {
    "hello"
}

#[get("/guarded")]
fn guarded(_token: AccessToken) -> &'static str {
    "hello"
}

/// The same route without and with the guard, in Rocket without a socket: the difference is what the guard costs.
fn guard(criterion: &mut Criterion) {
    let (directory, runtime) = (tempfile::tempdir().expect("a directory"), runtime());
    let settings = Settings::load(None, &BTreeMap::new(), &Flags::default()).expect("the defaults").settings;
    let (client, bearer) = runtime.block_on(async {
        let store = SledStore::open(&StoreOptions::new(directory.path().join("data"))).expect("a store");
        let auth = Auth::start(Arc::new(store), settings.policy(false)).await.expect("a start");
        let username = Username::parse("arun").expect("a name");
        auth.register(username, password(), Origin::default()).await.expect("a registration");
        let login = auth.login("arun", "securepassword", Origin::default(), Keep::Nothing).await.expect("a login");
        let rocket = http::rocket(Surface::default(), auth).mount("/", routes![open, guarded]);
        (Client::untracked(rocket).await.expect("a server"), Header::new("Authorization", format!("Bearer {}", login.pair.access)))
    });
    let mut group = criterion.benchmark_group("route");
    for path in ["/open", "/guarded"] {
        group.bench_function(path, |bencher| {
            bencher.iter(|| {
                let request = client.get(path).header(bearer.clone());
                assert_eq!(runtime.block_on(request.dispatch()).status(), Status::Ok);
            });
        });
    }
    group.finish();
}

fn passwords(criterion: &mut Criterion) {
    let runtime = runtime();
    let hasher = Hasher::start(1, Cost::OWASP).expect("a pool");
    let hash = runtime.block_on(hasher.hash(password())).expect("a hash");
    let mut group = criterion.benchmark_group("password");
    group.sample_size(20).measurement_time(Duration::from_secs(6));
    group.bench_function("hash", |bencher| bencher.iter(|| runtime.block_on(hasher.hash(password())).expect("a hash")));
    group.bench_function("verify", |bencher| {
        bencher.iter(|| runtime.block_on(hasher.verify(Typed::new("securepassword"), Some(&hash))).expect("a verdict"));
    });
    group.finish();
}

fn password() -> Password {
    Password::presented("securepassword").expect("readable")
}

/// What an answer waits for: each step is on disk when it counts. A session is opened, rotated and ended without hashing or signing.
fn store(criterion: &mut Criterion) {
    let bench = Writing::start();
    let mut group = criterion.benchmark_group("store");
    group.sample_size(20).measurement_time(Duration::from_secs(6));
    for writers in [1, WRITERS] {
        group.throughput(Throughput::Elements(writers));
        let mut measure = |step: &str, run: fn(&Writing, u64) -> Duration| {
            let name = format!("{step}, {writers} at a time");
            group.bench_function(name, |bencher| bencher.iter_custom(|rounds| (0..rounds).map(|_| run(&bench, writers)).sum()));
        };
        measure("insert a user", |bench, writers| {
            let users = (0..writers).map(|_| new_user(&format!("user{}", bench.next.fetch_add(1, Ordering::Relaxed)))).collect();
            bench.timed(users, |store, user| async move { drop(store.insert_user(user).await.expect("kept")) })
        });
        measure("rotate a session", |bench, writers| {
            bench.timed(bench.sessions(writers), |store, session| async move {
                let rotated = store.rotate_refresh(session.id, session.user, session.counter, session.created, LIFETIMES).await;
                assert!(matches!(rotated, Ok(Presented::Rotated(_))));
            })
        });
        measure("revoke a session", |bench, writers| {
            bench.timed(bench.sessions(writers), |store, session| async move {
                let token = (TokenId::random(), session.created + LIFETIMES.access);
                let ended = store.end_sessions(session.user, Which::One(session.id), Some(token), session.created).await;
                assert_eq!(ended.expect("kept"), 1);
            })
        });
    }
    group.finish();
    bench.runtime.block_on(bench.store.close()).expect("a clean stop");
}

/// A store with one user, and what runs its steps.
struct Writing {
    _directory: TempDir,
    runtime: Runtime,
    store: Arc<SledStore>,
    user: User,
    next: AtomicU64,
}

impl Writing {
    fn start() -> Self {
        let (directory, runtime) = (tempfile::tempdir().expect("a directory"), runtime());
        let store = Arc::new(SledStore::open(&StoreOptions::new(directory.path().join("data"))).expect("a store"));
        let user = runtime.block_on(store.insert_user(new_user("arun"))).expect("kept");
        Self { _directory: directory, runtime, store, user, next: AtomicU64::new(0) }
    }

    /// Open sessions, as many as asked for, each younger than the one before: a user has so many, and the oldest go.
    fn sessions(&self, count: u64) -> Vec<Session> {
        let now = || Timestamp::from_secs(NOW.secs() + self.next.fetch_add(1, Ordering::Relaxed));
        let sessions: Vec<_> = (0..count).map(|_| Session::open(self.user.id, now(), &LIFETIMES)).collect();
        let verified = self.user.password.clone();
        self.timed(sessions.clone(), |store, session| {
            let verified = verified.clone();
            async move { assert!(store.open_session(None, session, verified, None).await.expect("kept")) }
        });
        sessions
    }

    /// How long it takes until all that is asked for at the same time is done.
    fn timed<T: Send + 'static, W: Future<Output = ()> + Send + 'static>(
        &self,
        jobs: Vec<T>,
        step: impl Fn(Arc<SledStore>, T) -> W,
    ) -> Duration {
        let start = Instant::now();
        self.runtime.block_on(async {
            let running: JoinSet<()> = jobs.into_iter().map(|job| step(Arc::clone(&self.store), job)).collect();
            running.join_all().await;
        });
        start.elapsed()
    }
}

fn new_user(name: &str) -> NewUser {
    // The length of a real hash; its value does not matter to the store.
    let password = PasswordHash::from_phc(format!("$argon2id$v=19$m=19456,t=2,p=1${:A<22}${:A<43}", "", ""));
    NewUser { username: Username::parse(name).expect("a name"), password, roles: Vec::new(), claims: CustomClaims::default(), created: NOW }
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}
