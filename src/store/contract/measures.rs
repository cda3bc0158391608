//! What every [`Store`] must count.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::sync::Arc;

use super::{T0, TempDir, logged_in};
use crate::store::{Store, Which};

contract! {
    sessions_are_counted_as_they_come_and_go
}

async fn sessions_are_counted_as_they_come_and_go(store: Arc<dyn Store>) {
    assert_eq!(store.measured().sessions, 0);
    let (arun, first) = logged_in(&*store, "arun").await;
    let (_, last) = logged_in(&*store, "mira").await;
    assert_eq!(store.measured().sessions, 2);
    store.end_sessions(arun.id, Which::One(first.id), None, T0).await.unwrap();
    assert_eq!(store.measured().sessions, 1);
    store.sweep_expired(last.expires, 10).await.unwrap();
    store.sweep_expired(last.expires + std::time::Duration::from_secs(1), 10).await.unwrap();
    assert_eq!(store.measured().sessions, 0);
}

#[tokio::test]
async fn what_is_written_is_counted_and_sessions_are_known_from_the_start() {
    let directory = TempDir::new();
    let store = directory.open();
    let before = store.measured();
    logged_in(&store, "arun").await;
    let after = store.measured();
    assert_eq!((after.steps - before.steps, after.commits.count() - before.commits.count()), (2, 2));
    store.user(super::UserId::new(1)).await.unwrap();
    assert_eq!(store.measured(), after, "what is only read is no commit");
    store.close().await.unwrap();
    assert_eq!(directory.open().measured().sessions, 1);
}
