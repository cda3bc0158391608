//! How the server is, as an administrator who looks after it asks; and how it sees who asks it from outside.

use rocket::request::{FromRequest, Outcome};
use rocket::serde::json::Json;
use rocket::{Request, Route, State, get, routes};
use serde::Serialize;
use uuid::Uuid;

use crate::auth::Auth;
use crate::auth::checkups::Checkup;
use crate::http::guard::Admin;
use crate::http::problem::Problem;
use crate::http::proxies::{Seen, seen};

/// The header in which the `look` of `GET /doctor` is sent to `GET /health`.
pub const LOOK: &str = "X-Doorward-Look";

pub fn routes() -> Vec<Route> {
    routes![check_up]
}

/// Who sends it to `GET /health` is told where its request seems to come from. It is good for nothing else, and until the
/// process ends: so it may go through whatever stands before the server, where no token should.
pub struct Look(String);

impl Default for Look {
    fn default() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }
}

/// Where browsers reach the server, with its `base_path`, if its settings say so.
pub struct PublicUrl(pub Option<String>);

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    checkup: Checkup,
    look: String,
    public_url: Option<String>,
}

/// `GET /doctor`, for an administrator → 200 `{"database":{"fault","sequence","users","sessions","revocations","bytes"},
/// "clock":{"system","mark"},"administrators":[{"id","username","last_used"}],"look","public_url"}`; 503. Reads every record.
#[get("/doctor")]
async fn check_up(auth: &State<Auth>, look: &State<Look>, url: &State<PublicUrl>, admin: Admin) -> Result<Json<Report>, Problem> {
    Ok(Json(Report { checkup: auth.check_up(admin.actor()).await?, look: look.0.clone(), public_url: url.0.clone() }))
}

/// How the server sees a request, if that has the right [`Look`].
pub struct Looked(pub Option<Seen>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Looked {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let asked = request.headers().get_one(LOOK);
        let is_right = asked.zip(request.rocket().state::<Look>()).is_some_and(|(asked, look)| asked == look.0);
        Outcome::Success(Self(if is_right { seen(request) } else { None }))
    }
}
