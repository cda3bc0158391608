//! What the trait promises, in the plainest way: the model the contract compares [`super::SledStore`] with. Shares no
//! code with it beyond the domain's own types.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    Checkpoint, Counts, Imported, ImportedUser, Live, Measured, NewUser, Order, Revoked, Scanned, Standing, StorageError, Store,
    UserChange, Which,
};
use crate::auth::audit::{Class, KEPT_OF_EACH, Record, Wanted};
use crate::auth::clock::Timestamp;
use crate::auth::code::{CodeDigest, Invite, InviteId, Reset};
use crate::auth::keys::{self, KeyChange, StoredKey};
use crate::auth::password::PasswordHash;
use crate::auth::service::{self, Service, ServiceId};
use crate::auth::session::{Lifetimes, Presented, SESSIONS_PER_USER, Session, SessionId};
use crate::auth::token::TokenId;
use crate::auth::user::{CustomClaims, Role, User, UserId, Username};
use crate::error::{Error, Result};

/// See the module's page.
pub(super) struct MemoryStore {
    live: Live,
    records: Mutex<Option<Records>>,
    failed: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct Records {
    users: BTreeMap<UserId, (User, Timestamp)>,
    last_user: u64,
    deleted: BTreeSet<UserId>,
    sessions: BTreeMap<SessionId, Session>,
    revoked: BTreeMap<Uuid, Timestamp>,
    resets: BTreeMap<UserId, Reset>,
    invites: BTreeMap<InviteId, Invite>,
    keys: BTreeMap<String, StoredKey>,
    services: BTreeMap<ServiceId, Service>,
    mark: Timestamp,
    events: BTreeMap<Class, VecDeque<(u64, Record)>>,
    last_event: u64,
    last_scheduled: Option<Timestamp>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self { live: Live::default(), records: Mutex::new(Some(Records::default())), failed: watch::Sender::new(None) }
    }
}

fn is_acting_admin(user: &User) -> bool {
    !user.disabled && user.roles.iter().any(Role::is_admin)
}

impl Records {
    fn of(&self, user: UserId) -> Vec<Session> {
        let mut sessions: Vec<_> = self.sessions.values().filter(|session| session.user == user).cloned().collect();
        sessions.sort_by_key(|session| (session.last_used, session.created, session.id));
        sessions.reverse();
        sessions
    }

    fn revoke(&mut self, live: &Live, (id, what): (Uuid, Revoked), until: Timestamp, now: Timestamp) {
        if until > now.min(self.mark) {
            let end = self.revoked.entry(id).or_insert(until);
            *end = until.max(*end);
            live.revoke(id, what, until);
        }
    }

    fn end(&mut self, live: &Live, session: &Session, now: Timestamp) {
        self.sessions.remove(&session.id);
        self.revoke(live, (session.id.0, Revoked::Session), session.access_expires, now);
    }

    fn end_all(&mut self, live: &Live, user: UserId, now: Timestamp) -> usize {
        self.end_all_but(live, user, None, now)
    }

    fn end_all_but(&mut self, live: &Live, user: UserId, kept: Option<SessionId>, now: Timestamp) -> usize {
        let ending: Vec<_> = self.of(user).into_iter().filter(|session| Some(session.id) != kept).collect();
        for session in &ending {
            self.end(live, session, now);
        }
        if let Some((_, not_before)) = self.users.get_mut(&user) {
            *not_before = now.max(*not_before);
        }
        self.show(live, user);
        ending.len()
    }

    /// Lets requests see a user as it is now.
    fn show(&self, live: &Live, id: UserId) {
        if let Some((user, not_before)) = self.users.get(&id) {
            live.put_user(id, &Standing { roles: user.roles.clone(), disabled: user.disabled, not_before: *not_before });
        }
    }

    fn insert_user(&mut self, live: &Live, new: NewUser) -> Result<User> {
        if self.users.values().any(|(user, _)| user.username == new.username) {
            return Err(Error::UsernameTaken);
        }
        self.last_user += 1;
        let id = UserId::new(self.last_user);
        let NewUser { username, password, roles, claims, created } = new;
        let user = User { id, username, password, roles, claims, disabled: false, created };
        self.users.insert(id, (user.clone(), Timestamp::default()));
        self.show(live, id);
        Ok(user)
    }

    fn import_user(&mut self, live: &Live, user: ImportedUser, keep: bool) -> Imported {
        let ImportedUser { id, username, password, created } = user;
        let named = self.users.values().find(|(user, _)| user.username == username).map(|(user, _)| user.id);
        match (self.users.contains_key(&id), named) {
            (true, Some(same)) if same == id => return Imported::Present,
            (true, _) => return Imported::IdTaken,
            (false, Some(other)) => return Imported::NameTaken(other),
            (false, None) if self.deleted.contains(&id) => return Imported::IdSpent,
            (false, None) => {}
        }
        if keep {
            self.last_user = self.last_user.max(id.get());
            let user = User { id, username, password, roles: Vec::new(), claims: CustomClaims::default(), disabled: false, created };
            self.users.insert(id, (user, Timestamp::default()));
            self.show(live, id);
        }
        Imported::Added
    }

