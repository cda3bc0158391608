//! Which log lines are written, as an administrator sees and changes it.

use rocket::serde::json::Json;
use rocket::{Route, State, get, put, routes};
use serde::Serialize;

use crate::auth::Auth;
use crate::http::body::{Body, Fields, Object};
use crate::http::guard::Admin;
use crate::http::problem::Problem;
use crate::log_filter::{Filter, LogControl};

pub fn routes() -> Vec<Route> {
    routes![show, change]
}

#[derive(Serialize)]
struct Log {
    filter: String,
}

struct Change(Filter);

impl Fields for Change {
    fn take(object: &mut Object) -> Option<Self> {
        object.parsed("filter", Filter::parse).map(Self)
    }
}

/// `GET /log`, for an administrator → 200 `{"filter"}`: which lines are written.
#[get("/log")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
fn show(auth: &State<Auth>, log: &State<LogControl>, admin: Admin) -> Result<Json<Log>, Problem> {
    Ok(Json(Log { filter: auth.log_filter(admin.actor(), log)? }))
}

/// `PUT /log` `{"filter"}`, for an administrator → 200 `{"filter"}`: other lines are written from now on, until the server stops; 422.
#[put("/log", data = "<body>")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
fn change(auth: &State<Auth>, log: &State<LogControl>, admin: Admin, body: Body<Change>) -> Result<Json<Log>, Problem> {
    let Change(filter) = body.0;
    auth.change_log(admin.actor(), log, &filter)?;
    Ok(Json(Log { filter: filter.as_str().to_owned() }))
}
