//! What the trait promises, in the plainest way: the model the contract compares [`super::SledStore`] with. Shares no
//! code with it beyond the domain's own types.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod codes;
mod handle;
mod records;
mod sessions;
mod users;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Checkpoint, Counts, Imported, ImportedUser, Live, Measured, NewUser, Order, Scanned, Store, UserChange, Which};
use crate::auth::audit::{Class, KEPT_OF_EACH, Record, Wanted};
use crate::auth::clock::Timestamp;
use crate::auth::code::{CodeDigest, Invite, InviteId, Reset};
use crate::auth::keys::{self, KeyChange, StoredKey};
use crate::auth::mandate::Mandate;
use crate::auth::password::PasswordHash;
use crate::auth::service::{self, Service, ServiceId};
use crate::auth::session::{Lifetimes, Presented, Session, SessionId};
use crate::auth::token::TokenId;
use crate::auth::user::{User, UserId, Username};
use crate::error::Result;
pub(super) use handle::MemoryStore;
use users::is_acting_admin;

#[async_trait]
impl Store for MemoryStore {
    fn live(&self) -> &Live {
        &self.live
    }

    fn under(&self, mandate: Mandate) -> Arc<dyn Store> {
        Arc::new(Self { mandate: Some(mandate), ..self.clone() })
    }

    async fn insert_user(&self, new: NewUser) -> Result<User> {
        self.taking_a_step()?.insert_user(&self.live, new)
    }

    async fn insert_first_admin(&self, new: NewUser) -> Result<Option<User>> {
        let mut records = self.taking_a_step()?;
        let there = records.users.values().any(|(user, _)| is_acting_admin(user));
        if there { Ok(None) } else { records.insert_user(&self.live, new).map(Some) }
    }

    async fn import_users(&self, users: Vec<ImportedUser>, keep: bool) -> Result<Vec<Imported>> {
        let mut records = self.taking_a_step()?;
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
        self.taking_a_step()?.change_user(&self.live, id, change, now)
    }

    async fn delete_user(&self, id: UserId, now: Timestamp) -> Result<bool> {
        self.taking_a_step()?.delete_user(&self.live, id, now)
    }

    async fn open_session(
        &self,
        replaced: Option<SessionId>,
        session: Session,
        verified: PasswordHash,
        rehashed: Option<PasswordHash>,
    ) -> Result<bool> {
        Ok(self.taking_a_step()?.open_session(&self.live, replaced, session, verified, rehashed))
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>> {
        Ok(self.open()?.of(user))
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        Ok(self.open()?.sessions.get(&id).cloned())
    }

    async fn touch_session(&self, id: SessionId, now: Timestamp, lifetimes: Lifetimes) -> Result<()> {
        let mut records = self.taking_a_step()?;
        let touched = records.sessions.get(&id).and_then(|session| session.touched(now, &lifetimes));
        records.sessions.extend(touched.map(|session| (id, session)));
        Ok(())
    }

    async fn rotate_refresh(&self, id: SessionId, user: UserId, counter: u64, now: Timestamp, lifetimes: Lifetimes) -> Result<Presented> {
        Ok(self.taking_a_step()?.rotate_refresh(&self.live, id, user, counter, now, &lifetimes))
    }

    async fn end_sessions(&self, user: UserId, which: Which, token: Option<(TokenId, Timestamp)>, now: Timestamp) -> Result<usize> {
        Ok(self.taking_a_step()?.end_sessions(&self.live, user, which, token, now))
    }

    async fn sweep_expired(&self, before: Timestamp, limit: usize) -> Result<usize> {
        Ok(self.taking_a_step()?.sweep(&self.live, before, limit))
    }

    async fn change_password(
        &self,
        user: UserId,
        verified: PasswordHash,
        new: PasswordHash,
        kept: Option<SessionId>,
        now: Timestamp,
    ) -> Result<bool> {
        Ok(self.taking_a_step()?.change_password(&self.live, user, &verified, new, kept, now))
    }

    async fn put_reset(&self, user: UserId, reset: Reset) -> Result<bool> {
        Ok(self.taking_a_step()?.put_reset(user, reset))
    }

    async fn reset(&self, user: UserId) -> Result<Option<Reset>> {
        Ok(self.open()?.resets.get(&user).copied())
    }

    async fn redeem_reset(&self, user: UserId, digest: CodeDigest, new: PasswordHash, now: Timestamp) -> Result<bool> {
        Ok(self.taking_a_step()?.redeem_reset(&self.live, user, digest, new, now))
    }

    async fn insert_invite(&self, invite: Invite, limit: usize) -> Result<bool> {
        Ok(self.taking_a_step()?.insert_invite(invite, limit))
    }

    async fn invites(&self) -> Result<Vec<Invite>> {
        Ok(self.open()?.invites.values().copied().collect())
    }

    async fn invite(&self, id: InviteId) -> Result<Option<Invite>> {
        Ok(self.open()?.invites.get(&id).copied())
    }

    async fn delete_invite(&self, id: InviteId) -> Result<bool> {
        Ok(self.taking_a_step()?.invites.remove(&id).is_some())
    }

    async fn insert_invited(&self, user: NewUser, invite: CodeDigest) -> Result<User> {
        // All under one lock: the same code may come twice at once.
        self.taking_a_step()?.insert_invited(&self.live, user, invite)
    }

    async fn keys(&self) -> Result<Vec<StoredKey>> {
        Ok(self.open()?.keys.values().cloned().collect())
    }

    async fn insert_key(&self, key: StoredKey) -> Result<()> {
        self.taking_a_step()?.keys.insert(key.kid.clone(), key);
        Ok(())
    }

    async fn insert_service(&self, service: Service) -> Result<()> {
        let mut records = self.taking_a_step()?;
        if records.services.len() >= service::MAX_SERVICES {
            return Err(service::too_many());
        }
        records.services.insert(service.id, service.clone());
        self.live.services().put(service);
        Ok(())
    }

    async fn remove_service(&self, id: ServiceId) -> Result<bool> {
        let removed = self.taking_a_step()?.services.remove(&id).is_some();
        self.live.services().remove(id);
        Ok(removed)
    }

    async fn keep_service_uses(&self, uses: Vec<(ServiceId, Timestamp)>) -> Result<()> {
        let mut records = self.taking_a_step()?;
        for (id, at) in uses {
            if let Some(service) = records.services.get_mut(&id) {
                service.last_used = Some(at);
                self.live.services().put(service.clone());
            }
        }
        Ok(())
    }

    async fn change_keys(&self, change: KeyChange, now: Timestamp) -> Result<Option<Vec<StoredKey>>> {
        let mut records = self.taking_a_step()?;
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

    async fn back_up(&self, order: Order) -> Result<Checkpoint> {
        Ok(self.open()?.checkpoint(&order))
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
        self.taking_a_step()?.mark = mark;
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
