//! What every [`Store`] must do about sessions: opening, refreshing, how many there are, and whose end they share.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{MINUTE, T0, hash, ids, lifetimes, logged_in, named, open, rotate};
use crate::auth::password::PasswordHash;
use crate::auth::session::{Presented, SESSIONS_PER_USER, Session};
use crate::auth::user::{User, UserId};
use crate::store::{Standing, Store, UserChange};

contract! {
    a_session_opens_only_for_the_hash_that_was_verified
    a_rehash_replaces_the_hash_with_the_session
    nobody_has_more_than_the_most_sessions_and_the_least_recently_used_ends
    sessions_come_the_most_recently_used_first
    of_64_who_refresh_with_one_token_one_rotates_and_the_others_repeat
    an_old_refresh_token_ends_its_session_and_its_access_tokens
    a_refresh_token_of_another_user_or_of_no_session_changes_nothing
    disabling_ends_all_sessions_and_enabling_brings_none_back
    deleting_ends_all_sessions
}

async fn a_session_opens_only_for_the_hash_that_was_verified(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let try_open = async |verified: PasswordHash, id| {
        store.open_session(None, Session::open(id, T0, &lifetimes()), verified, Some(hash("second"))).await.unwrap()
    };
    assert!(!try_open(hash("other"), user.id).await);
    assert!(!try_open(hash("first"), UserId::new(9)).await);
    assert_eq!(store.user(user.id).await.unwrap(), Some(user.clone()), "a refusal does not rehash");
    store.change_user(user.id, UserChange { disabled: Some(true), ..UserChange::default() }, T0).await.unwrap();
    assert!(!try_open(hash("first"), user.id).await);
    assert_eq!(store.sessions(user.id).await.unwrap(), []);
}

async fn a_rehash_replaces_the_hash_with_the_session(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let session = Session::open(user.id, T0, &lifetimes());
    assert!(store.open_session(None, session.clone(), hash("first"), Some(hash("second"))).await.unwrap());
    assert_eq!(store.user(user.id).await.unwrap().unwrap().password, hash("second"));
    assert_eq!(store.sessions(user.id).await.unwrap(), [session]);
    assert!(!store.open_session(None, Session::open(user.id, T0, &lifetimes()), hash("first"), None).await.unwrap());
}

async fn nobody_has_more_than_the_most_sessions_and_the_least_recently_used_ends(store: Arc<dyn Store>) {
    let (user, first) = logged_in(&*store, "arun").await;
    let second = open(&*store, &user, T0 + MINUTE).await;
    for minutes in 2..50 {
        open(&*store, &user, T0 + minutes * MINUTE / 10).await;
    }
    rotate(&*store, &first, 0, T0 + 8 * MINUTE).await;
    let before = ids(&*store, user.id).await;
    assert_eq!(before.len(), SESSIONS_PER_USER);
    let oldest = store.sessions(user.id).await.unwrap().pop().unwrap();
    let newest = open(&*store, &user, T0 + 9 * MINUTE).await;
    let after = ids(&*store, user.id).await;
    assert_eq!(after.len(), SESSIONS_PER_USER);
    assert!(after.contains(&first.id) && after.contains(&second.id) && after.contains(&newest.id));
    assert_eq!(before.difference(&after).copied().collect::<Vec<_>>(), [oldest.id]);
    assert!(store.live().is_revoked(oldest.id.0), "its access tokens are still out");
}

async fn sessions_come_the_most_recently_used_first(store: Arc<dyn Store>) {
    let (user, first) = logged_in(&*store, "arun").await;
    let second = open(&*store, &user, T0 + MINUTE).await;
    let third = open(&*store, &user, T0 + 2 * MINUTE).await;
    rotate(&*store, &first, 0, T0 + 3 * MINUTE).await;
    let order: Vec<_> = store.sessions(user.id).await.unwrap().into_iter().map(|session| session.id).collect();
    assert_eq!(order, [first.id, third.id, second.id]);
}

async fn of_64_who_refresh_with_one_token_one_rotates_and_the_others_repeat(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let tries: Vec<_> = (0..64)
        .map(|_| {
            let (store, session) = (Arc::clone(&store), session.clone());
            tokio::spawn(async move { rotate(&*store, &session, 0, T0 + MINUTE).await })
        })
        .collect();
    let mut rotated = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            Presented::Rotated(next) => {
                rotated += 1;
                assert_eq!(next.counter, 1);
            }
            Presented::Repeated(same) => assert_eq!(same.counter, 1),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rotated, 1);
    assert_eq!(store.sessions(user.id).await.unwrap()[0].counter, 1);
}

async fn an_old_refresh_token_ends_its_session_and_its_access_tokens(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let other = open(&*store, &user, T0).await;
    rotate(&*store, &session, 0, T0).await;
    rotate(&*store, &session, 1, T0 + MINUTE).await;
    assert_eq!(rotate(&*store, &session, 0, T0 + 2 * MINUTE).await, Presented::Reused);
    assert_eq!(store.live().revoked_until(session.id.0), Some(T0 + 16 * MINUTE));
    assert_eq!(ids(&*store, user.id).await, BTreeSet::from([other.id]));
    assert_eq!(rotate(&*store, &session, 2, T0 + 2 * MINUTE).await, Presented::Unknown);
}

async fn a_refresh_token_of_another_user_or_of_no_session_changes_nothing(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let (other, _) = logged_in(&*store, "bina").await;
    let foreign = Session { user: other.id, ..session.clone() };
    assert_eq!(rotate(&*store, &foreign, 0, T0).await, Presented::Unknown);
    assert_eq!(rotate(&*store, &Session::open(user.id, T0, &lifetimes()), 0, T0).await, Presented::Unknown);
    assert_eq!(rotate(&*store, &session, 1, T0).await, Presented::Unknown);
    assert_eq!(store.sessions(user.id).await.unwrap(), [session]);
    assert_eq!(store.live().revocation_count(), 0);
}

async fn disabling_ends_all_sessions_and_enabling_brings_none_back(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let set = |disabled| UserChange { disabled: Some(disabled), ..UserChange::default() };
    let disabled = store.change_user(user.id, set(true), T0 + MINUTE).await.unwrap().unwrap();
    assert_eq!(disabled, User { disabled: true, ..user.clone() });
    assert!(store.live().standing(user.id).unwrap().disabled);
    assert!(store.live().is_revoked(session.id.0));
    assert_eq!(rotate(&*store, &session, 0, T0 + MINUTE).await, Presented::Unknown);
    assert_eq!(store.change_user(user.id, set(false), T0 + 2 * MINUTE).await.unwrap(), Some(user.clone()));
    assert_eq!(store.sessions(user.id).await.unwrap(), []);
    assert_eq!(*store.live().standing(user.id).unwrap(), Standing { not_before: T0 + MINUTE, ..Standing::default() });
}

async fn deleting_ends_all_sessions(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let other = open(&*store, &user, T0).await;
    assert!(store.delete_user(user.id, T0 + MINUTE).await.unwrap());
    for ended in [session, other] {
        assert!(store.live().is_revoked(ended.id.0));
        assert_eq!(rotate(&*store, &ended, 0, T0 + MINUTE).await, Presented::Unknown);
    }
    assert_eq!(store.sessions(user.id).await.unwrap(), []);
}
