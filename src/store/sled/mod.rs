//! [`Store`] over sled 0.34: who may touch what, and the records' layout.
//!
//! Writes are steps ([`steps`]) in a bounded queue to one thread ([`writer`]); a caller that goes away has either queued
//! its step or not. Reads go straight to sled, on a blocking thread: sled may have to fetch a page from disk, and lets
//! no read pass while a batch is applied.
//!
//! One tree, keys by kind; numbers are big-endian, so keys sort by them. A value is a version byte and JSON.
//!
//! | Key | Value |
//! |---|---|
//! | `m` | what all the others together should be: schema, instance, sequence, counts, digest; the next user id, the clock mark |
//! | `u` + user id (8) | username, password hash, claims, created, the digest of a reset code and when that expires |
//! | `a` + user id (8) | [`Standing`](super::Standing), when there is something to say |
//! | `n` + username | user id |
//! | `s` + session id (16) | the session, and under which time `x` has it |
//! | `o` + user id (8) + session id (16) | nothing: a user's sessions |
//! | `r` + token or session id (16) | until when it is revoked, and what the id names |
//! | `x` + time (8) + `s`, `r` or `i` + id (16) | nothing: what to look at when that time has passed |
//! | `d` + user id (8) | a user who was deleted had the id: since when its tokens are refused, while the feed tells; earlier versions: nothing |
//! | `e` + class (1) + event id (8) | an audit event |
//! | `i` + invite id (16) | the digest of an invite's code, created, expires |
//! | `k` + kid | a key |
//! | `v` + service id (16) | a service |
//!
//! A refresh extends its session without touching `x`; the sweep that finds the session alive files it anew.

mod backing;
pub(super) mod check;
mod checking;
mod codes;
pub(super) mod copying;
pub(super) mod events;
mod handle;
mod imports;
#[cfg(test)]
mod killed;
pub(super) mod reading;
pub(super) mod records;
mod scanning;
mod services;
mod steps;
#[cfg(test)]
mod tests;
pub(super) mod tree;
pub(super) mod writer;

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use super::checkpoint::{self, Checkpoint, Order};
use super::{Imported, ImportedUser, Live, Measured, NewUser, Scanned, StorageError, Store, UserChange, Which};
use crate::auth::audit::{Class, Record, Wanted};
use crate::auth::clock::Timestamp;
use crate::auth::code::{CodeDigest, Invite, InviteId, Reset};
use crate::auth::keys::{KeyChange, StoredKey};
use crate::auth::mandate::Mandate;
use crate::auth::password::PasswordHash;
use crate::auth::service::{Service, ServiceId};
use crate::auth::session::{Lifetimes, Presented, Session, SessionId};
use crate::auth::token::TokenId;
use crate::auth::user::{User, UserId, Username};
use crate::error::Result;
use events::Wake;
use reading::Records;
use writer::Shared;

pub use handle::SledStore;

#[async_trait]
impl Store for SledStore {
    fn live(&self) -> &Live {
        &self.handle.shared.live
    }

    fn under(&self, mandate: Mandate) -> Arc<dyn Store> {
        Arc::new(Self { mandate: Some(mandate), ..self.clone() })
    }

    async fn insert_user(&self, user: NewUser) -> Result<User> {
        self.write(|step| steps::insert_user(step, user)).await
    }

    async fn insert_first_admin(&self, user: NewUser) -> Result<Option<User>> {
        self.write(move |step| steps::insert_first_admin(step, user)).await
    }

    async fn import_users(&self, users: Vec<ImportedUser>, keep: bool) -> Result<Vec<Imported>> {
        self.write(move |step| imports::import(step, users, keep)).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.read(move |db| db.user(id)).await
    }

