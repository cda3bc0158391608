//! What is revoked, in the order in which it was: the question of every request and the feed of those who do not ask.
//!
//! Each entry has a position of its own, and a cursor is the last position somebody has seen, so what is new is found
//! without a look at the rest. Positions count anew at each start, and the cursor names the start (its *epoch*): after
//! `kill -9`, or on a restored copy, a number that was already given out could otherwise stand for something else, and
//! a reader would miss it without a sign. A reader with a cursor of another start gets the whole list.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::auth::clock::Timestamp;
use crate::auth::user::UserId;

/// How long a deleted user is told of. How long an app's own tokens live is not known here; a year is more than any need.
pub(super) const TOLD_OF_DELETED: Duration = Duration::from_secs(366 * 86_400);

/// What a revoked id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Revoked {
    /// One token: the claim `jti`.
    Token,
    /// A session, and with it every token that names it: the claim `sid`.
    Session,
}

/// How far somebody has read. Opaque to others: base64url of the epoch (16 bytes) and the position (8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    epoch: Uuid,
    position: u64,
}

impl Cursor {
    /// Reads what [`Cursor`] displays as; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 24] = BASE64URL.decode(text).ok()?.try_into().ok()?;
        let (epoch, position) = bytes.split_first_chunk()?;
        Some(Self { epoch: Uuid::from_bytes(*epoch), position: u64::from_be_bytes(position.try_into().ok()?) })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&BASE64URL.encode([&self.epoch.as_bytes()[..], &self.position.to_be_bytes()].concat()))
    }
}

/// What is new after a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Where to go on.
    pub cursor: Cursor,
    /// The cursor was none of this start: what was read before is to be forgotten, this is the beginning of the list.
    pub reset: bool,
    /// There is more after the cursor already.
    pub more: bool,
    /// Ids, what they name, and until when they matter.
    pub revoked: Vec<(Uuid, Revoked, Timestamp)>,
    /// Users whose tokens without a session are refused when issued before a time.
    pub cut_offs: Vec<(UserId, Timestamp)>,
}

/// See the module's page.
#[derive(Debug)]
pub struct Feed {
    epoch: Uuid,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    revoked: HashMap<Uuid, Entry>,
    /// Position and time of each user's cut-off.
    cut_offs: HashMap<UserId, (u64, Timestamp)>,
    /// Those of them who were deleted, by the end of [`TOLD_OF_DELETED`].
    deleted: BTreeSet<(Timestamp, UserId)>,
    order: BTreeMap<u64, Item>,
    last: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    until: Timestamp,
    position: u64,
    what: Revoked,
}

#[derive(Debug, Clone, Copy)]
enum Item {
    Id(Uuid),
    User(UserId),
}

impl Default for Feed {
    fn default() -> Self {
        Self { epoch: Uuid::new_v4(), state: RwLock::default() }
    }
}

impl Feed {
    /// What is new after `after`, at most `limit` entries of it; what expired before `now` is left out.
    #[must_use]
    pub fn since(&self, after: Option<Cursor>, now: Timestamp, limit: usize) -> News {
        let state = self.read();
        let known = after.filter(|cursor| cursor.epoch == self.epoch && cursor.position <= state.last);
        let mut position = known.map_or(0, |cursor| cursor.position);
        let (mut revoked, mut cut_offs) = (Vec::new(), Vec::new());
        let mut later = state.order.range((Bound::Excluded(position), Bound::Unbounded));
        for (at, item) in later.by_ref().take(limit) {
            position = *at;
            match item {
                Item::Id(id) => revoked.extend(state.revoked.get(id).filter(|it| it.until > now).map(|it| (*id, it.what, it.until))),
                Item::User(id) => cut_offs.extend(state.cut_offs.get(id).map(|(_, not_before)| (*id, *not_before))),
            }
        }
        let more = later.next().is_some();
        let cursor = Cursor { epoch: self.epoch, position: if more { position } else { state.last } };
        News { cursor, reset: known.is_none(), more, revoked, cut_offs }
    }

    pub(super) fn is_revoked(&self, id: Uuid) -> bool {
        self.read().revoked.contains_key(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.read().revoked.len()
    }

    #[cfg(test)]
    pub(super) fn revoked_until(&self, id: Uuid) -> Option<Timestamp> {
        self.read().revoked.get(&id).map(|entry| entry.until)
    }

    /// Remembers a revocation until `until`; the later end counts, and is news.
    pub(super) fn revoke(&self, id: Uuid, what: Revoked, until: Timestamp) {
        let mut state = self.write();
        if state.revoked.get(&id).is_some_and(|entry| entry.until >= until) {
            return;
        }
        let position = state.append(Item::Id(id));
        if let Some(before) = state.revoked.insert(id, Entry { until, position, what }) {
            state.order.remove(&before.position);
        }
    }

    /// Forgets a revocation that no longer matters.
    pub(super) fn forget(&self, id: Uuid) {
        let mut state = self.write();
        if let Some(entry) = state.revoked.remove(&id) {
            state.order.remove(&entry.position);
        }
    }

    /// Remembers since when a user's tokens without a session are good. Zero, or the same again, is no news.
    pub(super) fn cut_off(&self, user: UserId, not_before: Timestamp) {
        let mut state = self.write();
        let before = state.cut_offs.get(&user).copied();
        if not_before == before.map_or(Timestamp::default(), |(_, before)| before) {
            return;
        }
        let position = state.append(Item::User(user));
        state.cut_offs.insert(user, (position, not_before));
        if let Some((position, _)) = before {
            state.order.remove(&position);
        }
    }

    /// Remembers that a user was deleted, for [`TOLD_OF_DELETED`] from the cut-off on.
    pub(super) fn delete_user(&self, user: UserId, not_before: Timestamp) {
        self.cut_off(user, not_before);
        self.write().deleted.insert((not_before + TOLD_OF_DELETED, user));
    }

    /// Up to `limit` deleted users of whom nobody need be told any more, those first who were deleted first.
    pub(super) fn told_enough(&self, before: Timestamp, limit: usize) -> Vec<UserId> {
        let state = self.read();
        state.deleted.iter().take_while(|(until, _)| *until < before).take(limit).map(|(_, user)| *user).collect()
    }

    /// Forgets a deleted user.
    pub(super) fn forget_user(&self, user: UserId) {
        let mut state = self.write();
        if let Some((position, not_before)) = state.cut_offs.remove(&user) {
            state.order.remove(&position);
            state.deleted.remove(&(not_before + TOLD_OF_DELETED, user));
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, item: Item) -> u64 {
        self.last += 1;
        self.order.insert(self.last, item);
        self.last
    }
}
