//! What every [`Store`] must do about sessions that have a cookie.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::sync::Arc;
use std::time::Duration;

use super::{T0, hash, lifetimes, logged_in, named};
use crate::auth::code::CodeDigest;
use crate::auth::session::{Session, SessionId};
use crate::store::{Store, Which};

const HOUR: Duration = Duration::from_secs(3600);

contract! {
    a_session_is_found_by_its_id_with_its_cookie_until_it_ends
    a_session_that_replaces_another_ends_it_in_the_same_step_or_not_at_all
    the_use_of_a_session_is_kept_when_it_is_due
    what_has_ended_is_not_kept_alive
    a_session_that_was_kept_alive_outlives_the_sweep
}

async fn a_session_is_found_by_its_id_with_its_cookie_until_it_ends(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let session = Session { cookie: Some(CodeDigest::of("cookie")), ..Session::open(user.id, T0, &lifetimes()) };
    assert!(store.open_session(None, session.clone(), hash("first"), None).await.unwrap());
    assert_eq!(store.session(session.id).await.unwrap(), Some(session.clone()));
    assert_eq!(store.session(SessionId::random()).await.unwrap(), None);
    store.rotate_refresh(session.id, user.id, 0, T0 + HOUR, lifetimes()).await.unwrap();
    assert_eq!(store.session(session.id).await.unwrap().unwrap().cookie, session.cookie, "a refresh leaves the cookie as it is");
    store.end_sessions(user.id, Which::One(session.id), None, T0 + HOUR).await.unwrap();
    assert_eq!(store.session(session.id).await.unwrap(), None);
}

async fn a_session_that_replaces_another_ends_it_in_the_same_step_or_not_at_all(store: Arc<dyn Store>) {
    let (arun, before) = logged_in(&*store, "arun").await;
    let mira = store.insert_user(named("mira")).await.unwrap();
    let session = Session::open(mira.id, T0, &lifetimes());
    let replace = async |verified, by: &Session| store.open_session(Some(before.id), by.clone(), verified, None).await.unwrap();
    assert!(!replace(hash("other"), &session).await);
    assert_eq!((store.sessions(arun.id).await.unwrap(), store.live().is_revoked(before.id.0)), (vec![before.clone()], false));
    assert!(replace(hash("first"), &session).await);
    assert_eq!((store.sessions(arun.id).await.unwrap(), store.live().is_revoked(before.id.0)), (vec![], true));
    let later = Session::open(mira.id, T0 + HOUR, &lifetimes());
    assert!(replace(hash("first"), &later).await, "what has ended is replaced by nothing");
    assert_eq!(store.sessions(mira.id).await.unwrap(), [later, session]);
}

async fn the_use_of_a_session_is_kept_when_it_is_due(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    store.touch_session(session.id, T0 + HOUR / 2, lifetimes()).await.unwrap();
    assert_eq!(store.session(session.id).await.unwrap(), Some(session.clone()));
    store.touch_session(session.id, T0 + HOUR, lifetimes()).await.unwrap();
    let touched = Session { last_used: T0 + HOUR, expires: T0 + HOUR + lifetimes().idle, ..session };
    assert_eq!(store.sessions(user.id).await.unwrap(), [touched]);
}

async fn what_has_ended_is_not_kept_alive(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    store.touch_session(session.id, session.expires, lifetimes()).await.unwrap();
    assert_eq!(store.session(session.id).await.unwrap(), Some(session.clone()));
    store.end_sessions(user.id, Which::All, None, T0).await.unwrap();
    store.touch_session(session.id, T0 + HOUR, lifetimes()).await.unwrap();
    assert_eq!(store.session(session.id).await.unwrap(), None);
}

async fn a_session_that_was_kept_alive_outlives_the_sweep(store: Arc<dyn Store>) {
    let (_, session) = logged_in(&*store, "arun").await;
    store.touch_session(session.id, T0 + HOUR, lifetimes()).await.unwrap();
    store.sweep_expired(session.expires + HOUR / 2, 10).await.unwrap();
    assert!(store.session(session.id).await.unwrap().is_some());
    store.sweep_expired(session.expires + 2 * HOUR, 10).await.unwrap();
    assert_eq!(store.session(session.id).await.unwrap(), None);
}
