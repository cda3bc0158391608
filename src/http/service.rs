//! Services as callers: [`ServiceKey`] proves a key with a scope, [`FeedReader`] that one may follow the feed.
//!
//! The key is sent as `Authorization: Bearer dws_…` (RFC 7662 §2.1), or as HTTP Basic with the service's id as user and the
//! key as password, as libraries authenticate a client (RFC 6749 §2.3.1).

use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rocket::Request;
use rocket::request::{FromRequest, Outcome};
use rocket::{Ignite, Rocket, Sentinel};
use zeroize::Zeroizing;

use super::RevocationReaders;
use super::form::decode;
use super::guard::{auth, needs};
use super::problem::{Kind, Problem, refuse};
use super::proxies;
use crate::auth::Auth;
use crate::auth::service::{Scope, ServiceId};

/// A scope as a type, so that a handler's signature says which one it takes.
pub trait Scoped: Send + Sync + 'static {
    /// The scope.
    const SCOPE: Scope;
}

/// [`Scope::Introspect`]
pub struct Introspect;

impl Scoped for Introspect {
    const SCOPE: Scope = Scope::Introspect;
}

/// [`Scope::Revocations`]
pub struct Revocations;

impl Scoped for Revocations {
    const SCOPE: Scope = Scope::Revocations;
}

/// The key of a service that has the scope `S`.
pub struct ServiceKey<S>(PhantomData<S>);

/// A key as it was sent, and as whose.
struct Sent {
    id: Option<ServiceId>,
    key: Zeroizing<String>,
}

impl Sent {
    /// `None` for Basic credentials that are not an id and a key.
    fn basic(credentials: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64.decode(credentials).ok()?);
        let colon = bytes.iter().position(|byte| *byte == b':')?;
        // Both were encoded as a form's values are before they were joined (RFC 6749 §2.3.1).
        let (id, key) = (decode(&bytes[..colon])?, decode(&bytes[colon + 1..])?);
        Some(Self { id: Some(ServiceId::parse(&id)?), key })
    }
}

/// Judges the `Authorization` header.
///
/// # Errors
/// What to answer: 401 without a good key, 403 without the scope, 429 after many keys that were none.
fn judge(request: &Request<'_>, scope: Scope) -> Result<(), Problem> {
    let mut values = request.headers().get("Authorization");
    let value = values.next().ok_or_else(Problem::no_service_key)?;
    let (scheme, credentials) = value.split_once(' ').unwrap_or((value, ""));
    let (sent, scheme) = if scheme.eq_ignore_ascii_case("bearer") {
        (Some(Sent { id: None, key: Zeroizing::new(credentials.to_owned()) }), "Bearer")
    } else if scheme.eq_ignore_ascii_case("basic") {
        (Sent::basic(credentials), "Basic")
    } else {
        return Err(Problem::no_service_key());
    };
    // A good key is never made to wait.
    let refused = || match auth(request).refuse_service_key(proxies::client(request)) {
        Ok(()) => Problem::bad_service_key(scheme),
        Err(throttled) => throttled.into(),
    };
    let sent = sent.filter(|_| values.next().is_none()).ok_or_else(refused)?;
    let (id, scopes) = auth(request).service_with_key(&sent.key).ok_or_else(refused)?;
    if sent.id.is_some_and(|named| named != id) {
        return Err(refused());
    }
    if scopes.contains(&scope) { Ok(()) } else { Err(Problem::insufficient_scope(scope.name())) }
}

#[rocket::async_trait]
impl<'r, S: Scoped> FromRequest<'r> for ServiceKey<S> {
    type Error = Problem;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Problem> {
        match judge(request, S::SCOPE) {
            Ok(()) => Outcome::Success(Self(PhantomData)),
            Err(problem) => refuse(request, problem),
        }
    }
}

/// Whoever `revocations` lets follow the feed: services with the scope, or anyone.
pub struct FeedReader(());

#[rocket::async_trait]
impl<'r> FromRequest<'r> for FeedReader {
    type Error = Problem;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Problem> {
        match request.rocket().state::<RevocationReaders>().expect("the sentinel below aborts the launch without it") {
            RevocationReaders::Public => Outcome::Success(Self(())),
            RevocationReaders::Services => request.guard::<ServiceKey<Revocations>>().await.map(|_| Self(())),
        }
    }
}

impl<S> Sentinel for ServiceKey<S> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<Auth>().is_none()
    }
}

needs! {
    FeedReader => Auth, RevocationReaders;
}

impl Problem {
    fn no_service_key() -> Self {
        Self::new(Kind::AuthorizationRequired).message("Request does not contain a service key.")
    }

    /// In the scheme that was tried (RFC 6749 §5.2).
    fn bad_service_key(scheme: &str) -> Self {
        let message = "The service key is not valid.";
        let realm = format!("{scheme} realm=\"doorward\"");
        let value = if scheme == "Basic" { realm } else { format!("{realm}, error=\"invalid_token\", error_description=\"{message}\"") };
        Self::new(Kind::InvalidToken).message(message).header("WWW-Authenticate", value)
    }

    /// RFC 6750 §3.1.
    fn insufficient_scope(scope: &str) -> Self {
        let value = format!("Bearer realm=\"doorward\", error=\"insufficient_scope\", scope=\"{scope}\"");
        Self::new(Kind::Forbidden).message(format!("This takes a service key with the scope {scope}.")).header("WWW-Authenticate", value)
    }
}
