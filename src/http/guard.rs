//! Guards are proof: holding one is the permission. Only `FromRequest` makes one, so a handler's signature is its policy.
//!
//! | guard | proves |
//! |---|---|
//! | [`AccessToken`] | a good access token |
//! | [`FreshToken`] | a good access token straight from a login |
//! | [`Admin`] | an administrator's access token, or the command line on this machine |
//! | [`UserCaller`] | whoever `user_routes` lets at `/user/<id>` |
//! | [`Bearer`] | nothing: the token as it was sent, if one was |
//! | [`ClientOrigin`] | nothing: where the request comes from |
//!
//! Those of the routes that take a cookie, too, are in [`super::cookie`].

use std::sync::Arc;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::UserRoutes;
use super::problem::{Kind, Problem, refuse};
use super::proxies;
use crate::auth::service::KEY_PREFIX;
use crate::auth::token::Claims;
use crate::auth::{Actor, Auth, Caller, Origin};
use crate::error::TokenError;

/// The domain, which [`super::rocket`] manages; [`rocket::Sentinel`]s make a launch without it fail.
pub(super) fn auth<'r>(request: &'r Request<'_>) -> &'r Auth {
    request.rocket().state::<Auth>().expect("every guard here aborts the launch unless Auth is managed")
}

/// The token of the `Authorization` header (RFC 6750 §2.1): no header or another scheme is no token.
///
/// # Errors
/// [`TokenError::Missing`]; [`TokenError::Invalid`] for two headers. What follows `Bearer` is whatever was sent; verifying judges it.
pub(super) fn bearer<'r>(request: &'r Request<'_>) -> Result<&'r str, TokenError> {
    token_in(request.headers().get("Authorization"))
}

/// The token among the values of all `Authorization` headers of a request.
pub(crate) fn token_in<'a>(mut values: impl Iterator<Item = &'a str>) -> Result<&'a str, TokenError> {
    let value = values.next().ok_or(TokenError::Missing)?;
    if values.next().is_some() {
        return Err(TokenError::Invalid("there are two Authorization headers"));
    }
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token) } else { Err(TokenError::Missing) }
}

/// The token as it was sent, if one was. Proves nothing.
pub struct Bearer<'r>(pub Option<&'r str>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Bearer<'r> {
    type Error = Problem;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Problem> {
        match bearer(request) {
            Ok(token) => Outcome::Success(Self(Some(token))),
            Err(TokenError::Missing) => Outcome::Success(Self(None)),
            Err(error) => refuse(request, error.into()),
        }
    }
}

/// A good access token, verified once per request.
#[derive(Clone)]
pub struct AccessToken(Arc<Claims>);

impl AccessToken {
    /// What it says.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.0
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for AccessToken {
    type Error = Problem;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Problem> {
        let judged = request.local_cache(|| bearer(request).and_then(|token| auth(request).check_access(token)));
        match judged {
            Ok(claims) => Outcome::Success(Self(Arc::clone(claims))),
            Err(error) => refuse(request, refusal(request, *error)),
        }
    }
}

/// Why there is no access token; for a service key, which is often tried in its place, what it is.
fn refusal(request: &Request<'_>, error: TokenError) -> Problem {
    let is_key = matches!(error, TokenError::Invalid(_)) && bearer(request).is_ok_and(|token| token.starts_with(KEY_PREFIX));
    let problem = Problem::from(error);
    if is_key { problem.message("A service key is no access token; it is for /introspect, /revoke and /revocations.") } else { problem }
}

/// A good access token straight from a login: what is hard to undo takes more than a tab left open.
pub struct FreshToken(AccessToken);

impl FreshToken {
    /// What it says.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        self.0.claims()
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for FreshToken {
    type Error = Problem;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Problem> {
        match request.guard::<AccessToken>().await {
            Outcome::Success(token) if auth(request).is_fresh(token.claims()) => Outcome::Success(Self(token)),
            Outcome::Success(_) => refuse(request, TokenError::NotFresh.into()),
            refused => refused.map(Self),
        }
    }
}

/// Marks a request of the command line on this machine. Only [`super::client`] and the front, for the local socket, put it
/// on; without it, nobody is local.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// From the network, like everybody.
    #[default]
    Public,
    /// From the command line, in this process or by the local socket.
    Local,
}

/// An administrator: holds the [`Actor`] that the domain asks for.
pub struct Admin(Actor);

impl Admin {
    /// Who.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        self.0
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Admin {
    type Error = Problem;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Problem> {
        if *request.local_cache(Door::default) == Door::Local {
            return Outcome::Success(Self(Actor::Local));
        }
        let token = match request.guard::<AccessToken>().await {
            Outcome::Success(token) => token,
            Outcome::Error(error) => return Outcome::Error(error),
            Outcome::Forward(status) => return Outcome::Forward(status),
        };
        if auth(request).is_admin(token.0.user) {
            Outcome::Success(Self(Actor::Admin(*token.0)))
        } else {
            refuse(request, Problem::insufficient_role())
        }
    }
}

/// Whoever `user_routes` lets at `/user/<id>`: with `guarded`, the holder of a token; with `open`, anyone at this
/// machine's own keyboard, as the template teaches.
pub struct UserCaller(Caller);

impl UserCaller {
    /// Who.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.0
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for UserCaller {
    type Error = Problem;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Problem> {
        if *request.local_cache(Door::default) == Door::Local {
            return Outcome::Success(Self(Caller::Operator(Actor::Local)));
        }
        match request.rocket().state::<UserRoutes>().expect("the sentinel below aborts the launch without it") {
            UserRoutes::Open if is_at_this_machine(request) => Outcome::Success(Self(Caller::Anyone)),
            UserRoutes::Open => refuse(
                request,
                Problem::new(Kind::Forbidden).message("user_routes is open: /user/<id> answers only direct requests to localhost."),
            ),
            UserRoutes::Guarded => request.guard::<AccessToken>().await.map(|token| Self(Caller::Holder(token.0))),
        }
    }
}

/// Whether a browser or client on this machine asked us directly: neither through a proxy nor by a name that some
/// site has pointed at 127.0.0.1 (DNS rebinding). A proxy on it that says nothing of itself passes for such a client: the
/// settings must not let it come to that.
fn is_at_this_machine(request: &Request<'_>) -> bool {
    let named = names_this_machine(request);
    let from_here = request.remote().is_none_or(|remote| remote.ip().to_canonical().is_loopback());
    named && !proxies::is_forwarded(request) && from_here
}

/// Whether the client calls the server by a name of this machine.
pub(super) fn names_this_machine(request: &Request<'_>) -> bool {
    request.host().is_some_and(|host| matches!(host.domain().as_str(), "localhost" | "127.0.0.1" | "[::1]"))
}

/// Where the request comes from.
pub struct ClientOrigin(pub Origin);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for ClientOrigin {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let address = proxies::client(request);
        let user_agent = request.headers().get_one("User-Agent").map(str::to_owned);
        Outcome::Success(Self(Origin { address, user_agent }))
    }
}

/// Which state each guard reads: a launch without it fails.
macro_rules! needs {
    ($($guard:ty => $($state:ty),+;)+) => {$(
        impl ::rocket::Sentinel for $guard {
            fn abort(rocket: &::rocket::Rocket<::rocket::Ignite>) -> bool {
                $(rocket.state::<$state>().is_none())||+
            }
        }
    )+};
}

pub(super) use needs;

needs! {
    AccessToken => Auth;
    FreshToken => Auth;
    Admin => Auth;
    UserCaller => Auth, UserRoutes;
}
