//! Leaving another program: its users in, and how far they have come.

use std::collections::BTreeMap;

use rocket::serde::json::Json;
use rocket::{Route, State, get, post, routes};
use serde::Serialize;
use serde_json::Value;

use crate::auth::Auth;
use crate::auth::foreign::Scheme;
use crate::auth::imports::{MAX_ROWS, Outcome, Progress, Refusal, Row};
use crate::http::body::{Body, Fields, Object};
use crate::http::guard::Admin;
use crate::http::problem::Problem;

pub fn routes() -> Vec<Route> {
    routes![import, progress]
}

struct Batch {
    rows: Vec<Row>,
    trial: bool,
}

impl Fields for Batch {
    fn take(object: &mut Object) -> Option<Self> {
        let rows = object.required("users", rows);
        let trial = object.optional("dry_run", |dry| dry.as_bool().ok_or("Not a valid boolean."));
        Some(Self { rows: rows?, trial: trial.unwrap_or_default() })
    }
}

fn rows(value: Value) -> Result<Vec<Row>, String> {
    let Value::Array(rows) = value else { return Err("Not a valid list.".to_owned()) };
    if rows.len() > MAX_ROWS {
        return Err(format!("More than {MAX_ROWS} users."));
    }
    let numbered = rows.into_iter().enumerate();
    numbered.map(|(at, value)| row(value).ok_or_else(|| format!("Row {at} is not an object of id, username and password_hash."))).collect()
}

fn row(value: Value) -> Option<Row> {
    let Value::Object(mut fields) = value else { return None };
    let id = fields.remove("id").filter(|id| id.as_f64().is_some_and(|id| id.fract() == 0.0))?;
    let mut text = |name: &str| fields.remove(name).and_then(|value| value.as_str().map(str::to_owned));
    let (username, password_hash) = (text("username")?, text("password_hash")?);
    fields.is_empty().then(|| Row { id: id.as_u64(), username, password_hash })
}

#[derive(Serialize)]
struct Refused {
    row: usize,
    reason: String,
}

impl From<Refusal> for Refused {
    fn from(Refusal { row, reason }: Refusal) -> Self {
        Self { row, reason }
    }
}

#[derive(Serialize)]
struct Report {
    added: usize,
    present: usize,
    refused: Vec<Refused>,
}

/// `POST /import` `{"users":[{"id","username","password_hash"}],"dry_run"?}`, for an administrator → 200
/// `{"added","present","refused":[{"row","reason"}]}`; 422. Who was imported before is `present` and stays as is.
#[post("/import", data = "<body>")]
async fn import(auth: &State<Auth>, admin: Admin, body: Body<Batch>) -> Result<Json<Report>, Problem> {
    let Outcome { added, present, refused } = auth.import_users(admin.actor(), body.0.rows, body.0.trial).await?;
    Ok(Json(Report { added, present, refused: refused.into_iter().map(Refused::from).collect() }))
}

#[derive(Serialize)]
struct Standing {
    users: usize,
    foreign: BTreeMap<Scheme, usize>,
}

/// `GET /import`, for an administrator → 200 `{"users","foreign":{<scheme>:<number>}}`: whose hash is still another program's.
#[get("/import")]
async fn progress(auth: &State<Auth>, admin: Admin) -> Result<Json<Standing>, Problem> {
    let Progress { users, foreign } = auth.import_progress(admin.actor()).await?;
    Ok(Json(Standing { users, foreign }))
}
