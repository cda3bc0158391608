//! What every [`Store`] must do about passwords, reset codes and invites.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::sync::Arc;
use std::time::Duration;

use super::{T0, claims, hash, lifetimes, logged_in, named};
use crate::auth::clock::Timestamp;
use crate::auth::code::{CodeDigest, Invite, Reset};
use crate::auth::session::{Presented, Session};
use crate::auth::user::UserId;
use crate::error::Error;
use crate::store::{Standing, Store, UserChange, Which};

const HOUR: Duration = Duration::from_secs(3600);

contract! {
    a_new_password_ends_every_session_but_the_one_that_is_kept
    a_password_changes_only_for_the_hash_that_was_verified
    of_64_changes_with_one_password_exactly_one_counts
    a_reset_code_is_redeemed_once_and_ends_every_session
    a_reset_code_counts_until_it_expires_or_another_is_made
    a_changed_password_voids_the_reset_code_and_a_changed_user_keeps_it
    a_reset_code_of_a_disabled_user_waits_and_of_a_deleted_one_is_gone
    invites_are_listed_until_they_are_deleted_or_used
    an_invite_is_used_up_by_the_registration_that_succeeds_only
    of_64_registrations_with_one_invite_exactly_one_succeeds
    the_sweep_takes_expired_invites
}

fn reset(code: &str) -> Reset {
    Reset { digest: CodeDigest::of(code), expires: T0 + HOUR }
}

fn invite(code: &str) -> Invite {
    Invite { digest: CodeDigest::of(code), created: T0, expires: T0 + HOUR }
}

async fn open(store: &dyn Store, user: UserId, password: &str) -> (bool, Session) {
    let session = Session::open(user, T0, &lifetimes());
    (store.open_session(None, session.clone(), hash(password), None).await.unwrap(), session)
}

async fn redeem(store: &dyn Store, user: UserId, code: &str, now: Timestamp) -> bool {
    store.redeem_reset(user, CodeDigest::of(code), hash("second"), now).await.unwrap()
}

async fn a_new_password_ends_every_session_but_the_one_that_is_kept(store: Arc<dyn Store>) {
    let (user, kept) = logged_in(&*store, "arun").await;
    let (_, other) = open(&*store, user.id, "first").await;
    assert!(store.change_password(user.id, hash("first"), hash("second"), Some(kept.id), T0 + HOUR / 60).await.unwrap());
    assert_eq!(store.sessions(user.id).await.unwrap(), std::slice::from_ref(&kept));
    assert!(store.live().is_revoked(other.id.0) && !store.live().is_revoked(kept.id.0));
    assert_eq!(*store.live().standing(user.id).unwrap(), Standing { not_before: T0 + HOUR / 60, ..Standing::default() });
    let old = store.rotate_refresh(other.id, user.id, 0, T0, lifetimes()).await.unwrap();
    assert_eq!(old, Presented::Unknown);
    assert!(!open(&*store, user.id, "first").await.0 && open(&*store, user.id, "second").await.0);
    assert!(store.change_password(user.id, hash("second"), hash("third"), None, T0).await.unwrap());
    assert_eq!(store.sessions(user.id).await.unwrap(), []);
}

async fn a_password_changes_only_for_the_hash_that_was_verified(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let change = async |id, verified: &str| store.change_password(id, hash(verified), hash("second"), None, T0).await.unwrap();
    assert!(!change(user.id, "other").await);
    assert!(!change(UserId::new(9), "first").await);
    assert_eq!(store.sessions(user.id).await.unwrap(), [session]);
    assert_eq!(store.user(user.id).await.unwrap(), Some(user.clone()));
    store.change_user(user.id, UserChange { disabled: Some(true), ..UserChange::default() }, T0).await.unwrap();
    assert!(!change(user.id, "first").await, "nothing of a disabled user");
}

