//! The one error shape on the wire, the same from the front, a guard, a body, a handler or no route at all.
//!
//! ```json
//! {"code":401,"status":"Unauthorized","error":"token_revoked","message":"The token has been revoked."}
//! ```
//! `error` is a stable word from the closed list [`Kind`]; `errors` names every field's fault. It is a superset of what
//! the template's clients read. 401 carries `WWW-Authenticate` (RFC 6750 §3), 405 `Allow`, 429 and 503 `Retry-After`.
//! The bodies of 5xx are constant: the cause is logged here, once.

use std::borrow::Cow;
use std::io::Cursor;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rocket::http::{ContentType, Header, Status};
use rocket::outcome::Outcome;
use rocket::request::Request;
use rocket::response::{Responder, Response, Result as Answer};
use rocket::{Catcher, catch, catchers};
use serde::Serialize;
use serde_json::{Value, json};

use super::allowed_methods;
use crate::auth::MAX_ISSUED_TOKEN_BYTES;
use crate::error::{Error, Faults, TokenError};
use crate::store::StorageError;

/// Which error: the closed list of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is its word; the table below says the rest")]
pub enum Kind {
    MalformedJson,
    InvalidRequest,
    AuthorizationRequired,
    InvalidToken,
    TokenExpired,
    TokenRevoked,
    TokenReused,
    FreshTokenRequired,
    InvalidCredentials,
    Forbidden,
    RegistrationClosed,
    NotFound,
    MethodNotAllowed,
    Timeout,
    UsernameTaken,
    TooLarge,
    UnsupportedMediaType,
    ValidationFailed,
    TooManyRequests,
    HeadersTooLarge,
    Internal,
    Overloaded,
    StorageUnavailable,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 23] = [
        Self::MalformedJson,
        Self::InvalidRequest,
        Self::AuthorizationRequired,
        Self::InvalidToken,
        Self::TokenExpired,
        Self::TokenRevoked,
        Self::TokenReused,
        Self::FreshTokenRequired,
        Self::InvalidCredentials,
        Self::Forbidden,
        Self::RegistrationClosed,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::UsernameTaken,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::ValidationFailed,
        Self::TooManyRequests,
        Self::HeadersTooLarge,
        Self::Internal,
        Self::Overloaded,
        Self::StorageUnavailable,
    ];

    /// Status code, its phrase, the word, and the message unless a better one is given. The messages of the template and
    /// of Flask-JWT-Extended are kept to the letter.
    const fn row(self) -> (u16, &'static str, &'static str, &'static str) {
        match self {
            Self::MalformedJson => (400, "Bad Request", "malformed_json", "The body is not one JSON document."),
            Self::InvalidRequest => (400, "Bad Request", "invalid_request", "The request is not valid."),
            Self::AuthorizationRequired => (401, "Unauthorized", "authorization_required", "Request does not contain an access token."),
            Self::InvalidToken => (401, "Unauthorized", "invalid_token", "Signature verification failed."),
            Self::TokenExpired => (401, "Unauthorized", "token_expired", "The token has expired."),
            Self::TokenRevoked => (401, "Unauthorized", "token_revoked", "The token has been revoked."),
            Self::TokenReused => {
                (401, "Unauthorized", "token_reused", "The refresh token was used before; its session has ended. Log in again.")
            }
            Self::FreshTokenRequired => (401, "Unauthorized", "fresh_token_required", "The token is not fresh."),
            Self::InvalidCredentials => (401, "Unauthorized", "invalid_credentials", "Invalid credentials"),
            Self::Forbidden => (403, "Forbidden", "forbidden", "You may not do this."),
            Self::RegistrationClosed => (403, "Forbidden", "registration_closed", "Registration is closed; ask an administrator."),
            Self::NotFound => (404, "Not Found", "not_found", "There is nothing here."),
            Self::MethodNotAllowed => (405, "Method Not Allowed", "method_not_allowed", "This path does not know the method."),
            Self::Timeout => (408, "Request Timeout", "timeout", "The request did not arrive in time."),
            Self::UsernameTaken => (409, "Conflict", "username_taken", "Username already exist"),
            Self::TooLarge => (413, "Content Too Large", "too_large", "The body is longer than 16 KiB."),
            Self::UnsupportedMediaType => {
                (415, "Unsupported Media Type", "unsupported_media_type", "Send a JSON body with Content-Type: application/json.")
            }
            Self::ValidationFailed => (422, "Unprocessable Entity", "validation_failed", "The body does not fit; see errors."),
            Self::TooManyRequests => (429, "Too Many Requests", "too_many_requests", "Too many requests; try again later."),
            Self::HeadersTooLarge => (431, "Request Header Fields Too Large", "headers_too_large", "The headers are too long."),
            Self::Internal => (500, "Internal Server Error", "internal", "Something went wrong on the server."),
            Self::Overloaded => (503, "Service Unavailable", "overloaded", "The server is busy; try again shortly."),
            Self::StorageUnavailable => {
                (503, "Service Unavailable", "storage_unavailable", "The server cannot write at the moment; nothing was changed.")
            }
        }
    }

    /// Its status code.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.row().2
    }
}

