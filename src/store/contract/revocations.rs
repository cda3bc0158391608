//! What every [`Store`] must do when sessions and tokens are ended, and when what ended is swept.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{DAY, MINUTE, T0, ids, logged_in, named, open, rotate};
use crate::auth::clock::Timestamp;
use crate::auth::session::{Presented, SessionId};
use crate::auth::token::TokenId;
use crate::auth::user::UserId;
use crate::store::{Standing, Store, Which};

contract! {
    ending_one_session_revokes_it_and_the_token
    ending_a_session_without_a_record_revokes_it_for_as_long_as_another_token_of_it_may_live
    nobody_ends_a_session_of_somebody_else
    a_token_can_be_revoked_alone
    ending_the_others_keeps_the_one
    ending_all_also_cuts_off_tokens_without_a_session
    nothing_is_revoked_that_has_expired_anyway
    a_clock_that_is_ahead_for_a_moment_does_not_keep_a_revocation_from_being_remembered
    the_later_of_two_revocations_of_an_id_counts
    the_sweep_takes_what_ended_and_keeps_what_was_extended
    the_sweep_stops_at_its_limit
}

async fn ending_one_session_revokes_it_and_the_token(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let other = open(&*store, &user, T0).await;
    let token = (TokenId::random(), T0 + 15 * MINUTE);
    assert_eq!(store.end_sessions(user.id, Which::One(session.id), Some(token), T0 + MINUTE).await.unwrap(), 1);
    assert_eq!(store.live().revoked_until(token.0.0), Some(token.1));
    assert_eq!(store.live().revoked_until(session.id.0), Some(session.access_expires));
    assert_eq!(ids(&*store, user.id).await, BTreeSet::from([other.id]));
    assert_eq!(rotate(&*store, &session, 0, T0 + MINUTE).await, Presented::Unknown);
    assert_eq!(store.end_sessions(user.id, Which::One(session.id), Some(token), T0 + MINUTE).await.unwrap(), 0);
    assert_eq!(store.live().standing(user.id).unwrap().not_before, Timestamp::default());
}

async fn ending_a_session_without_a_record_revokes_it_for_as_long_as_another_token_of_it_may_live(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let (sid, token) = (SessionId::random(), (TokenId::random(), T0 + 5 * MINUTE));
    assert_eq!(store.end_sessions(user.id, Which::One(sid), None, T0).await.unwrap(), 0);
    assert_eq!(store.live().revocation_count(), 0);
    assert_eq!(store.end_sessions(user.id, Which::One(sid), Some(token), T0).await.unwrap(), 0);
    assert_eq!(store.live().revoked_until(sid.0), Some(T0 + DAY));
    assert!(store.live().is_revoked(token.0.0));
    assert_eq!(store.sweep_expired(T0 + DAY, 100).await.unwrap(), 1);
    assert!(store.live().is_revoked(sid.0) && !store.live().is_revoked(token.0.0), "the token is dead, and others of the session are not");
    let late = (TokenId::random(), T0 + 30 * DAY);
    assert_eq!(store.end_sessions(user.id, Which::One(sid), Some(late), T0).await.unwrap(), 0);
    assert_eq!(store.live().revoked_until(sid.0), Some(late.1));
}

async fn nobody_ends_a_session_of_somebody_else(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let (other, _) = logged_in(&*store, "bina").await;
    let token = (TokenId::random(), T0 + 5 * MINUTE);
    assert_eq!(store.end_sessions(other.id, Which::One(session.id), Some(token), T0).await.unwrap(), 0);
    assert_eq!(store.sessions(user.id).await.unwrap(), std::slice::from_ref(&session));
    assert!(!store.live().is_revoked(session.id.0));
}

async fn a_token_can_be_revoked_alone(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let token = (TokenId::random(), T0 + 5 * MINUTE);
    assert_eq!(store.end_sessions(user.id, Which::None, Some(token), T0).await.unwrap(), 0);
    assert_eq!(store.live().revoked_until(token.0.0), Some(token.1));
    assert_eq!(store.sessions(user.id).await.unwrap(), [session]);
    assert_eq!(store.live().revocation_count(), 1);
}

async fn ending_the_others_keeps_the_one(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let others = [open(&*store, &user, T0).await, open(&*store, &user, T0).await];
    let (bina, _) = logged_in(&*store, "bina").await;
    assert_eq!(store.end_sessions(user.id, Which::Others(session.id), None, T0).await.unwrap(), 2);
    assert_eq!(ids(&*store, user.id).await, BTreeSet::from([session.id]));
    assert!(others.iter().all(|other| store.live().is_revoked(other.id.0)));
    assert!(!store.live().is_revoked(session.id.0));
    assert_eq!(store.sessions(bina.id).await.unwrap().len(), 1);
}

