//! What every [`Store`] must do for other programs: services, and the feed of what was revoked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{MINUTE, T0, TempDir, logged_in};
use crate::auth::service::{KeyDigest, MAX_SERVICES, Scope, Service, ServiceId, ServiceName};
use crate::auth::session::SessionId;
use crate::auth::token::TokenId;
use crate::error::Error;
use crate::store::{Cursor, News, Revoked, Store, UserChange, Which};

contract! {
    a_service_is_found_by_its_key_until_it_is_removed
    the_last_use_of_a_service_is_kept_and_never_moves_back
    there_are_never_more_services_than_fit_one_answer
    the_feed_tells_each_revocation_once_with_what_it_names
    the_feed_tells_of_users_who_are_cut_off
}

fn service(key: &str) -> Service {
    Service {
        id: ServiceId::random(),
        name: ServiceName::parse("shop").unwrap(),
        scopes: vec![Scope::Revocations],
        digest: KeyDigest::of(key),
        created: T0,
        last_used: None,
    }
}

fn news(store: &dyn Store, after: Option<Cursor>) -> News {
    store.live().feed().since(after, T0, usize::MAX)
}

fn ids(news: &News) -> BTreeSet<Uuid> {
    news.revoked.iter().map(|(id, ..)| *id).collect()
}

async fn a_service_is_found_by_its_key_until_it_is_removed(store: Arc<dyn Store>) {
    let (one, other) = (service("one"), service("other"));
    for service in [&one, &other] {
        store.insert_service(service.clone()).await.unwrap();
    }
    let services = store.live().services();
    assert_eq!(services.present(&KeyDigest::of("one"), T0), Some((one.id, vec![Scope::Revocations])));
    assert_eq!(services.present(&KeyDigest::of("none"), T0), None);
    assert!(store.remove_service(one.id).await.unwrap());
    assert!(!store.remove_service(one.id).await.unwrap());
    assert_eq!(services.present(&KeyDigest::of("one"), T0), None);
    assert_eq!(services.all(), [other]);
}

async fn the_last_use_of_a_service_is_kept_and_never_moves_back(store: Arc<dyn Store>) {
    let (busy, idle) = (service("busy"), service("idle"));
    store.insert_service(busy.clone()).await.unwrap();
    store.insert_service(idle.clone()).await.unwrap();
    let services = store.live().services();
    for at in [T0 + MINUTE, T0] {
        let _ = services.present(&busy.digest, at);
    }
    let uses = services.unkept_uses();
    assert_eq!(uses, [(busy.id, T0 + MINUTE)]);
    let _ = services.present(&busy.digest, T0 + 2 * MINUTE);
    store.keep_service_uses([uses, vec![(ServiceId::random(), T0)]].concat()).await.unwrap();
    assert_eq!(services.unkept_uses(), [(busy.id, T0 + 2 * MINUTE)], "what came in between is not lost");
    store.keep_service_uses(services.unkept_uses()).await.unwrap();
    assert_eq!(services.unkept_uses(), []);
    let last: BTreeSet<_> = services.all().into_iter().map(|service| (service.id, service.last_used)).collect();
    assert_eq!(last, BTreeSet::from([(busy.id, Some(T0 + 2 * MINUTE)), (idle.id, None)]));
}

async fn there_are_never_more_services_than_fit_one_answer(store: Arc<dyn Store>) {
    for number in 0..MAX_SERVICES {
        store.insert_service(service(&number.to_string())).await.unwrap();
    }
    let refused = store.insert_service(service("one more")).await.unwrap_err();
    assert!(matches!(refused, Error::Invalid(_)), "{refused}");
    assert_eq!(store.live().services().present(&KeyDigest::of("one more"), T0), None);
    let first = store.live().services().all()[0].id;
    store.remove_service(first).await.unwrap();
    store.insert_service(service("one more")).await.unwrap();
}

async fn the_feed_tells_each_revocation_once_with_what_it_names(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let start = news(&*store, None);
    assert_eq!((start.revoked.len(), start.reset), (0, true));
    let token = (TokenId::random(), T0 + 5 * MINUTE);
    store.end_sessions(user.id, Which::One(session.id), Some(token), T0).await.unwrap();
    let first = news(&*store, Some(start.cursor));
    let expected = [(token.0.0, Revoked::Token, token.1), (session.id.0, Revoked::Session, session.access_expires)];
    assert_eq!((first.revoked.as_slice(), first.reset, first.more), (expected.as_slice(), false, false));
    store.end_sessions(user.id, Which::One(session.id), Some(token), T0).await.unwrap();
    assert_eq!(news(&*store, Some(first.cursor)).cursor, first.cursor, "the same again is no news");
    let unknown = (SessionId::random(), (TokenId::random(), T0 + 5 * MINUTE));
    store.end_sessions(user.id, Which::One(unknown.0), Some(unknown.1), T0).await.unwrap();
    assert_eq!(ids(&news(&*store, Some(first.cursor))), BTreeSet::from([unknown.0.0, unknown.1.0.0]));
    store.sweep_expired(T0 + 6 * MINUTE, 100).await.unwrap();
    assert_eq!(ids(&news(&*store, None)), BTreeSet::from([session.id.0, unknown.0.0]), "other tokens of both may be out");
}

async fn the_feed_tells_of_users_who_are_cut_off(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let (other, other_session) = logged_in(&*store, "bina").await;
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    store.change_user(user.id, disabled, T0 + MINUTE).await.unwrap();
    let first = news(&*store, None);
    assert_eq!((ids(&first), first.cut_offs.as_slice()), (BTreeSet::from([session.id.0]), &[(user.id, T0 + MINUTE)][..]));
    store.change_user(user.id, UserChange { disabled: Some(false), ..UserChange::default() }, T0 + MINUTE).await.unwrap();
    assert_eq!(news(&*store, Some(first.cursor)).cursor, first.cursor);
    store.end_sessions(user.id, Which::All, None, T0 + 2 * MINUTE).await.unwrap();
    assert_eq!(news(&*store, Some(first.cursor)).cut_offs, [(user.id, T0 + 2 * MINUTE)]);
    store.delete_user(other.id, T0).await.unwrap();
    store.delete_user(user.id, T0).await.unwrap();
    let (all, gone) = (news(&*store, None), T0 + Duration::from_secs(1));
    assert_eq!(
        (ids(&all), all.cut_offs),
        (BTreeSet::from([session.id.0, other_session.id.0]), vec![(user.id, T0 + 2 * MINUTE), (other.id, gone)])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_and_the_feed_are_the_same_after_a_restart_but_for_the_cursor() {
    let dir = TempDir::new();
    let store = dir.open();
    let (user, session) = logged_in(&store, "arun").await;
    let shop = service("shop");
    store.insert_service(shop.clone()).await.unwrap();
    store.keep_service_uses(vec![(shop.id, T0)]).await.unwrap();
    store.end_sessions(user.id, Which::All, Some((TokenId::random(), T0 + MINUTE)), T0).await.unwrap();
    let (before, services) = (news(&store, None), store.live().services().all());
    assert!(ids(&before).contains(&session.id.0) && services[0].last_used == Some(T0));
    store.close().await.unwrap();
    let store = dir.open();
    let after = news(&store, Some(before.cursor));
    let sorted = |news: &News| {
        let mut revoked = news.revoked.clone();
        revoked.sort_by_key(|(id, ..)| *id);
        revoked
    };
    assert_eq!((sorted(&after), &after.cut_offs, after.reset), (sorted(&before), &before.cut_offs, true));
    assert_eq!(store.live().services().all(), services);
    store.close().await.unwrap();
}
