//! What every [`Store`] must do about backups. What one is good for is in `checkpoint/tests/`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::sync::Arc;
use std::time::Duration;

use super::{T0, hash, key, logged_in, named};
use crate::auth::code::{CodeDigest, Invite};
use crate::auth::token::TokenId;
use crate::store::{Checkpoint, Order, Store, Which};

contract! {
    a_backup_counts_what_was_acknowledged
    the_last_checkpoint_on_the_schedule_is_told_and_one_that_was_asked_for_is_not
}

async fn a_backup_counts_what_was_acknowledged(store: Arc<dyn Store>) {
    let (arun, session) = logged_in(&*store, "arun").await;
    logged_in(&*store, "bina").await;
    store.insert_user(named("chitra")).await.unwrap();
    store.end_sessions(arun.id, Which::One(session.id), Some((TokenId::random(), session.expires)), T0).await.unwrap();
    store.insert_key(key("a")).await.unwrap();
    let invite = Invite { digest: CodeDigest::of("one"), created: T0, expires: T0 + Duration::from_secs(60) };
    store.insert_invite(invite, 9).await.unwrap();
    let count = |made: &Checkpoint, word: &str| made.counts.get(word).copied().unwrap_or_default();
    let made = store.back_up(Order { now: T0, keys: true, keep: None }).await.unwrap();
    let counted = ["user", "session", "revocation", "key", "invite", "service"].map(|word| count(&made, word));
    assert_eq!(counted, [3, 1, 2, 1, 1, 0]);
    assert_eq!((made.created, made.keys), (T0, true));
    store.change_password(arun.id, arun.password, hash("second"), None, T0).await.unwrap();
    let without = store.back_up(Order { now: T0, keys: false, keep: None }).await.unwrap();
    assert_eq!((count(&without, "key"), count(&without, "user"), without.keys), (0, 3, false));
    assert_ne!(without.sha256, made.sha256);
}

async fn the_last_checkpoint_on_the_schedule_is_told_and_one_that_was_asked_for_is_not(store: Arc<dyn Store>) {
    assert_eq!(store.last_scheduled_checkpoint().await.unwrap(), None);
    let later = T0 + Duration::from_secs(60);
    store.back_up(Order { now: T0, keys: true, keep: Some(3) }).await.unwrap();
    store.back_up(Order { now: later, keys: true, keep: None }).await.unwrap();
    assert_eq!(store.last_scheduled_checkpoint().await.unwrap(), Some(T0));
    store.back_up(Order { now: later, keys: true, keep: Some(3) }).await.unwrap();
    assert_eq!(store.last_scheduled_checkpoint().await.unwrap(), Some(later));
}
