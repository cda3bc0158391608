//! Which records there are, under which keys, and how they are written. See the table in [`super`].

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::super::marker::Reached;
use super::super::{Counts, Revoked, StorageError};
use crate::auth::audit::Class;
use crate::auth::clock::Timestamp;
use crate::auth::code::{InviteId, Reset};
use crate::auth::password::PasswordHash;
use crate::auth::service::ServiceId;
use crate::auth::session::{Session, SessionId};
use crate::auth::user::{CustomClaims, UserId, Username};

/// The layout this version writes: raised when an older version could no longer read the data.
pub(in crate::store) const SCHEMA: u16 = 1;

/// The first byte of every value, before its JSON.
pub(in crate::store) const VERSION: u8 = 1;

/// The first byte of every key.
pub(in crate::store) mod kind {
    pub const STANDING: u8 = b'a';
    pub const DELETED: u8 = b'd';
    pub const EVENT: u8 = b'e';
    pub const INVITE: u8 = b'i';
    pub const KEY: u8 = b'k';
    pub const META: u8 = b'm';
    pub const NAME: u8 = b'n';
    pub const OWNED: u8 = b'o';
    pub const REVOCATION: u8 = b'r';
    pub const SESSION: u8 = b's';
    pub const USER: u8 = b'u';
    pub const SERVICE: u8 = b'v';
    pub const EXPIRY: u8 = b'x';

    /// For messages.
    pub fn noun(kind: Option<u8>) -> &'static str {
        match kind {
            Some(STANDING) => "a user's restrictions",
            Some(DELETED) => "the id of a deleted user",
            Some(EVENT) => "an audit event",
            Some(INVITE) => "an invite",
            Some(KEY) => "a key",
            Some(NAME) => "a username",
            Some(OWNED) => "an entry of the session index",
            Some(REVOCATION) => "a revocation",
            Some(SESSION) => "a session",
            Some(USER) => "a user",
            Some(SERVICE) => "a service",
            Some(EXPIRY) => "an entry of the expiry index",
            _ => "a record of unknown kind",
        }
    }
}

/// Keys, and what they name.
pub(in crate::store) mod key {
    use super::{Class, InviteId, ServiceId, SessionId, Timestamp, UserId, Username, Uuid, kind};

    pub const META: &[u8] = &[kind::META];

    fn join(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
        let mut key = vec![kind];
        key.extend(parts.iter().copied().flatten());
        key
    }

    pub fn user(id: UserId) -> Vec<u8> {
        join(kind::USER, &[&id.get().to_be_bytes()])
    }

    pub fn standing(id: UserId) -> Vec<u8> {
        join(kind::STANDING, &[&id.get().to_be_bytes()])
    }

    pub fn deleted(id: UserId) -> Vec<u8> {
        join(kind::DELETED, &[&id.get().to_be_bytes()])
    }

    pub fn name(name: &Username) -> Vec<u8> {
        join(kind::NAME, &[name.as_str().as_bytes()])
    }

    pub fn session(id: SessionId) -> Vec<u8> {
        join(kind::SESSION, &[id.0.as_bytes()])
    }

    pub fn owned(user: UserId, id: SessionId) -> Vec<u8> {
        join(kind::OWNED, &[&user.get().to_be_bytes(), id.0.as_bytes()])
    }

    pub fn revocation(id: Uuid) -> Vec<u8> {
        join(kind::REVOCATION, &[id.as_bytes()])
    }

    pub fn invite(id: InviteId) -> Vec<u8> {
        join(kind::INVITE, &[id.0.as_bytes()])
    }

    /// `of` is [`kind::SESSION`], [`kind::REVOCATION`] or [`kind::INVITE`].
    pub fn expiry(at: Timestamp, of: u8, id: Uuid) -> Vec<u8> {
        join(kind::EXPIRY, &[&at.secs().to_be_bytes(), &[of], id.as_bytes()])
    }

    const fn ring(class: Class) -> u8 {
        match class {
            Class::Act => b'a',
            Class::Visit => b'v',
            Class::Refusal => b'r',
            Class::Own => b'o',
        }
    }

    pub fn event(class: Class, id: u64) -> Vec<u8> {
        join(kind::EVENT, &[&[ring(class)], &id.to_be_bytes()])
    }

    /// The first key of a class of [`event`]s, and the first after them.
    pub fn events(class: Class) -> (Vec<u8>, Vec<u8>) {
        (vec![kind::EVENT, ring(class)], vec![kind::EVENT, ring(class) + 1])
    }

    pub fn service(id: ServiceId) -> Vec<u8> {
        join(kind::SERVICE, &[id.as_bytes()])
    }

    pub fn signing(kid: &str) -> Vec<u8> {
        join(kind::KEY, &[kid.as_bytes()])
    }

    /// The first key of a user's [`owned`] ones, and the first after them.
    pub fn owned_by(user: UserId) -> (Vec<u8>, Vec<u8>) {
        (join(kind::OWNED, &[&user.get().to_be_bytes()]), join(kind::OWNED, &[&user.get().saturating_add(1).to_be_bytes()]))
    }

    /// The first key of a kind, and the first after them.
    pub fn all(kind: u8) -> (Vec<u8>, Vec<u8>) {
        (vec![kind], vec![kind + 1])
    }

    fn tail<const N: usize>(key: &[u8], of: u8) -> Option<[u8; N]> {
        key.strip_prefix(&[of])?.try_into().ok()
    }

    pub fn as_id(key: &[u8], of: u8) -> Option<UserId> {
        Some(UserId::new(u64::from_be_bytes(tail(key, of)?)))
    }

    pub fn as_uuid(key: &[u8], of: u8) -> Option<Uuid> {
        Some(Uuid::from_bytes(tail(key, of)?))
    }

