//! What a route refuses by its guard and its body, and how the document tells it: as responses that routes share.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::operation::at;
use super::read;
use crate::auth::service::Scope;
use crate::http::problem::{Kind, Problem};

/// By which guard a route is entered (`http/guard.rs`, `cookie.rs`, `service.rs`).
#[derive(Debug, Clone, Copy)]
pub(super) enum Proof {
    /// None.
    Anyone,
    /// `UserCaller` with `user_routes = "open"`.
    ThisMachine,
    /// `AccessToken`
    Access,
    /// `FreshToken`
    Fresh,
    /// `Admin`
    Admin,
    /// `UserCaller`
    Holder,
    /// `Bearer`, judged as a refresh token.
    Refresh,
    /// `Leaver`
    Leaver,
    /// `Visitor`
    Visitor,
    /// `ServiceKey`
    Service(Scope),
}

/// What the front refuses, whoever asks for what.
pub(super) const OF_ANY: &[Kind] = &[
    Kind::InvalidRequest,
    Kind::Timeout,
    Kind::TooLarge,
    Kind::UnsupportedMediaType,
    Kind::TooManyRequests,
    Kind::HeadersTooLarge,
    Kind::Internal,
    Kind::Overloaded,
];

/// What a token of any kind is refused for.
const TOKEN: [Kind; 4] = [Kind::AuthorizationRequired, Kind::InvalidToken, Kind::TokenExpired, Kind::TokenRevoked];
const NONE: Kind = TOKEN[0];
const BAD: Kind = TOKEN[1];
const LATE: Kind = TOKEN[2];
const VOID: Kind = TOKEN[3];

impl Proof {
    /// What it refuses.
    pub const fn refuses(self) -> &'static [Kind] {
        match self {
            Self::Anyone => &[],
            Self::ThisMachine => &[Kind::Forbidden],
            Self::Access => &TOKEN,
            Self::Fresh => &[NONE, BAD, LATE, VOID, Kind::FreshTokenRequired],
            Self::Admin | Self::Holder | Self::Visitor => &[NONE, BAD, LATE, VOID, Kind::Forbidden],
            Self::Refresh | Self::Leaver => &[NONE, BAD, LATE, VOID, Kind::TokenReused],
            Self::Service(_) => &[NONE, BAD, Kind::Forbidden],
        }
    }

    /// For people.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Anyone => "For anyone.",
            Self::ThisMachine => "For anyone at this machine: `user_routes` is `open`.",
            Self::Access => "With an access token.",
            Self::Fresh => "With a fresh access token: one straight from a login.",
            Self::Admin => "For an administrator.",
            Self::Holder => "For oneself, and an administrator.",
            Self::Refresh => "With a refresh token.",
            Self::Leaver => "With an access or a refresh token, or with the cookie and any `X-CSRF-Token`.",
            Self::Visitor => "With an access token, or with the cookie of a browser that stays signed in.",
            Self::Service(Scope::Introspect) => "With a service key of the scope `introspect`.",
            Self::Service(Scope::Revocations) => "With a service key of the scope `revocations`.",
        }
    }

    /// Which credentials do; any one of the list.
    pub fn security(self) -> Value {
        read(match self {
            Self::Anyone | Self::ThisMachine => "[]",
            Self::Access | Self::Fresh | Self::Admin | Self::Holder => r#"[{"access": []}]"#,
            // The token in the body is a credential, too.
            Self::Refresh => r#"[{"refresh": []}, {}]"#,
            Self::Leaver => r#"[{"access": []}, {"refresh": []}, {"cookie": [], "csrf": []}]"#,
            Self::Visitor => r#"[{"access": []}, {"cookie": []}]"#,
            Self::Service(_) => r#"[{"service": []}, {"service_basic": []}]"#,
        })
    }
}