const REALM: &str = "Bearer realm=\"doorward\"";

/// An error as the client gets it. Holds nothing a client sent: it is safe to log.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    kind: Kind,
    message: Option<Cow<'static, str>>,
    errors: Option<Box<Value>>,
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// One of this kind, with its usual message and headers.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let problem = Self { kind, message: None, errors: None, headers: Vec::new() };
        match kind {
            Kind::AuthorizationRequired | Kind::InvalidCredentials => problem.header("WWW-Authenticate", REALM),
            Kind::InvalidToken | Kind::TokenExpired | Kind::TokenRevoked | Kind::TokenReused | Kind::FreshTokenRequired => {
                let description = kind.row().3;
                problem.header("WWW-Authenticate", format!("{REALM}, error=\"invalid_token\", error_description=\"{description}\""))
            }
            Kind::Overloaded | Kind::StorageUnavailable => problem.header("Retry-After", "2"),
            _ => problem,
        }
    }

    /// With another message.
    #[must_use]
    pub fn message(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.message = Some(text.into());
        self
    }

    /// With a header, in place of one of the same name.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(there, _)| *there != name);
        self.headers.push((name, value.into()));
        self
    }

    /// With `errors.json`, what is wrong in the body.
    #[must_use]
    pub fn errors(mut self, errors: &Value) -> Self {
        self.errors = Some(Box::new(json!({ "json": errors })));
        self
    }

    /// Fields that are not as they should be.
    #[must_use]
    pub fn invalid(faults: &Faults) -> Self {
        Self::new(Kind::ValidationFailed).errors(&json!(faults))
    }

    /// For a caller whose role does not suffice (RFC 6750 §3.1).
    #[must_use]
    pub fn insufficient_role() -> Self {
        Self::new(Kind::Forbidden)
            .message("An administrator may do this.")
            .header("WWW-Authenticate", format!("{REALM}, error=\"insufficient_scope\", scope=\"admin\""))
    }

    /// For who must wait (RFC 6585 §4). Rounded up: who comes back then is let in.
    fn throttled(left: Duration) -> Self {
        let secs = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        let unit = if secs == 1 { "second" } else { "seconds" };
        Self::new(Kind::TooManyRequests)
            .message(format!("Too many attempts; try again in {secs} {unit}."))
            .header("Retry-After", secs.to_string())
    }

    /// Which error.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.kind.status()
    }

    /// Its own headers, beside those of every response.
    #[must_use]
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// Its JSON.
    #[must_use]
    pub fn body(&self) -> String {
        let (code, status, error, usual) = self.kind.row();
        let wire = Wire { code, status, error, message: self.message.as_deref().unwrap_or(usual), errors: self.errors.as_deref() };
        // Strings, a number and JSON always serialise.
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

/// The shape, in the order people read it.
#[derive(Serialize)]
struct Wire<'a> {
    code: u16,
    status: &'static str,
    error: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a Value>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::UsernameTaken => Self::new(Kind::UsernameTaken),
            Error::InvalidCredentials => Self::new(Kind::InvalidCredentials),
            Error::Token(token) => token.into(),
            Error::Forbidden => Self::new(Kind::Forbidden),
            Error::LastAdmin => Self::new(Kind::Forbidden).message("The last administrator stays; make another one first."),
            Error::RegistrationClosed => Self::new(Kind::RegistrationClosed),
            Error::InviteRefused => {
                Self::new(Kind::RegistrationClosed).message("The invite is not valid: it was used, has expired or never was one.")
            }
            Error::NoSuchUser => Self::new(Kind::NotFound).message("There is no such user."),
            Error::NoSuchService => Self::new(Kind::NotFound).message("There is no such service."),
            Error::NoSuchSession => Self::new(Kind::NotFound).message("There is no such session."),
            Error::NoSuchInvite => Self::new(Kind::NotFound).message("There is no such invite."),
            Error::TokenTooLong { bytes } => Self::new(Kind::Forbidden).message(format!(
                "The access token would be {bytes} bytes long; {MAX_ISSUED_TOKEN_BYTES} are allowed. An administrator must shorten the claims or roles."
            )),
            Error::NoSuchKey => Self::new(Kind::NotFound).message("There is no such key."),
            Error::LastKey => Self::new(Kind::Forbidden).message("The last signing key stays; rotate first."),
            Error::Invalid(faults) => Self::invalid(&faults),
            Error::Throttled { retry_after } => Self::throttled(retry_after),
            Error::Overloaded { retry_after } => {
                Self::new(Kind::Overloaded).header("Retry-After", retry_after.as_secs().max(1).to_string())
            }
            Error::Storage(StorageError::Busy) => Self::new(Kind::Overloaded),
            Error::Storage(ref storage) => {
                tracing::error!(error = %chain(&error), "a request could not be kept");
                match storage {
                    StorageError::Record { .. } => Self::new(Kind::Internal),
                    StorageError::Uncertain => Self::new(Kind::StorageUnavailable)
                        .message("The server failed while it kept the change; it is not known whether it is kept. Look before you repeat it."),
                    _ => Self::new(Kind::StorageUnavailable),
                }
            }
            Error::Crypto { .. } => {
                tracing::error!(error = %chain(&error), "a request failed");
                Self::new(Kind::Internal)
            }
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        Self::new(match error {
            TokenError::Missing => Kind::AuthorizationRequired,
            TokenError::Invalid(_) => Kind::InvalidToken,
            TokenError::Expired => Kind::TokenExpired,
            TokenError::Revoked => Kind::TokenRevoked,
            TokenError::Reused => Kind::TokenReused,
            TokenError::NotFresh => Kind::FreshTokenRequired,
        })
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

impl<'r> Responder<'r, 'static> for Problem {
    fn respond_to(self, _: &'r Request<'_>) -> Answer<'static> {
        let body = self.body();
        let mut response = Response::build();
        response.status(Status::new(self.status())).header(ContentType::JSON).sized_body(body.len(), Cursor::new(body));
        for (name, value) in self.headers {
            response.header(Header::new(name, value));
        }
        response.ok()
    }
}

