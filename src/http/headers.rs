//! What every response carries, whoever made it: the request id, `Cache-Control: no-store` and the security headers
//! (OWASP ASVS 5.0 §3.4). A route that needs another value sets it; then that one stays.

use std::fmt;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Header;
use rocket::{Request, Response};
use uuid::Uuid;

/// Names one request in the log and in its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A new random one.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

/// What the settings say about the headers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Security {
    /// The server is reached by https (`public_url`): browsers are told to insist on it.
    pub https: bool,
}

/// Nothing may be loaded, framed or run: right for everything but the page.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

const STANDARD: [(&str, &str); 8] = [
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", API_POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "interest-cohort=()"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
];

/// The headers of every response but `X-Request-Id`, for those names a route has not set.
pub fn standard(security: Security) -> impl Iterator<Item = (&'static str, &'static str)> {
    let hsts = security.https.then_some(("Strict-Transport-Security", "max-age=31536000; includeSubDomains"));
    STANDARD.into_iter().chain(hsts)
}

/// Adds them to what Rocket answers.
pub(super) struct StandardHeaders(pub Security);

#[rocket::async_trait]
impl Fairing for StandardHeaders {
    fn info(&self) -> Info {
        Info { name: "standard headers", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        for (name, value) in standard(self.0) {
            if !response.headers().contains(name) {
                response.set_header(Header::new(name, value));
            }
        }
        let id = request.local_cache(RequestId::random);
        response.set_header(Header::new("X-Request-Id", id.to_string()));
        tracing::debug!(target: "request", %id, method = %request.method(), path = request.uri().path().as_str(), status = response.status().code, "answered");
    }
}
