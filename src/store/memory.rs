//! What the trait promises, in the plainest way: the model the contract compares [`super::SledStore`] with. Shares no
//! code with it beyond the domain's own types.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Live, NewUser, Standing, StorageError, Store, UserChange, Which};
use crate::auth::clock::Timestamp;
use crate::auth::keys::{self, KeyChange, StoredKey};
use crate::auth::password::PasswordHash;
use crate::auth::session::{Lifetimes, Presented, SESSIONS_PER_USER, Session, SessionId};
use crate::auth::token::TokenId;
use crate::auth::user::{Role, User, UserId, Username};
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
    sessions: BTreeMap<SessionId, Session>,
    revoked: BTreeMap<Uuid, Timestamp>,
    keys: BTreeMap<String, StoredKey>,
    mark: Timestamp,
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

    fn revoke(&mut self, live: &Live, id: Uuid, until: Timestamp, now: Timestamp) {
        if until > now {
            let end = self.revoked.entry(id).or_insert(until);
            *end = until.max(*end);
            live.revoke(id, until);
        }
    }

    fn end(&mut self, live: &Live, session: &Session, now: Timestamp) {
        self.sessions.remove(&session.id);
        self.revoke(live, session.id.0, session.access_expires, now);
    }

    fn end_all(&mut self, live: &Live, user: UserId, now: Timestamp) -> usize {
        let ending = self.of(user);
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
        let mut records = self.open()?;
        if records.users.values().any(|(user, _)| user.username == new.username) {
            return Err(Error::UsernameTaken);
        }
        records.last_user += 1;
        let id = UserId::new(records.last_user);
        let NewUser { username, password, roles, claims, created } = new;
        let user = User { id, username, password, roles, claims, disabled: false, created };
        records.users.insert(id, (user.clone(), Timestamp::default()));
        records.show(&self.live, id);
        Ok(user)
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
            records.revoke(&self.live, id.0, until, now);
        }
        let ending = match which {
            Which::None => Vec::new(),
            Which::All => return Ok(records.end_all(&self.live, user, now)),
            Which::Others(kept) => records.of(user).into_iter().filter(|session| session.id != kept).collect(),
            Which::One(id) => {
                if let (false, Some((_, until))) = (records.sessions.contains_key(&id), token) {
                    records.revoke(&self.live, id.0, until, now);
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
        let mut ended: Vec<_> = records.sessions.values().map(|session| (session.expires, session.id.0, true)).collect();
        ended.extend(records.revoked.iter().map(|(id, until)| (*until, *id, false)));
        ended.retain(|(at, ..)| *at < before);
        ended.sort_unstable();
        ended.truncate(limit);
        for (_, id, is_session) in &ended {
            if *is_session {
                records.sessions.remove(&SessionId(*id));
            } else {
                records.revoked.remove(id);
                self.live.forget(*id);
            }
        }
        Ok(ended.len())
    }

    async fn keys(&self) -> Result<Vec<StoredKey>> {
        Ok(self.open()?.keys.values().cloned().collect())
    }

    async fn insert_key(&self, key: StoredKey) -> Result<()> {
        self.open()?.keys.insert(key.kid.clone(), key);
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

    async fn clock_mark(&self) -> Result<Timestamp> {
        Ok(self.open()?.mark)
    }

    async fn set_clock_mark(&self, mark: Timestamp) -> Result<()> {
        self.open()?.mark = mark;
        Ok(())
    }

    fn failed(&self) -> watch::Receiver<Option<String>> {
        self.failed.subscribe()
    }

    async fn close(&self) -> Result<()> {
        self.records.lock().unwrap().take();
        Ok(())
    }
}
