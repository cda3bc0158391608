//! Persistence in domain words: each method of [`Store`] is one atomic, durable step.
//!
//! When a writing method returns `Ok`, the step is on stable storage; when it returns `Err`, nothing of it was
//! kept, but for [`StorageError::Uncertain`].
//! Uniqueness, one-time use and "the last administrator stays" are decided where the steps are put in order, never by
//! a read before. Another engine is one more implementation of the trait that passes `contract/`.

pub mod checkpoint;
mod compaction;
#[cfg(test)]
mod contract;
mod error;
mod feed;
mod imports;
mod live;
#[cfg(test)]
mod machine;
mod marker;
mod measured;
#[cfg(test)]
mod memory;
mod migration;
mod opening;
mod options;
mod scanned;
mod services;
mod sled;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::auth::audit::{Class, Record, Wanted};
use crate::auth::clock::Timestamp;
use crate::auth::code::{CodeDigest, Invite, InviteId, Reset};
use crate::auth::keys::{KeyChange, StoredKey};
use crate::auth::mandate::Mandate;
use crate::auth::password::PasswordHash;
use crate::auth::service::{Service, ServiceId};
use crate::auth::session::{Lifetimes, Presented, Session, SessionId};
use crate::auth::token::TokenId;
use crate::auth::user::{CustomClaims, Role, User, UserId, Username};
use crate::error::Result;

pub use checkpoint::{Checkpoint, Order};
pub use error::StorageError;
pub use feed::{Cursor, Feed, News, Revoked};
pub use imports::{Imported, ImportedUser};
pub use live::{Live, Standing};
pub use measured::Measured;
pub use opening::{founded_at, has_database, holder, is_there, lock_file};
pub use options::StoreOptions;
pub use scanned::Scanned;
pub use services::Services;
pub use sled::SledStore;

/// A user to be.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Unique.
    pub username: Username,
    /// The password's hash.
    pub password: PasswordHash,
    /// What the user may do.
    pub roles: Vec<Role>,
    /// Goes into the user's access tokens.
    pub claims: CustomClaims,
    /// When it was asked for.
    pub created: Timestamp,
}

/// What to change of a user; `None` leaves as is.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// All roles, replacing those before.
    pub roles: Option<Vec<Role>>,
    /// All custom claims, replacing those before.
    pub claims: Option<CustomClaims>,
    /// `true` also ends every session.
    pub disabled: Option<bool>,
}

/// Which of a user's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// This one.
    One(SessionId),
    /// All but this one, and every token without a session.
    Others(SessionId),
    /// All, and every token without a session.
    All,
    /// None: only the token that is named with it.
    None,
}