    fn is_last_admin(&self, user: &User) -> bool {
        is_acting_admin(user) && self.users.values().filter(|(user, _)| is_acting_admin(user)).count() == 1
    }
}

struct Open<'a>(MutexGuard<'a, Option<Records>>);

impl std::ops::Deref for Open<'_> {
    type Target = Records;
    fn deref(&self) -> &Records {
        self.0.as_ref().unwrap()
    }
}

impl std::ops::DerefMut for Open<'_> {
    fn deref_mut(&mut self) -> &mut Records {
        self.0.as_mut().unwrap()
    }
}

impl MemoryStore {
    fn open(&self) -> Result<Open<'_>> {
        let records = self.records.lock().unwrap();
        if records.is_some() { Ok(Open(records)) } else { Err(StorageError::Stopped.into()) }
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn live(&self) -> &Live {
        &self.live
    }

    async fn insert_user(&self, new: NewUser) -> Result<User> {
        self.open()?.insert_user(&self.live, new)
    }

    async fn insert_first_admin(&self, new: NewUser) -> Result<Option<User>> {
        let mut records = self.open()?;
        let there = records.users.values().any(|(user, _)| is_acting_admin(user));
        if there { Ok(None) } else { records.insert_user(&self.live, new).map(Some) }
    }

    async fn import_users(&self, users: Vec<ImportedUser>, keep: bool) -> Result<Vec<Imported>> {
        let mut records = self.open()?;
        Ok(users.into_iter().map(|user| records.import_user(&self.live, user, keep)).collect())
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        Ok(self.open()?.users.get(&id).map(|(user, _)| user.clone()))
    }

