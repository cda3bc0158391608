//! The routes, by noun. Each handler parses, calls one method of [`crate::auth::Auth`], and wraps the answer.

pub mod account;
pub mod audit;
pub mod backup;
pub mod devices;
pub mod doctor;
pub mod forward_auth;
pub mod health;
pub mod imports;
pub mod introspection;
pub mod invites;
pub mod keys;
pub mod log;
pub mod metadata;
pub mod page;
pub mod password;
pub mod query;
pub mod reference;
pub mod services;
pub mod session;
pub mod setup;
pub mod throttle;
pub mod users;

use rocket::request::FromParam;
use rocket::serde::json::Json;
use serde::Serialize;

use crate::auth::user::UserId;

/// `{"message": …}`, the template's answer to most requests.
#[derive(Debug, Serialize)]
pub struct Message {
    message: &'static str,
}

/// A [`Message`].
#[must_use]
pub const fn message(message: &'static str) -> Json<Message> {
    Json(Message { message })
}

/// `<id>` of a path; `None` when it is not how an id is written. Then the answer is 404, after the guards have spoken.
pub struct IdParam(pub Option<UserId>);

impl<'a> FromParam<'a> for IdParam {
    type Error = std::convert::Infallible;

    fn from_param(param: &'a str) -> Result<Self, Self::Error> {
        Ok(Self(UserId::parse(param)))
    }
}
