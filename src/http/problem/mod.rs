//! The one error shape on the wire, the same from the front, a guard, a body, a handler or no route at all.
//!
//! ```json
//! {"code":401,"status":"Unauthorized","error":"token_revoked","message":"The token has been revoked."}
//! ```
//! `error` is a stable word from the closed list [`Kind`]; `errors` names every field's fault, by webargs' name for where it was. It is a superset of what
//! the template's clients read. 401 carries `WWW-Authenticate` (RFC 6750 §3), 405 `Allow`, 429 and 503 `Retry-After`.
//! The bodies of 5xx are constant: the cause is logged here, once.

mod caught;
mod kind;

use std::borrow::Cow;
use std::io::Cursor;
use std::time::Duration;

use rocket::http::{ContentType, Header, Status};
use rocket::request::Request;
use rocket::response::{Responder, Response, Result as Answer};
use serde::Serialize;
use serde_json::{Value, json};

use crate::auth::MAX_ISSUED_TOKEN_BYTES;
use crate::error::{Error, Faults, TokenError, chain};
use crate::store::StorageError;

pub use caught::absent;
pub(super) use caught::{catchers, refuse};
pub use kind::Kind;

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

    /// Fields of a body that are not as they should be.
    #[must_use]
    pub fn invalid(faults: &Faults) -> Self {
        Self::new(Kind::ValidationFailed).errors(&json!(faults))
    }

    /// Values of a query that are not as they should be, in `errors.query`.
    #[must_use]
    pub fn invalid_query(faults: &Faults) -> Self {
        let problem = Self::new(Kind::ValidationFailed).message("The query does not fit; see errors.");
        Self { errors: Some(Box::new(json!({ "query": faults }))), ..problem }
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
        let body: Value = serde_json::from_str(&Problem::invalid_query(&Faults::of("limit", "Unknown field.")).body()).unwrap();
        assert_eq!(
            (&body["message"], &body["errors"]),
            (&json!("The query does not fit; see errors."), &json!({"query": {"limit": ["Unknown field."]}}))
        );
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
}
