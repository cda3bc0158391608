//! Use cases of browsers that stay signed in, and of the proxies that ask who somebody is: a session may have a cookie, and
//! whoever shows it is the session's user for as long as the session lasts. Which requests it counts for is decided by HTTP.

use std::time::Duration;

use super::Auth;
use super::code::{Code, CodeDigest, session_of_cookie};
use super::logouts::Scope;
use super::session::Session;
use super::token::TokenPair;
use super::user::{Role, UserId, Username};
use crate::error::{Error, Result, TokenError};
use crate::store::Which;

/// What a login leaves in the browser.
#[derive(Debug)]
pub enum Keep {
    /// Nothing: its tokens are all there is.
    Nothing,
    /// A cookie.
    Cookie {
        /// The session of the good cookie it replaces, which ends with the login: nobody would see that cookie again to log it out.
        replaced: Option<Session>,
    },
}

/// What a login gives.
#[derive(Debug)]
pub struct LoggedIn {
    /// Always.
    pub pair: TokenPair,
    /// When it was asked for.
    pub cookie: Option<Code>,
}

/// Who somebody is, for an app behind a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's id.
    pub id: UserId,
    /// The user's name.
    pub username: Username,
    /// What the user may do, as the server knows it now.
    pub roles: Vec<Role>,
}

/// Gives a session that is not kept yet a cookie.
///
/// # Errors
/// [`Error::Crypto`]
pub(super) fn give_cookie(session: &mut Session) -> Result<Code> {
    let cookie = Code::cookie(session.id)?;
    session.cookie = Some(cookie.digest());
    Ok(cookie)
}

impl Auth {
    /// For how long a session can last: no cookie is good for longer.
    #[must_use]
    pub fn longest_session(&self) -> Duration {
        self.0.lifetimes.absolute
    }

    /// Judges a cookie as it was sent: the session it stands for, while that lasts and its user is enabled.
    ///
    /// # Errors
    /// [`Error::Token`]; storage errors.
    pub async fn check_cookie(&self, cookie: &str) -> Result<Session> {
        let id = session_of_cookie(cookie).ok_or(TokenError::Invalid("it is not how a cookie is written"))?;
        let session = self.0.store.session(id).await?.ok_or(TokenError::Revoked)?;
        if !session.cookie.is_some_and(|kept| kept.is(&CodeDigest::of(cookie))) {
            return Err(TokenError::Invalid("it is not the session's").into());
        }
        let now = self.0.clock.now();
        if now >= session.expires {
            return Err(TokenError::Expired.into());
        }
        if !session.created.can_be_past(now) {
            return Err(TokenError::Invalid("it is not valid yet").into());
        }
        // After the record was read: what ended in between is known here.
        let live = self.0.store.live();
        let enabled = live.standing(session.user).is_some_and(|standing| !standing.disabled);
        if !enabled || live.is_revoked(id.0) {
            return Err(TokenError::Revoked.into());
        }
        Ok(session)
    }

    /// Notes that a session's cookie was used, about hourly: what is used does not end before its absolute end. That it cannot
    /// be noted is no reason to refuse anybody.
    pub async fn keep_alive(&self, session: &Session) {
        let (now, lifetimes) = (self.0.clock.now(), self.0.lifetimes);
        if session.touched(now, &lifetimes).is_none() {
            return;
        }
        if let Err(error) = self.0.store.touch_session(session.id, now, lifetimes).await {
            tracing::debug!(%error, "the use of a session could not be noted");
        }
    }

    /// Who a user is, if it has the role that is asked for.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the role; [`TokenError::Revoked`] for a user who is gone; storage errors.
    pub async fn identify(&self, user: UserId, role: Option<&Role>) -> Result<Identity> {
        let standing = self.0.store.live().standing(user).ok_or(TokenError::Revoked)?;
        if role.is_some_and(|role| !standing.roles.contains(role)) {
            return Err(Error::Forbidden);
        }
        let user = self.0.store.user(user).await?.ok_or(TokenError::Revoked)?;
        Ok(Identity { id: user.id, username: user.username, roles: standing.roles.clone() })
    }

    /// Ends what `scope` says of the sessions of a cookie's user, as [`Auth::logout`] does by token.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn leave(&self, session: &Session, scope: Scope) -> Result<()> {
        let which = match scope {
            Scope::Local => Which::One(session.id),
            Scope::Others => Which::Others(session.id),
            Scope::Global => Which::All,
        };
        let (user, id, now) = (session.user, session.id, self.0.clock.now());
        self.to_the_end(move |auth| async move {
            let ended = auth.0.store.end_sessions(user, which, None, now).await?;
            auth.note_logout(user, Some(id), scope, ended);
            Ok(())
        })
        .await
    }
}
