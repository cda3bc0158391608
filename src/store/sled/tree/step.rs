//! A step while it is taken: reads what was there with its own changes over it, and says in the domain's words what is
//! put and removed, with the indexes that belong to it. The steps themselves are in [`steps`](super::super::steps).

use std::collections::BTreeMap;
use std::ops::Bound;

use uuid::Uuid;

use super::{Changes, Tree};
use crate::auth::audit::{Class, Record};
use crate::auth::clock::Timestamp;
use crate::auth::code::Invite;
use crate::auth::keys::StoredKey;
use crate::auth::service::{Service, ServiceId};
use crate::auth::session::Session;
use crate::auth::user::{UserId, Username};
use crate::store::sled::reading::{Entry, Records, engine};
use crate::store::sled::records::{Meta, RevocationRecord, SessionRecord, UserRecord, encode, key, kind};
use crate::store::{Live, Revoked, Standing, StorageError};

/// What requests see of a step at once.
pub(super) enum Effect {
    User(UserId, Standing),
    NoUser(UserId, Timestamp),
    Told(UserId),
    Revoked(Uuid, Revoked, Timestamp),
    Forgotten(Uuid),
    Service(Service),
    NoService(ServiceId),
    CutOff(Timestamp),
}

impl Effect {
    pub fn show(self, live: &Live) {
        match self {
            Self::User(id, standing) => live.put_user(id, &standing),
            Self::NoUser(id, not_before) => live.remove_user(id, not_before),
            Self::Told(id) => live.forget_user(id),
            Self::Revoked(id, what, until) => live.revoke(id, what, until),
            Self::Forgotten(id) => live.forget(id),
            Self::Service(service) => live.services().put(service),
            Self::NoService(id) => live.services().remove(id),
            Self::CutOff(to) => live.lower_cut_off(to),
        }
    }
}

/// See the module's page. What it has changed is taken over by [`Tree::take`].
pub(in crate::store::sled) struct Step<'a> {
    pub(super) tree: &'a Tree,
    pub(super) live: &'a Live,
    pub(super) meta: Meta,
    pub(super) changes: Changes,
    pub(super) effects: Vec<Effect>,
}

impl Records for Step<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        match self.changes.get(key).or_else(|| self.tree.pending.get(key)) {
            Some(changed) => Ok(changed.clone()),
            None => Records::get(&self.tree.db, key),
        }
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, StorageError> {
        let range = (Bound::Included(from), Bound::Excluded(to));
        let mut over: BTreeMap<&[u8], Option<&[u8]>> = BTreeMap::new();
        for changes in [&self.tree.pending, &self.changes] {
            over.extend(changes.range::<[u8], _>(range).map(|(key, value)| (key.as_slice(), value.as_deref())));
        }
        let mut found = BTreeMap::new();
        for entry in self.tree.db.range(from..to) {
            if found.len() >= limit {
                break;
            }
            let (key, value) = entry.map_err(engine("read"))?;
            if !over.contains_key(&*key) {
                found.insert(key.to_vec(), value.to_vec());
            }
        }
        found.extend(over.iter().filter_map(|(key, value)| Some((key.to_vec(), (*value)?.to_vec()))));
        Ok(found.into_iter().take(limit).collect())
    }
}

