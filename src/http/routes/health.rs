//! Whether the server lives, and whether it can do its work.

use rocket::serde::json::Json;
use rocket::{Route, State, get, routes};
use serde::Serialize;

use super::doctor::Looked;
use crate::auth::Auth;
use crate::http::problem::{Kind, Problem};
use crate::http::proxies::Seen;

pub fn routes() -> Vec<Route> {
    routes![health, ready]
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Seen>,
}

/// `GET /health` → 200 while the process answers. With the `look` of `GET /doctor` in `X-Doorward-Look` also `"seen":
/// {"peer","client","forwarded","trusted"}`: who connected, who is taken for the client, whether `X-Forwarded-For` came, from a
/// trusted proxy.
#[get("/health")]
fn health(looked: Looked) -> Json<Status> {
    Json(Status { status: "ok", seen: looked.0 })
}

/// `GET /ready` → 200 while writes can be kept, else 503.
#[get("/ready")]
fn ready(auth: &State<Auth>) -> Result<Json<Status>, Problem> {
    if auth.is_ready() { Ok(Json(Status { status: "ready", seen: None })) } else { Err(Problem::new(Kind::StorageUnavailable)) }
}
