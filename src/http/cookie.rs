//! The cookie of a browser that stays signed in: how it is called, set, read and cleared, and the guards of the only two
//! routes where it counts.
//!
//! | guard | proves |
//! |---|---|
//! | [`Visitor`] | a good access token, or a good cookie: whom `GET /verify` speaks of |
//! | [`Leaver`] | a good access or refresh token, or a good cookie and a header no other site can send: who may log out |
//! | [`Cookies`] | nothing: the cookie as it was sent, and whether one may be set |
//!
//! With https it is `__Host-doorward` (RFC 6265bis §4.1.3.2): no other host, and no page without TLS, can set or read it. Without,
//! it has a plain name and is given on this machine only, to nobody who comes through a proxy. The name that does not fit is never read.

use std::sync::Arc;
use std::time::Duration;

use rocket::Request;
use rocket::http::Header;
use rocket::request::{FromRequest, Outcome};
use rocket::response::{Responder, Result as Answer};

use super::guard::{auth, bearer, names_this_machine, needs};
use super::headers::Security;
use super::problem::{Kind, Problem, refuse};
use super::proxies;
use crate::auth::Auth;
use crate::auth::code::Code;
use crate::auth::session::Session;
use crate::auth::token::Claims;
use crate::auth::user::UserId;
use crate::error::{Error, TokenError};

/// A page of another site cannot send it without asking first (Fetch §4.8), and it is never granted.
const CSRF_HEADER: &str = "X-CSRF-Token";

/// See the module's page.
pub struct Cookies<'r> {
    https: bool,
    /// Whether one may be set.
    pub may_be_set: bool,
    sent: Result<&'r str, TokenError>,
}

impl<'r> Cookies<'r> {
    fn of(request: &'r Request<'_>) -> Self {
        let https = request.rocket().state::<Security>().is_some_and(|security| security.https);
        let is_here = names_this_machine(request) && !proxies::is_forwarded(request);
        Self { https, may_be_set: https || is_here, sent: sent(request, name(https)) }
    }

    /// The `Set-Cookie` for a session's cookie that lasts so long.
    #[must_use]
    pub fn set(&self, cookie: &Code, lasts: Duration) -> String {
        self.line(cookie.expose(), lasts.as_secs())
    }

    /// The `Set-Cookie` that makes the browser forget a cookie it sent, if that is no good (any more).
    pub async fn cleared(&self, auth: &Auth) -> Option<String> {
        match self.judge(auth).await {
            Err(Error::Token(error)) if error != TokenError::Missing => Some(self.line("", 0)),
            // Good, not there, or it cannot be told.
            _ => None,
        }
    }

    /// The session of the cookie as it was sent, if that is good.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn good(&self, auth: &Auth) -> Result<Option<Session>, Error> {
        match self.judge(auth).await {
            Ok(session) => Ok(Some(session)),
            Err(Error::Token(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    fn line(&self, value: &str, max_age_secs: u64) -> String {
        let secure = if self.https { "; Secure" } else { "" };
        format!("{}={value}; Path=/; Max-Age={max_age_secs}{secure}; HttpOnly; SameSite=Lax", name(self.https))
    }

    async fn judge(&self, auth: &Auth) -> Result<Session, Error> {
        auth.check_cookie(self.sent?).await
    }

    async fn session(&self, auth: &Auth) -> Result<Session, Problem> {
        self.judge(auth).await.map_err(|error| match error {
            Error::Token(TokenError::Missing) => TokenError::Missing.into(),
            // Why is nothing to whoever made it up, and whoever had it can only log in again.
            Error::Token(_) => Problem::from(TokenError::Revoked).message("The session of this browser has ended; log in again."),
            other => other.into(),
        })
    }
}

const fn name(https: bool) -> &'static str {
    if https { "__Host-doorward" } else { "doorward" }
}

/// The value of the one cookie of this name. Two are refused: somebody else set one of them.
fn sent<'r>(request: &'r Request<'_>, name: &str) -> Result<&'r str, TokenError> {
    value(request.headers().get("Cookie"), name)
}

/// The value of the only cookie of this name among the lines of all `Cookie` headers.
pub(super) fn value<'a>(lines: impl Iterator<Item = &'a str>, name: &str) -> Result<&'a str, TokenError> {
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(there, _)| *there == name).map(|(_, value)| value);
    let value = values.next().ok_or(TokenError::Missing)?;
    if values.next().is_some() {
        return Err(TokenError::Invalid("there are two cookies of this name"));
    }
    Ok(value)
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Cookies<'r> {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        Outcome::Success(Self::of(request))
    }
}

/// What somebody has shown.
pub enum Shown {
    /// A token.
    Token(Arc<Claims>),
    /// The cookie of this session.
    Cookie(Box<Session>),
}

impl Shown {
    /// Whose it is.
    #[must_use]
    pub fn user(&self) -> UserId {
        match self {
            Self::Token(claims) => claims.user,
            Self::Cookie(session) => session.user,
        }
    }
}

/// A good access token, or else a good cookie. A token that is no good is not made good by a cookie.
pub struct Visitor(Shown);

impl Visitor {
    /// What was shown.
    #[must_use]
    pub const fn shown(&self) -> &Shown {
        &self.0
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Visitor {
    type Error = Problem;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Problem> {
        let auth = auth(request);
        let judged = match bearer(request) {
            Err(TokenError::Missing) => Cookies::of(request).session(auth).await.map(|session| Shown::Cookie(session.into())),
            sent => sent.and_then(|token| auth.check_access(token)).map(Shown::Token).map_err(Problem::from),
        };
        match judged {
            Ok(shown) => Outcome::Success(Self(shown)),
            Err(problem) => refuse(request, problem),
        }
    }
}

/// A good access or refresh token, or else a good cookie with a header that no other site can send.
pub struct Leaver(Shown);

impl Leaver {
    /// What was shown.
    #[must_use]
    pub const fn shown(&self) -> &Shown {
        &self.0
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Leaver {
    type Error = Problem;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Problem> {
        let auth = auth(request);
        let judged = match bearer(request) {
            Err(TokenError::Missing) => leaving_session(request, auth).await.map(|session| Shown::Cookie(session.into())),
            Err(error) => Err(error.into()),
            Ok(token) => auth.check_any(token).await.map(Shown::Token).map_err(Problem::from),
        };
        match judged {
            Ok(shown) => Outcome::Success(Self(shown)),
            Err(problem) => refuse(request, problem),
        }
    }
}

async fn leaving_session(request: &Request<'_>, auth: &Auth) -> Result<Session, Problem> {
    let cookies = Cookies::of(request);
    let marked = request.headers().get_one(CSRF_HEADER).is_some_and(|value| !value.trim().is_empty());
    if cookies.sent.is_ok() && !marked {
        return Err(Problem::new(Kind::AuthorizationRequired).message("By cookie this needs a header X-CSRF-Token, with any value."));
    }
    cookies.session(auth).await
}

/// An answer that may set or clear the cookie.
pub struct WithCookie<R> {
    /// The answer.
    pub answer: R,
    /// A `Set-Cookie`.
    pub cookie: Option<String>,
}

impl<'r, 'o: 'r, R: Responder<'r, 'o>> Responder<'r, 'o> for WithCookie<R> {
    fn respond_to(self, request: &'r Request<'_>) -> Answer<'o> {
        let mut response = self.answer.respond_to(request)?;
        if let Some(cookie) = self.cookie {
            response.adjoin_header(Header::new("Set-Cookie", cookie));
        }
        Ok(response)
    }
}

needs! {
    Visitor => Auth;
    Leaver => Auth;
}