    async fn user_named(&self, name: &Username) -> Result<Option<User>> {
        let name = name.clone();
        self.read(move |db| db.id_named(&name)?.map_or(Ok(None), |id| db.user(id))).await
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>> {
        self.read(move |db| db.users_after(after, limit)).await
    }

    async fn change_user(&self, id: UserId, change: UserChange, now: Timestamp) -> Result<Option<User>> {
        self.write(move |step| steps::change_user(step, id, change, now)).await
    }

    async fn delete_user(&self, id: UserId, now: Timestamp) -> Result<bool> {
        self.write(move |step| steps::delete_user(step, id, now)).await
    }

    async fn open_session(
        &self,
        replaced: Option<SessionId>,
        session: Session,
        verified: PasswordHash,
        rehashed: Option<PasswordHash>,
    ) -> Result<bool> {
        self.write(move |step| steps::open_session(step, replaced, session, &verified, rehashed)).await
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>> {
        self.read(move |db| Ok(db.session_records(user)?.into_iter().map(|record| record.session).collect())).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.read(move |db| Ok(db.session_record(id)?.map(|record| record.session))).await
    }

    async fn touch_session(&self, id: SessionId, now: Timestamp, lifetimes: Lifetimes) -> Result<()> {
        self.write(move |step| steps::touch_session(step, id, now, &lifetimes)).await
    }

    async fn rotate_refresh(&self, id: SessionId, user: UserId, counter: u64, now: Timestamp, lifetimes: Lifetimes) -> Result<Presented> {
        self.write(move |step| steps::rotate_refresh(step, id, user, counter, now, &lifetimes)).await
    }

    async fn end_sessions(&self, user: UserId, which: Which, token: Option<(TokenId, Timestamp)>, now: Timestamp) -> Result<usize> {
        self.write(move |step| steps::end_sessions(step, user, which, token, now)).await
    }

    async fn sweep_expired(&self, before: Timestamp, limit: usize) -> Result<usize> {
        self.sweep_in_rounds(before, limit).await
    }

    async fn change_password(
        &self,
        user: UserId,
        verified: PasswordHash,
        new: PasswordHash,
        kept: Option<SessionId>,
        now: Timestamp,
    ) -> Result<bool> {
        self.write(move |step| codes::change_password(step, user, &verified, new, kept, now)).await
    }

    async fn put_reset(&self, user: UserId, reset: Reset) -> Result<bool> {
        self.write(move |step| codes::put_reset(step, user, reset)).await
    }

    async fn reset(&self, user: UserId) -> Result<Option<Reset>> {
        self.read(move |db| Ok(db.user_record(user)?.and_then(|record| record.reset))).await
    }

    async fn redeem_reset(&self, user: UserId, digest: CodeDigest, new: PasswordHash, now: Timestamp) -> Result<bool> {
        self.write(move |step| codes::redeem_reset(step, user, digest, new, now)).await
    }

    async fn insert_invite(&self, invite: Invite, limit: usize) -> Result<bool> {
        self.write(move |step| codes::insert_invite(step, invite, limit)).await
    }

    async fn invites(&self) -> Result<Vec<Invite>> {
        self.read(|db| db.invites(usize::MAX)).await
    }

    async fn invite(&self, id: InviteId) -> Result<Option<Invite>> {
        self.read(move |db| db.invite(id)).await
    }

    async fn delete_invite(&self, id: InviteId) -> Result<bool> {
        self.write(move |step| codes::delete_invite(step, id)).await
    }

    async fn insert_invited(&self, user: NewUser, invite: CodeDigest) -> Result<User> {
        self.write(move |step| codes::insert_invited(step, user, invite)).await
    }

    async fn keys(&self) -> Result<Vec<StoredKey>> {
        self.read(Records::keys).await
    }

    async fn insert_key(&self, key: StoredKey) -> Result<()> {
        self.write(move |step| Ok(step.put_key(&key)?)).await
    }

    async fn insert_service(&self, service: Service) -> Result<()> {
        self.write(move |step| services::insert(step, service)).await
    }

    async fn remove_service(&self, id: ServiceId) -> Result<bool> {
        self.write(move |step| services::remove(step, id)).await
    }

    async fn keep_service_uses(&self, uses: Vec<(ServiceId, Timestamp)>) -> Result<()> {
        self.write(move |step| services::keep_uses(step, uses)).await
    }

    async fn change_keys(&self, change: KeyChange, now: Timestamp) -> Result<Option<Vec<StoredKey>>> {
        self.write(move |step| steps::change_keys(step, change, now)).await
    }

    async fn back_up(&self, order: Order) -> Result<Checkpoint> {
        // Each is made to its end, also when nobody waits for it any more.
        let _place = self.handle.copies.try_acquire().map_err(|_| StorageError::Busy)?;
        let turn = Arc::clone(&self.handle.copying).lock_owned().await;
        backing::back_up(self, order, turn).await
    }

    async fn last_scheduled_checkpoint(&self) -> Result<Option<Timestamp>> {
        let dir = self.handle.dir.clone();
        self.read(move |_| checkpoint::last_scheduled(&dir)).await
    }

    async fn scan(&self) -> Result<Scanned> {
        let turn = Arc::clone(&self.handle.copying).lock_owned().await;
        scanning::scan(self, turn).await
    }

    async fn clock_mark(&self) -> Result<Timestamp> {
        self.read(|db| Ok(db.meta()?.map_or(Timestamp::default(), |meta| meta.clock_mark))).await
    }

    async fn set_clock_mark(&self, mark: Timestamp) -> Result<()> {
        self.write(move |step| {
            step.set_clock_mark(mark);
            Ok(())
        })
        .await
    }

    fn note(&self, class: Class, record: Record) {
        let shared = &self.handle.shared;
        if shared.notes.add(class, record) {
            // If it does not get in, the queue is full: then the writer is awake.
            let _ = self.enqueue(Box::new(Wake(Arc::clone(shared))));
        }
    }

    async fn events(&self, wanted: Wanted) -> Result<Vec<(u64, Record)>> {
        // What waits is written first. If that cannot be, what is there can be read all the same.
        let _ = self.write(|_| Ok(())).await;
        self.read(move |db| events::newest(db, &wanted)).await
    }

    fn measured(&self) -> Measured {
        let Shared { writing, notes, .. } = &*self.handle.shared;
        Measured {
            commits: writing.commits.taken(),
            steps: writing.steps.value(),
            sessions: writing.sessions.value(),
            events_dropped: notes.dropped(),
        }
    }

    fn is_full(&self) -> bool {
        self.handle.shared.full.load(Ordering::Relaxed)
    }

    fn failed(&self) -> watch::Receiver<Option<String>> {
        self.handle.shared.failed.subscribe()
    }

    async fn close(&self) -> Result<()> {
        let shared = &self.handle.shared;
        shared.close();
        drop(self.handle.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let (mut ended, mut failed) = (shared.ended.subscribe(), shared.failed.subscribe());
        tokio::select! {
            _ = ended.wait_for(|ended| *ended) => {}
            _ = failed.wait_for(Option::is_some) => {}
        }
        if shared.failed.borrow().is_some() {
            return Err(StorageError::Stopped.into());
        }
        let stop_error = shared.stop_error.lock().unwrap_or_else(PoisonError::into_inner).take();
        stop_error.map_or(Ok(()), |error| Err(error.into()))
    }
}
