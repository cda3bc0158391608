//! Keys: the public ones, for everybody who verifies our tokens.

use rocket::http::{ContentType, Header};
use rocket::{Responder, Route, State, get, routes};

use crate::auth::Auth;

pub fn routes() -> Vec<Route> {
    routes![jwks]
}

/// A JWK Set; cacheable, for it changes rarely and long before it matters.
#[derive(Responder)]
struct Jwks {
    body: String,
    content_type: ContentType,
    cache: Header<'static>,
}

/// `GET /.well-known/jwks.json` → 200, `application/jwk-set+json` (RFC 7517 §5). Empty when only a shared secret signs.
#[get("/.well-known/jwks.json")]
fn jwks(auth: &State<Auth>) -> Jwks {
    Jwks {
        body: serde_json::json!(auth.jwks()).to_string(),
        content_type: ContentType::new("application", "jwk-set+json"),
        cache: Header::new("Cache-Control", "public, max-age=300"),
    }
}
