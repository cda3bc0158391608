//! A key's life: next → active → verifying → gone. Owns the rules of rotation; knows no store and makes no key.
//!
//! A key is published for as long as verifiers may cache the key set before it signs, and it verifies until the last
//! token it signed is dead. So a rotation refuses no valid token, here or elsewhere.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::clock::Timestamp;
use super::{Purpose, StoredKey};
use crate::error::{Error, Faults, Result};

/// Most keys for access tokens at a time: the published set stays small.
pub const MAX_KEYS: usize = 32;
/// A key goes on signing while its retirement is being written; the store gives up after this long.
pub const SLACK: Duration = Duration::from_secs(10);

/// Where a key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Published, not signing.
    Next {
        /// When it takes over.
        from: Timestamp,
    },
    /// Signing, unless a shared secret does.
    #[default]
    Active,
    /// Not signing any more.
    Verifying {
        /// When its last token is dead.
        until: Timestamp,
    },
}

/// What is done to the keys for access tokens.
#[derive(Debug, Clone)]
pub enum KeyChange {
    /// A new one. One that is active takes over; so does one that finds none active.
    Add(StoredKey),
    /// Ends one: what is next goes, what is active hands over to the next and verifies on.
    Retire {
        /// Which.
        kid: String,
        /// Whether it does not even verify any more: its secret is out.
        at_once: bool,
    },
    /// What time brings: what is due takes over, and what is dead goes.
    Settle {
        /// How long access tokens live by the present settings, in seconds.
        token_secs: u64,
        /// The latest that it can be: the clock may be ahead of the time by which this is done while it is in doubt.
        latest: Timestamp,
    },
}

/// Does it to `keys`, all of a store.
///
/// # Errors
/// [`Error::NoSuchKey`], [`Error::LastKey`], [`Error::Invalid`] for a key that is there or one too many. `keys` is then
/// as it was.
pub fn change(keys: &mut Vec<StoredKey>, change: KeyChange, now: Timestamp) -> Result<()> {
    match change {
        KeyChange::Add(key) => add(keys, key, now),
        KeyChange::Retire { kid, at_once } => retire(keys, &kid, at_once, now),
        KeyChange::Settle { token_secs, latest } => {
            settle(keys, token_secs, now);
            shorten(keys, latest.max(now));
            Ok(())
        }
    }
}

fn add(keys: &mut Vec<StoredKey>, mut key: StoredKey, now: Timestamp) -> Result<()> {
    if keys.iter().any(|there| there.kid == key.kid) {
        return Err(Error::Invalid(Faults::of("pem", "This key is already there.")));
    }
    if keys.iter().filter(|key| key.purpose == Purpose::Access).count() >= MAX_KEYS {
        let fault = format!("There are {MAX_KEYS} keys; retire some, or wait until the oldest are gone.");
        return Err(Error::Invalid(Faults::of("_schema", fault)));
    }
    match active(keys) {
        Some(before) if key.state == State::Active => hand_over(&mut keys[before], now),
        Some(_) => {}
        None => key.state = State::Active,
    }
    keys.push(key);
    Ok(())
}

fn retire(keys: &mut Vec<StoredKey>, kid: &str, at_once: bool, now: Timestamp) -> Result<()> {
    let found = keys.iter().position(|key| key.purpose == Purpose::Access && key.kid == kid);
    let at = found.ok_or(Error::NoSuchKey)?;
    let goes = match keys[at].state {
        State::Next { .. } => true,
        State::Verifying { .. } => at_once,
        State::Active => {
            let successor = next(keys).ok_or(Error::LastKey)?;
            keys[successor].state = State::Active;
            hand_over(&mut keys[at], now);
            at_once
        }
    };
    if goes {
        keys.remove(at);
    }
    Ok(())
}

