//! What has happened, for an administrator.

use rocket::serde::json::Json;
use rocket::{Route, State, get, routes};
use serde::Serialize;
use serde_json::{Map, Value};

use super::query::{self, Names};
use crate::auth::Auth;
use crate::auth::audit::{Record, Wanted, Word};
use crate::auth::session::SessionId;
use crate::auth::user::UserId;
use crate::http::guard::Admin;
use crate::http::problem::Problem;

pub fn routes() -> Vec<Route> {
    routes![list]
}

/// An event. Whatever there is nothing to say about is null; `details` has what only some events have.
#[derive(Serialize)]
struct Listed {
    id: u64,
    /// RFC 3339, UTC.
    time: String,
    event: String,
    actor: String,
    user: Option<UserId>,
    session: Option<SessionId>,
    address: Option<String>,
    request: Option<String>,
    details: Map<String, Value>,
}

impl From<(u64, Record)> for Listed {
    fn from((id, record): (u64, Record)) -> Self {
        let Record { time, event, actor, user, session, address, request, details } = record;
        let (time, address) = (time.to_string(), address.map(|address| address.to_string()));
        Self { id, time, event, actor, user, session, address, request, details }
    }
}

/// One page of events; `next` is the `before` of the following one.
#[derive(Serialize)]
struct Page {
    events: Vec<Listed>,
    next: Option<u64>,
}

/// `GET /audit?user=<id>&event=<word>&before=<id>&limit=<1..100>`, for an administrator → 200
/// `{"events":[{"id","time","event","actor","user","session","address","request","details"}],"next":<id or null>}`, the newest
/// first; 422. `user`: whoever caused or met it.
#[get("/audit?<user>&<event>&<before>&<limit>")]
async fn list(
    auth: &State<Auth>,
    admin: Admin,
    names: Names<'_>,
    user: Option<&str>,
    event: Option<&str>,
    before: Option<&str>,
    limit: Option<&str>,
) -> Result<Json<Page>, Problem> {
    let mut faults = names.faults(&["user", "event", "before", "limit"]);
    let wanted = Wanted {
        before: query::read(&mut faults, "before", before, |id| UserId::parse(id).map(UserId::get), "Not a valid event id."),
        user: query::read(&mut faults, "user", user, UserId::parse, "Not a valid user id."),
        event: query::read(&mut faults, "event", event, Word::parse, "There is no such event."),
        limit: query::limit(&mut faults, limit),
    };
    let wanted = query::or(&faults, wanted)?;
    let limit = wanted.limit;
    let events = auth.events(admin.actor(), wanted).await?;
    let next = events.last().filter(|_| events.len() == limit).map(|(id, _)| *id);
    Ok(Json(Page { events: events.into_iter().map(Listed::from).collect(), next }))
}
