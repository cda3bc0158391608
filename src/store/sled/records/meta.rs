//! What a database says of itself, kept up with each change: how much it holds, how far it has come, what is next.

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::{Digest, SCHEMA, kind};
use crate::auth::audit::Class;
use crate::auth::clock::Timestamp;
use crate::store::Counts;
use crate::store::marker::Reached;

/// The one record that says what all the others together should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct Meta {
    /// [`SCHEMA`] of whoever wrote last.
    pub schema: u16,
    /// Also in the marker beside the database: both are of one making.
    pub instance: Uuid,
    /// How many steps changed something so far.
    pub sequence: u64,
    /// How many records there are.
    pub counts: Counts,
    /// What is in all the records but this one.
    pub digest: Digest,
    /// The next user's id.
    pub next_user: u64,
    /// The highest time kept.
    pub clock_mark: Timestamp,
    /// Tokens issued before this are refused: the records come from a checkpoint that was restored then.
    #[serde(default)]
    pub cut_off: Timestamp,
    /// See there.
    #[serde(default)]
    pub events: Events,
}

/// How far the audit events have come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct Events {
    /// The id of the last one.
    pub last: u64,
    /// How many are kept of each class, in the order of [`Class::ALL`]. Who wrote this may have known fewer.
    #[serde(deserialize_with = "filled_up")]
    pub kept: [u64; Class::ALL.len()],
}

fn filled_up<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[u64; N], D::Error> {
    let read = Vec::<u64>::deserialize(deserializer)?;
    Ok(std::array::from_fn(|place| read.get(place).copied().unwrap_or_default()))
}

impl Meta {
    /// Of a database that holds nothing.
    pub fn new(instance: Uuid) -> Self {
        Self {
            schema: SCHEMA,
            instance,
            sequence: 0,
            counts: Counts::default(),
            digest: Digest::default(),
            next_user: 1,
            clock_mark: Timestamp::default(),
            cut_off: Timestamp::default(),
            events: Events::default(),
        }
    }

    /// For the marker.
    pub fn reached(&self) -> Reached {
        Reached { sequence: self.sequence, next_user: self.next_user, clock_mark: self.clock_mark }
    }

    /// Notes that the value under `key` goes from `old` to `new`.
    pub fn note(&mut self, key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) {
        if let Some(old) = old {
            self.digest.remove(key, old);
        }
        if let Some(new) = new {
            self.digest.add(key, new);
        }
        let Some(count) = key.first().and_then(|kind| count_of(&mut self.counts, *kind)) else { return };
        match (old, new) {
            (None, Some(_)) => *count += 1,
            (Some(_), None) => *count = count.saturating_sub(1),
            _ => {}
        }
    }
}

fn count_of(counts: &mut Counts, kind: u8) -> Option<&mut u64> {
    match kind {
        kind::USER => Some(&mut counts.users),
        kind::SESSION => Some(&mut counts.sessions),
        kind::REVOCATION => Some(&mut counts.revocations),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use super::*;

    #[test]
    fn a_database_that_knew_fewer_classes_of_events_has_none_of_the_others() {
        let events: Events = serde_json::from_str(r#"{"last":9,"kept":[4,3,2]}"#).unwrap();
        assert_eq!(events, Events { last: 9, kept: [4, 3, 2, 0] });
        assert_eq!(serde_json::from_str::<Events>(&serde_json::to_string(&events).unwrap()).unwrap(), events);
    }
}
