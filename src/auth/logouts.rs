//! Use cases of sessions: see them, and end one, the others or all. Whatever ends is refused before the method returns.

use super::audit::{Event, Word};
use super::session::{Session, SessionId};
use super::token::{Claims, Kind};
use super::user::UserId;
use super::{Actor, Auth};
use crate::error::{Error, Result};
use crate::store::Which;

/// What a logout ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// The token's own session.
    #[default]
    Local,
    /// Every other session of the user.
    Others,
    /// Every session of the user.
    Global,
}

/// A session as it is listed.
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// The session.
    pub session: Session,
    /// Whether it is the one of the token that asks.
    pub current: bool,
}

impl Auth {
    /// Ends what `scope` says of the user of an access or refresh token; but for the others, the token with it.
    ///
    /// Tokens without a session (another issuer's under the shared secret) can only be cut off by their time of issue:
    /// [`Scope::Others`] takes all of those issued before now, or before the token at hand if it has no session itself.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn logout(&self, claims: &Claims, scope: Scope) -> Result<()> {
        // A refresh token dies with its session; its own id would be remembered for a month.
        let token = (claims.kind == Kind::Access).then_some((claims.token, claims.expires));
        let now = self.0.clock.now();
        let (which, token, now) = match (scope, claims.session) {
            (Scope::Local, session) => (session.map_or(Which::None, Which::One), token, now),
            (Scope::Others, Some(session)) => (Which::Others(session), None, now),
            // The cut-off must not reach the token itself; no session has a new random id.
            (Scope::Others, None) => (Which::Others(SessionId::random()), None, claims.issued),
            (Scope::Global, _) => (Which::All, token, now),
        };
        let (user, session) = (claims.user, claims.session);
        self.to_the_end(move |auth| async move {
            let ended = auth.0.store.end_sessions(user, which, token, now).await?;
            auth.note_logout(user, session, scope, ended);
            Ok(())
        })
        .await
    }

    /// Says how many sessions a user ended. Ending the others where there are none changes nothing, and can be asked for again
    /// and again; but for tokens that another issuer made under a shared secret, which it cuts off.
    pub(super) fn note_logout(&self, user: UserId, session: Option<SessionId>, scope: Scope, ended: usize) {
        let secrets = &self.0.secrets;
        let cuts_off = secrets.current.is_some() || !secrets.previous.is_empty();
        match scope {
            Scope::Local => self.note(Event::own(Word::Logout, user).session(session)),
            Scope::Others if ended == 0 && !cuts_off => {}
            Scope::Others | Scope::Global => {
                self.note(Event::own(Word::SessionsEnded, user).session(session).detail("ended", ended));
            }
        }
    }

    /// The sessions of a token's user, the most recently used first.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn my_sessions(&self, claims: &Claims) -> Result<Vec<OpenSession>> {
        let sessions = self.unexpired_sessions(claims.user).await?;
        Ok(sessions.into_iter().map(|session| OpenSession { current: claims.session == Some(session.id), session }).collect())
    }

    /// Ends one session of a token's user. `None`: not how an id is written.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], also for somebody else's; storage errors.
    pub async fn end_my_session(&self, claims: &Claims, id: Option<SessionId>) -> Result<()> {
        let id = id.ok_or(Error::NoSuchSession)?;
        let user = claims.user;
        self.to_the_end(move |auth| async move {
            if auth.0.store.end_sessions(user, Which::One(id), None, auth.0.clock.now()).await? == 0 {
                return Err(Error::NoSuchSession);
            }
            auth.note(Event::own(Word::Logout, user).session(id));
            Ok(())
        })
        .await
    }

    /// A user's sessions, the most recently used first. `None`: not how an id is written.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`]; storage errors.
    pub async fn sessions_of(&self, _actor: Actor, user: Option<UserId>) -> Result<Vec<Session>> {
        self.unexpired_sessions(self.existing(user)?).await
    }

    /// Ends one session of a user. `None`: not how such an id is written.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`]; [`Error::NoSuchSession`], also for somebody else's; storage errors.
    pub async fn end_session_of(&self, actor: Actor, user: Option<UserId>, id: Option<SessionId>) -> Result<()> {
        let (user, id) = (self.existing(user)?, id.ok_or(Error::NoSuchSession)?);
        self.to_the_end(move |auth| async move {
            let ended = auth.store_under(actor.mandate()).end_sessions(user, Which::One(id), None, auth.0.clock.now()).await?;
            if ended == 0 {
                return Err(Error::NoSuchSession);
            }
            auth.note(Event::new(Word::SessionsEnded, actor).of(user).session(id).detail("ended", ended));
            Ok(())
        })
        .await
    }

    /// Ends all of a user's sessions, and every token without one.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`]; storage errors.
    pub async fn end_sessions_of(&self, actor: Actor, user: Option<UserId>) -> Result<()> {
        let user = self.existing(user)?;
        self.to_the_end(move |auth| async move {
            let ended = auth.store_under(actor.mandate()).end_sessions(user, Which::All, None, auth.0.clock.now()).await?;
            auth.note(Event::new(Word::SessionsEnded, actor).of(user).detail("ended", ended));
            Ok(())
        })
        .await
    }

    fn existing(&self, user: Option<UserId>) -> Result<UserId> {
        user.filter(|id| self.0.store.live().standing(*id).is_some()).ok_or(Error::NoSuchUser)
    }

    /// Without those that have expired and wait to be swept.
    async fn unexpired_sessions(&self, user: UserId) -> Result<Vec<Session>> {
        let now = self.0.clock.now();
        let mut sessions = self.0.store.sessions(user).await?;
        sessions.retain(|session| now < session.expires);
        Ok(sessions)
    }
}