    async fn user_named(&self, name: &Username) -> Result<Option<User>> {
        Ok(self.open()?.users.values().map(|(user, _)| user).find(|user| user.username == *name).cloned())
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>> {
        let records = self.open()?;
        let users = records.users.values().map(|(user, _)| user);
        Ok(users.filter(|user| after.is_none_or(|after| user.id > after)).take(limit).cloned().collect())
    }

    async fn change_user(&self, id: UserId, change: UserChange, now: Timestamp) -> Result<Option<User>> {
        let mut records = self.open()?;
        let Some((before, _)) = records.users.get(&id) else { return Ok(None) };
        let mut after = before.clone();
        let UserChange { roles, claims, disabled } = change;
        after.roles = roles.unwrap_or(after.roles);
        after.claims = claims.unwrap_or(after.claims);
        after.disabled = disabled.unwrap_or(after.disabled);
        if records.is_last_admin(before) && !is_acting_admin(&after) {
            return Err(Error::LastAdmin);
        }
        records.users.get_mut(&id).unwrap().0 = after.clone();
        records.show(&self.live, id);
        if disabled == Some(true) {
            records.end_all(&self.live, id, now);
        }
        Ok(Some(after))
    }

    async fn delete_user(&self, id: UserId, now: Timestamp) -> Result<bool> {
        let mut records = self.open()?;
        let Some((user, _)) = records.users.get(&id) else { return Ok(false) };
        if records.is_last_admin(user) {
            return Err(Error::LastAdmin);
        }
        records.end_all(&self.live, id, now);
        records.users.remove(&id);
        records.deleted.insert(id);
        records.resets.remove(&id);
        self.live.remove_user(id);
        Ok(true)
    }

    async fn open_session(&self, session: Session, verified: PasswordHash, rehashed: Option<PasswordHash>) -> Result<bool> {
        let mut records = self.open()?;
        let Some((user, _)) = records.users.get_mut(&session.user) else { return Ok(false) };
        if user.disabled || user.password != verified {
            return Ok(false);
        }
        user.password = rehashed.unwrap_or(verified);
        records.sessions.remove(&session.id);
        while records.of(session.user).len() >= SESSIONS_PER_USER {
            let oldest = records.of(session.user).pop().unwrap();
            records.end(&self.live, &oldest, session.created);
        }
        records.sessions.insert(session.id, session);
        Ok(true)
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>> {
        Ok(self.open()?.of(user))
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        Ok(self.open()?.sessions.get(&id).cloned())
    }

    async fn touch_session(&self, id: SessionId, now: Timestamp, lifetimes: Lifetimes) -> Result<()> {
        let mut records = self.open()?;
        let touched = records.sessions.get(&id).and_then(|session| session.touched(now, &lifetimes));
        records.sessions.extend(touched.map(|session| (id, session)));
        Ok(())
    }

    async fn rotate_refresh(&self, id: SessionId, user: UserId, counter: u64, now: Timestamp, lifetimes: Lifetimes) -> Result<Presented> {
        let mut records = self.open()?;
        let Some(session) = records.sessions.get(&id).cloned() else { return Ok(Presented::Unknown) };
        let presented = session.present(user, counter, now, &lifetimes);
        match &presented {
            Presented::Rotated(next) | Presented::Repeated(next) => drop(records.sessions.insert(id, next.clone())),
            Presented::Reused => records.end(&self.live, &session, now),
            Presented::Unknown => {}
        }
        Ok(presented)
    }

    async fn end_sessions(&self, user: UserId, which: Which, token: Option<(TokenId, Timestamp)>, now: Timestamp) -> Result<usize> {
        let mut records = self.open()?;
        if let Some((id, until)) = token {
            records.revoke(&self.live, (id.0, Revoked::Token), until, now);
        }
        let ending = match which {
            Which::None => Vec::new(),
            Which::All => return Ok(records.end_all(&self.live, user, now)),
            Which::Others(kept) => return Ok(records.end_all_but(&self.live, user, Some(kept), now)),
            Which::One(id) => {
                if let (false, Some((_, until))) = (records.sessions.contains_key(&id), token) {
                    records.revoke(&self.live, (id.0, Revoked::Session), until, now);
                }
                records.of(user).into_iter().filter(|session| session.id == id).collect::<Vec<_>>()
            }
        };
        for session in &ending {
            records.end(&self.live, session, now);
        }
        Ok(ending.len())
    }

    async fn sweep_expired(&self, before: Timestamp, limit: usize) -> Result<usize> {
        let mut records = self.open()?;
        let mut ended: Vec<_> = records.sessions.values().map(|session| (session.expires, session.id.0, 's')).collect();
        ended.extend(records.revoked.iter().map(|(id, until)| (*until, *id, 'r')));
        ended.extend(records.invites.values().map(|invite| (invite.expires, invite.id().0, 'i')));
        ended.retain(|(at, ..)| *at < before);
        ended.sort_unstable();
        ended.truncate(limit);
        for (_, id, kind) in &ended {
            match kind {
                's' => drop(records.sessions.remove(&SessionId(*id))),
                'i' => drop(records.invites.remove(&InviteId(*id))),
                _ => {
                    records.revoked.remove(id);
                    self.live.forget(*id);
                }
            }
        }
        Ok(ended.len())
    }

    async fn change_password(
        &self,
        user: UserId,
        verified: PasswordHash,
        new: PasswordHash,
        kept: Option<SessionId>,
        now: Timestamp,
    ) -> Result<bool> {
        let mut records = self.open()?;
        let fits = |user: &User| !user.disabled && user.password == verified;
        let Some((found, _)) = records.users.get_mut(&user).filter(|(user, _)| fits(user)) else { return Ok(false) };
        found.password = new;
        records.resets.remove(&user);
        records.end_all_but(&self.live, user, kept, now);
        Ok(true)
    }

    async fn put_reset(&self, user: UserId, reset: Reset) -> Result<bool> {
        let mut records = self.open()?;
        let there = records.users.contains_key(&user);
        if there {
            records.resets.insert(user, reset);
        }
        Ok(there)
    }

    async fn reset(&self, user: UserId) -> Result<Option<Reset>> {
        Ok(self.open()?.resets.get(&user).copied())
    }

    async fn redeem_reset(&self, user: UserId, digest: CodeDigest, new: PasswordHash, now: Timestamp) -> Result<bool> {
        let mut records = self.open()?;
        let good = records.resets.get(&user).is_some_and(|reset| reset.digest == digest && reset.expires > now);
        let Some((found, _)) = records.users.get_mut(&user).filter(|(user, _)| good && !user.disabled) else { return Ok(false) };
        found.password = new;
        records.resets.remove(&user);
        records.end_all(&self.live, user, now);
        Ok(true)
    }

    async fn insert_invite(&self, invite: Invite, limit: usize) -> Result<bool> {
        let mut records = self.open()?;
        let room = records.invites.len() < limit;
        if room {
            records.invites.insert(invite.id(), invite);
        }
        Ok(room)
    }

    async fn invites(&self) -> Result<Vec<Invite>> {
        Ok(self.open()?.invites.values().copied().collect())
    }

    async fn invite(&self, id: InviteId) -> Result<Option<Invite>> {
        Ok(self.open()?.invites.get(&id).copied())
    }

    async fn delete_invite(&self, id: InviteId) -> Result<bool> {
        Ok(self.open()?.invites.remove(&id).is_some())
    }

    async fn insert_invited(&self, user: NewUser, invite: CodeDigest) -> Result<User> {
        let found = self.open()?.invites.values().find(|there| there.digest == invite && there.expires > user.created).copied();
        let found = found.ok_or(Error::InviteRefused)?;
        let user = self.insert_user(user).await?;
        self.open()?.invites.remove(&found.id());
        Ok(user)
    }

    async fn keys(&self) -> Result<Vec<StoredKey>> {
        Ok(self.open()?.keys.values().cloned().collect())
    }

    async fn insert_key(&self, key: StoredKey) -> Result<()> {
        self.open()?.keys.insert(key.kid.clone(), key);
        Ok(())
    }

    async fn insert_service(&self, service: Service) -> Result<()> {
        let mut records = self.open()?;
        if records.services.len() >= service::MAX_SERVICES {
            return Err(service::too_many());
        }
        records.services.insert(service.id, service.clone());
        self.live.services().put(service);
        Ok(())
    }

    async fn remove_service(&self, id: ServiceId) -> Result<bool> {
        let removed = self.open()?.services.remove(&id).is_some();
        self.live.services().remove(id);
        Ok(removed)
    }

    async fn keep_service_uses(&self, uses: Vec<(ServiceId, Timestamp)>) -> Result<()> {
        let mut records = self.open()?;
        for (id, at) in uses {
            if let Some(service) = records.services.get_mut(&id) {
                service.last_used = Some(at);
                self.live.services().put(service.clone());
            }
        }
        Ok(())
    }

    async fn change_keys(&self, change: KeyChange, now: Timestamp) -> Result<Option<Vec<StoredKey>>> {
        let mut records = self.open()?;
        let before: Vec<_> = records.keys.values().cloned().collect();
        let mut after = before.clone();
        keys::change(&mut after, change, now)?;
        records.keys = after.iter().map(|key| (key.kid.clone(), key.clone())).collect();
        Ok((after != before).then_some(after))
    }

    fn note(&self, class: Class, record: Record) {
        let mut records = self.open().unwrap();
        records.last_event += 1;
        let id = records.last_event;
        let ring = records.events.entry(class).or_default();
        ring.push_back((id, record));
        if ring.len() as u64 > KEPT_OF_EACH {
            ring.pop_front();
        }
    }

    async fn events(&self, wanted: Wanted) -> Result<Vec<(u64, Record)>> {
        let records = self.open()?;
        let is_wanted = |(id, record): &&(u64, Record)| wanted.before.is_none_or(|before| *id < before) && wanted.fits(record);
        let mut events: Vec<_> = records.events.values().flatten().filter(is_wanted).cloned().collect();
        events.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
        events.truncate(wanted.limit);
        Ok(events)
    }

    /// Keeps nothing on disk, so it is only what a checkpoint would say of itself.
    async fn back_up(&self, order: Order) -> Result<Checkpoint> {
        let mut records = self.open()?;
        let counts = [
            ("user", records.users.len()),
            ("session", records.sessions.len()),
            ("revocation", records.revoked.len()),
            ("key", if order.keys { records.keys.len() } else { 0 }),
            ("invite", records.invites.len()),
            ("service", records.services.len()),
        ];
        let counts = counts.into_iter().map(|(word, count)| (word.to_owned(), count as u64)).collect();
        if order.keep.is_some() {
            records.last_scheduled = Some(order.now);
        }
        let (created, keys) = (order.now, order.keys);
        let sha256 = Uuid::new_v4().simple().to_string();
        Ok(Checkpoint { name: String::new(), created, sequence: 0, keys, counts, bytes: 0, sha256 })
    }

    async fn last_scheduled_checkpoint(&self) -> Result<Option<Timestamp>> {
        Ok(self.open()?.last_scheduled)
    }

    async fn scan(&self) -> Result<Scanned> {
        let records = self.open()?;
        let (users, sessions, revocations) = (records.users.len() as u64, records.sessions.len() as u64, records.revoked.len() as u64);
        Ok(Scanned { counts: Counts { users, sessions, revocations }, ..Scanned::default() })
    }

    async fn clock_mark(&self) -> Result<Timestamp> {
        Ok(self.open()?.mark)
    }

    async fn set_clock_mark(&self, mark: Timestamp) -> Result<()> {
        self.open()?.mark = mark;
        Ok(())
    }

    fn measured(&self) -> Measured {
        let sessions = self.open().unwrap().sessions.len() as u64;
        Measured { sessions, ..Measured::default() }
    }

    fn is_full(&self) -> bool {
        false
    }

    fn failed(&self) -> watch::Receiver<Option<String>> {
        self.failed.subscribe()
    }

    async fn close(&self) -> Result<()> {
        self.records.lock().unwrap().take();
        Ok(())
    }
}
