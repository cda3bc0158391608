//! Invites: made and taken back by an administrator, used to register.

use std::time::Duration;

use rocket::http::Status;
use rocket::request::FromParam;
use rocket::response::status::{Created, Custom};
use rocket::serde::json::Json;
use rocket::{Route, State, delete, get, post, routes};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::account::{Registration, created};
use super::{Message, message};
use crate::auth::Auth;
use crate::auth::clock::Timestamp;
use crate::auth::code::{Invite, InviteId};
use crate::auth::invites::{INVITE_LIFE, MAX_INVITE_LIFE};
use crate::http::base_path::BasePath;
use crate::http::body::{Body, Fields, Object, Optional};
use crate::http::guard::{Admin, ClientOrigin};
use crate::http::problem::Problem;

/// Without [`register`], which stands in for the open one ([`super::account::routes`]).
pub fn routes() -> Vec<Route> {
    routes![list, make, remove]
}

/// `<id>` of a path; `None` when it is not how an invite's id is written. Then the answer is 404, after the guards have spoken.
struct InviteParam(Option<InviteId>);

impl<'a> FromParam<'a> for InviteParam {
    type Error = std::convert::Infallible;

    fn from_param(param: &'a str) -> Result<Self, Self::Error> {
        Ok(Self(InviteId::parse(param)))
    }
}

/// A registration with the code that allows it.
pub struct Invited {
    registration: Registration,
    invite: Zeroizing<String>,
}

impl Fields for Invited {
    fn take(object: &mut Object) -> Option<Self> {
        let (registration, invite) = (Registration::take(object), object.text("invite"));
        Some(Self { registration: registration?, invite: invite? })
    }
}

/// `POST /register` `{"username","password","invite"}`, where `registration` is `invite` → 201 with `Location: /user/<id>`; 403
/// for an invite that is none, or no longer; 409, 422, 429, with the invite unused.
#[post("/register", data = "<body>")]
pub async fn register(
    auth: &State<Auth>,
    base: &State<BasePath>,
    origin: ClientOrigin,
    body: Body<Invited>,
) -> Result<Created<Json<Message>>, Problem> {
    let Invited { registration: Registration { username, password }, invite } = body.0;
    let id = auth.register_invited(username, password, &invite, origin.0).await?;
    Ok(created(base, id, message("User has been created successfully")))
}

struct NewInvite {
    life: Duration,
}

impl Default for NewInvite {
    fn default() -> Self {
        Self { life: INVITE_LIFE }
    }
}

impl Fields for NewInvite {
    fn take(object: &mut Object) -> Option<Self> {
        let life = object.optional("expires", |seconds| {
            let life = Value::as_u64(&seconds).map(Duration::from_secs).filter(|life| !life.is_zero() && *life <= MAX_INVITE_LIFE);
            life.ok_or_else(|| format!("Must be a number of seconds from 1 to {}.", MAX_INVITE_LIFE.as_secs()))
        });
        Some(life.map_or_else(Self::default, |life| Self { life }))
    }
}

/// An invite that was just made: this answer is the only place where its code can be read.
#[derive(Serialize)]
struct Made {
    id: InviteId,
    code: String,
    expires: Timestamp,
}

/// `POST /invites` with `{"expires"?}`, in seconds (a week unless said), or without a body, for an administrator → 201
/// `{"id","code","expires"}`; 422.
#[post("/invites", data = "<body>")]
async fn make(auth: &State<Auth>, admin: Admin, body: Optional<NewInvite>) -> Result<Custom<Json<Made>>, Problem> {
    let (code, expires) = auth.invite(admin.actor(), body.0.unwrap_or_default().life).await?;
    let made = Made { id: code.digest().into(), code: code.expose().to_owned(), expires };
    Ok(Custom(Status::Created, Json(made)))
}

/// An invite without its code, which nobody can tell any more.
#[derive(Serialize)]
struct Listed {
    id: InviteId,
    created: Timestamp,
    expires: Timestamp,
}

impl From<Invite> for Listed {
    fn from(invite: Invite) -> Self {
        Self { id: invite.id(), created: invite.created, expires: invite.expires }
    }
}

#[derive(Serialize)]
struct Invites {
    invites: Vec<Listed>,
}

/// `GET /invites`, for an administrator → 200 `{"invites":[{"id","created","expires"}]}`: those that can be used.
#[get("/invites")]
async fn list(auth: &State<Auth>, admin: Admin) -> Result<Json<Invites>, Problem> {
    let invites = auth.invites(admin.actor()).await?;
    Ok(Json(Invites { invites: invites.into_iter().map(Listed::from).collect() }))
}

/// `DELETE /invites/<id>`, for an administrator → 200; nobody can use it now; 404.
#[delete("/invites/<id>")]
async fn remove(auth: &State<Auth>, admin: Admin, id: InviteParam) -> Result<Json<Message>, Problem> {
    auth.delete_invite(admin.actor(), id.0).await?;
    Ok(message("Invite has been deleted successfully"))
}
