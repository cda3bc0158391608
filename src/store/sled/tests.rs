//! What only this implementation promises: groups, fail-stop, the watchdog, the floor, and surviving a kill.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::HashSet;
use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::collection::vec;
use proptest::proptest;

use super::*;
use crate::auth::user::UserId;
use crate::error::Error;
use crate::store::contract::{T0, TempDir, hash, lifetimes, logged_in, named};
use crate::store::machine::{Cast, Step, cases, contents, run, write};
use crate::store::marker::Marker;
use crate::store::memory::MemoryStore;

type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Holds the writer in a step until the value is dropped.
struct Gate {
    _open: Sender<()>,
}

/// Closes the gate; returns when the writer stands at it.
fn gate(store: &SledStore) -> (Gate, Waiting<'_, Result<()>>) {
    let (open, opened): (Sender<()>, Receiver<()>) = channel();
    let (arrived, there) = channel();
    let mut passed: Waiting<'_, Result<()>> = Box::pin(store.write(move |_| {
        arrived.send(()).unwrap();
        let _ = opened.recv();
        Ok(())
    }));
    assert!(poll(&mut passed).is_pending());
    there.recv().unwrap();
    (Gate { _open: open }, passed)
}

/// Lets a future go as far as it can: a write is in the queue then.
fn poll<T>(future: &mut Waiting<'_, T>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn is_stopped<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(Error::Storage(StorageError::Stopped | StorageError::Uncertain)))
}

async fn goes_as_if_one_by_one(groups: Vec<Vec<Step>>) {
    let (dir, model, mut cast) = (TempDir::new(), MemoryStore::default(), Cast::default());
    let store = dir.open();
    for group in groups {
        let calls: Vec<_> = group.into_iter().map(|step| cast.call(step)).collect();
        let (gate, passed) = gate(&store);
        let mut said: Vec<Waiting<'_, String>> = calls.iter().map(|call| Box::pin(call.run(&store)) as _).collect();
        for future in &mut said {
            assert!(poll(future).is_pending());
        }
        drop(gate);
        passed.await.unwrap();
        for (said, call) in said.into_iter().zip(&calls) {
            assert_eq!(said.await, call.run(&model).await, "{call:?}");
        }
    }
    assert_eq!(contents(&store, &cast.ids).await, contents(&model, &cast.ids).await);
    drop(store);
    assert_eq!(contents(&dir.open(), &cast.ids).await, contents(&model, &cast.ids).await);
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn steps_of_one_group_see_each_other_as_if_they_came_one_by_one(groups in vec(vec(write(), 1..80), 1..3)) {
        run(goes_as_if_one_by_one(groups));
    }
}

