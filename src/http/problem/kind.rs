//! Which errors there are: the closed list of words, each with its status and the message unless a better one is given.

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
    pub(super) const fn row(self) -> (u16, &'static str, &'static str, &'static str) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_once() {
        let words: std::collections::HashSet<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
    }
}
