//! What every [`Store`] must do for somebody whose right may be gone by the time a step is taken.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::sync::Arc;
use std::time::Duration;

use super::{T0, admin, logged_in, named, open};
use crate::auth::clock::Timestamp;
use crate::auth::mandate::Mandate;
use crate::auth::session::Session;
use crate::auth::token::{Claims, Kind, TokenId};
use crate::auth::user::UserId;
use crate::error::{Error, TokenError};
use crate::store::{Store, UserChange, Which};

const HOUR: Duration = Duration::from_secs(3600);

contract! {
    under_a_mandate_that_counts_a_step_is_taken
    whose_role_is_gone_does_nothing_more_as_an_administrator
    whose_token_or_session_has_ended_does_nothing_more
    who_is_disabled_or_gone_does_nothing_more
    a_token_without_a_session_does_nothing_more_once_it_is_cut_off
}

fn token(user: UserId, session: Option<&Session>) -> Claims {
    let (issued, session) = (T0, session.map(|session| session.id));
    let foreign = session.is_none();
    let token = TokenId(uuid::Uuid::new_v4());
    Claims { kind: Kind::Access, user, token, foreign, session, counter: 0, issued, not_before: T0, expires: T0 + HOUR, fresh_until: T0 }
}

/// An administrator, and its token.
async fn boss(store: &dyn Store) -> Claims {
    let boss = store.insert_user(admin("boss")).await.unwrap();
    token(boss.id, Some(&open(store, &boss, T0).await))
}

/// Nothing can be done under it.
async fn is_void(store: &dyn Store, mandate: Mandate) -> Error {
    let error = store.under(mandate).insert_user(named("sneaked")).await.unwrap_err();
    assert!(store.user_named(&named("sneaked").username).await.unwrap().is_none(), "refused, and yet done");
    error
}

fn change(change: impl FnOnce(&mut UserChange)) -> UserChange {
    let mut wanted = UserChange::default();
    change(&mut wanted);
    wanted
}

async fn under_a_mandate_that_counts_a_step_is_taken(store: Arc<dyn Store>) {
    let (boss, (arun, session)) = (boss(&*store).await, logged_in(&*store, "arun").await);
    assert!(store.under(Mandate::admin(&boss)).insert_user(named("mira")).await.is_ok());
    assert!(store.under(Mandate::own(&token(arun.id, Some(&session)))).delete_user(arun.id, T0).await.unwrap());
    assert!(matches!(is_void(&*store, Mandate::own(&token(arun.id, Some(&session)))).await, Error::Token(TokenError::Revoked)));
}

async fn whose_role_is_gone_does_nothing_more_as_an_administrator(store: Arc<dyn Store>) {
    let (first, second) = (boss(&*store).await, store.insert_user(admin("second")).await.unwrap());
    let demoted = change(|wanted| wanted.roles = Some(Vec::new()));
    store.change_user(first.user, demoted, T0).await.unwrap();
    assert!(matches!(is_void(&*store, Mandate::admin(&first)).await, Error::Forbidden));
    let back = change(|wanted| wanted.roles = Some(second.roles.clone()));
    assert!(matches!(store.under(Mandate::admin(&first)).change_user(first.user, back, T0).await, Err(Error::Forbidden)));
    assert!(store.user(first.user).await.unwrap().unwrap().roles.is_empty());
    let session = Session { id: first.session.unwrap(), ..Session::open(first.user, T0, &super::lifetimes()) };
    assert_eq!(store.under(Mandate::own(&first)).end_sessions(first.user, Which::One(session.id), None, T0).await.unwrap(), 1);
}

async fn whose_token_or_session_has_ended_does_nothing_more(store: Arc<dyn Store>) {
    let (boss, (arun, session)) = (boss(&*store).await, logged_in(&*store, "arun").await);
    let own = token(arun.id, Some(&session));
    store.end_sessions(arun.id, Which::All, None, T0).await.unwrap();
    assert!(matches!(is_void(&*store, Mandate::own(&own)).await, Error::Token(TokenError::Revoked)));
    store.end_sessions(boss.user, Which::None, Some((boss.token, T0 + HOUR)), T0).await.unwrap();
    assert!(matches!(is_void(&*store, Mandate::admin(&boss)).await, Error::Token(TokenError::Revoked)));
}

async fn who_is_disabled_or_gone_does_nothing_more(store: Arc<dyn Store>) {
    let (first, second) = (boss(&*store).await, store.insert_user(admin("second")).await.unwrap());
    let second = token(second.id, Some(&open(&*store, &second, T0).await));
    store.insert_user(admin("third")).await.unwrap();
    store.change_user(first.user, change(|wanted| wanted.disabled = Some(true)), T0).await.unwrap();
    store.delete_user(second.user, T0).await.unwrap();
    // Nothing has revoked it: it is of an app's own, and was made after that.
    let app = Claims { issued: T0 + HOUR, ..token(first.user, None) };
    for gone in [first, second, app] {
        assert!(matches!(is_void(&*store, Mandate::admin(&gone)).await, Error::Token(TokenError::Revoked)));
    }
}

async fn a_token_without_a_session_does_nothing_more_once_it_is_cut_off(store: Arc<dyn Store>) {
    let (arun, _) = logged_in(&*store, "arun").await;
    let own = |issued: Timestamp| Mandate::own(&Claims { issued, ..token(arun.id, None) });
    store.end_sessions(arun.id, Which::All, None, T0 + HOUR).await.unwrap();
    assert!(matches!(is_void(&*store, own(T0)).await, Error::Token(TokenError::Revoked)));
    assert!(store.under(own(T0 + 2 * HOUR)).delete_user(arun.id, T0 + 2 * HOUR).await.unwrap());
}
