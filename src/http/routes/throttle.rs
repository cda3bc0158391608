//! Who must wait after too many failures, as an administrator sees it, and letting a user or an address go on.

use rocket::serde::json::Json;
use rocket::{Route, State, delete, get, routes};
use serde::Serialize;

use super::{IdParam, Message, message};
use crate::auth::{Auth, Waiting};
use crate::http::guard::Admin;
use crate::http::problem::{Kind, Problem};

pub fn routes() -> Vec<Route> {
    routes![list, unlock, unlock_address]
}

#[derive(Serialize)]
struct Blocks {
    blocks: Vec<Waiting>,
}

/// `GET /throttle`, for an administrator → 200 `{"blocks":[{"scope","user","address","failures","until"}]}`, the longest first, at
/// most 1000. `scope` is one of `user_at_address`, `address`, `user`, `session`, `registrations`, `codes`, `refresh_tokens`, `service_keys`.
#[get("/throttle")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
fn list(auth: &State<Auth>, admin: Admin) -> Json<Blocks> {
    Json(Blocks { blocks: auth.waiting(admin.actor()) })
}

/// `DELETE /user/<id>/throttle`, for an administrator → 200; its failures are forgotten, wherever they were; 404.
#[delete("/user/<id>/throttle")]
async fn unlock(auth: &State<Auth>, admin: Admin, id: IdParam) -> Result<Json<Message>, Problem> {
    auth.unlock(admin.actor(), id.0).await?;
    Ok(message("User has been unlocked successfully"))
}

/// `DELETE /throttle/<address>`, for an administrator → 200; what failed there is forgotten, whatever of; 404 if it is no IP address.
#[delete("/throttle/<address>")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
fn unlock_address(auth: &State<Auth>, admin: Admin, address: &str) -> Result<Json<Message>, Problem> {
    let network = address.parse().map_err(|_| Problem::new(Kind::NotFound).message("There is no such address."))?;
    auth.unlock_address(admin.actor(), network);
    Ok(message("Address has been unlocked successfully"))
}
