//! The domain: one method of [`Auth`] per use case. The only writer to the store; knows no HTTP, no settings file, no
//! command line.

pub mod audit;
pub mod clock;
pub mod hasher;
pub mod keys;
pub mod password;
pub mod session;
pub mod token;
pub mod user;

use std::net::IpAddr;
use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;
use secrecy::SecretString;

use crate::error::{Error, Faults, Result, TokenError};
use crate::store::{NewUser, Store, UserChange, Which};
use audit::Event;
use clock::{Clock, ClockBehind, Timestamp};
use hasher::{Cost, Hasher, Verdict};
use keys::{Keyring, Purpose, StoredKey};
use password::Password;
use session::{Lifetimes, Presented, Session};
use token::{Claims, Issuer, Kind, TokenPair, Tokens};
use user::{Role, User, UserId, Username};

/// A token is never longer: proxies cut headers at 4 to 8 KiB, cookies at 4.
pub const MAX_ISSUED_TOKEN_BYTES: usize = 3072;
/// Most characters kept of a `User-Agent`.
const USER_AGENT_CHARS: usize = 200;
/// Expired records deleted in one go; what is left follows at the next.
const SWEEP_LIMIT: usize = 10_000;

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anyone.
    Open,
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
    /// The secret shared with a Flask app (`JWT_SECRET_KEY`).
    pub shared_secret: Option<SecretString>,
    /// Who may register.
    pub registration: Registration,
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
    /// A user with the role `admin`.
    Admin(UserId),
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

/// Where a request comes from, for the session list and the audit log.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// Its `User-Agent`.
    pub user_agent: Option<String>,
}

/// See the module's page. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    hasher: Hasher,
    tokens: Tokens,
    clock: Clock,
    lifetimes: Lifetimes,
    registration: Registration,
}

