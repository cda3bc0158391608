//! What of a checkpoint may be taken over: nothing that would make good again what was issued before.

use std::collections::HashSet;

use uuid::Uuid;

use crate::auth::clock::Timestamp;
use crate::auth::keys::{Algorithm, Purpose, State, StoredKey};
use crate::store::sled::records::{RevocationRecord, SessionRecord, UserRecord, decode, encode, key, kind};
use crate::store::sled::tree::Tree;
use crate::store::{Revoked, StorageError};

/// Lets through what may be taken over.
pub(super) struct Sieve {
    cut_off: Timestamp,
    revoked: HashSet<Uuid>,
    /// In which new keys are made: that of the one that signed, if it is made here.
    algorithm: Algorithm,
}

impl Sieve {
    /// For tokens that are refused when they were issued before `cut_off`.
    pub fn new(cut_off: Timestamp) -> Self {
        Self { cut_off, revoked: HashSet::new(), algorithm: Algorithm::ES256 }
    }

    /// Takes one record over, or what is left of it.
    pub fn pass(&mut self, tree: &mut Tree, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        match key.first() {
            Some(&kind::USER) => {
                let user: UserRecord = decode("user", value)?;
                match user.reset {
                    Some(_) => tree.load(key, &encode("user", &UserRecord { reset: None, ..user })?),
                    None => tree.load(key, value),
                }
            }
            Some(&kind::SESSION) => {
                let session = decode::<SessionRecord>("session", value)?.session;
                self.revoke(tree, session.id.0, session.access_expires)
            }
            Some(&kind::REVOCATION) => {
                self.revoked.extend(key::as_uuid(key, kind::REVOCATION));
                tree.load(key, value)
            }
            Some(&kind::EXPIRY) if key::as_expiry(key).is_none_or(|(_, of, _)| of != kind::REVOCATION) => Ok(()),
            Some(&kind::KEY) => {
                let key: StoredKey = decode("key", value)?;
                if key.purpose == Purpose::Access && key.state == State::Active && key.algorithm == Algorithm::EdDSA {
                    self.algorithm = key.algorithm;
                }
                Ok(())
            }
            Some(&(kind::OWNED | kind::INVITE)) => Ok(()),
            _ => tree.load(key, value),
        }
    }

    /// For those who verify by themselves and follow the feed; here the tokens are refused anyway.
    fn revoke(&mut self, tree: &mut Tree, session: Uuid, until: Timestamp) -> Result<(), StorageError> {
        if until <= self.cut_off || !self.revoked.insert(session) {
            return Ok(());
        }
        tree.load(&key::expiry(until, kind::REVOCATION, session), &[])?;
        tree.load(&key::revocation(session), &encode("revocation", &RevocationRecord { until, what: Revoked::Session })?)
    }

    /// Makes new keys.
    pub fn end(self, tree: &mut Tree) -> Result<(), StorageError> {
        for made in [StoredKey::generate(self.algorithm, self.cut_off), StoredKey::generate_refresh(self.cut_off)] {
            let made = made.map_err(|source| StorageError::Engine { action: "get keys", source: source.into() })?;
            tree.load(&key::signing(&made.kid), &encode("key", &made)?)?;
        }
        Ok(())
    }
}
