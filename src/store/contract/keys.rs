//! What every [`Store`] must do about the keys that sign, and about the clock's mark.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::sync::Arc;

use super::{DAY, MINUTE, T0, key};
use crate::auth::clock::Timestamp;
use crate::auth::keys::{Algorithm, KeyChange, MAX_KEYS, Purpose, SLACK, State, StoredKey};
use crate::error::Error;
use crate::store::Store;

contract! {
    keys_and_the_clock_mark_are_kept
    keys_change_by_their_rules_and_a_refused_change_changes_nothing
    of_64_who_rotate_at_once_one_key_is_left_signing
}

async fn keys_and_the_clock_mark_are_kept(store: Arc<dyn Store>) {
    assert_eq!(store.keys().await.unwrap(), []);
    assert_eq!(store.clock_mark().await.unwrap(), Timestamp::default());
    for kid in ["b", "a", "b"] {
        store.insert_key(key(kid)).await.unwrap();
    }
    assert_eq!(store.keys().await.unwrap(), [key("a"), key("b")]);
    for mark in [T0 + DAY, T0] {
        store.set_clock_mark(mark).await.unwrap();
        assert_eq!(store.clock_mark().await.unwrap(), mark);
    }
}

fn access_key(kid: &str, state: State) -> StoredKey {
    StoredKey { algorithm: Algorithm::ES256, purpose: Purpose::Access, state, ..key(kid) }
}

async fn keys_change_by_their_rules_and_a_refused_change_changes_nothing(store: Arc<dyn Store>) {
    let add = |kid: &str, state| store.change_keys(KeyChange::Add(access_key(kid, state)), T0);
    let settle = |now| store.change_keys(KeyChange::Settle { token_secs: 900, latest: now }, now);
    let retire = |kid: &str, at_once| store.change_keys(KeyChange::Retire { kid: kid.to_owned(), at_once }, T0);
    store.insert_key(key("refresh")).await.unwrap();
    assert_eq!(settle(T0).await.unwrap(), None);
    let next = State::Next { from: T0 + MINUTE };
    for (kid, state) in [("a", State::Active), ("b", next)] {
        let keys = add(kid, state).await.unwrap().expect("a change");
        assert_eq!(keys.iter().find(|key| key.kid == kid), Some(&access_key(kid, state)));
    }
    let before = store.keys().await.unwrap();
    assert_eq!(before, [access_key("a", State::Active), access_key("b", next), key("refresh")]);
    assert!(matches!(add("a", State::Active).await, Err(Error::Invalid(_))));
    assert!(matches!(retire("x", true).await, Err(Error::NoSuchKey)));
    assert!(matches!(retire("refresh", true).await, Err(Error::NoSuchKey)));
    assert_eq!(settle(T0).await.unwrap(), None);
    assert_eq!(store.keys().await.unwrap(), before);
    settle(T0 + MINUTE).await.unwrap().expect("a change");
    let until = T0 + MINUTE + 15 * MINUTE + SLACK;
    let after = [access_key("a", State::Verifying { until }), access_key("b", State::Active), key("refresh")];
    assert_eq!(store.keys().await.unwrap(), after);
    assert!(matches!(retire("b", false).await, Err(Error::LastKey)));
    settle(until).await.unwrap().expect("a change");
    assert_eq!(store.keys().await.unwrap(), after[1..]);
}

async fn of_64_who_rotate_at_once_one_key_is_left_signing(store: Arc<dyn Store>) {
    let tries: Vec<_> = (0..64)
        .map(|number: u32| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.change_keys(KeyChange::Add(access_key(&format!("k{number}"), State::Active)), T0).await })
        })
        .collect();
    for attempt in tries {
        let answer = attempt.await.unwrap();
        assert!(matches!(answer, Ok(Some(_)) | Err(Error::Invalid(_))), "{answer:?}");
    }
    let keys = store.keys().await.unwrap();
    assert_eq!((keys.len(), keys.iter().filter(|key| key.state == State::Active).count()), (MAX_KEYS, 1));
}