/// The security schemes.
pub(super) const SCHEMES: &str = r#"{
    "access": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
        "description": "An access token, from `/login` or `/refresh`."},
    "refresh": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
        "description": "A refresh token, from `/login` or `/refresh`; each is good once."},
    "service": {"type": "http", "scheme": "bearer", "bearerFormat": "dws_…",
        "description": "A service key, from `POST /services`."},
    "service_basic": {"type": "http", "scheme": "basic",
        "description": "A service's id as user, its key as password."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "doorward",
        "description": "Set by `/login` with `keep_signed_in`; `__Host-doorward` where `public_url` is https."},
    "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token",
        "description": "Any value: no other site can send it."}
}"#;

/// The headers of answers.
pub(super) const HEADERS: &str = r#"{
    "X-Request-Id": {"required": true, "description": "Names the request in the log and in audit events.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "example": "43c05ef2cb294ce17ea4b95f1f6c3c43"},
    "Cache-Control": {"required": true, "description": "`no-store`, but for public keys, files and the feed.",
        "schema": {"type": "string"}, "example": "no-store"},
    "WWW-Authenticate": {"required": true, "description": "How to authenticate (RFC 6750 §3).",
        "schema": {"type": "string"}, "example": "Bearer realm=\"doorward\""},
    "Retry-After": {"required": true, "description": "Seconds after which to try again.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"}, "example": "2"},
    "Allow": {"required": true, "description": "The methods that the path knows.",
        "schema": {"type": "string"}, "example": "GET, HEAD"},
    "Location": {"required": true, "description": "Where what was made is, or where a browser goes on.",
        "schema": {"type": "string"}, "example": "/user/7"},
    "Set-Cookie": {"required": false, "description": "Sets the cookie of a browser that stays signed in, or clears one that is no good.",
        "schema": {"type": "string"}, "example": "doorward=…; Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax"},
    "ETag": {"required": true, "description": "To be sent in `If-None-Match`.",
        "schema": {"type": "string"}, "example": "W/\"1-7\""},
    "Remote-User": {"required": true, "description": "The name.",
        "schema": {"type": "string"}, "example": "arun"},
    "Remote-Id": {"required": true, "description": "The user's id.",
        "schema": {"type": "string"}, "example": "7"},
    "Remote-Roles": {"required": true, "description": "The roles, with commas between them.",
        "schema": {"type": "string"}, "example": "editor"}
}"#;

/// The headers of every answer.
pub(super) fn standard_headers() -> Value {
    let names = ["X-Request-Id", "Cache-Control"];
    names.into_iter().map(|name| (name.to_owned(), at("headers", name))).collect::<Map<_, _>>().into()
}

/// Each kind once, in the order of the closed list.
pub(super) fn by_status(kinds: &[Kind]) -> BTreeMap<u16, Vec<Kind>> {
    let mut sorted = BTreeMap::<_, Vec<_>>::new();
    for kind in Kind::ALL.into_iter().filter(|kind| kinds.contains(kind)) {
        sorted.entry(kind.status()).or_default().push(kind);
    }
    sorted
}

/// The answer with these words, and the name under which routes share it.
pub(super) fn response(status: u16, kinds: &[Kind]) -> (String, Value) {
    let words: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
    let examples: Map<_, _> = kinds.iter().map(|kind| (kind.word().to_owned(), json!({"value": example(*kind)}))).collect();
    let mut headers = standard_headers();
    let own = match status {
        401 => Some("WWW-Authenticate"),
        405 => Some("Allow"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    };
    if let Some(name) = own {
        headers[name] = at("headers", name);
    }
    let schema = json!({"allOf": [at("schemas", "Problem"), {"properties": {"code": {"const": status}, "error": {"enum": words}}}]});
    let response = json!({
        "description": words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        "headers": headers,
        "content": {"application/json": {"schema": schema, "examples": examples}},
    });
    (format!("{status}.{}", words.join(".")), response)
}

/// What the server says, to the letter.
fn example(kind: Kind) -> Value {
    let problem = Problem::new(kind);
    let problem = match kind {
        Kind::ValidationFailed => problem.errors(&read(r#"{"username": ["Missing data for required field."]}"#)),
        Kind::MalformedJson => problem.errors(&read(r#"["Invalid JSON body."]"#)),
        _ => problem,
    };
    // It was JSON a moment ago.
    serde_json::from_str(&problem.body()).unwrap_or_default()
}
