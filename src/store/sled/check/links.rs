//! Whether the records fit each other: a user and its name, a session and its owner, what ends and the expiry index.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{Fault, damage, known};
use crate::auth::audit::Record;
use crate::auth::clock::Timestamp;
use crate::auth::code::Invite;
use crate::auth::keys::StoredKey;
use crate::auth::service::Service;
use crate::auth::session::SessionId;
use crate::auth::user::UserId;
use crate::store::sled::records::{RevocationRecord, SessionRecord, UserRecord, decode, decode_deleted, key, kind};

/// What records met so far say must be met later, in order of their keys. Nothing may be left in the end.
#[derive(Default)]
pub(in crate::store) struct Links {
    /// As bytes: to parse a name is slow.
    names: HashMap<UserId, Vec<u8>>,
    owned: HashSet<(UserId, SessionId)>,
    owners: HashSet<UserId>,
    deleted: HashSet<UserId>,
    due: HashSet<(Timestamp, u8, Uuid)>,
}

impl Links {
    /// Decodes a record, but for a user's restrictions, and compares it with those before.
    pub fn follow(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let fits = match key.first() {
            Some(&kind::STANDING) => true,
            Some(&kind::DELETED) => {
                decode_deleted(value, Timestamp::default())?;
                self.deleted.insert(known(key::as_id(key, kind::DELETED))?)
            }
            Some(&kind::EVENT) => decode::<Record>("event", value).is_ok(),
            Some(&kind::KEY) => key::signing(&decode::<StoredKey>("key", value)?.kid) == key,
            Some(&kind::INVITE) => {
                let invite: Invite = decode("invite", value)?;
                self.due.insert((invite.expires, kind::INVITE, invite.id().0)) && key::invite(invite.id()) == key
            }
            Some(&kind::NAME) => self.names.insert(decode("name", value)?, key[1..].to_vec()).is_none(),
            Some(&kind::OWNED) => self.owned.insert(known(key::as_owned(key))?),
            Some(&kind::REVOCATION) => {
                let id = known(key::as_uuid(key, kind::REVOCATION))?;
                self.due.insert((decode::<RevocationRecord>("revocation", value)?.until, kind::REVOCATION, id))
            }
            Some(&kind::SESSION) => {
                let SessionRecord { session, indexed } = decode("session", value)?;
                self.owners.insert(session.user);
                self.due.insert((indexed, kind::SESSION, session.id.0));
                key::session(session.id) == key && self.owned.remove(&(session.user, session.id))
            }
            Some(&kind::USER) => {
                let id = known(key::as_id(key, kind::USER))?;
                self.owners.remove(&id);
                let user: UserRecord = decode("user", value)?;
                !self.deleted.contains(&id) && self.names.remove(&id).is_some_and(|name| name == user.username.as_str().as_bytes())
            }
            Some(&kind::SERVICE) => key::service(decode::<Service>("service", value)?.id) == key,
            Some(&kind::EXPIRY) => self.due.remove(&known(key::as_expiry(key))?),
            _ => false,
        };
        if fits { Ok(()) } else { damage(format!("{} does not fit the other records", kind::noun(key.first().copied()))) }
    }

    /// Whether all that must be there was.
    pub fn finish(self) -> Result<(), Fault> {
        let left = [
            (self.names.len(), "usernames of no user"),
            (self.owned.len(), "missing sessions"),
            (self.owners.len(), "sessions of no user"),
            (self.due.len(), "missing entries of the expiry index"),
        ];
        match left.into_iter().find(|(count, _)| *count > 0) {
            Some((count, what)) => damage(format!("there are {count} {what}")),
            None => Ok(()),
        }
    }
}