/// Persistence in domain words. See the module's page for what `Ok` and `Err` promise.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// What every request needs of the records, in memory. It runs ahead of durability, never behind an answer.
    fn live(&self) -> &Live;

    /// The same store for somebody with this mandate: where that does not count any more when a step is taken, nothing is changed, and
    /// the step fails as [`Mandate`] says.
    fn under(&self, mandate: Mandate) -> Arc<dyn Store>;

    /// Adds a user under the next id, which is never used again.
    ///
    /// # Errors
    /// [`crate::Error::UsernameTaken`]; storage errors.
    async fn insert_user(&self, user: NewUser) -> Result<User>;

    /// Adds an administrator as [`Store::insert_user`] does, if there is none who can act. `None`: there is one.
    ///
    /// # Errors
    /// [`crate::Error::UsernameTaken`]; storage errors.
    async fn insert_first_admin(&self, user: NewUser) -> Result<Option<User>>;

    /// Adds users of another program under the ids they had there; ids that come later count on above. What cannot be added is
    /// left out. Answers what came of each, in order. Without `keep`, what would come of each alone, and nothing is kept.
    async fn import_users(&self, users: Vec<ImportedUser>, keep: bool) -> Result<Vec<Imported>>;

    /// The user with this id.
    async fn user(&self, id: UserId) -> Result<Option<User>>;

    /// The user with this name.
    async fn user_named(&self, name: &Username) -> Result<Option<User>>;

    /// Up to `limit` users with ids above `after`, in order of id.
    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>>;

    /// Changes a user; disabling also ends all of its sessions. `None`: no such user.
    ///
    /// # Errors
    /// [`crate::Error::LastAdmin`]; storage errors.
    async fn change_user(&self, id: UserId, change: UserChange, now: Timestamp) -> Result<Option<User>>;

    /// Deletes a user and ends all of its sessions. `false`: no such user.
    ///
    /// # Errors
    /// [`crate::Error::LastAdmin`]; storage errors.
    async fn delete_user(&self, id: UserId, now: Timestamp) -> Result<bool>;

    /// Opens a session, if the user still exists, is enabled and still has the password hash that was `verified`;
    /// `false` if not. Of more than [`crate::auth::session::SESSIONS_PER_USER`] the least recently used ends.
    /// In the same step `rehashed` replaces the hash, and the session `replaced` ends, whoever's it is.
    async fn open_session(
        &self,
        replaced: Option<SessionId>,
        session: Session,
        verified: PasswordHash,
        rehashed: Option<PasswordHash>,
    ) -> Result<bool>;

    /// A user's sessions, the most recently used first.
    async fn sessions(&self, user: UserId) -> Result<Vec<Session>>;

    /// One session, also one that has expired and waits to be swept.
    async fn session(&self, id: SessionId) -> Result<Option<Session>>;

    /// Notes that a session's cookie was used, if that is worth a write ([`Session::touched`]).
    async fn touch_session(&self, id: SessionId, now: Timestamp, lifetimes: Lifetimes) -> Result<()>;

    /// Presents a refresh token to its session ([`Session::present`]) and keeps what follows: the rotated state, or,
    /// on reuse, the session's end.
    async fn rotate_refresh(&self, id: SessionId, user: UserId, counter: u64, now: Timestamp, lifetimes: Lifetimes) -> Result<Presented>;

    /// Ends sessions of a user and revokes `token` until its `exp`. Answers how many sessions ended.
    ///
    /// A named session that has no record is revoked all the same, for as long as an access token may live
    /// ([`crate::auth::token::MAX_ACCESS_SECS`]), or until `token`'s `exp` if that is later; of one that is revoked already, that alone.
    async fn end_sessions(&self, user: UserId, which: Which, token: Option<(TokenId, Timestamp)>, now: Timestamp) -> Result<usize>;

    /// Deletes up to `limit` sessions, revocations and invites that ended before `before`, about the oldest first (a session that was
    /// used since may stand where it would have ended before), then forgets deleted users of whom the feed has told for long enough;
    /// answers how many.
    async fn sweep_expired(&self, before: Timestamp, limit: usize) -> Result<usize>;

    /// Replaces a user's password, if the user is enabled and still has the hash that was `verified`; `false` if not. Ends
    /// all sessions but `kept` and every token without a session, and a reset code is void, in the same step.
    async fn change_password(
        &self,
        user: UserId,
        verified: PasswordHash,
        new: PasswordHash,
        kept: Option<SessionId>,
        now: Timestamp,
    ) -> Result<bool>;

    /// Keeps a reset code, in place of one before. `false`: no such user.
    async fn put_reset(&self, user: UserId, reset: Reset) -> Result<bool>;

    /// A user's reset code, also one that has expired.
    async fn reset(&self, user: UserId) -> Result<Option<Reset>>;

    /// Replaces a user's password, if its reset code has this digest and the user is enabled; `false` if not. The code is
    /// spent and all sessions have ended, as has every token without one, in the same step.
    async fn redeem_reset(&self, user: UserId, digest: CodeDigest, new: PasswordHash, now: Timestamp) -> Result<bool>;

    /// Keeps an invite, if there are fewer than `limit`; `false` if not.
    async fn insert_invite(&self, invite: Invite, limit: usize) -> Result<bool>;

    /// Every invite that was not used, in order of id.
    async fn invites(&self) -> Result<Vec<Invite>>;

    /// One invite that was not used.
    async fn invite(&self, id: InviteId) -> Result<Option<Invite>>;

    /// Deletes an invite. `false`: no such invite.
    async fn delete_invite(&self, id: InviteId) -> Result<bool>;

    /// Adds a user as [`Store::insert_user`] does, and uses up the invite with this digest in the same step.
    ///
    /// # Errors
    /// [`crate::Error::InviteRefused`], [`crate::Error::UsernameTaken`]; storage errors. The invite is then as it was.
    async fn insert_invited(&self, user: NewUser, invite: CodeDigest) -> Result<User>;

    /// Every key that is kept.
    async fn keys(&self) -> Result<Vec<StoredKey>>;

    /// Keeps a new key.
    async fn insert_key(&self, key: StoredKey) -> Result<()>;

    /// Keeps a new service; [`Live::services`] knows it then.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when there are [`crate::auth::service::MAX_SERVICES`]; storage errors.
    async fn insert_service(&self, service: Service) -> Result<()>;

    /// Removes a service, and its key counts no more. `false`: no such service.
    async fn remove_service(&self, id: ServiceId) -> Result<bool>;

    /// Keeps when services were last used; one that is gone is passed over.
    async fn keep_service_uses(&self, uses: Vec<(ServiceId, Timestamp)>) -> Result<()>;

    /// Changes the keys by the rules of [`crate::auth::keys::change`]; answers all of them, or `None` if none changed.
    ///
    /// # Errors
    /// Those of the rules; storage errors.
    async fn change_keys(&self, change: KeyChange, now: Timestamp) -> Result<Option<Vec<StoredKey>>>;

    /// Keeps an audit event soon, with what is written next; nobody waits for it. Of each class the newest
    /// [`crate::auth::audit::KEPT_OF_EACH`] stay.
    fn note(&self, class: Class, record: Record);

    /// Audit events with their ids, which count up, the newest first: of everything noted before the call.
    async fn events(&self, wanted: Wanted) -> Result<Vec<(u64, Record)>>;

    /// Copies all records, as they are at one moment, to where they can be restored from; never two at once, who comes
    /// second waits. All that was acknowledged before is in it, and nothing by half. Writes go on meanwhile.
    ///
    /// # Errors
    /// Storage errors; then nothing is left behind.
    async fn back_up(&self, order: Order) -> Result<Checkpoint>;

    /// When the newest checkpoint on the schedule was made; `None`: there is none.
    async fn last_scheduled_checkpoint(&self) -> Result<Option<Timestamp>>;

    /// Reads all records, as they are at one moment, and judges each and the relations between them; never two at once, nor
    /// while a backup is made. Writes go on meanwhile.
    ///
    /// # Errors
    /// Storage errors: then it is not known what is there. That records are damaged is no error.
    async fn scan(&self) -> Result<Scanned>;

    /// The highest time kept so far ([`crate::auth::clock::Clock`]).
    async fn clock_mark(&self) -> Result<Timestamp>;

    /// Keeps a time mark, also if it lies before the one kept.
    async fn set_clock_mark(&self, mark: Timestamp) -> Result<()>;

    /// Becomes `Some(reason)` when the store can no longer promise anything: the process must stop.
    fn failed(&self) -> watch::Receiver<Option<String>>;

    /// Whether the last write found less free space than must stay free.
    fn is_full(&self) -> bool;

    /// What was counted since the start, and how many sessions there are.
    fn measured(&self) -> Measured;

    /// Finishes what was accepted, marks the stop as clean and lets go of the directory.
    ///
    /// # Errors
    /// Storage errors; the stop is then not clean.
    async fn close(&self) -> Result<()>;
}

/// How many of each there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Users.
    pub users: u64,
    /// Sessions.
    pub sessions: u64,
    /// Revoked token and session ids.
    pub revocations: u64,
}
