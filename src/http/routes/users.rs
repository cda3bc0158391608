//! Users: the template's `/user/<id>`, and what an administrator does.

use rocket::response::status::Created;
use rocket::serde::json::Json;
use rocket::{Route, State, delete, get, patch, post, routes};
use serde::Serialize;
use serde_json::Value;

use super::account::{Registration, created};
use super::query::{self, Names};
use super::{IdParam, Message, message};
use crate::auth::Auth;
use crate::auth::clock::Timestamp;
use crate::auth::user::{CustomClaims, MAX_ROLES, Role, User, UserId, Username};
use crate::error::Error;
use crate::http::base_path::BasePath;
use crate::http::body::{Body, Fields, Object};
use crate::http::guard::{Admin, UserCaller};
use crate::http::problem::Problem;
use crate::store::UserChange;

pub fn routes() -> Vec<Route> {
    routes![one, remove, list, add, change]
}

/// The template's user.
#[derive(Serialize)]
struct PublicUser {
    id: UserId,
    username: Username,
}

/// `GET /user/<id>` → 200 `{"id","username"}`; 401, 403, 404. Who may: [`UserCaller`].
#[get("/user/<id>")]
async fn one(auth: &State<Auth>, caller: UserCaller, id: IdParam) -> Result<Json<PublicUser>, Problem> {
    let user = auth.user(caller.caller(), id.0).await?;
    Ok(Json(PublicUser { id: user.id, username: user.username }))
}

/// `DELETE /user/<id>` → 200; 401, 403, 404. All sessions of the user have ended. Who may: [`UserCaller`], oneself with a
/// fresh token.
#[delete("/user/<id>")]
async fn remove(auth: &State<Auth>, caller: UserCaller, id: IdParam) -> Result<Json<Message>, Problem> {
    auth.delete_user(caller.caller(), id.0).await?;
    Ok(message("User has been deleted successfully"))
}

/// A user as an administrator sees it.
#[derive(Serialize)]
struct FullUser {
    id: UserId,
    username: Username,
    roles: Vec<Role>,
    claims: CustomClaims,
    disabled: bool,
    created: Timestamp,
}

impl From<User> for FullUser {
    fn from(user: User) -> Self {
        let User { id, username, password: _, roles, claims, disabled, created } = user;
        Self { id, username, roles, claims, disabled, created }
    }
}

/// One page of users; `next` is the `after` of the following one.
#[derive(Serialize)]
struct Page {
    users: Vec<FullUser>,
    next: Option<UserId>,
}

/// `GET /users?after=<id>&limit=<1..100>`, for an administrator → 200 `{"users":[…],"next":<id or null>}`; 422. With
/// `username=<name>`, however spelled, the one of that name, if there is one.
#[get("/users?<after>&<limit>&<username>")]
async fn list(
    auth: &State<Auth>,
    admin: Admin,
    names: Names<'_>,
    after: Option<&str>,
    limit: Option<&str>,
    username: Option<&str>,
) -> Result<Json<Page>, Problem> {
    let mut faults = names.faults(&["after", "limit", "username"]);
    let after = query::read(&mut faults, "after", after, UserId::parse, "Not a valid user id.");
    let limit = query::limit(&mut faults, limit);
    let username = query::read(&mut faults, "username", username, |name| Username::parse(name).ok(), "Not a valid username.");
    query::or(&faults, ())?;
    if let Some(username) = username {
        let found = auth.user_named(admin.actor(), &username).await?;
        return Ok(Json(Page { users: found.into_iter().map(FullUser::from).collect(), next: None }));
    }
    let users = auth.users(admin.actor(), after, limit).await?;
    let next = users.last().filter(|_| users.len() == limit).map(|user| user.id);
    Ok(Json(Page { users: users.into_iter().map(FullUser::from).collect(), next }))
}

struct NewUserBody {
    registration: Registration,
    roles: Vec<Role>,
}

impl Fields for NewUserBody {
    fn take(object: &mut Object) -> Option<Self> {
        let registration = Registration::take_from(object, true);
        let roles = object.optional("roles", roles).unwrap_or_default();
        Some(Self { registration: registration?, roles })
    }
}

/// `POST /users` `{"username","password","roles"?}`, for an administrator → 201 with the user; 409, 422.
#[post("/users", data = "<body>")]
async fn add(
    auth: &State<Auth>,
    base: &State<BasePath>,
    admin: Admin,
    body: Body<NewUserBody>,
) -> Result<Created<Json<FullUser>>, Problem> {
    let NewUserBody { registration: Registration { username, password }, roles } = body.0;
    let user = auth.add_user(admin.actor(), username, password, roles).await?;
    Ok(created(base, user.id, Json(user.into())))
}

impl Fields for UserChange {
    fn take(object: &mut Object) -> Option<Self> {
        let roles = object.optional("roles", roles);
        let claims = object.optional("claims", |claims| match claims {
            Value::Object(claims) => CustomClaims::try_from(claims),
            _ => Err("Not a valid mapping type.".to_owned()),
        });
        let disabled = object.optional("disabled", |disabled| disabled.as_bool().ok_or("Not a valid boolean."));
        Some(Self { roles, claims, disabled })
    }
}

/// `PATCH /user/<id>` `{"roles"?,"claims"?,"disabled"?}`, for an administrator → 200 with the user; 403, 404, 422.
/// Disabling ends all of its sessions.
#[patch("/user/<id>", data = "<body>")]
async fn change(auth: &State<Auth>, admin: Admin, id: IdParam, body: Body<UserChange>) -> Result<Json<FullUser>, Problem> {
    let id = id.0.ok_or(Error::NoSuchUser)?;
    Ok(Json(auth.change_user(admin.actor(), id, body.0).await?.into()))
}

fn roles(value: Value) -> Result<Vec<Role>, String> {
    let Value::Array(names) = value else { return Err("Not a valid list.".to_owned()) };
    if names.len() > MAX_ROLES {
        return Err(format!("More than {MAX_ROLES} roles."));
    }
    let mut roles = names
        .into_iter()
        .map(|name| match name {
            Value::String(name) => Role::try_from(name).map_err(str::to_owned),
            _ => Err("Not a valid string.".to_owned()),
        })
        .collect::<Result<Vec<_>, _>>()?;
    roles.sort_unstable();
    roles.dedup();
    Ok(roles)
}
