//! Whether the server lives, and whether it can do its work.

use rocket::serde::json::Json;
use rocket::{Route, State, get, routes};
use serde::Serialize;

use crate::auth::Auth;
use crate::http::problem::{Kind, Problem};

pub fn routes() -> Vec<Route> {
    routes![health, ready]
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

/// `GET /health` → 200 while the process answers.
#[get("/health")]
fn health() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// `GET /ready` → 200 while writes can be kept, else 503.
#[get("/ready")]
fn ready(auth: &State<Auth>) -> Result<Json<Status>, Problem> {
    if auth.is_ready() { Ok(Json(Status { status: "ready" })) } else { Err(Problem::new(Kind::StorageUnavailable)) }
}
