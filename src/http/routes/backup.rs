//! Backups: made on the server's side. What is in one is too secret for an answer.

use rocket::http::Status;
use rocket::response::status::Custom;
use rocket::serde::json::Json;
use rocket::{Route, State, post, routes};

use crate::auth::Auth;
use crate::http::body::{Fields, Object, Optional};
use crate::http::guard::Admin;
use crate::http::problem::Problem;
use crate::store::Checkpoint;

pub fn routes() -> Vec<Route> {
    routes![back_up]
}

struct NewBackup {
    keys: bool,
}

impl Fields for NewBackup {
    fn take(object: &mut Object) -> Option<Self> {
        let keys = object.optional("keys", |keys| keys.as_bool().ok_or("Not a valid boolean."));
        Some(Self { keys: keys.unwrap_or(true) })
    }
}

/// `POST /backup` `{"keys"?}`, for an administrator → 201
/// `{"name","created","sequence","keys","counts":{…},"bytes","sha256"}`; 503. Writes a checkpoint into the folder `backups` of the
/// data directory, and answers when it was read back. `keys` `false` leaves out those that sign.
#[post("/backup", data = "<body>")]
async fn back_up(auth: &State<Auth>, admin: Admin, body: Optional<NewBackup>) -> Result<Custom<Json<Checkpoint>>, Problem> {
    let keys = body.0.is_none_or(|wanted| wanted.keys);
    Ok(Custom(Status::Created, Json(auth.back_up(admin.actor(), keys).await?)))
}
