//! The first administrator, by the link that the start of the server printed.

use rocket::response::status::Created;
use rocket::serde::json::Json;
use rocket::{Route, State, post, routes};
use zeroize::Zeroizing;

use super::account::{Registration, created};
use super::{Message, message};
use crate::auth::Auth;
use crate::http::base_path::BasePath;
use crate::http::body::{Body, Fields, Object};
use crate::http::guard::ClientOrigin;
use crate::http::problem::Problem;

pub fn routes() -> Vec<Route> {
    routes![set_up]
}

struct Setup {
    code: Zeroizing<String>,
    registration: Registration,
}

impl Fields for Setup {
    fn take(object: &mut Object) -> Option<Self> {
        // Whoever has the code sits at the server's own terminal, where reserved names are given, too.
        let (code, registration) = (object.text("code"), Registration::take_from(object, true));
        Some(Self { code: code?, registration: registration? })
    }
}

/// `POST /setup` `{"code","username","password"}` → 201 with `Location: /user/<id>`, once: the user is an administrator. 401 for
/// a code that is none, or no longer, and when there is an administrator; 409, 422, with the code unspent; 429, 503.
#[post("/setup", data = "<body>")]
async fn set_up(
    auth: &State<Auth>,
    base: &State<BasePath>,
    origin: ClientOrigin,
    body: Body<Setup>,
) -> Result<Created<Json<Message>>, Problem> {
    let Setup { code, registration: Registration { username, password } } = body.0;
    let id = auth.redeem_setup(&code, username, password, origin.0).await?;
    Ok(created(base, id, message("User has been created successfully")))
}
