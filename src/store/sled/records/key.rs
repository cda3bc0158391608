//! Keys, and what they name: made of a kind and, big-endian, what the record is of, so that they sort by it.

use uuid::Uuid;

use super::kind;
use crate::auth::audit::Class;
use crate::auth::clock::Timestamp;
use crate::auth::code::InviteId;
use crate::auth::service::ServiceId;
use crate::auth::session::SessionId;
use crate::auth::user::{UserId, Username};

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

#[cfg(test)]
mod tests {
    use super::super::{key, kind};
    use crate::auth::clock::Timestamp;
    use crate::auth::session::SessionId;
    use crate::auth::user::UserId;

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
