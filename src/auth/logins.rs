//! Use cases of sessions: log in, refresh, and judge a token. How they end is in `logouts.rs`.

use std::sync::Arc;

use super::audit::{By, Event, Word};
use super::blocks::Attempt;
use super::browsers::{self, Keep, LoggedIn};
use super::clock::Timestamp;
use super::code::Code;
use super::hasher::Verdict;
use super::logouts::Scope;
use super::password::{PasswordHash, Typed};
use super::session::{Presented, Session};
use super::throttle::{ClientAddress, Kind as Failure};
use super::token::{Claims, Kind, TokenPair};
use super::user::{User, UserId, Username};
use super::{Auth, Origin};
use crate::error::{Error, Result, TokenError};

/// Most characters kept of a `User-Agent`.
const USER_AGENT_CHARS: usize = 200;

/// A session to be, whose password was right a moment ago.
struct Opening {
    user: User,
    password: Typed,
    session: Session,
    /// To be kept instead of the user's, if that costs less than today's.
    rehashed: Option<PasswordHash>,
    cookie: Option<Code>,
    /// Ends with it.
    replaced: Option<Session>,
}

impl Auth {
    /// Checks a name and a password as typed and opens a session. The access token is fresh. The session may have a cookie, too,
    /// and takes the place of the one whose cookie that replaces, in one step.
    ///
    /// Unknown user, impossible name, wrong password and disabled account cost the same work and give the same error.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`], [`Error::Throttled`], [`Error::Overloaded`], [`Error::TokenTooLong`]; storage errors.
    pub async fn login(&self, username: &str, password: &str, origin: Origin, keep: Keep) -> Result<LoggedIn> {
        let logged_in = self.log_in(username, password, origin, keep).await;
        self.0.outcomes.login(&logged_in);
        logged_in
    }

    async fn log_in(&self, username: &str, password: &str, origin: Origin, keep: Keep) -> Result<LoggedIn> {
        let mut attempt = self.attempt(username, origin.address).await?;
        let opening = self.prepare_session(username, password, &origin, keep, &mut attempt).await;
        let (attempt, opening) = attempt.unless_refused(opening)?;
        // Judged in there, too: whoever hangs up while the session is written had the right password.
        self.to_the_end(move |auth| async move { attempt.judged(auth.open_session(opening).await) }).await
    }

    /// All that can be refused before something is written.
    async fn prepare_session(&self, username: &str, password: &str, origin: &Origin, keep: Keep, attempt: &mut Attempt) -> Result<Opening> {
        let user = match Username::parse(username) {
            Ok(name) => self.0.store.user_named(&name).await?,
            Err(_) => None,
        };
        attempt.user = user.as_ref().map(|user| user.id);
        let typed = Typed::new(password);
        let verdict = self.0.hasher.verify(typed.clone(), user.as_ref().map(|user| &user.password)).await?;
        let (Some(user), Some(password), Verdict::Right(rehashed)) = (user.clone(), typed, verdict) else {
            let reason = if user.is_some() { "password" } else { "unknown" };
            return Err(self.login_refused(user.map(|user| user.id), reason));
        };
        let now = self.0.clock.now();
        let mut session = Session::open(user.id, now, &self.0.lifetimes);
        session.address = origin.address.map(|address| address.ip.to_string());
        session.user_agent = origin.user_agent.as_ref().map(|agent| agent.chars().take(USER_AGENT_CHARS).collect());
        let (cookie, replaced) = match keep {
            Keep::Nothing => (None, None),
            Keep::Cookie { replaced } => (Some(browsers::give_cookie(&mut session)?), replaced),
        };
        // A session is kept only if its tokens can be given.
        self.check_user_fits(&user)?;
        Ok(Opening { user, password, session, rehashed, cookie, replaced })
    }

    async fn open_session(&self, mut opening: Opening) -> Result<LoggedIn> {
        while !self.keep_session(&opening).await? {
            opening = self.judge_again(opening).await?;
        }
        let Opening { session, cookie, replaced, .. } = opening;
        self.note(Event::own(Word::Login, session.user).session(session.id));
        if let Some(before) = replaced {
            self.note_logout(before.user, Some(before.id), Scope::Local, 1);
        }
        match self.issue(&session, true, session.created).await {
            // Deleted this very moment: a login says the same of nobody, whenever it became so.
            Err(Error::Token(_)) => Err(self.login_refused(Some(session.user), "unknown")),
            issued => Ok(LoggedIn { pair: issued?, cookie }),
        }
    }

