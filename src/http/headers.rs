//! What every response carries, whoever made it: the request id, `Cache-Control: no-store` and the security headers
//! (OWASP ASVS 5.0 §3.4). A route that needs another value sets it; then that one stays.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Header;
use rocket::{Request, Response};
use uuid::Uuid;

/// Names one request in the log and in its answer: a random number of the process, then a count, scrambled so that it does
/// not tell how busy the server is. It is no secret, and randomness for each would be a system call per request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(u64, u64);

impl RequestId {
    /// One that no other request has.
    #[must_use]
    pub fn next() -> Self {
        static PROCESS: LazyLock<u64> = LazyLock::new(|| Uuid::new_v4().as_u64_pair().0);
        static START: LazyLock<u64> = LazyLock::new(|| Uuid::new_v4().as_u64_pair().1);
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self(*PROCESS, scrambled(COUNT.fetch_add(1, Ordering::Relaxed) ^ *START))
    }
}

/// Another number for each: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
const fn scrambled(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0, self.1)
    }
}

/// Put on a request by the front, which adds the headers itself, to what Rocket answers as to its own answers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ThroughTheFront(pub Option<RequestId>);

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

/// Adds them to what Rocket answers where the front does not: under `launch()` and in local dispatch.
pub struct StandardHeaders(pub Security);

#[rocket::async_trait]
impl Fairing for StandardHeaders {
    fn info(&self) -> Info {
        Info { name: "standard headers", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let ThroughTheFront(named) = request.local_cache(ThroughTheFront::default);
        let id = named.unwrap_or_else(RequestId::next);
        if named.is_none() {
            for (name, value) in standard(self.0) {
                if !response.headers().contains(name) {
                    response.set_header(Header::new(name, value));
                }
            }
            response.set_header(Header::new("X-Request-Id", id.to_string()));
        }
        tracing::debug!(target: "request", %id, method = %request.method(), path = request.uri().path().as_str(), status = response.status().code, "answered");
    }
}
