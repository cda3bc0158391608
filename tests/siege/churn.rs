//! What many logins, refreshes and logouts leave on disk and in memory: the store alone, as fast as it goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::auth::clock::Timestamp;
use doorward::auth::password::PasswordHash;
use doorward::auth::session::{Lifetimes, Session};
use doorward::auth::token::TokenId;
use doorward::auth::user::{CustomClaims, User, Username};
use doorward::store::{NewUser, SledStore, Store, StoreOptions, Which};
use rocket::tokio;
use rocket::tokio::task::JoinSet;
use rustix::process::getpid;

use crate::server::resident_kib;

const USERS: u32 = 1000;
const WRITERS: u32 = 32;
const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(86_400);
const LIFETIMES: Lifetimes = Lifetimes::USUAL;

/// How often: `CHURN_CYCLES`.
fn cycles() -> u32 {
    std::env::var("CHURN_CYCLES").ok().and_then(|cycles| cycles.parse().ok()).unwrap_or(5000)
}

/// Bytes that the files of a directory hold.
fn on_disk(dir: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| entry.metadata().map_or(0, |metadata| if metadata.is_dir() { on_disk(&entry.path()) } else { metadata.len() }))
        .sum()
}

async fn logged_in(store: &dyn Store, user: &User, now: Timestamp) -> Session {
    let session = Session::open(user.id, now, &LIFETIMES);
    assert!(store.open_session(None, session.clone(), user.password.clone(), None).await.expect("a session"));
    session
}

/// Everybody logs in once and stays.
async fn populate(store: &dyn Store) -> Vec<User> {
    let mut users = Vec::new();
    for number in 0..USERS {
        let new = NewUser {
            username: Username::parse(&format!("user{number}")).expect("a name"),
            password: PasswordHash::from_phc("$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OTAxMjM0NQ$".to_owned() + &"x".repeat(43)),
            roles: Vec::new(),
            claims: CustomClaims::default(),
            created: START,
        };
        let user = store.insert_user(new).await.expect("a user");
        logged_in(store, &user, START).await;
        users.push(user);
    }
    users
}

/// One user logs in, refreshes and logs out; ten such a second pass, so that revocations expire on the way.
async fn cycle(store: &dyn Store, user: &User, number: u32) {
    let now = START + Duration::from_millis(100) * number;
    let session = logged_in(store, user, now).await;
    store.rotate_refresh(session.id, user.id, 0, now, LIFETIMES).await.expect("a rotation");
    let token = (TokenId::random(), now + LIFETIMES.access);
    assert_eq!(store.end_sessions(user.id, Which::One(session.id), Some(token), now).await.expect("an end"), 1);
    if number.is_multiple_of(1000) {
        store.sweep_expired(now, usize::MAX).await.expect("a sweep");
    }
}

#[test]
fn some_thousand_logins_and_logouts_leave_little_on_disk() {
    let _alone = super::ALONE.lock();
    let dir = tempfile::TempDir::new().expect("a directory");
    let options = StoreOptions::new(dir.path().join("data"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let store = Arc::new(SledStore::open(&options).expect("a new store"));
    let users = Arc::new(runtime.block_on(populate(store.as_ref())));
    let live = on_disk(&options.dir);
    let memory = resident_kib(getpid());
    runtime.block_on(async {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (store, users) = (Arc::clone(&store), Arc::clone(&users));
                tokio::spawn(async move {
                    for number in (writer..cycles()).step_by(WRITERS as usize) {
                        cycle(store.as_ref(), &users[(number % USERS) as usize], number).await;
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.expect("no writer panics");
        }
        // What was revoked has expired; who stayed has not.
        let end = START + Duration::from_millis(100) * cycles() + LIFETIMES.access + DAY;
        store.sweep_expired(end, usize::MAX).await.expect("a sweep");
        assert_eq!(store.sessions(users[0].id).await.expect("sessions").len(), 1);
    });
    let (after, memory_after) = (on_disk(&options.dir), resident_kib(getpid()));
    println!("{} cycles: {live} bytes on disk before, {after} after; {memory} KiB in memory before, {memory_after} after", cycles());
    // sled gives back most of what is deleted, not all: a bound for a run of the usual length, not a promise.
    assert!(after <= 3 * live + (16 << 20), "{live} bytes became {after}");
    runtime.block_on(store.close()).expect("a clean stop");
    let start = Instant::now();
    let store = SledStore::open(&StoreOptions { compact_above: 0, ..options.clone() }).expect("the same store");
    let (opened, reopened) = (start.elapsed(), on_disk(&options.dir));
    runtime.block_on(async {
        assert_eq!(store.sessions(users[0].id).await.expect("sessions").len(), 1);
        store.close().await.expect("a clean stop");
    });
    println!("opened again, with a copy, after {opened:.0?}: {reopened} bytes on disk");
    assert!(reopened <= 3 * live, "{live} bytes became {reopened}");
}

/// Many users come, and most of them go.
async fn come_and_go(store: &Arc<SledStore>) {
    let mut coming = JoinSet::new();
    let mut came = Vec::new();
    for number in 0..16_000 {
        let store = Arc::clone(store);
        coming.spawn(async move {
            let long = PasswordHash::from_phc(format!("{number:>8000}"));
            let username = Username::parse(&format!("passer{number}")).expect("a name");
            let new = NewUser { username, password: long, roles: Vec::new(), claims: CustomClaims::default(), created: START };
            store.insert_user(new).await.expect("a user").id
        });
        if number % 1000 == 999 {
            came.extend(std::mem::take(&mut coming).join_all().await);
        }
    }
    for some in came.chunks(1000) {
        let mut going = JoinSet::new();
        for id in some.iter().copied().filter(|id| id.get() % 16 != 0) {
            let store = Arc::clone(store);
            going.spawn(async move { assert!(store.delete_user(id, START).await.expect("an answer")) });
        }
        going.join_all().await;
    }
}

#[test]
fn a_server_starts_with_a_small_copy_of_a_database_that_takes_far_more_than_its_records() {
    let _alone = super::ALONE.lock();
    let mut server = super::Server::start();
    let pair = server.client().newcomer("arun");
    let out = server.client().login("arun");
    server.client().logout(&out.access).expect(200);
    server.stop();
    let database = server.data_dir().join("db");
    let length = || std::fs::metadata(&database).expect("a database").len();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let store = Arc::new(SledStore::open(&StoreOptions::new(server.data_dir())).expect("it"));
    runtime.block_on(async {
        come_and_go(&store).await;
        store.close().await.expect("a clean stop");
    });
    let before = length();
    assert!(before > 64 << 20, "{before} bytes are not enough to try it");
    server.start_again();
    let after = length();
    println!("{before} bytes became {after}");
    assert!(after < before / 3);
    for _ in 0..2 {
        let client = server.client();
        client.test(&pair.access).expect(200);
        client.test(&out.access).refused(401, "token_revoked");
        server.kill_and_start_again();
    }
}
