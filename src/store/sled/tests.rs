//! What only this implementation promises: groups, fail-stop, the watchdog and the floor.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::collection::vec;
use proptest::proptest;

use super::handle::QUEUE;
use super::*;
use crate::auth::user::UserId;
use crate::error::Error;
use crate::store::StoreOptions;
use crate::store::contract::{T0, TempDir, logged_in, named};
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
    store.handle.shared.ended.subscribe().wait_for(|ended| *ended).await.unwrap();
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
