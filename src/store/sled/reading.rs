//! Reading records, in domain words: straight from sled, or, for a step, with the changes that are on their way over it.

use uuid::Uuid;

use super::super::{Standing, StorageError};
use super::records::{Meta, RevocationRecord, SessionRecord, UserRecord, decode, key, kind};
use crate::auth::clock::Timestamp;
use crate::auth::code::{Invite, InviteId};
use crate::auth::keys::StoredKey;
use crate::auth::service::{Service, ServiceId};
use crate::auth::session::{Session, SessionId};
use crate::auth::user::{User, UserId, Username};

/// A key and its value.
pub(super) type Entry = (Vec<u8>, Vec<u8>);

/// What sled said.
pub(in crate::store) fn engine(action: &'static str) -> impl Fn(sled::Error) -> StorageError {
    move |source| StorageError::Engine { action, source: Box::new(source) }
}

/// Reading records, in domain words.
pub(super) trait Records {
    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError>;

    /// The first `limit` entries from `from` up to, but not including, `to`.
    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, StorageError>;

    fn standing(&self, id: UserId) -> Result<Standing, StorageError> {
        let bytes = self.get(&key::standing(id))?;
        bytes.map_or(Ok(Standing::default()), |bytes| decode("standing", &bytes))
    }

    fn user_record(&self, id: UserId) -> Result<Option<UserRecord>, StorageError> {
        self.get(&key::user(id))?.map(|bytes| decode("user", &bytes)).transpose()
    }

    fn user(&self, id: UserId) -> Result<Option<User>, StorageError> {
        // In this order: a user who is deleted in between is gone, not suddenly without its restrictions.
        let standing = self.standing(id)?;
        Ok(self.user_record(id)?.map(|record| assemble(id, record, standing)))
    }

    /// Whether a user who was deleted had this id.
    fn is_spent(&self, id: UserId) -> Result<bool, StorageError> {
        Ok(self.get(&key::deleted(id))?.is_some())
    }

    fn id_named(&self, name: &Username) -> Result<Option<UserId>, StorageError> {
        self.get(&key::name(name))?.map(|bytes| decode("name", &bytes)).transpose()
    }

    fn users_after(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>, StorageError> {
        let (first, end) = key::all(kind::USER);
        let from = match after.map(|id| id.get().checked_add(1)) {
            None => first,
            Some(Some(next)) => key::user(UserId::new(next)),
            Some(None) => return Ok(Vec::new()),
        };
        let ids = self.scan(&from, &end, limit)?.into_iter().filter_map(|(key, _)| key::as_id(&key, kind::USER));
        ids.filter_map(|id| self.user(id).transpose()).collect()
    }

    fn session_record(&self, id: SessionId) -> Result<Option<SessionRecord>, StorageError> {
        self.get(&key::session(id))?.map(|bytes| decode("session", &bytes)).transpose()
    }

    /// A user's sessions, the most recently used first.
    fn session_records(&self, user: UserId) -> Result<Vec<SessionRecord>, StorageError> {
        let (from, to) = key::owned_by(user);
        let ids = self.scan(&from, &to, usize::MAX)?.into_iter().filter_map(|(key, _)| key::as_owned(&key));
        let mut records = ids.filter_map(|(_, id)| self.session_record(id).transpose()).collect::<Result<Vec<_>, StorageError>>()?;
        records.sort_unstable_by_key(|record| std::cmp::Reverse(recency(&record.session)));
        Ok(records)
    }

    fn revoked_until(&self, id: Uuid) -> Result<Option<Timestamp>, StorageError> {
        let record = self.get(&key::revocation(id))?.map(|bytes| decode("revocation", &bytes)).transpose()?;
        Ok(record.map(|record: RevocationRecord| record.until))
    }

    fn invite(&self, id: InviteId) -> Result<Option<Invite>, StorageError> {
        self.get(&key::invite(id))?.map(|bytes| decode("invite", &bytes)).transpose()
    }

    /// The first `limit` invites, in order of id.
    fn invites(&self, limit: usize) -> Result<Vec<Invite>, StorageError> {
        let (from, to) = key::all(kind::INVITE);
        self.scan(&from, &to, limit)?.iter().map(|(_, bytes)| decode("invite", bytes)).collect()
    }

    fn keys(&self) -> Result<Vec<StoredKey>, StorageError> {
        let (from, to) = key::all(kind::KEY);
        self.scan(&from, &to, usize::MAX)?.iter().map(|(_, bytes)| decode("key", bytes)).collect()
    }

    fn service(&self, id: ServiceId) -> Result<Option<Service>, StorageError> {
        self.get(&key::service(id))?.map(|bytes| decode("service", &bytes)).transpose()
    }

    fn meta(&self) -> Result<Option<Meta>, StorageError> {
        self.get(key::META)?.map(|bytes| decode("meta", &bytes)).transpose()
    }
}

/// Orders sessions by when they were last used; two of the same second have an order, too.
fn recency(session: &Session) -> (Timestamp, Timestamp, SessionId) {
    (session.last_used, session.created, session.id)
}

fn assemble(id: UserId, record: UserRecord, standing: Standing) -> User {
    User {
        id,
        username: record.username,
        password: record.password,
        roles: standing.roles,
        claims: record.claims,
        disabled: standing.disabled,
        created: record.created,
    }
}

impl Records for sled::Db {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(sled::Tree::get(self, key).map_err(engine("read"))?.map(|value| value.to_vec()))
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, StorageError> {
        let entries = self.range(from..to).take(limit);
        entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(engine("read"))).collect()
    }
}