async fn ending_all_also_cuts_off_tokens_without_a_session(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let later = T0 + MINUTE;
    assert_eq!(store.end_sessions(user.id, Which::All, None, later).await.unwrap(), 1);
    assert_eq!(*store.live().standing(user.id).unwrap(), Standing { not_before: later, ..Standing::default() });
    assert!(store.live().is_revoked(session.id.0));
    assert_eq!(store.end_sessions(user.id, Which::All, None, T0).await.unwrap(), 0);
    assert_eq!(store.live().standing(user.id).unwrap().not_before, later, "the cut-off does not move back");
    for (at, cut_off) in [(T0 + 400 * DAY, T0 + 400 * DAY), (later, later)] {
        store.end_sessions(user.id, Which::All, None, at).await.unwrap();
        assert_eq!(store.live().standing(user.id).unwrap().not_before, cut_off, "but from where no clock can have been");
    }
    open(&*store, &user, later).await;
    assert_eq!(store.sessions(user.id).await.unwrap().len(), 1, "a login in the same second survives");
    assert_eq!(store.end_sessions(UserId::new(9), Which::All, None, later).await.unwrap(), 0);
    assert_eq!(store.live().standing(UserId::new(9)), None);
}

async fn nothing_is_revoked_that_has_expired_anyway(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let token = (TokenId::random(), session.access_expires);
    store.set_clock_mark(session.access_expires).await.unwrap();
    assert_eq!(store.end_sessions(user.id, Which::One(session.id), Some(token), session.access_expires).await.unwrap(), 1);
    assert_eq!(store.live().revocation_count(), 0);
    assert_eq!(store.sessions(user.id).await.unwrap(), []);
}

async fn a_clock_that_is_ahead_for_a_moment_does_not_keep_a_revocation_from_being_remembered(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let token = (TokenId::random(), session.access_expires);
    store.set_clock_mark(T0).await.unwrap();
    assert_eq!(store.end_sessions(user.id, Which::One(session.id), Some(token), T0 + DAY).await.unwrap(), 1);
    assert!(store.live().is_revoked(session.id.0) && store.live().is_revoked(token.0.0));
}

async fn the_later_of_two_revocations_of_an_id_counts(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let (sid, id) = (SessionId::random(), TokenId::random());
    for minutes in [10, 20, 5] {
        store.end_sessions(user.id, Which::One(sid), Some((id, T0 + minutes * MINUTE)), T0).await.unwrap();
    }
    assert_eq!(store.live().revoked_until(id.0), Some(T0 + 20 * MINUTE));
    assert_eq!(store.sweep_expired(T0 + 15 * MINUTE, 100).await.unwrap(), 0);
    // One id under both names, in one step.
    let twice = SessionId(id.0);
    store.end_sessions(user.id, Which::One(twice), Some((id, T0 + 30 * MINUTE)), T0).await.unwrap();
    assert_eq!(store.sweep_expired(T0 + 31 * MINUTE, 100).await.unwrap(), 1);
    assert_eq!(store.sweep_expired(T0 + DAY + MINUTE, 100).await.unwrap(), 1);
    assert_eq!(store.live().revocation_count(), 0);
}

async fn the_sweep_takes_what_ended_and_keeps_what_was_extended(store: Arc<dyn Store>) {
    let (user, dying) = logged_in(&*store, "arun").await;
    let living = open(&*store, &user, T0).await;
    store.end_sessions(user.id, Which::One(SessionId::random()), Some((TokenId::random(), T0 + DAY)), T0).await.unwrap();
    rotate(&*store, &living, 0, T0 + 20 * DAY).await;
    assert_eq!(store.sweep_expired(dying.expires, 1000).await.unwrap(), 2, "what ends at that very moment stays");
    assert_eq!(store.live().revocation_count(), 0);
    assert_eq!(store.sessions(user.id).await.unwrap().len(), 2);
    assert_eq!(store.sweep_expired(T0 + 50 * DAY, 1000).await.unwrap(), 1);
    assert_eq!(ids(&*store, user.id).await, BTreeSet::from([living.id]));
    assert_eq!(store.sweep_expired(T0 + 50 * DAY, 1000).await.unwrap(), 0);
    assert_eq!(store.sweep_expired(T0 + 51 * DAY, 1000).await.unwrap(), 1);
    assert_eq!(store.sessions(user.id).await.unwrap(), []);
}

async fn the_sweep_stops_at_its_limit(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let mut revoked = Vec::new();
    for minute in 1..=151 {
        let id = TokenId::random();
        revoked.push(id);
        store.end_sessions(user.id, Which::Others(SessionId::random()), Some((id, T0 + minute * MINUTE)), T0).await.unwrap();
    }
    assert_eq!(store.sweep_expired(T0 + DAY, 0).await.unwrap(), 0);
    assert_eq!(store.sweep_expired(T0 + DAY, 120).await.unwrap(), 120);
    assert!(!store.live().is_revoked(revoked[119].0) && store.live().is_revoked(revoked[120].0), "the oldest go first");
    assert_eq!(store.sweep_expired(T0 + DAY, 120).await.unwrap(), 31);
}
