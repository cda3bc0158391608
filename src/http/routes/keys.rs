//! Keys: the public ones, for everybody who verifies our tokens, and what an administrator does to them.

use rocket::http::{ContentType, Header, Status};
use rocket::response::status::Custom;
use rocket::serde::json::Json;
use rocket::{Responder, Route, State, delete, get, post, routes};
use serde::Serialize;
use zeroize::Zeroizing;

use super::query::{self, Names};
use super::{Message, message};
use crate::auth::Auth;
use crate::auth::keys::Algorithm;
use crate::auth::rotation::KeyStatus;
use crate::error::Faults;
use crate::http::body::{Fields, Object, Optional};
use crate::http::cors::Public;
use crate::http::guard::Admin;
use crate::http::problem::Problem;

pub fn routes() -> Vec<Route> {
    routes![jwks, list, add, retire]
}

/// A JWK Set; cacheable, for a key is in it for longer than that before it signs.
#[derive(Responder)]
struct Jwks {
    body: String,
    content_type: ContentType,
    cache: Header<'static>,
}

/// `GET /.well-known/jwks.json` → 200, `application/jwk-set+json` (RFC 7517 §5). Empty when only a shared secret signs.
#[get("/.well-known/jwks.json")]
fn jwks(auth: &State<Auth>) -> Public<Jwks> {
    Public(Jwks {
        body: serde_json::json!(auth.jwks()).to_string(),
        content_type: ContentType::new("application", "jwk-set+json"),
        cache: Header::new("Cache-Control", format!("public, max-age={}", auth.jwks_max_age_secs())),
    })
}

#[derive(Serialize)]
struct Keys {
    keys: Vec<KeyStatus>,
}

/// `GET /keys`, for an administrator → 200
/// `{"keys":[{"kid","algorithm","state","signs","created","activates"?,"expires"?}]}`.
#[get("/keys")]
async fn list(auth: &State<Auth>, admin: Admin) -> Result<Json<Keys>, Problem> {
    Ok(Json(Keys { keys: auth.keys(admin.actor()).await? }))
}

#[derive(Default)]
struct NewKey {
    algorithm: Option<Algorithm>,
    pem: Option<Zeroizing<String>>,
    now: bool,
}

impl Fields for NewKey {
    fn take(object: &mut Object) -> Option<Self> {
        let pem = object.optional("pem", |pem| match pem {
            serde_json::Value::String(pem) => Ok(Zeroizing::new(pem)),
            _ => Err("Not a valid string."),
        });
        let is_import = pem.is_some();
        let algorithm = object.optional("algorithm", |name| match name.as_str().and_then(Algorithm::parse_made_here) {
            Some(_) if is_import => Err("An imported key has its own."),
            Some(algorithm) => Ok(algorithm),
            None => Err("Must be ES256 or EdDSA; keys for RS256 can be imported."),
        });
        let now = object.optional("now", |now| now.as_bool().ok_or("Not a valid boolean."));
        Some(Self { algorithm, pem, now: now.unwrap_or_default() })
    }
}

/// `POST /keys` `{"algorithm"?,"now"?}` or `{"pem","now"?}`, for an administrator → 201 with the key; 422. Makes or imports
/// a key that signs when every verifier has had the time to fetch it, or with `now` at once.
#[post("/keys", data = "<body>")]
async fn add(auth: &State<Auth>, admin: Admin, body: Optional<NewKey>) -> Result<Custom<Json<KeyStatus>>, Problem> {
    let NewKey { algorithm, pem, now } = body.0.unwrap_or_default();
    let key = match pem {
        Some(pem) => auth.import_key(admin.actor(), &pem, now).await?,
        None => auth.rotate_key(admin.actor(), algorithm, now).await?,
    };
    Ok(Custom(Status::Created, Json(key)))
}

/// `DELETE /keys/<kid>?now=<bool>`, for an administrator → 200; 403 for the last one that signs, 404, 422. It stops signing,
/// and verifies until its last token is dead; with `now` its tokens are refused at once.
#[delete("/keys/<kid>?<now>")]
async fn retire(auth: &State<Auth>, admin: Admin, names: Names<'_>, kid: &str, now: Option<&str>) -> Result<Json<Message>, Problem> {
    // Rocket takes a name that is there twice for one that is not there: a key whose secret is out would live on.
    query::or(&names.faults(&["now"]), ())?;
    let at_once = match now {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::invalid_query(&Faults::of("now", "Must be true or false."))),
    };
    auth.retire_key(admin.actor(), kid, at_once).await?;
    Ok(message("The key has been retired"))
}
