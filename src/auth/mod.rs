//! The domain: one method of [`Auth`] per use case: users in `accounts.rs`, invites in `invites.rs`, logging in and judging a
//! token in `logins.rs`, who must wait in `blocks.rs`, the list and the end of sessions in `logouts.rs`, new passwords in
//! `resets.rs`, the first administrator in `setup.rs`, users of another program in `imports.rs`, other programs in `service.rs`
//! and `introspection.rs`, keys in `rotation.rs`, backups in `backups.rs`, what is well in `checkups.rs`, cookies and forward-auth
//! in `browsers.rs`. The only writer to the store; knows no HTTP, no settings file, no command line.

mod accounts;
pub mod audit;
mod backups;
mod blocks;
pub mod browsers;
pub mod checkups;
pub mod clock;
pub mod code;
pub mod foreign;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub mod hasher;
pub mod imports;
pub mod introspection;
pub mod invites;
pub mod keys;
mod logging;
mod logins;
mod logouts;
pub mod mandate;
mod measures;
pub mod password;
mod resets;
pub mod rotation;
pub mod service;
pub mod session;
mod setup;
pub mod throttle;
pub mod token;
mod token_length;
pub mod user;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::store::{StorageError, Store};
use crate::task;
use crate::trace::Trace;
use clock::{Clock, ClockBehind, Timestamp};
use hasher::{Cost, Hasher};
use keys::SharedSecrets;
use mandate::Mandate;
use session::Lifetimes;
use throttle::{ClientAddress, Throttle};
use token::{Claims, Issuer, Tokens};

pub use blocks::Waiting;
pub use logouts::{OpenSession, Scope};
pub use token_length::MAX_ISSUED_TOKEN_BYTES;

/// Expired records deleted in one go; what is left follows at the next. More a minute than any machine has logins, and
/// few enough that the rest of the maintenance does not wait for long.
const SWEEP_LIMIT: usize = 200_000;

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anyone.
    Open,
    /// Whoever has an invite of an administrator.
    Invite,
    /// Nobody; an administrator adds users.
    Closed,
}

/// What an operator decides about the domain.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How long tokens and sessions last.
    pub lifetimes: Lifetimes,
    /// Where tokens say they come from.
    pub issuer: Issuer,
    /// The secrets shared with a Flask app (`JWT_SECRET_KEY`).
    pub shared_secrets: SharedSecrets,
    /// For how long verifiers may keep the public keys: a new one is published as long before it signs.
    pub jwks_max_age: Duration,
    /// Who may register.
    pub registration: Registration,
    /// After how many failures somebody must wait.
    pub throttle: throttle::Limits,
    /// What hashing a password costs.
    pub hashing: Cost,
    /// How many passwords are hashed at once.
    pub hashing_threads: usize,
    /// Start although the system clock is far behind ([`Clock::start`]).
    pub accept_clock: bool,
}

/// An administrator at work. Only the HTTP guard that proved it makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A user with the role `admin`, by this token.
    Admin(Claims),
    /// The command line on this machine.
    Local,
}

/// Who asks about a user.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Anyone: the template's open user routes.
    Anyone,
    /// The holder of an access token.
    Holder(Arc<Claims>),
    /// An administrator.
    Operator(Actor),
}

/// Where a request comes from, for the session list.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The client's address.
    pub address: Option<ClientAddress>,
    /// Its `User-Agent`.
    pub user_agent: Option<String>,
}

/// See the module's page. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    hasher: Hasher,
    throttle: Throttle,
    tokens: Tokens,
    secrets: SharedSecrets,
    jwks_max_age: Duration,
    /// Held by whoever changes the keys.
    key_turn: tokio::sync::Mutex<()>,
    clock: Clock,
    lifetimes: Lifetimes,
    registration: Registration,
    /// Held while a user's claims and roles are judged and changed: two changes that each fit could be too long together.
    changing: tokio::sync::Mutex<()>,
    /// Whether nobody's access token is too long who has neither roles nor claims.
    every_name_fits: AtomicBool,
    setup: setup::Offer,
    outcomes: measures::Outcomes,
}