impl Step<'_> {
    /// Whether there is an administrator who can act.
    pub fn has_admin(&self) -> bool {
        self.live.active_admins() > 0
    }

    /// Whether this is the only administrator who can act.
    pub fn is_last_admin(&self, standing: &Standing) -> bool {
        standing.is_active_admin() && self.live.active_admins() == 1
    }

    /// An id that no user ever had.
    pub fn new_user_id(&mut self) -> UserId {
        let id = UserId::new(self.meta.next_user);
        self.meta.next_user += 1;
        id
    }

    /// Notes that an id that another program gave is in use: new ones count on above.
    pub fn take_user_id(&mut self, id: UserId) {
        self.meta.next_user = self.meta.next_user.max(id.get().saturating_add(1));
    }

    /// A mark before the cut-off is of an operator who says that the clock was wrong at the restore: with that date kept, every
    /// token would be refused as soon as it is issued.
    pub fn set_clock_mark(&mut self, mark: Timestamp) {
        self.meta.clock_mark = mark;
        if mark < self.meta.cut_off {
            self.meta.cut_off = mark;
            self.effects.push(Effect::CutOff(mark));
        }
    }

    /// How many events of a class are kept.
    pub fn events_kept(&self, class: Class) -> u64 {
        self.meta.events.kept[class as usize]
    }

    /// Adds an event under the next id.
    pub fn put_event(&mut self, class: Class, record: &Record) -> Result<(), StorageError> {
        self.meta.events.last += 1;
        self.meta.events.kept[class as usize] += 1;
        self.put(key::event(class, self.meta.events.last), encode("event", record)?);
        Ok(())
    }

    /// Removes one that is there.
    pub fn remove_event(&mut self, class: Class, key: Vec<u8>) {
        self.meta.events.kept[class as usize] -= 1;
        self.remove(key);
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    fn remove(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    pub fn put_user(&mut self, id: UserId, record: &UserRecord) -> Result<(), StorageError> {
        self.put(key::user(id), encode("user", record)?);
        Ok(())
    }

    pub fn put_name(&mut self, name: &Username, id: UserId) -> Result<(), StorageError> {
        self.put(key::name(name), encode("name", &id)?);
        Ok(())
    }

    /// Also what makes requests see the user.
    pub fn put_standing(&mut self, id: UserId, standing: Standing) -> Result<(), StorageError> {
        if standing != Standing::default() {
            self.put(key::standing(id), encode("standing", &standing)?);
        } else if self.get(&key::standing(id))?.is_some() {
            self.remove(key::standing(id));
        }
        self.effects.push(Effect::User(id, standing));
        Ok(())
    }

    /// Removes a user; those who verify its tokens by themselves are told to refuse what was issued before `not_before`.
    pub fn remove_user(&mut self, id: UserId, name: &Username, not_before: Timestamp) -> Result<(), StorageError> {
        if self.get(&key::standing(id))?.is_some() {
            self.remove(key::standing(id));
        }
        self.remove(key::user(id));
        self.remove(key::name(name));
        // An import must not give the id to anybody, nor bring the user back.
        self.put(key::deleted(id), encode("deleted user", &Some(not_before))?);
        self.effects.push(Effect::NoUser(id, not_before));
        Ok(())
    }

    /// Deleted users of whom nobody need be told any more.
    pub fn told_enough(&self, before: Timestamp, limit: usize) -> Vec<UserId> {
        self.live.feed().told_enough(before, limit)
    }

    /// Keeps of a deleted user only that the id was one's.
    pub fn forget_user(&mut self, id: UserId) -> Result<(), StorageError> {
        self.put(key::deleted(id), encode("deleted user", &None::<Timestamp>)?);
        self.effects.push(Effect::Told(id));
        Ok(())
    }

    pub fn insert_session(&mut self, session: Session) -> Result<(), StorageError> {
        self.put(key::owned(session.user, session.id), Vec::new());
        self.put(key::expiry(session.expires, kind::SESSION, session.id.0), Vec::new());
        self.put_session(&SessionRecord { indexed: session.expires, session })
    }

    /// Keeps another state of a session that is there. The expiry index stays: the sweep follows it up.
    pub fn put_session(&mut self, record: &SessionRecord) -> Result<(), StorageError> {
        self.put(key::session(record.session.id), encode("session", record)?);
        Ok(())
    }

    /// Puts a session that was extended where the sweep will look for it next.
    pub fn reindex_session(&mut self, mut record: SessionRecord) -> Result<(), StorageError> {
        let id = record.session.id.0;
        self.remove(key::expiry(record.indexed, kind::SESSION, id));
        record.indexed = record.session.expires;
        self.put(key::expiry(record.indexed, kind::SESSION, id), Vec::new());
        self.put_session(&record)
    }

    pub fn remove_session(&mut self, record: &SessionRecord) {
        let session = &record.session;
        self.remove(key::session(session.id));
        self.remove(key::owned(session.user, session.id));
        self.remove(key::expiry(record.indexed, kind::SESSION, session.id.0));
    }

    /// Revokes an id; the later end counts. Nothing, if that lies before `now`, and before the mark that is kept: a clock that is
    /// ahead for a moment takes for expired what is good again when it is set back.
    pub fn revoke(&mut self, id: Uuid, what: Revoked, until: Timestamp, now: Timestamp) -> Result<(), StorageError> {
        let before = self.revoked_until(id)?;
        if until <= now.min(self.meta.clock_mark) || before.is_some_and(|before| before >= until) {
            return Ok(());
        }
        if let Some(before) = before {
            self.remove(key::expiry(before, kind::REVOCATION, id));
        }
        self.put(key::expiry(until, kind::REVOCATION, id), Vec::new());
        self.put(key::revocation(id), encode("revocation", &RevocationRecord { until, what })?);
        self.effects.push(Effect::Revoked(id, what, until));
        Ok(())
    }

    pub fn forget(&mut self, id: Uuid, until: Timestamp) {
        self.remove(key::expiry(until, kind::REVOCATION, id));
        self.remove(key::revocation(id));
        self.effects.push(Effect::Forgotten(id));
    }

    /// Drops an entry of the expiry index that leads nowhere.
    pub fn remove_expiry(&mut self, at: Timestamp, of: u8, id: Uuid) {
        self.remove(key::expiry(at, of, id));
    }

    pub fn put_service(&mut self, service: Service) -> Result<(), StorageError> {
        self.put(key::service(service.id), encode("service", &service)?);
        self.effects.push(Effect::Service(service));
        Ok(())
    }

    pub fn remove_service(&mut self, id: ServiceId) {
        self.remove(key::service(id));
        self.effects.push(Effect::NoService(id));
    }

    pub fn insert_invite(&mut self, invite: &Invite) -> Result<(), StorageError> {
        self.put(key::expiry(invite.expires, kind::INVITE, invite.id().0), Vec::new());
        self.put(key::invite(invite.id()), encode("invite", invite)?);
        Ok(())
    }

    pub fn remove_invite(&mut self, invite: &Invite) {
        self.remove(key::expiry(invite.expires, kind::INVITE, invite.id().0));
        self.remove(key::invite(invite.id()));
    }

    pub fn put_key(&mut self, stored: &StoredKey) -> Result<(), StorageError> {
        self.put(key::signing(&stored.kid), encode("key", stored)?);
        Ok(())
    }

    pub fn remove_key(&mut self, kid: &str) {
        self.remove(key::signing(kid));
    }
}
