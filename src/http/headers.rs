//! What every response carries, whoever made it: the request id, `Cache-Control: no-store` and the security headers
//! (OWASP ASVS 5.0 §3.4). A route that needs another value sets it; then that one stays.

use std::sync::Arc;
use std::time::Instant;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Header;
use rocket::{Request, Response};

use super::traffic::Traffic;
use crate::trace::RequestId;

/// Put on a request by the front, which adds the headers itself, to what Rocket answers as to its own answers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ThroughTheFront(pub Option<Passed>);

/// What the front knows of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passed {
    /// When its last byte had come.
    pub began: Instant,
    /// Whether a proxy passed it on ([`super::proxies::is_forwarded`]).
    pub forwarded: bool,
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
    // Not for the names below it: they are others' business, and may have no https at all (RFC 6797 §14.4).
    let hsts = security.https.then_some(("Strict-Transport-Security", "max-age=31536000"));
    STANDARD.into_iter().chain(hsts)
}

/// Adds them to what Rocket answers where the front does not: under `launch()` and in local dispatch.
pub struct StandardHeaders(pub Security);

#[rocket::async_trait]
impl Fairing for StandardHeaders {
    fn info(&self) -> Info {
        Info { name: "standard headers", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let ThroughTheFront(through) = request.local_cache(ThroughTheFront::default);
        if let Some(Passed { began, .. }) = through {
            if let Some(traffic) = request.rocket().state::<Arc<Traffic>>() {
                traffic.answered(request, response.status().code, *began);
            }
        } else {
            for (name, value) in standard(self.0) {
                if !response.headers().contains(name) {
                    response.set_header(Header::new(name, value));
                }
            }
            response.set_header(Header::new("X-Request-Id", RequestId::next().to_string()));
        }
        // The route's pattern, not the path: that is a client's.
        let route = request.route().map_or("none", |route| route.uri.path());
        tracing::debug!(target: "request", method = %request.method(), route, status = response.status().code, "answered");
    }
}
