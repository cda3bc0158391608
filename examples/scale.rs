//! What `scripts/bench --scale` needs beside a server: a data directory full of records, and the parts that a server's figures
//! are compared with. Each prints one line of JSON.
//!
//! ```text
//! scale fill DIR USERS SESSIONS REVOCATIONS EXPIRED    through the store, without hashing; the last are revocations, too
//! scale write DIR WRITERS SECONDS                      durable writes, as many at a time as there are writers
//! scale hash THREADS SECONDS                           Argon2id alone, at the cost of a login
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use doorward::auth::clock::Timestamp;
use doorward::auth::password::PasswordHash;
use doorward::auth::session::{Lifetimes, Session};
use doorward::auth::token::TokenId;
use doorward::auth::user::{CustomClaims, User, UserId, Username};
use doorward::store::{NewUser, SledStore, Store, StoreOptions, Which};
use rocket::tokio::runtime::Runtime;
use rocket::tokio::task::JoinSet;

const DAY: Duration = Duration::from_secs(86_400);
const LIFETIMES: Lifetimes = Lifetimes::USUAL;
/// Steps that wait at the same time: fewer than the queue of the store holds.
const AT_ONCE: u64 = 1024;
/// What a login costs: m in KiB, t, p (`Cost::OWASP`).
const COST: (u32, u32, u32) = (19_456, 2, 1);

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match given[..] {
        ["fill", dir, users, sessions, revocations, expired] => {
            fill(dir, number(users), number(sessions), number(revocations), number(expired));
        }
        ["write", dir, writers, seconds] => write(dir, number(writers), Duration::from_secs(number(seconds))),
        ["hash", threads, seconds] => hash(number(threads), Duration::from_secs(number(seconds))),
        _ => {
            eprintln!("see the first lines of examples/scale.rs");
            std::process::exit(2);
        }
    }
}

fn now() -> Timestamp {
    Timestamp::from_secs(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// A store, and what runs its steps.
struct Bench {
    store: Arc<SledStore>,
    runtime: Runtime,
}

impl Bench {
    fn open(dir: &str) -> Self {
        let store = Arc::new(SledStore::open(&StoreOptions::new(dir)).expect("a store"));
        Self { store, runtime: Runtime::new().expect("a runtime") }
    }

    /// Takes a step for each number below `count`, `at_once` at a time, until `until`; answers how many were taken.
    fn run<W>(
        &self,
        count: u64,
        at_once: u64,
        until: Option<Instant>,
        step: impl Fn(Arc<SledStore>, u64) -> W + Copy + Send + 'static,
    ) -> u64
    where
        W: Future<Output = ()> + Send,
    {
        let next = Arc::new(AtomicU64::new(0));
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for _ in 0..at_once {
                let (store, next) = (Arc::clone(&self.store), Arc::clone(&next));
                tasks.spawn(async move {
                    let mut taken = 0;
                    while until.is_none_or(|until| Instant::now() < until) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            break;
                        }
                        step(Arc::clone(&store), number).await;
                        taken += 1;
                    }
                    taken
                });
            }
            tasks.join_all().await.into_iter().sum()
        })
    }

    fn close(self) {
        self.runtime.block_on(self.store.close()).expect("a clean stop");
    }
}

/// The length of a real hash; its value does not matter to the store.
fn password() -> PasswordHash {
    PasswordHash::from_phc(format!("$argon2id$v=19$m=19456,t=2,p=1${:A<22}${:A<43}", "", ""))
}

async fn insert(store: &dyn Store, number: u64) -> User {
    let username = Username::parse(&format!("user{number}")).expect("a name");
    let user = NewUser { username, password: password(), roles: Vec::new(), claims: CustomClaims::default(), created: now() };
    store.insert_user(user).await.expect("a user")
}

async fn revoke(store: &dyn Store, at: Timestamp, until: Timestamp) {
    // Of a user who has none of the sessions, so that only the token is revoked.
    store.end_sessions(UserId::new(1), Which::None, Some((TokenId::random(), until)), at).await.expect("a revocation");
}

fn fill(dir: &str, users: u64, sessions: u64, revocations: u64, expired: u64) {
    let (bench, start) = (Bench::open(dir), Instant::now());
    bench.runtime.block_on(bench.store.set_clock_mark(now())).expect("a mark");
    bench.run(users, AT_ONCE, None, |store, number| async move { drop(insert(store.as_ref(), number).await) });
    bench.run(sessions, AT_ONCE, None, move |store, number| async move {
        let session = Session::open(UserId::new(1 + number % users.max(1)), now(), &LIFETIMES);
        assert!(store.open_session(None, session, password(), None).await.expect("a session"));
    });
    bench.run(revocations, AT_ONCE, None, |store, _| async move { revoke(store.as_ref(), now(), now() + DAY).await });
    let yesterday = Timestamp::from_secs(now().secs() - DAY.as_secs());
    bench.run(expired, AT_ONCE, None, move |store, _| async move { revoke(store.as_ref(), yesterday, yesterday + LIFETIMES.access).await });
    bench.close();
    println!("{{\"seconds\": {:.1}}}", start.elapsed().as_secs_f64());
}

/// What a registration, a refresh and a logout keep, each a step of its own.
fn write(dir: &str, writers: u64, duration: Duration) {
    let (bench, start) = (Bench::open(dir), Instant::now());
    let taken = bench.run(u64::MAX, writers, Some(start + duration), move |store, number| async move {
        let user = insert(store.as_ref(), number * 1000 + writers).await;
        let session = Session::open(user.id, now(), &LIFETIMES);
        assert!(store.open_session(None, session.clone(), password(), None).await.expect("a session"));
        store.rotate_refresh(session.id, user.id, 0, now(), LIFETIMES).await.expect("a rotation");
        let token = (TokenId::random(), now() + LIFETIMES.access);
        store.end_sessions(user.id, Which::One(session.id), Some(token), now()).await.expect("an end");
    });
    let each = 4.0 / start.elapsed().as_secs_f64();
    bench.close();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let a_second = taken as f64 * each;
    println!("{{\"writes_per_second\": {a_second:.1}, \"writes\": {}}}", taken * 4);
}

/// Each thread uses its memory again, as the server's do.
fn hash(threads: u64, duration: Duration) {
    let (memory, passes, lanes) = COST;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(memory, passes, lanes, Some(32)).expect("parameters"));
    let (start, total) = (Instant::now(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let (mut blocks, mut hash) = (vec![Block::default(); argon2.params().block_count()], [0; 32]);
                while start.elapsed() < duration {
                    argon2.hash_password_into_with_memory(b"securepassword", b"0123456789abcdef", &mut hash, &mut blocks).expect("a hash");
                    total.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let each_second = total.into_inner() as f64 / start.elapsed().as_secs_f64();
    println!("{{\"hashes_per_second\": {each_second:.2}}}");
}
