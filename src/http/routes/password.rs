//! New passwords: one's own, and by a reset code.

use rocket::http::Status;
use rocket::response::status::Custom;
use rocket::serde::json::Json;
use rocket::{Route, State, post, put, routes};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{IdParam, Message, message};
use crate::auth::Auth;
use crate::auth::clock::Timestamp;
use crate::http::body::{Body, Fields, Object};
use crate::http::guard::{Admin, ClientOrigin, FreshToken};
use crate::http::problem::Problem;

pub fn routes() -> Vec<Route> {
    routes![change, issue, redeem]
}

/// A code that was just made: this answer is the only place where it can be read.
#[derive(Serialize)]
struct Issued {
    code: String,
    expires: Timestamp,
}

struct Change {
    current: Zeroizing<String>,
    new: Zeroizing<String>,
}

impl Fields for Change {
    fn take(object: &mut Object) -> Option<Self> {
        let (current, new) = (object.text("current_password"), object.text("new_password"));
        Some(Self { current: current?, new: new? })
    }
}

/// `PUT /me/password` `{"current_password","new_password"}` with a fresh access token → 200; every other session has ended.
/// 401, 422, 429, 503.
#[put("/me/password", data = "<body>")]
async fn change(auth: &State<Auth>, token: FreshToken, origin: ClientOrigin, body: Body<Change>) -> Result<Json<Message>, Problem> {
    let Change { current, new } = body.0;
    auth.change_password(token.claims(), &current, new, origin.0).await?;
    Ok(message("Password has been changed successfully"))
}

/// `POST /user/<id>/reset`, for an administrator → 201 `{"code","expires"}`; one made before is void; 404.
#[post("/user/<id>/reset")]
async fn issue(auth: &State<Auth>, admin: Admin, id: IdParam) -> Result<Custom<Json<Issued>>, Problem> {
    let (code, expires) = auth.issue_reset(admin.actor(), id.0).await?;
    Ok(Custom(Status::Created, Json(Issued { code: code.expose().to_owned(), expires })))
}

struct Redemption {
    code: Zeroizing<String>,
    new: Zeroizing<String>,
}

impl Fields for Redemption {
    fn take(object: &mut Object) -> Option<Self> {
        let (code, new) = (object.text("code"), object.text("new_password"));
        Some(Self { code: code?, new: new? })
    }
}

/// `POST /reset` `{"code","new_password"}` → 200, once; all of the user's sessions have ended. 401 for a code that is none, or
/// no longer; 422, with the code unspent; 429, 503.
#[post("/reset", data = "<body>")]
async fn redeem(auth: &State<Auth>, origin: ClientOrigin, body: Body<Redemption>) -> Result<Json<Message>, Problem> {
    let Redemption { code, new } = body.0;
    auth.redeem_reset(&code, new, origin.0).await?;
    Ok(message("Password has been reset successfully"))
}