#[tokio::test]
async fn a_step_is_taken_even_if_nobody_waits_for_it_any_more() {
    let dir = TempDir::new();
    let store = dir.open();
    let (gate, passed) = gate(&store);
    let mut insert = store.insert_user(named("arun"));
    assert!(poll(&mut insert).is_pending());
    drop(insert);
    drop(gate);
    passed.await.unwrap();
    store.set_clock_mark(T0).await.unwrap();
    assert_eq!(store.users(None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn more_than_the_queue_holds_is_refused_and_the_rest_is_done() {
    let dir = TempDir::new();
    let store = dir.open();
    let (gate, passed) = gate(&store);
    let mut waiting: Vec<_> = (0..QUEUE).map(|_| store.set_clock_mark(T0)).collect();
    assert!(waiting.iter_mut().all(|future| poll(future).is_pending()));
    let refused = store.insert_user(named("arun")).await;
    assert!(matches!(refused, Err(Error::Storage(StorageError::Busy))), "{refused:?}");
    drop(gate);
    passed.await.unwrap();
    for future in waiting {
        future.await.unwrap();
    }
    assert_eq!(store.users(None, 9).await.unwrap(), []);
}

#[tokio::test]
async fn what_waits_when_the_store_is_closed_is_still_done() {
    let dir = TempDir::new();
    let store = dir.open();
    let (gate, passed) = gate(&store);
    let mut insert = store.insert_user(named("arun"));
    assert!(poll(&mut insert).is_pending());
    let (mut close, mut close_too) = (store.close(), store.close());
    assert!(poll(&mut close).is_pending() && poll(&mut close_too).is_pending());
    assert!(is_stopped(&store.insert_user(named("bina")).await));
    drop(gate);
    passed.await.unwrap();
    insert.await.unwrap();
    close.await.unwrap();
    close_too.await.unwrap();
    assert!(Marker::read(dir.path()).unwrap().unwrap().clean);
    assert_eq!(dir.open().users(None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn below_the_floor_nothing_is_written_and_reading_goes_on() {
    let dir = TempDir::new();
    let store = dir.open();
    let (user, session) = logged_in(&store, "arun").await;
    store.close().await.unwrap();
    let before = Marker::read(dir.path()).unwrap().unwrap().reached.sequence;
    let store = SledStore::open(&StoreOptions { free_space_floor: u64::MAX, ..dir.options() }).unwrap();
    let refused = store.insert_user(named("bina")).await.map(drop);
    assert!(matches!(refused, Err(Error::Storage(StorageError::DiskFull { .. }))), "{refused:?}");
    let refused = store.end_sessions(user.id, Which::All, None, T0).await.map(drop);
    assert!(matches!(refused, Err(Error::Storage(StorageError::DiskFull { .. }))), "{refused:?}");
    assert!(!store.live().is_revoked(session.id.0));
    assert_eq!(store.users(None, 9).await.unwrap(), [user]);
    assert!(store.failed().borrow().is_none());
    store.close().await.unwrap();
    assert_eq!(Marker::read(dir.path()).unwrap().unwrap().reached.sequence, before);
}

/// That `store` has stopped for good, and what it had before is still there for the next.
async fn has_stopped(store: &SledStore, reason: &str) {
    let mut failed = store.failed();
    let said = failed.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(said.contains(reason), "{said}");
    assert!(is_stopped(&store.insert_user(named("late")).await.map(drop)));
    assert!(is_stopped(&store.close().await));
}

#[tokio::test]
async fn a_commit_past_its_deadline_stops_the_store_and_is_never_acknowledged() {
    let dir = TempDir::new();
    let store = SledStore::open(&StoreOptions { commit_deadline: Duration::from_millis(20), ..dir.options() }).unwrap();
    let (gate, passed) = gate(&store);
    let mut waiting = store.insert_user(named("arun"));
    assert!(poll(&mut waiting).is_pending());
    has_stopped(&store, "not on disk after 0.02 s").await;
    drop(gate);
    assert!(is_stopped(&passed.await));
    assert!(is_stopped(&waiting.await.map(drop)));
}

#[tokio::test]
async fn a_panic_in_the_writer_stops_the_store_and_everyone_who_waits_is_told() {
    let dir = TempDir::new();
    let store = dir.open();
    logged_in(&store, "arun").await;
    let (gate, passed) = gate(&store);
    let mut panics: Waiting<'_, Result<()>> = Box::pin(store.write(|_| panic!("for the test")));
    let mut before = store.insert_user(named("bina"));
    assert!(poll(&mut before).is_pending() && poll(&mut panics).is_pending());
    let mut after = store.insert_user(named("chin"));
    assert!(poll(&mut after).is_pending());
    drop(gate);
    passed.await.unwrap();
    for waiting in [before, after] {
        assert!(is_stopped(&waiting.await.map(drop)));
    }
    assert!(is_stopped(&panics.await));
    has_stopped(&store, "the writer panicked: for the test").await;
}

#[tokio::test]
async fn a_failure_of_the_engine_stops_the_store() {
    let dir = TempDir::new();
    let store = dir.open();
    let failing = store
        .write(|step| {
            step.set_clock_mark(T0);
            Err::<(), _>(StorageError::Engine { action: "write", source: "no such luck".into() }.into())
        })
        .await;
    assert!(is_stopped(&failing));
    has_stopped(&store, "the database failed to write: no such luck").await;
    store.0.shared.ended.subscribe().wait_for(|ended| *ended).await.unwrap();
    assert!(matches!(
        SledStore::open(&StoreOptions { lock_wait: Duration::ZERO, ..dir.options() }),
        Err(StorageError::Held { pid: Some(_), .. })
    ));
}

#[tokio::test]
async fn what_is_refused_leaves_no_trace_in_the_group_it_came_with() {
    let dir = TempDir::new();
    let store = dir.open();
    let (gate, passed) = gate(&store);
    let mut waiting = ["arun", "arun", "bina"].map(|name| store.insert_user(named(name)));
    assert!(waiting.iter_mut().all(|future| poll(future).is_pending()));
    drop(gate);
    passed.await.unwrap();
    let [first, second, third] = waiting;
    assert_eq!(first.await.unwrap().id, UserId::new(1));
    assert!(matches!(second.await, Err(Error::UsernameTaken)));
    assert_eq!(third.await.unwrap().id, UserId::new(2));
}

#[tokio::test]
async fn after_an_unclean_stop_the_records_are_compared_with_each_other() {
    let dir = TempDir::new();
    let store = dir.open();
    let (_, session) = logged_in(&store, "arun").await;
    assert!(!Marker::read(dir.path()).unwrap().unwrap().clean);
    let unindexed = store.write(move |step| {
        step.remove_expiry(session.expires, records::kind::SESSION, session.id.0);
        Ok(())
    });
    unindexed.await.unwrap();
    store.close().await.unwrap();
    drop(dir.open());
    let said = SledStore::open(&dir.options()).map(drop).unwrap_err().to_string();
    assert!(said.contains("1 missing entries of the expiry index"), "{said}");
}

// --- kill -9 ------------------------------------------------------------------------------------------------------

const DIR: &str = "DOORWARD_TEST_KILLED_IN";
const SEED: &str = "DOORWARD_TEST_SEED";

/// What a writer says it was promised. It has printed the line only after the store's answer.
fn promised(fact: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{fact}").unwrap();
    out.flush().unwrap();
}

async fn write_for_ever(store: SledStore, name: String) {
    for number in 0_u64.. {
        let user = store.insert_user(named(&format!("{name}n{number}"))).await.unwrap();
        promised(&format!("user {} {}", user.id, user.username));
        let session = Session::open(user.id, T0, &lifetimes());
        assert!(store.open_session(session.clone(), hash("first"), None).await.unwrap());
        for counter in 0..3 {
            store.rotate_refresh(session.id, user.id, counter, T0, lifetimes()).await.unwrap();
            promised(&format!("session {} {} {}", user.id, session.id, counter + 1));
        }
        match number % 3 {
            0 => {}
            1 => {
                store.end_sessions(user.id, Which::One(session.id), None, T0).await.unwrap();
                promised(&format!("ended {} {}", user.id, session.id));
            }
            _ => {
                store.delete_user(user.id, T0).await.unwrap();
                promised(&format!("deleted {}", user.id));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that is killed by the test below"]
async fn writes_until_it_is_killed() {
    let Ok(dir) = std::env::var(DIR) else { return };
    promised("opening");
    let store = SledStore::open(&StoreOptions { free_space_floor: 0, ..StoreOptions::new(dir) }).unwrap();
    promised("open");
    let seed = std::env::var(SEED).unwrap();
    let writers: Vec<_> = (0..8).map(|writer| tokio::spawn(write_for_ever(store.clone(), format!("s{seed}w{writer}")))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Runs the process above and kills it after it was promised `count` things; answers everything it was promised.
fn killed_after(dir: &Path, seed: u64, count: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::sled::tests::writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut promises = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
        // The harness begins the line of its own with the test's name.
        if let Some((_, promise)) = line.split_once('@') {
            promises.push(promise.to_owned());
        }
        if promises.len() == count {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it ended by itself");
    promises
}

/// That a store has all that was promised. What comes after a promise may have been done, too, without an answer.
async fn keeps(store: &SledStore, promises: &[String]) {
    // Only after its third refresh a writer ends or deletes anything.
    let may_be_gone: HashSet<_> = promises
        .iter()
        .filter(|promise| promise.starts_with("session ") && promise.ends_with(" 3"))
        .map(|promise| subject(promise))
        .collect();
    for promise in promises.iter().filter(|promise| promise.contains(' ')) {
        let id = subject(promise);
        let (user, sessions) = (store.user(id).await.unwrap(), store.sessions(id).await.unwrap());
        let is_revoked = |sid: &str| store.live().is_revoked(sid.parse().unwrap());
        let kept = match promise.split(' ').collect::<Vec<_>>()[..] {
            ["user", _, name] => user.map_or(may_be_gone.contains(&id), |user| user.username.as_str() == name),
            ["session", _, sid, counter] => match sessions.first() {
                Some(session) => session.id.to_string() == sid && session.counter >= counter.parse::<u64>().unwrap(),
                None => may_be_gone.contains(&id) && is_revoked(sid),
            },
            ["ended", _, sid] => user.is_some() && sessions.is_empty() && is_revoked(sid),
            ["deleted", _] => user.is_none() && sessions.is_empty() && store.live().standing(id).is_none(),
            _ => false,
        };
        assert!(kept, "{promise}");
    }
}

fn subject(promise: &str) -> UserId {
    promise.split(' ').nth(1).and_then(UserId::parse).unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_survives_being_killed() {
    let (dir, mut random, mut promises) = (TempDir::new(), fastrand::Rng::with_seed(5), Vec::new());
    for seed in 0..6 {
        // 1 is the start itself; more is somewhere among the writes.
        for count in [1, random.usize(2..1502)] {
            promises.extend(killed_after(dir.path(), seed, count));
        }
        let store = dir.open();
        keeps(&store, &promises).await;
        // Half of the time the next one starts after a stop that was not clean, either.
        if seed % 2 == 0 {
            store.close().await.unwrap();
        }
    }
    assert!(promises.len() > 1000, "only {} things were promised", promises.len());
}
