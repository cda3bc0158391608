//! What the parts cost, without the server around them. `scripts/bench` measures the whole.
//!
//! `cargo bench` for all, `cargo bench -- token` for some.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput};
use doorward::auth::clock::Timestamp;
use doorward::auth::hasher::{Cost, Hasher};
use doorward::auth::keys::{Algorithm, Keyring, SharedSecrets, StoredKey};
use doorward::auth::password::{Password, PasswordHash, Typed};
use doorward::auth::session::{Lifetimes, Session};
use doorward::auth::token::{Issuer, Tokens};
use doorward::auth::user::{CustomClaims, User, UserId, Username};
use doorward::store::{NewUser, SledStore, Store as _, StoreOptions};
use secrecy::SecretString;
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

/// Registering without the hashing: each is on disk when it counts.
fn store(criterion: &mut Criterion) {
    let runtime = runtime();
    let dir = tempfile::tempdir().expect("a directory");
    let store = Arc::new(SledStore::open(&StoreOptions::new(dir.path().join("data"))).expect("a store"));
    let mut next = 0;
    let mut name = || {
        next += 1;
        format!("user{next}")
    };
    let mut group = criterion.benchmark_group("store");
    group.sample_size(20).measurement_time(Duration::from_secs(6));
    group.bench_function("insert a user, 1 writer", |bencher| {
        bencher.iter_batched(|| new_user(&name()), |user| runtime.block_on(store.insert_user(user)).expect("kept"), BatchSize::SmallInput);
    });
    group.throughput(Throughput::Elements(WRITERS));
    group.bench_function(format!("insert {WRITERS} users, {WRITERS} writers"), |bencher| {
        bencher.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                let users: Vec<_> = (0..WRITERS).map(|_| new_user(&name())).collect();
                let start = Instant::now();
                runtime.block_on(insert_all(&store, users));
                took += start.elapsed();
            }
            took
        });
    });
    group.finish();
    runtime.block_on(store.close()).expect("a clean stop");
}

async fn insert_all(store: &Arc<SledStore>, users: Vec<NewUser>) {
    let mut writers = JoinSet::new();
    for user in users {
        let store = Arc::clone(store);
        writers.spawn(async move { store.insert_user(user).await.expect("kept") });
    }
    writers.join_all().await;
}

fn new_user(name: &str) -> NewUser {
    // The length of a real hash; its value does not matter to the store.
    let password = PasswordHash::from_phc(format!("$argon2id$v=19$m=19456,t=2,p=1${:A<22}${:A<43}", "", ""));
    NewUser { username: Username::parse(name).expect("a name"), password, roles: Vec::new(), claims: CustomClaims::default(), created: NOW }
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}
