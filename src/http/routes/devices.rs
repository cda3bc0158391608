//! Where one is logged in: sessions as a list, and ending them from there.

use rocket::request::FromParam;
use rocket::serde::json::Json;
use rocket::{Route, State, delete, get, routes};
use serde::Serialize;

use super::{IdParam, Message, message};
use crate::auth::clock::Timestamp;
use crate::auth::session::{Session, SessionId};
use crate::auth::{Auth, OpenSession};
use crate::http::guard::{AccessToken, Admin};
use crate::http::problem::Problem;

pub fn routes() -> Vec<Route> {
    routes![mine, end_mine, of_user, end_one_of_user, end_of_user]
}

/// `<id>` of a path; `None` when it is not how a session's id is written. Then the answer is 404, after the guards have spoken.
struct SessionParam(Option<SessionId>);

impl<'a> FromParam<'a> for SessionParam {
    type Error = std::convert::Infallible;

    fn from_param(param: &'a str) -> Result<Self, Self::Error> {
        Ok(Self(SessionId::parse(param)))
    }
}

/// A session, as its user and an administrator see it. Times are seconds since 1970.
#[derive(Serialize)]
struct Listed {
    id: SessionId,
    /// Only for the user itself: whether it asks from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<bool>,
    user_agent: Option<String>,
    address: Option<String>,
    created: Timestamp,
    last_used: Timestamp,
    expires: Timestamp,
}

impl Listed {
    fn new(session: Session, current: Option<bool>) -> Self {
        let Session { id, user_agent, address, created, last_used, expires, .. } = session;
        Self { id, current, user_agent, address, created, last_used, expires }
    }
}

#[derive(Serialize)]
struct Sessions {
    sessions: Vec<Listed>,
}

/// `GET /me/sessions` with an access token → 200
/// `{"sessions":[{"id","current","user_agent","address","created","last_used","expires"}]}`, the most recently used first.
#[get("/me/sessions")]
async fn mine(auth: &State<Auth>, token: AccessToken) -> Result<Json<Sessions>, Problem> {
    let sessions = auth.my_sessions(token.claims()).await?;
    let listed = sessions.into_iter().map(|OpenSession { session, current }| Listed::new(session, Some(current)));
    Ok(Json(Sessions { sessions: listed.collect() }))
}

/// `DELETE /me/sessions/<id>` with an access token → 200; 404, also for somebody else's.
#[delete("/me/sessions/<id>")]
async fn end_mine(auth: &State<Auth>, token: AccessToken, id: SessionParam) -> Result<Json<Message>, Problem> {
    auth.end_my_session(token.claims(), id.0).await?;
    Ok(message("Session has been ended successfully"))
}

/// `GET /user/<id>/sessions`, for an administrator → 200 as `GET /me/sessions`, without `current`; 404.
#[get("/user/<id>/sessions")]
async fn of_user(auth: &State<Auth>, admin: Admin, id: IdParam) -> Result<Json<Sessions>, Problem> {
    let sessions = auth.sessions_of(admin.actor(), id.0).await?;
    Ok(Json(Sessions { sessions: sessions.into_iter().map(|session| Listed::new(session, None)).collect() }))
}

/// `DELETE /user/<id>/sessions/<sid>`, for an administrator → 200; that one has ended; 404, also for another user's.
#[delete("/user/<id>/sessions/<sid>")]
async fn end_one_of_user(auth: &State<Auth>, admin: Admin, id: IdParam, sid: SessionParam) -> Result<Json<Message>, Problem> {
    auth.end_session_of(admin.actor(), id.0, sid.0).await?;
    Ok(message("Session has been ended successfully"))
}

/// `DELETE /user/<id>/sessions`, for an administrator → 200; all of the user's sessions have ended; 404.
#[delete("/user/<id>/sessions")]
async fn end_of_user(auth: &State<Auth>, admin: Admin, id: IdParam) -> Result<Json<Message>, Problem> {
    auth.end_sessions_of(admin.actor(), id.0).await?;
    Ok(message("Sessions have been ended successfully"))
}
