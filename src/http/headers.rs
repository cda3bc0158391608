//! What every response carries. A stand-in for the room's own.

use std::borrow::Cow;
use std::fmt;

/// Names one request in logs and answers.
#[derive(Debug, Clone)]
pub struct RequestId(uuid::Uuid);

impl RequestId {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// What the settings say about security headers.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// `public_url` is https.
    pub https: bool,
}

/// The headers of every response, for those names a route has not set.
pub fn standard<'a>(request_id: &RequestId, security: &'a Security) -> impl Iterator<Item = (&'static str, Cow<'a, str>)> + use<'a> {
    let hsts = security.https.then_some(("Strict-Transport-Security", Cow::Borrowed("max-age=31536000")));
    [
        ("X-Request-Id", Cow::Owned(request_id.to_string())),
        ("Cache-Control", Cow::Borrowed("no-store")),
        ("X-Content-Type-Options", Cow::Borrowed("nosniff")),
        ("Referrer-Policy", Cow::Borrowed("no-referrer")),
        ("X-Frame-Options", Cow::Borrowed("DENY")),
    ]
    .into_iter()
    .chain(hsts)
}