async fn of_64_changes_with_one_password_exactly_one_counts(store: Arc<dyn Store>) {
    let (user, _) = logged_in(&*store, "arun").await;
    let tries: Vec<_> = (0..64)
        .map(|number| {
            let (store, id) = (Arc::clone(&store), user.id);
            tokio::spawn(async move { store.change_password(id, hash("first"), hash(&format!("new{number}")), None, T0).await.unwrap() })
        })
        .collect();
    let mut counted = Vec::new();
    for (number, attempt) in tries.into_iter().enumerate() {
        if attempt.await.unwrap() {
            counted.push(hash(&format!("new{number}")));
        }
    }
    assert_eq!(counted, [store.user(user.id).await.unwrap().unwrap().password]);
}

async fn a_reset_code_is_redeemed_once_and_ends_every_session(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    assert!(!redeem(&*store, user.id, "code", T0).await);
    assert!(store.put_reset(user.id, reset("code")).await.unwrap());
    assert_eq!(store.reset(user.id).await.unwrap(), Some(reset("code")));
    assert_eq!(store.sessions(user.id).await.unwrap().len(), 1, "the code itself ends nothing");
    assert!(!redeem(&*store, user.id, "other", T0).await);
    let tries: Vec<_> = (0..64)
        .map(|_| {
            let (store, id) = (Arc::clone(&store), user.id);
            tokio::spawn(async move { redeem(&*store, id, "code", T0).await })
        })
        .collect();
    let mut redeemed = 0;
    for attempt in tries {
        redeemed += usize::from(attempt.await.unwrap());
    }
    assert_eq!(redeemed, 1);
    assert_eq!(store.reset(user.id).await.unwrap(), None);
    assert!(store.live().is_revoked(session.id.0));
    assert_eq!(store.sessions(user.id).await.unwrap(), []);
    assert_eq!(store.live().standing(user.id).unwrap().not_before, T0);
    assert!(!open(&*store, user.id, "first").await.0 && open(&*store, user.id, "second").await.0);
}

async fn a_reset_code_counts_until_it_expires_or_another_is_made(store: Arc<dyn Store>) {
    let (user, _) = logged_in(&*store, "arun").await;
    store.put_reset(user.id, reset("first")).await.unwrap();
    store.put_reset(user.id, reset("second")).await.unwrap();
    assert!(!redeem(&*store, user.id, "first", T0).await);
    assert!(!redeem(&*store, user.id, "second", T0 + HOUR).await);
    assert!(redeem(&*store, user.id, "second", T0 + HOUR / 2).await);
    assert!(!store.put_reset(UserId::new(9), reset("x")).await.unwrap());
    assert_eq!(store.reset(UserId::new(9)).await.unwrap(), None);
}

async fn a_changed_password_voids_the_reset_code_and_a_changed_user_keeps_it(store: Arc<dyn Store>) {
    let (user, _) = logged_in(&*store, "arun").await;
    store.put_reset(user.id, reset("code")).await.unwrap();
    store
        .change_user(user.id, UserChange { claims: Some(claims(serde_json::json!({"a": 1}))), ..UserChange::default() }, T0)
        .await
        .unwrap();
    let rehashing = Session::open(user.id, T0, &lifetimes());
    assert!(store.open_session(None, rehashing, hash("first"), Some(hash("better"))).await.unwrap());
    assert_eq!(store.reset(user.id).await.unwrap(), Some(reset("code")));
    assert!(store.change_password(user.id, hash("better"), hash("second"), None, T0).await.unwrap());
    assert_eq!(store.reset(user.id).await.unwrap(), None);
    assert!(!redeem(&*store, user.id, "code", T0).await);
}

async fn a_reset_code_of_a_disabled_user_waits_and_of_a_deleted_one_is_gone(store: Arc<dyn Store>) {
    let (user, _) = logged_in(&*store, "arun").await;
    let set = |disabled| UserChange { disabled: Some(disabled), ..UserChange::default() };
    store.put_reset(user.id, reset("code")).await.unwrap();
    store.change_user(user.id, set(true), T0).await.unwrap();
    assert!(!redeem(&*store, user.id, "code", T0).await);
    assert!(store.live().standing(user.id).unwrap().disabled);
    assert!(!open(&*store, user.id, "second").await.0);
    store.change_user(user.id, set(false), T0).await.unwrap();
    assert!(redeem(&*store, user.id, "code", T0).await);
    store.put_reset(user.id, reset("code")).await.unwrap();
    assert!(store.delete_user(user.id, T0).await.unwrap());
    assert!(!redeem(&*store, user.id, "code", T0).await);
    assert_eq!(store.reset(user.id).await.unwrap(), None);
}

