//! Everything that can go wrong in the domain. No HTTP in it: [`crate::http::problem`] gives each its status and text.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::store::StorageError;

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another user has this name.
    #[error("the username is taken")]
    UsernameTaken,
    /// Unknown user, wrong password or disabled account: deliberately one answer (OWASP Authentication).
    #[error("the credentials are not valid")]
    InvalidCredentials,
    /// The token cannot be accepted.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The caller is known, but may not do this.
    #[error("the caller may not do this")]
    Forbidden,
    /// It would leave the server without an administrator.
    #[error("the last administrator stays")]
    LastAdmin,
    /// New users are not accepted.
    #[error("registration is closed")]
    RegistrationClosed,
    /// New users need an invite, and this is none, or no longer.
    #[error("the invite is not valid")]
    InviteRefused,
    /// There is no such user.
    #[error("no such user")]
    NoSuchUser,
    /// There is no such service.
    #[error("no such service")]
    NoSuchService,
    /// The user has no such session.
    #[error("no such session")]
    NoSuchSession,
    /// There is no such invite.
    #[error("no such invite")]
    NoSuchInvite,
    /// The user's access token would be longer than proxies carry.
    #[error("the access token would be {bytes} bytes long")]
    TokenTooLong {
        /// How long.
        bytes: usize,
    },
    /// There is no such key.
    #[error("no such key")]
    NoSuchKey,
    /// It would leave the server without a key to sign with.
    #[error("the last signing key stays")]
    LastKey,
    /// The input breaks a rule; every field's fault is named.
    #[error("the input is not valid")]
    Invalid(Faults),
    /// Too many failures, or registrations, were before this one; it was not looked at.
    #[error("too many attempts")]
    Throttled {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// More work is waiting than could be done in time.
    #[error("too much work is waiting")]
    Overloaded {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A cryptographic operation that cannot fail with sound keys failed.
    #[error("{action} failed")]
    Crypto {
        /// What was being done.
        action: &'static str,
        /// What the library said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a token is not accepted (RFC 6750 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// None was sent.
    #[error("no token was sent")]
    Missing,
    /// Not a token of ours, or not one of the kind that is wanted. The reason is for logs, never for the client.
    #[error("the token is not valid: {0}")]
    Invalid(&'static str),
    /// Past its `exp`.
    #[error("the token has expired")]
    Expired,
    /// Logged out, or its user or session is gone.
    #[error("the token has been revoked")]
    Revoked,
    /// A refresh token that was already exchanged; its session has ended (RFC 9700 §4.14.2).
    #[error("the refresh token was used before")]
    Reused,
    /// Good, but not straight from a login.
    #[error("the token is not fresh")]
    NotFresh,
}

/// Field name → what is wrong with it, each a sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Faults(BTreeMap<String, Vec<String>>);

impl Faults {
    /// One fault of one field.
    #[must_use]
    pub fn of(field: &str, fault: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.add(field, fault);
        faults
    }

    /// Adds a fault to a field.
    pub fn add(&mut self, field: &str, fault: impl Into<String>) {
        self.0.entry(field.to_owned()).or_default().push(fault.into());
    }

    /// Adds all of another's.
    pub fn merge(&mut self, other: Self) {
        for (field, faults) in other.0 {
            self.0.entry(field).or_default().extend(faults);
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Field by field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(field, faults)| (field.as_str(), faults.as_slice()))
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
