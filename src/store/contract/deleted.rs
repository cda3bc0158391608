//! What every [`Store`] must tell of users who were deleted to those who verify tokens by themselves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::sync::Arc;
use std::time::Duration;

use super::{DAY, MINUTE, T0, TempDir, logged_in, named};
use crate::auth::clock::Timestamp;
use crate::auth::user::UserId;
use crate::store::feed::TOLD_OF_DELETED;
use crate::store::{Store, Which};

contract! {
    a_deleted_users_tokens_are_told_of_with_those_of_that_second
    a_deletion_does_not_move_a_cut_off_back
    a_deleted_user_is_told_of_for_a_year_and_then_no_more
    the_sweep_forgets_deleted_users_last_and_within_its_limit
}

const SECOND: Duration = Duration::from_secs(1);

fn told(store: &dyn Store) -> Vec<(UserId, Timestamp)> {
    let mut told = store.live().feed().since(None, T0, usize::MAX).cut_offs;
    told.sort_unstable();
    told
}

async fn a_deleted_users_tokens_are_told_of_with_those_of_that_second(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let seen = store.live().feed().since(None, T0, 9).cursor;
    assert!(store.delete_user(user.id, T0 + MINUTE).await.unwrap());
    let news = store.live().feed().since(Some(seen), T0, 9);
    assert_eq!(news.cut_offs, [(user.id, T0 + MINUTE + SECOND)]);
    assert_eq!((news.reset, news.revoked[0].0), (false, session.id.0));
    assert_eq!(store.live().standing(user.id), None);
    assert!(!store.delete_user(user.id, T0 + DAY).await.unwrap());
    assert_eq!(told(&*store), [(user.id, T0 + MINUTE + SECOND)], "who is gone is not deleted again");
}

async fn a_deletion_does_not_move_a_cut_off_back(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    store.end_sessions(user.id, Which::All, None, T0 + DAY).await.unwrap();
    store.delete_user(user.id, T0).await.unwrap();
    assert_eq!(told(&*store), [(user.id, T0 + DAY)]);
}

async fn a_deleted_user_is_told_of_for_a_year_and_then_no_more(store: Arc<dyn Store>) {
    let (user, _) = logged_in(&*store, "arun").await;
    store.delete_user(user.id, T0).await.unwrap();
    let end = T0 + SECOND + TOLD_OF_DELETED;
    assert_eq!(store.sweep_expired(end, 100).await.unwrap(), 1, "the session's revocation alone");
    assert_eq!(told(&*store), [(user.id, T0 + SECOND)]);
    assert_eq!(store.sweep_expired(end + SECOND, 100).await.unwrap(), 1);
    assert_eq!((told(&*store), store.sweep_expired(end + SECOND, 100).await.unwrap()), (vec![], 0));
}

async fn the_sweep_forgets_deleted_users_last_and_within_its_limit(store: Arc<dyn Store>) {
    let (first, _) = logged_in(&*store, "arun").await;
    let others = [store.insert_user(named("bina")).await.unwrap().id, store.insert_user(named("cleo")).await.unwrap().id];
    for (minutes, id) in [(2, first.id), (1, others[0]), (3, others[1])] {
        store.delete_user(id, T0 + minutes * MINUTE).await.unwrap();
    }
    let late = T0 + DAY + TOLD_OF_DELETED;
    assert_eq!(store.sweep_expired(late, 2).await.unwrap(), 2);
    assert_eq!(store.live().revocation_count(), 0);
    assert_eq!(told(&*store).len(), 2, "{} was deleted first", others[0]);
    assert!(told(&*store).iter().all(|(id, _)| *id != others[0]));
    assert_eq!(store.sweep_expired(late, 100).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_deleted_is_told_of_after_a_restart_and_who_was_forgotten_is_not() {
    let dir = TempDir::new();
    let store = dir.open();
    let (old, new) = (logged_in(&store, "arun").await.0.id, logged_in(&store, "bina").await.0.id);
    store.delete_user(old, T0).await.unwrap();
    store.delete_user(new, T0 + DAY).await.unwrap();
    store.sweep_expired(T0 + MINUTE + TOLD_OF_DELETED, 100).await.unwrap();
    let kept = vec![(new, T0 + DAY + SECOND)];
    assert_eq!(told(&store), kept);
    store.close().await.unwrap();
    let store = dir.open();
    assert_eq!((told(&store), store.scan().await.unwrap().fault), (kept, None));
    store.sweep_expired(T0 + DAY + MINUTE + TOLD_OF_DELETED, 100).await.unwrap();
    assert_eq!(told(&store), []);
    store.close().await.unwrap();
}
