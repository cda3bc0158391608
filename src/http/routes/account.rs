//! Who one is: register, and what a token is good for.

use rocket::response::status::Created;
use rocket::serde::json::Json;
use rocket::{Route, State, get, post, routes};
use serde::Serialize;

use super::{Message, invites, message};
use crate::auth::password::Password;
use crate::auth::user::{CustomClaims, Role, UserId, Username};
use crate::auth::{Auth, Registration as Mode};
use crate::http::base_path::BasePath;
use crate::http::body::{Body, Fields, Object};
use crate::http::guard::{AccessToken, ClientOrigin};
use crate::http::problem::Problem;

/// With the way to register that the settings ask for: its body differs.
pub fn routes(registration: Mode) -> Vec<Route> {
    let register = match registration {
        Mode::Invite => routes![invites::register],
        Mode::Open | Mode::Closed => routes![register],
    };
    [register, routes![me, test]].concat()
}

/// A name and a password that may be chosen.
pub struct Registration {
    pub username: Username,
    pub password: Password,
}

impl Registration {
    /// Takes `username` and `password`; both are judged even if one is at fault.
    pub fn take_from(object: &mut Object, reserved_too: bool) -> Option<Self> {
        let username = object.parsed("username", Username::parse);
        if !reserved_too && username.as_ref().is_some_and(Username::is_reserved) {
            object.fault("username", "This name is reserved.");
        }
        let password = object.parsed("password", |typed| Password::chosen(typed, username.as_ref()));
        Some(Self { username: username?, password: password? })
    }
}

impl Fields for Registration {
    fn take(object: &mut Object) -> Option<Self> {
        Self::take_from(object, false)
    }
}

/// `POST /register` `{"username","password"}` → 201 with `Location: /user/<id>`; 403, 409, 422, 429.
#[post("/register", data = "<body>")]
async fn register(
    auth: &State<Auth>,
    base: &State<BasePath>,
    origin: ClientOrigin,
    body: Body<Registration>,
) -> Result<Created<Json<Message>>, Problem> {
    let Registration { username, password } = body.0;
    let id = auth.register(username, password, origin.0).await?;
    Ok(created(base, id, message("User has been created successfully")))
}

/// 201 for a user.
pub fn created<T>(base: &BasePath, id: UserId, body: T) -> Created<T> {
    Created::new(base.join(&format!("/user/{id}"))).body(body)
}

/// The holder of a token.
#[derive(Serialize)]
struct Me {
    id: UserId,
    username: Username,
    roles: Vec<Role>,
    claims: CustomClaims,
}

/// `GET /me` with an access token → 200 `{"id","username","roles","claims"}`, as the server knows them now.
#[get("/me")]
async fn me(auth: &State<Auth>, token: AccessToken) -> Result<Json<Me>, Problem> {
    let user = auth.me(token.claims()).await?;
    Ok(Json(Me { id: user.id, username: user.username, roles: user.roles, claims: user.claims }))
}

/// `GET /test` with an access token → 200 `{"message":"Auth Checked"}`. The template's protected route: copy it for yours.
#[get("/test")]
fn test(_token: AccessToken) -> Json<Message> {
    message("Auth Checked")
}