fn settle(keys: &mut Vec<StoredKey>, token_secs: u64, now: Timestamp) {
    while let Some(due) = next(keys).filter(|at| matches!(keys[*at].state, State::Next { from } if from <= now)) {
        if let Some(before) = active(keys) {
            hand_over(&mut keys[before], now);
        }
        keys[due].state = State::Active;
    }
    keys.retain(|key| !matches!(key.state, State::Verifying { until } if until <= now));
    // After the settings changed, tokens may live longer than when the key was made; not shorter, for some may be out.
    for key in keys.iter_mut().filter(|key| !matches!(key.state, State::Verifying { .. })) {
        key.token_secs = key.token_secs.max(token_secs);
    }
}

/// What was handed over while the clock was ahead would verify for as much longer.
fn shorten(keys: &mut [StoredKey], now: Timestamp) {
    for key in keys {
        let life = Duration::from_secs(key.token_secs) + SLACK;
        if matches!(key.state, State::Verifying { until } if !until.can_be_past(now + life)) {
            hand_over(key, now);
        }
    }
}

fn hand_over(key: &mut StoredKey, now: Timestamp) {
    key.state = State::Verifying { until: now + Duration::from_secs(key.token_secs) + SLACK };
}

fn active(keys: &[StoredKey]) -> Option<usize> {
    keys.iter().position(|key| key.purpose == Purpose::Access && key.state == State::Active)
}