async fn invites_are_listed_until_they_are_deleted_or_used(store: Arc<dyn Store>) {
    let (first, second) = (invite("first"), invite("second"));
    assert!(store.insert_invite(first, 2).await.unwrap() && store.insert_invite(second, 2).await.unwrap());
    assert!(!store.insert_invite(invite("third"), 2).await.unwrap());
    let mut both = [first, second];
    both.sort_by_key(Invite::id);
    assert_eq!(store.invites().await.unwrap(), both);
    assert_eq!(store.invite(first.id()).await.unwrap(), Some(first));
    assert!(store.delete_invite(first.id()).await.unwrap());
    assert!(!store.delete_invite(first.id()).await.unwrap());
    assert_eq!(store.invite(first.id()).await.unwrap(), None);
    assert!(matches!(store.insert_invited(named("arun"), first.digest).await, Err(Error::InviteRefused)));
    assert_eq!(store.insert_invited(named("arun"), second.digest).await.unwrap().id, UserId::new(1));
    assert_eq!(store.invites().await.unwrap(), []);
    assert!(store.live().standing(UserId::new(1)).is_some());
}

async fn an_invite_is_used_up_by_the_registration_that_succeeds_only(store: Arc<dyn Store>) {
    store.insert_user(named("arun")).await.unwrap();
    let invite = invite("code");
    store.insert_invite(invite, 10).await.unwrap();
    assert!(matches!(store.insert_invited(named("arun"), invite.digest).await, Err(Error::UsernameTaken)));
    assert!(matches!(store.insert_invited(named("bina"), CodeDigest::of("other")).await, Err(Error::InviteRefused)));
    let late = super::NewUser { created: invite.expires, ..named("bina") };
    assert!(matches!(store.insert_invited(late, invite.digest).await, Err(Error::InviteRefused)));
    assert_eq!(store.invites().await.unwrap(), [invite]);
    store.insert_invited(named("bina"), invite.digest).await.unwrap();
    assert!(matches!(store.insert_invited(named("mira"), invite.digest).await, Err(Error::InviteRefused)));
    assert_eq!(store.live().user_count(), 2);
}

async fn of_64_registrations_with_one_invite_exactly_one_succeeds(store: Arc<dyn Store>) {
    let invite = invite("code");
    store.insert_invite(invite, 10).await.unwrap();
    let tries: Vec<_> = (0..64)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.insert_invited(named(&format!("user{number}")), invite.digest).await })
        })
        .collect();
    let mut registered = Vec::new();
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(user) => registered.push(user),
            Err(refused) => assert!(matches!(refused, Error::InviteRefused), "{refused}"),
        }
    }
    assert_eq!(store.users(None, 100).await.unwrap(), registered);
    assert_eq!(registered.len(), 1);
}

async fn the_sweep_takes_expired_invites(store: Arc<dyn Store>) {
    let (user, _) = logged_in(&*store, "arun").await;
    store.end_sessions(user.id, Which::All, None, T0).await.unwrap();
    store.insert_invite(invite("early"), 10).await.unwrap();
    let later = Invite { expires: T0 + 2 * HOUR, ..invite("later") };
    store.insert_invite(later, 10).await.unwrap();
    let deleted = invite("deleted");
    store.insert_invite(deleted, 10).await.unwrap();
    store.delete_invite(deleted.id()).await.unwrap();
    assert_eq!(store.sweep_expired(T0 + HOUR, 10).await.unwrap(), 1, "the revocation; what ends at that very moment stays");
    assert_eq!(store.sweep_expired(T0 + HOUR + HOUR / 2, 10).await.unwrap(), 1);
    assert_eq!(store.invites().await.unwrap(), [later]);
}