/// Why the domain could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// See there.
    #[error(transparent)]
    Clock(#[from] ClockBehind),
    /// The settings alone make access tokens too long.
    #[error(
        "an access token of the user with the longest name would be {bytes} bytes long, but {MAX_ISSUED_TOKEN_BYTES} are allowed; shorten the settings claims, issuer or audience"
    )]
    TokensTooLong {
        /// How long.
        bytes: usize,
    },
    /// See there.
    #[error(transparent)]
    Other(#[from] Error),
}

impl Auth {
    /// Starts on an open store: the clock goes on from its mark, missing keys are made, and each key is tried.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn start(store: Arc<dyn Store>, policy: Policy) -> Result<Self, StartError> {
        let mark = if policy.accept_clock { Timestamp::default() } else { store.clock_mark().await? };
        let clock = Clock::start(mark)?;
        match store.set_clock_mark(clock.mark()).await {
            // Reading needs no room.
            Err(Error::Storage(full @ StorageError::DiskFull { .. })) => {
                tracing::error!("{full}: nothing can be changed until then");
            }
            kept => kept?,
        }
        let token_secs = policy.lifetimes.access.as_secs();
        let keys = rotation::start(store.as_ref(), &clock, token_secs, &policy.shared_secrets).await?;
        let inner = Inner {
            hasher: Hasher::start(policy.hashing_threads, policy.hashing)?,
            throttle: Throttle::new(policy.throttle)?,
            tokens: Tokens::new(keys, policy.issuer).from(store.live().cut_off()),
            secrets: policy.shared_secrets,
            jwks_max_age: policy.jwks_max_age,
            key_turn: tokio::sync::Mutex::default(),
            clock,
            lifetimes: policy.lifetimes,
            registration: policy.registration,
            changing: tokio::sync::Mutex::default(),
            every_name_fits: AtomicBool::new(true),
            setup: setup::Offer::default(),
            outcomes: measures::Outcomes::default(),
            store,
        };
        let auth = Self(Arc::new(inner));
        auth.check_settings_fit()?;
        auth.judge_signing_key()?;
        Ok(auth)
    }

    /// Who may register.
    #[must_use]
    pub fn registration(&self) -> Registration {
        self.0.registration
    }

    /// Whether the store can still keep what it promises.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.store.failed().borrow().is_none() && !self.0.store.is_full()
    }

    /// Waits until the store can promise nothing more, and says why. The process must stop then.
    pub async fn failed(&self) -> String {
        let mut failed = self.0.store.failed();
        match failed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // The store is gone without a failure: it was closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// What has to be done every minute: the time mark is kept, what has expired is deleted, and keys that
    /// are due take over.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn maintain(&self) -> Result<()> {
        let mark = self.0.clock.mark();
        self.0.store.set_clock_mark(mark).await?;
        self.keep_service_uses().await?;
        self.settle_keys().await?;
        // Last: it may take a while.
        self.0.store.sweep_expired(self.0.clock.settled(), SWEEP_LIMIT).await.map(drop)
    }

    /// Finishes every write and lets go of the store.
    ///
    /// # Errors
    /// Storage errors: the stop is then not clean.
    pub async fn close(&self) -> Result<()> {
        // When services were last used is no reason not to stop.
        let kept = self.keep_service_uses().await;
        self.0.store.close().await.and(kept)
    }
}

impl Auth {
    /// The store, for what is done by this right: none for what nobody needs one for.
    fn store_under(&self, mandate: Option<Mandate>) -> Arc<dyn Store> {
        mandate.map_or_else(|| Arc::clone(&self.0.store), |mandate| self.0.store.under(mandate))
    }

    /// Does what changes records, and notes it, to the end, although whoever asked may hang up meanwhile: nobody acts
    /// without a trace.
    async fn to_the_end<T, W>(&self, work: impl FnOnce(Self) -> W) -> Result<T>
    where
        T: Send + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let work = work(self.clone());
        let work = task::boxed(async move {
            // Whoever asked may have gone; what it asked for is done all the same.
            let _ = tell.send(work.await);
        });
        let task = task::spawn(Trace::current().around(work));
        if let Ok(done) = told.await {
            return done;
        }
        match task.await {
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            // The runtime is going.
            _ => Err(StorageError::Uncertain.into()),
        }
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}