    async fn keep_session(&self, Opening { user, session, rehashed, replaced, .. }: &Opening) -> Result<bool> {
        let replaced = replaced.as_ref().map(|before| before.id);
        self.0.store.open_session(replaced, session.clone(), user.password.clone(), rehashed.clone()).await
    }

    /// The hash that was verified is not the user's any more. Of several logins at once the first may have put a dearer one of the same
    /// password in its place; else the password was changed, or the user disabled or deleted.
    async fn judge_again(&self, opening: Opening) -> Result<Opening> {
        let id = opening.user.id;
        let user = self.0.store.user(id).await?;
        if user.as_ref().is_some_and(|user| user.disabled) {
            return Err(self.login_refused(Some(id), "disabled"));
        }
        if let Some(user) = user.filter(|user| user.password != opening.user.password)
            && let Verdict::Right(rehashed) = self.0.hasher.verify(Some(opening.password.clone()), Some(&user.password)).await?
        {
            return Ok(Opening { user, rehashed, ..opening });
        }
        Err(self.login_refused(Some(id), "password"))
    }

    /// The tokens of a session, with what its user may do and is said of it now: nobody is given a role that was taken away before.
    async fn issue(&self, session: &Session, fresh: bool, now: Timestamp) -> Result<TokenPair> {
        let user = self.0.store.user(session.user).await?.ok_or(TokenError::Revoked)?;
        self.0.tokens.issue(&user, session, fresh, now, &self.0.lifetimes)
    }

    /// Why is for the audit trail alone.
    fn login_refused(&self, user: Option<UserId>, reason: &'static str) -> Error {
        self.note(Event::new(Word::LoginFailed, By::Anyone).of(user).detail("reason", reason));
        Error::InvalidCredentials
    }

    /// Exchanges a refresh token for a new pair, not fresh. See [`Session::present`] for a token used twice.
    ///
    /// A good token is never made to wait, and one that was good is always told so: its holder must log in again.
    ///
    /// # Errors
    /// [`Error::Token`], [`Error::TokenTooLong`], [`Error::Throttled`] for one of many that nobody issued; storage errors.
    pub async fn refresh(&self, token: &str, address: Option<ClientAddress>) -> Result<TokenPair> {
        let mut refreshed = self.exchange(token).await;
        if let Err(Error::Token(TokenError::Invalid(_))) = refreshed {
            refreshed = self.count_failure(Failure::Token, address).and(refreshed);
        }
        self.0.outcomes.refresh(&refreshed);
        refreshed
    }

    async fn exchange(&self, token: &str) -> Result<TokenPair> {
        let now = self.0.clock.now();
        let claims = self.check(token, Kind::Refresh, now)?;
        let session = claims.session.ok_or(TokenError::Invalid("it names no session"))?;
        // Before the rotation: who cannot be given the new pair keeps the old.
        let user = self.0.store.user(claims.user).await?.ok_or(TokenError::Revoked)?;
        self.check_user_fits(&user)?;
        let presented = self.to_the_end(move |auth| async move {
            let presented = auth.0.store.rotate_refresh(session, claims.user, claims.counter, now, auth.0.lifetimes).await?;
            if presented == Presented::Reused {
                auth.note(Event::new(Word::RefreshReused, By::Anyone).of(claims.user).session(session));
            }
            Ok(presented)
        });
        let session = match presented.await? {
            Presented::Rotated(session) | Presented::Repeated(session) => session,
            Presented::Unknown => return Err(TokenError::Revoked.into()),
            Presented::Reused => return Err(TokenError::Reused.into()),
        };
        self.issue(&session, false, now).await
    }