    pub fn as_event(key: &[u8]) -> Option<u64> {
        let bytes: [u8; 9] = tail(key, kind::EVENT)?;
        Some(u64::from_be_bytes(*bytes.last_chunk()?))
    }

    pub fn as_class(key: &[u8]) -> Option<Class> {
        let rest = key.strip_prefix(&[kind::EVENT])?;
        Class::ALL.into_iter().find(|class| rest.first() == Some(&ring(*class)))
    }

    pub fn as_owned(key: &[u8]) -> Option<(UserId, SessionId)> {
        let bytes: [u8; 24] = tail(key, kind::OWNED)?;
        let (user, id) = bytes.split_first_chunk()?;
        Some((UserId::new(u64::from_be_bytes(*user)), SessionId(Uuid::from_slice(id).ok()?)))
    }

    pub fn as_expiry(key: &[u8]) -> Option<(Timestamp, u8, Uuid)> {
        let bytes: [u8; 25] = tail(key, kind::EXPIRY)?;
        let (at, rest) = bytes.split_first_chunk()?;
        let (of, id) = rest.split_first()?;
        Some((Timestamp::from_secs(u64::from_be_bytes(*at)), *of, Uuid::from_slice(id).ok()?))
    }
}

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

/// A sum over the hashes of records: it does not depend on their order, so it follows every change without a look at
/// the rest, and it differs when any record is lost, old or altered. It is no defence against someone who writes the
/// file on purpose.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(in crate::store) struct Digest(u128);

impl Digest {
    fn of(key: &[u8], value: &[u8]) -> u128 {
        let mut context = Context::new(&SHA256);
        context.update(&(key.len() as u64).to_be_bytes());
        context.update(key);
        context.update(value);
        let mut half = [0; 16];
        half.copy_from_slice(&context.finish().as_ref()[..16]);
        u128::from_be_bytes(half)
    }

    /// Takes a record in.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.0 = self.0.wrapping_add(Self::of(key, value));
    }

    /// Of the records of both.
    pub fn with(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// Takes a record out.
    pub fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.0 = self.0.wrapping_sub(Self::of(key, value));
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        format!("{digest:?}")
    }
}

impl TryFrom<String> for Digest {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u128::from_str_radix(&text, 16).map(Self)
    }
}

/// A user; what it may do is in its [`super::super::Standing`].
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct UserRecord {
    pub username: Username,
    pub password: PasswordHash,
    #[serde(default, skip_serializing_if = "CustomClaims::is_empty")]
    pub claims: CustomClaims,
    pub created: Timestamp,
    /// The code with which the user can set a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reset>,
}

/// A session, and the time under which the expiry index has it: not after the sweep should look at it first.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct SessionRecord {
    pub session: Session,
    pub indexed: Timestamp,
}

/// A revocation.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct RevocationRecord {
    pub until: Timestamp,
    pub what: Revoked,
}

/// A value as it is written.
pub(in crate::store) fn encode<T: Serialize>(record: &'static str, value: &T) -> Result<Vec<u8>, StorageError> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, value).map_err(|source| StorageError::Record { record, source: source.into() })?;
    Ok(bytes)
}

/// A value as it was written.
pub(in crate::store) fn decode<T: DeserializeOwned>(record: &'static str, bytes: &[u8]) -> Result<T, StorageError> {
    let read = match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).map_err(Into::into),
        Some((version, _)) => Err(format!("it has version {version}").into()),
        None => Err("it is empty".into()),
    };
    read.map_err(|source| StorageError::Record { record, source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use super::*;

    #[test]
    fn the_digest_forgets_what_was_taken_out_and_knows_a_value_by_its_key() {
        let mut digest = Digest::default();
        digest.add(b"a", b"1");
        digest.add(b"b", b"2");
        digest.remove(b"a", b"1");
        let mut other = Digest::default();
        other.add(b"b", b"2");
        assert_eq!(digest, other);
        other.remove(b"b", b"2");
        other.add(b"b2", b"");
        assert_ne!(digest, other);
        assert_eq!(Digest::try_from(String::from(digest)), Ok(digest));
    }

    #[test]
    fn a_database_that_knew_fewer_classes_of_events_has_none_of_the_others() {
        let events: Events = serde_json::from_str(r#"{"last":9,"kept":[4,3,2]}"#).unwrap();
        assert_eq!(events, Events { last: 9, kept: [4, 3, 2, 0] });
        assert_eq!(serde_json::from_str::<Events>(&serde_json::to_string(&events).unwrap()).unwrap(), events);
    }

    #[test]
    fn a_value_of_another_version_is_refused_and_says_which() {
        let mut bytes = encode("user", &7).unwrap();
        assert_eq!(decode::<u64>("user", &bytes).unwrap(), 7);
        bytes[0] = 9;
        let refused = decode::<u64>("user", &bytes).unwrap_err();
        assert!(format!("{refused}: {}", std::error::Error::source(&refused).unwrap()).contains("version 9"));
    }

    #[test]
    fn keys_read_back_as_what_they_name() {
        let (user, session, at) = (UserId::new(u64::MAX - 1), SessionId::random(), Timestamp::from_secs(77));
        assert_eq!(key::as_id(&key::user(user), kind::USER), Some(user));
        assert_eq!(key::as_owned(&key::owned(user, session)), Some((user, session)));
        assert_eq!(key::as_expiry(&key::expiry(at, kind::SESSION, session.0)), Some((at, kind::SESSION, session.0)));
        assert_eq!(key::as_id(&key::owned(user, session), kind::OWNED), None);
        let (from, to) = key::owned_by(user);
        assert!(from < key::owned(user, session) && key::owned(user, session) < to);
    }
}