/// Why the domain could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// See there.
    #[error(transparent)]
    Clock(#[from] ClockBehind),
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
        store.set_clock_mark(clock.mark()).await?;
        let keys = keyring(store.as_ref(), clock.now(), policy.shared_secret.as_ref()).await?;
        let inner = Inner {
            hasher: Hasher::start(policy.hashing_threads, policy.hashing)?,
            tokens: Tokens::new(keys, policy.issuer),
            clock,
            lifetimes: policy.lifetimes,
            registration: policy.registration,
            store,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Registers a user.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`], [`Error::UsernameTaken`], [`Error::Overloaded`]; storage errors.
    pub async fn register(&self, username: Username, password: Password) -> Result<UserId> {
        match self.0.registration {
            Registration::Open => {}
            Registration::Closed => return Err(Error::RegistrationClosed),
        }
        let user = self.insert(username, password, Vec::new()).await?;
        audit::note(&Event::Registered { user: user.id });
        Ok(user.id)
    }

    /// Adds a user with roles. Only the command line gives reserved names.
    ///
    /// # Errors
    /// As [`Auth::register`], but not closed; [`Error::Invalid`] for a reserved name.
    pub async fn add_user(&self, actor: Actor, username: Username, password: Password, roles: Vec<Role>) -> Result<User> {
        if username.is_reserved() && actor != Actor::Local {
            return Err(Error::Invalid(Faults::of("username", "This name is reserved.")));
        }
        let user = self.insert(username, password, roles).await?;
        audit::note(&Event::Added { actor, user: user.id });
        Ok(user)
    }

    async fn insert(&self, username: Username, password: Password, roles: Vec<Role>) -> Result<User> {
        let password = self.0.hasher.hash(password).await?;
        let user = NewUser { username, password, roles, claims: user::CustomClaims::default(), created: self.0.clock.now() };
        self.0.store.insert_user(user).await
    }

    /// Checks a name and a password as typed and opens a session. The access token is fresh.
    ///
    /// Unknown user, impossible name, wrong password and disabled account cost the same work and give the same error.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`], [`Error::Overloaded`]; storage errors.
    pub async fn login(&self, username: &str, password: &str, origin: Origin) -> Result<TokenPair> {
        let user = match Username::parse(username) {
            Ok(name) => self.0.store.user_named(&name).await?,
            Err(_) => None,
        };
        let verdict = self.0.hasher.verify(Password::presented(password), user.as_ref().map(|user| &user.password)).await?;
        let refused = |user: Option<UserId>, origin: &Origin| {
            audit::note(&Event::LoginFailed { user, address: origin.address });
            Err(Error::InvalidCredentials)
        };
        let (Some(user), Verdict::Right(rehashed)) = (user.as_ref(), verdict) else { return refused(user.map(|user| user.id), &origin) };
        let now = self.0.clock.now();
        let mut session = Session::open(user.id, now, &self.0.lifetimes);
        session.address = origin.address.map(|address| address.to_string());
        session.user_agent = origin.user_agent.as_ref().map(|agent| agent.chars().take(USER_AGENT_CHARS).collect());
        // The pair is made first: a session is kept only if its tokens can be given.
        let pair = self.0.tokens.issue(user, &session, true, now, &self.0.lifetimes)?;
        let id = session.id;
        if !self.0.store.open_session(session, user.password.clone(), rehashed).await? {
            return refused(Some(user.id), &origin);
        }
        audit::note(&Event::LoggedIn { user: user.id, session: id, address: origin.address });
        Ok(pair)
    }

    /// Exchanges a refresh token for a new pair, not fresh. See [`Session::present`] for a token used twice.
    ///
    /// # Errors
    /// [`Error::Token`]; storage errors.
    pub async fn refresh(&self, token: &str) -> Result<TokenPair> {
        let now = self.0.clock.now();
        let claims = self.check(token, Kind::Refresh, now)?;
        let session = claims.session.ok_or(TokenError::Invalid("it names no session"))?;
        let presented = self.0.store.rotate_refresh(session, claims.user, claims.counter, now, self.0.lifetimes).await?;
        let session = match presented {
            Presented::Rotated(session) | Presented::Repeated(session) => session,
            Presented::Unknown => return Err(TokenError::Revoked.into()),
            Presented::Reused => {
                audit::note(&Event::RefreshReused { user: claims.user, session });
                return Err(TokenError::Reused.into());
            }
        };
        let user = self.0.store.user(claims.user).await?.ok_or(TokenError::Revoked)?;
        self.0.tokens.issue(&user, &session, false, now, &self.0.lifetimes)
    }

    /// Ends the session of an access or refresh token, and the token with it. Durable before it returns.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn logout(&self, claims: &Claims) -> Result<()> {
        let token = Some((claims.token, claims.expires));
        let now = self.0.clock.now();
        let which = claims.session.map_or(Which::None, Which::One);
        self.0.store.end_sessions(claims.user, which, token, now).await?;
        audit::note(&Event::LoggedOut { user: claims.user, session: claims.session });
        Ok(())
    }

    /// Judges an access token: signature, times, type, revocation, user.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn check_access(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        self.check(token, Kind::Access, self.0.clock.now())
    }

    /// Judges a token of either kind: what may log out.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn check_any(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        let kind = self.0.tokens.verify(token)?.kind;
        self.check(token, kind, self.0.clock.now())
    }

    fn check(&self, token: &str, kind: Kind, now: Timestamp) -> Result<Arc<Claims>, TokenError> {
        let claims = self.0.tokens.verify(token)?;
        claims.check_times(now)?;
        if claims.kind != kind {
            return Err(TokenError::Invalid("it is of the other kind"));
        }
        let live = self.0.store.live();
        let revoked = live.is_revoked(claims.token.0) || claims.session.is_some_and(|session| live.is_revoked(session.0));
        let standing = live.standing(claims.user).filter(|standing| !standing.disabled).ok_or(TokenError::Revoked)?;
        // A token without a session can only be cut off by its time of issue.
        if revoked || (claims.session.is_none() && claims.issued < standing.not_before) {
            return Err(TokenError::Revoked);
        }
        Ok(claims)
    }

    /// Whether the token comes straight from a login.
    #[must_use]
    pub fn is_fresh(&self, claims: &Claims) -> bool {
        claims.is_fresh(self.0.clock.now())
    }

    /// Whether the user is an administrator now: roles that decide come from the store, not from the token.
    #[must_use]
    pub fn is_admin(&self, user: UserId) -> bool {
        self.0.store.live().standing(user).is_some_and(|standing| standing.is_active_admin())
    }

    /// The user a token belongs to.
    ///
    /// # Errors
    /// [`TokenError::Revoked`] when it was deleted this very moment; storage errors.
    pub async fn me(&self, claims: &Claims) -> Result<User> {
        Ok(self.0.store.user(claims.user).await?.ok_or(TokenError::Revoked)?)
    }

    /// One user, for the user itself, an administrator, or anyone where the routes are open. `None`: not an id.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for another's, whether it is there or not; [`Error::NoSuchUser`].
    pub async fn user(&self, caller: &Caller, id: Option<UserId>) -> Result<User> {
        self.may_touch(caller, id)?;
        match id {
            Some(id) => self.0.store.user(id).await?.ok_or(Error::NoSuchUser),
            None => Err(Error::NoSuchUser),
        }
    }

    /// Deletes a user and ends all of its sessions before it returns.
    ///
    /// # Errors
    /// As [`Auth::user`]; [`TokenError::NotFresh`] for oneself without a fresh token; [`Error::LastAdmin`].
    pub async fn delete_user(&self, caller: &Caller, id: Option<UserId>) -> Result<()> {
        self.may_touch(caller, id)?;
        let id = id.ok_or(Error::NoSuchUser)?;
        if let Caller::Holder(claims) = caller
            && claims.user == id
            && !self.is_fresh(claims)
        {
            return Err(TokenError::NotFresh.into());
        }
        if !self.0.store.delete_user(id, self.0.clock.now()).await? {
            return Err(Error::NoSuchUser);
        }
        audit::note(&Event::Deleted { by: caller.clone(), user: id });
        Ok(())
    }

    fn may_touch(&self, caller: &Caller, id: Option<UserId>) -> Result<()> {
        let may = match caller {
            Caller::Anyone | Caller::Operator(_) => true,
            Caller::Holder(claims) => id == Some(claims.user) || self.is_admin(claims.user),
        };
        if may { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// Up to `limit` users with ids above `after`.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn users(&self, _actor: Actor, after: Option<UserId>, limit: usize) -> Result<Vec<User>> {
        self.0.store.users(after, limit).await
    }

    /// Changes roles, custom claims or whether a user is disabled; disabling ends all sessions before it returns.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`], [`Error::LastAdmin`], [`Error::Invalid`] when the user's tokens would grow too long.
    pub async fn change_user(&self, actor: Actor, id: UserId, change: UserChange) -> Result<User> {
        let mut user = self.0.store.user(id).await?.ok_or(Error::NoSuchUser)?;
        user.roles = change.roles.clone().unwrap_or(user.roles);
        user.claims = change.claims.clone().unwrap_or(user.claims);
        self.check_token_length(&user, if change.claims.is_some() { "claims" } else { "roles" })?;
        let user = self.0.store.change_user(id, change, self.0.clock.now()).await?.ok_or(Error::NoSuchUser)?;
        audit::note(&Event::Changed { actor, user: id });
        Ok(user)
    }

    fn check_token_length(&self, user: &User, field: &str) -> Result<()> {
        let now = self.0.clock.now();
        let session = Session::open(user.id, now, &self.0.lifetimes);
        let bytes = self.0.tokens.issue(user, &session, true, now, &self.0.lifetimes)?.access.len();
        if bytes > MAX_ISSUED_TOKEN_BYTES {
            let fault = format!("The access token would be {bytes} bytes long; {MAX_ISSUED_TOKEN_BYTES} are allowed.");
            return Err(Error::Invalid(Faults::of(field, fault)));
        }
        Ok(())
    }

    /// The public keys (RFC 7517 §5).
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        self.0.tokens.keys().jwks()
    }

    /// Whether the store can still keep what it promises.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.store.failed().borrow().is_none()
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

    /// What has to be done every minute: the time mark is kept, and what has expired is deleted.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn maintain(&self) -> Result<()> {
        let mark = self.0.clock.mark();
        self.0.store.set_clock_mark(mark).await?;
        self.0.store.sweep_expired(mark, SWEEP_LIMIT).await?;
        Ok(())
    }

    /// Finishes every write and lets go of the store.
    ///
    /// # Errors
    /// Storage errors: the stop is then not clean.
    pub async fn close(&self) -> Result<()> {
        self.0.store.close().await
    }
}

/// The stored keys, with those that are needed and missing made and kept.
async fn keyring(store: &dyn Store, now: Timestamp, shared: Option<&SecretString>) -> Result<Keyring> {
    let mut keys = store.keys().await?;
    keys.sort_by_key(|key| key.created);
    let has = |purpose, keys: &[StoredKey]| keys.iter().any(|key| key.purpose == purpose);
    let mut made = Vec::new();
    if !has(Purpose::Refresh, &keys) {
        made.push(StoredKey::generate_refresh(now)?);
    }
    if shared.is_none() && !has(Purpose::Access, &keys) {
        made.push(StoredKey::generate_es256(now)?);
    }
    for key in made {
        store.insert_key(key.clone()).await?;
        keys.push(key);
    }
    Keyring::load(&keys, shared)
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}