    /// Judges an access token: signature, times, type, revocation, user.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn check_access(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        self.check(token, Kind::Access, self.0.clock.now())
    }

    /// Judges a token of either kind: what may log out. A refresh token needs its session's record: that the session was
    /// revoked is forgotten when its last access token has expired, long before the refresh token has.
    ///
    /// # Errors
    /// [`Error::Token`]; storage errors.
    pub async fn check_any(&self, token: &str) -> Result<Arc<Claims>> {
        let now = self.0.clock.now();
        let kind = self.0.tokens.verify(token)?.kind;
        let claims = self.check(token, kind, now)?;
        if let (Kind::Refresh, Some(id)) = (kind, claims.session) {
            let session = self.0.store.session(id).await?.filter(|session| session.user == claims.user && now < session.expires);
            session.ok_or(TokenError::Revoked)?;
        }
        Ok(claims)
    }

    fn check(&self, token: &str, kind: Kind, now: Timestamp) -> Result<Arc<Claims>, TokenError> {
        let claims = self.0.tokens.verify(token)?;
        claims.check_times(now)?;
        if claims.kind != kind {
            return Err(TokenError::Invalid("it is of the other kind"));
        }
        let live = self.0.store.live();
        let revoked = live.is_revoked(claims.token.0) || claims.session.is_some_and(|session| live.is_revoked(session.0));
        // What was issued before a restore can only be cut off by its time.
        claims.stands(live.standing(claims.user).as_deref(), revoked || claims.issued < live.cut_off())?;
        Ok(claims)
    }

    /// Whether the token comes straight from a login.
    #[must_use]
    pub fn is_fresh(&self, claims: &Claims) -> bool {
        claims.is_fresh(self.0.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::task::Poll;

    use super::super::password::Password;
    use super::*;
    use crate::config::{Flags, Settings};
    use crate::store::{Order, SledStore, StoreOptions, checkpoint};

    #[tokio::test]
    async fn who_hangs_up_after_the_password_was_right_has_not_failed() {
        let directory = tempfile::TempDir::new().unwrap();
        let store = SledStore::open(&StoreOptions::new(directory.path().join("data"))).unwrap();
        let settings = Settings::load(None, &std::collections::BTreeMap::new(), &Flags::default()).unwrap().settings;
        let auth = Auth::start(Arc::new(store), settings.policy(false)).await.unwrap();
        let here = || Origin { address: Some(IpAddr::from([192, 0, 2, 1]).into()), ..Origin::default() };
        let name = Username::parse("arun").unwrap();
        let user = auth.register(name, Password::presented("securepassword").unwrap(), here()).await.unwrap();
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        for _ in 0..5 {
            let before = tasks();
            let mut login = Box::pin(auth.login("arun", "securepassword", here(), Keep::Nothing));
            // As soon as the session is being opened, nobody waits for it any more.
            std::future::poll_fn(|context| {
                assert!(login.as_mut().poll(context).is_pending());
                if tasks() > before { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            drop(login);
            while tasks() > before {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(auth.0.store.sessions(user).await.unwrap().len(), 5);
        assert!(auth.login("arun", "securepassword", here(), Keep::Nothing).await.is_ok());
    }

    #[tokio::test]
    async fn a_clock_that_was_ahead_at_a_restore_and_is_accepted_as_set_back_lets_users_in_again() {
        let (directory, ahead) = (tempfile::TempDir::new().unwrap(), Timestamp::from_secs(4_000_000_000));
        let options = StoreOptions::new(directory.path().join("data"));
        let settings = Settings::load(None, &std::collections::BTreeMap::new(), &Flags::default()).unwrap().settings;
        let start = async |accept| Auth::start(Arc::new(SledStore::open(&options).unwrap()), settings.policy(accept)).await;
        let auth = start(false).await.unwrap();
        auth.register(Username::parse("arun").unwrap(), Password::presented("securepassword").unwrap(), Origin::default()).await.unwrap();
        auth.0.store.back_up(Order { now: auth.0.clock.now(), keys: true, keep: None }).await.unwrap();
        auth.close().await.unwrap();
        drop(auth);
        checkpoint::restore(&options, None, true, ahead, &mut |_, _| ()).unwrap();
        assert!(start(false).await.is_err());
        for accept in [true, false] {
            let auth = start(accept).await.unwrap();
            let pair = auth.login("arun", "securepassword", Origin::default(), Keep::Nothing).await.unwrap().pair;
            assert!(auth.check_access(&pair.access).is_ok(), "accepted at this start: {accept}");
            auth.close().await.unwrap();
        }
    }
}