/// The one that takes over first.
fn next(keys: &[StoredKey]) -> Option<usize> {
    let waiting = keys.iter().enumerate().filter_map(|(at, key)| match key.state {
        State::Next { from } => Some((from, at)),
        _ => None,
    });
    waiting.min().map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::super::Algorithm;
    use super::*;

    const T0: Timestamp = Timestamp::from_secs(1_000_000);

    fn key(kid: &str, state: State) -> StoredKey {
        let (algorithm, purpose) = (Algorithm::ES256, Purpose::Access);
        StoredKey { kid: kid.to_owned(), algorithm, purpose, created: T0, state, token_secs: 900, secret: String::new() }
    }

    fn after(secs: u64) -> Timestamp {
        T0 + Duration::from_secs(secs)
    }

    fn next_from(secs: u64) -> State {
        State::Next { from: after(secs) }
    }

    fn states(keys: &[StoredKey]) -> Vec<(&str, State)> {
        keys.iter().map(|key| (key.kid.as_str(), key.state)).collect()
    }

    fn settled(keys: &mut Vec<StoredKey>, secs: u64) {
        change(keys, KeyChange::Settle { token_secs: 900, latest: after(secs) }, after(secs)).unwrap();
    }

    #[test]
    fn a_key_is_published_then_signs_then_verifies_until_its_last_token_is_dead_then_is_gone() {
        let mut keys = vec![key("a", State::Active)];
        change(&mut keys, KeyChange::Add(key("b", next_from(300))), T0).unwrap();
        settled(&mut keys, 299);
        assert_eq!(states(&keys), [("a", State::Active), ("b", next_from(300))]);
        settled(&mut keys, 300);
        let verifying = State::Verifying { until: after(300 + 900) + SLACK };
        assert_eq!(states(&keys), [("a", verifying), ("b", State::Active)]);
        settled(&mut keys, 1209);
        assert_eq!(keys.len(), 2);
        settled(&mut keys, 1210);
        assert_eq!(states(&keys), [("b", State::Active)]);
    }

    #[test]
    fn a_key_that_is_added_active_takes_over_at_once_and_so_does_one_that_finds_none() {
        let mut keys = vec![key("a", State::Active)];
        change(&mut keys, KeyChange::Add(key("b", State::Active)), T0).unwrap();
        assert_eq!(states(&keys), [("a", State::Verifying { until: after(910) }), ("b", State::Active)]);
        let mut none = Vec::new();
        change(&mut none, KeyChange::Add(key("c", next_from(300))), T0).unwrap();
        assert_eq!(states(&none), [("c", State::Active)]);
    }

    #[test]
    fn of_two_that_are_due_the_later_one_signs() {
        let mut keys = vec![key("c", next_from(20)), key("a", State::Active), key("b", next_from(10))];
        settled(&mut keys, 60);
        let active: Vec<_> = keys.iter().filter(|key| key.state == State::Active).map(|key| key.kid.as_str()).collect();
        assert_eq!((active, keys.len()), (vec!["c"], 3));
    }

    #[test]
    fn the_active_key_retires_only_when_another_can_take_over() {
        let retire = |kid: &str, at_once| KeyChange::Retire { kid: kid.to_owned(), at_once };
        let mut keys = vec![key("a", State::Active)];
        for at_once in [false, true] {
            assert!(matches!(change(&mut keys, retire("a", at_once), T0), Err(Error::LastKey)));
            assert!(matches!(change(&mut keys, retire("x", at_once), T0), Err(Error::NoSuchKey)));
        }
        keys.push(key("b", next_from(300)));
        change(&mut keys, retire("a", false), T0).unwrap();
        assert_eq!(states(&keys), [("a", State::Verifying { until: after(910) }), ("b", State::Active)]);
        change(&mut keys, retire("a", false), after(5)).unwrap();
        assert_eq!(keys[0].state, State::Verifying { until: after(910) }, "retiring twice does not prolong it");
        change(&mut keys, retire("a", true), T0).unwrap();
        assert_eq!(states(&keys), [("b", State::Active)]);
        keys.push(key("c", next_from(300)));
        change(&mut keys, retire("c", false), T0).unwrap();
        assert_eq!(states(&keys), [("b", State::Active)], "what never signed need not verify");
    }

    #[test]
    fn a_key_that_was_handed_over_while_the_clock_was_ahead_verifies_no_longer_than_others_once_it_is_right() {
        let (mut keys, ten_years) = (vec![key("a", State::Active)], 315_360_000);
        change(&mut keys, KeyChange::Add(key("b", State::Active)), after(ten_years)).unwrap();
        let ahead = State::Verifying { until: after(ten_years + 910) };
        // Whether that was wrong is in doubt for a minute.
        change(&mut keys, KeyChange::Settle { token_secs: 900, latest: after(ten_years) }, T0).unwrap();
        assert_eq!(keys[0].state, ahead);
        settled(&mut keys, 60);
        assert_eq!(keys[0].state, State::Verifying { until: after(60 + 910) });
        settled(&mut keys, 970);
        assert_eq!(states(&keys), [("b", State::Active)]);
    }

    #[test]
    fn a_refresh_key_is_nobodys_to_retire() {
        let mut keys = vec![StoredKey { purpose: Purpose::Refresh, ..key("r", State::Active) }, key("a", State::Active)];
        let refused = change(&mut keys, KeyChange::Retire { kid: "r".to_owned(), at_once: true }, T0);
        assert!(matches!(refused, Err(Error::NoSuchKey)));
    }

    #[test]
    fn a_key_verifies_for_the_longest_life_its_tokens_ever_had() {
        let mut keys = vec![key("a", State::Active)];
        for token_secs in [3600, 60] {
            change(&mut keys, KeyChange::Settle { token_secs, latest: T0 }, T0).unwrap();
        }
        change(&mut keys, KeyChange::Add(key("b", State::Active)), T0).unwrap();
        assert_eq!(keys[0].state, State::Verifying { until: after(3610) });
    }

    #[test]
    fn neither_the_same_key_twice_nor_more_than_the_most_are_taken() {
        let mut keys = vec![key("0", State::Active)];
        assert!(matches!(change(&mut keys, KeyChange::Add(key("0", next_from(1))), T0), Err(Error::Invalid(_))));
        for number in 1..MAX_KEYS {
            change(&mut keys, KeyChange::Add(key(&number.to_string(), State::Active)), T0).unwrap();
        }
        let before = states(&keys).len();
        assert!(matches!(change(&mut keys, KeyChange::Add(key("one more", State::Active)), T0), Err(Error::Invalid(_))));
        assert_eq!(keys.len(), before);
    }
}
