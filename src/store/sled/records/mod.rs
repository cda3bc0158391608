//! What is in the records and how they are written; under which keys they are is told by the table in [`super`].

mod digest;
pub(in crate::store) mod key;
pub(in crate::store) mod kind;
mod meta;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::auth::clock::Timestamp;
use crate::auth::code::Reset;
use crate::auth::password::PasswordHash;
use crate::auth::session::Session;
use crate::auth::user::{CustomClaims, Username};
use crate::store::{Revoked, StorageError};

pub(in crate::store) use digest::Digest;
pub(in crate::store) use meta::{Events, Meta};

/// The layout this version writes: raised when an older version could no longer read the data.
pub(in crate::store) const SCHEMA: u16 = 1;

/// The first byte of every value, before its JSON.
pub(in crate::store) const VERSION: u8 = 1;

/// A user; what it may do is in its [`crate::store::Standing`].
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

/// Since when a deleted user's tokens are refused; `None`: nobody need be told any more. Earlier versions wrote nothing: then, as far
/// as is `known`.
pub(in crate::store) fn decode_deleted(bytes: &[u8], known: Timestamp) -> Result<Option<Timestamp>, StorageError> {
    if bytes.is_empty() { Ok(Some(known)) } else { decode("deleted user", bytes) }
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
    fn a_value_of_another_version_is_refused_and_says_which() {
        let mut bytes = encode("user", &7).unwrap();
        assert_eq!(decode::<u64>("user", &bytes).unwrap(), 7);
        bytes[0] = 9;
        let refused = decode::<u64>("user", &bytes).unwrap_err();
        assert!(format!("{refused}: {}", std::error::Error::source(&refused).unwrap()).contains("version 9"));
    }
}