/// What a guard refused with. Rocket hands the catcher a bare status; this keeps the rest for it.
#[derive(Default)]
struct Refusal(Mutex<Option<Problem>>);

/// Refuses from a guard: an error, not a forward, so that no later route gets the request.
pub(super) fn refuse<T, F>(request: &Request<'_>, problem: Problem) -> Outcome<T, (Status, Problem), F> {
    let status = Status::new(problem.status());
    let refusal = request.local_cache(Refusal::default);
    *refusal.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem.clone());
    Outcome::Error((status, problem))
}

/// The only catcher.
pub(super) fn catchers() -> Vec<Catcher> {
    catchers![caught]
}

#[catch(default)]
fn caught(status: Status, request: &Request<'_>) -> Problem {
    let refusal = request.local_cache(Refusal::default).0.lock().unwrap_or_else(PoisonError::into_inner).take();
    // An optional guard may have left one that was not final.
    if let Some(problem) = refusal.filter(|problem| problem.status() == status.code) {
        return problem;
    }
    match status.code {
        404 => absent(request.rocket(), request.uri().path().as_str()),
        code => Kind::ALL.into_iter().find(|kind| kind.status() == code).map_or_else(|| Problem::new(Kind::Internal), Problem::new),
    }
}

/// The answer where no route matched: Rocket does not tell a wrong method from a wrong path (RFC 9110 §15.5.6).
#[must_use]
pub fn absent(rocket: &rocket::Rocket<rocket::Orbit>, path: &str) -> Problem {
    match allowed_methods(rocket, path) {
        Some(allow) => Problem::new(Kind::MethodNotAllowed).header("Allow", allow),
        None => Problem::new(Kind::NotFound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_the_documented_shape() {
        let body: Value = serde_json::from_str(&Problem::from(TokenError::Revoked).body()).unwrap();
        assert_eq!(
            body,
            json!({"code": 401, "status": "Unauthorized", "error": "token_revoked", "message": "The token has been revoked."})
        );
        let faults = Faults::of("username", "Missing data for required field.");
        let body: Value = serde_json::from_str(&Problem::invalid(&faults).body()).unwrap();
        assert_eq!(body["errors"], json!({"json": {"username": ["Missing data for required field."]}}));
    }

    #[test]
    fn every_401_says_how_to_authenticate_and_only_a_bad_token_is_called_one() {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.status() == 401) {
            let problem = Problem::new(kind);
            let value = &problem.headers().iter().find(|(name, _)| *name == "WWW-Authenticate").expect("the header").1;
            let names_error = value.contains("error=\"invalid_token\"");
            assert_eq!(names_error, !matches!(kind, Kind::AuthorizationRequired | Kind::InvalidCredentials), "{kind:?}");
        }
    }

    #[test]
    fn the_cause_of_a_server_error_is_not_in_its_body() {
        let error = Error::Crypto { action: "signing", source: "the secret reason".into() };
        assert_eq!(Problem::from(error).body(), Problem::new(Kind::Internal).body());
    }

    #[test]
    fn every_word_is_there_once() {
        let words: std::collections::HashSet<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
    }
}
