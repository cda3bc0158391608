//! What other programs ask about tokens: introspection (RFC 7662), revocation (RFC 7009), the feed of what was revoked.

use rocket::http::{Header, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::serde::json::Json;
use rocket::{Request, Responder, Route, State, get, post, routes};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::auth::Auth;
use crate::auth::clock::Timestamp;
use crate::auth::introspection::Introspection;
use crate::http::form::TokenForm;
use crate::http::problem::Problem;
use crate::http::service::{FeedReader, Introspect, ServiceKey};
use crate::store::{Cursor, News, Revoked};

pub fn routes() -> Vec<Route> {
    routes![introspect, revoke, revocations]
}

/// RFC 7662 §2.2: of a token that is not active, nothing else is said.
#[derive(Serialize)]
struct Introspected {
    active: bool,
    #[serde(flatten)]
    said: Map<String, Value>,
}

/// `POST /introspect` `token=…` with a service key of the scope `introspect` → 200 `{"active":true,"sub","username","iss","aud"?,"exp",
/// "iat","nbf","jti","sid","token_type","scope","roles"}` for a good access token, `{"active":false}` for anything else; 400, 401, 403.
#[post("/introspect", data = "<form>")]
async fn introspect(auth: &State<Auth>, _service: ServiceKey<Introspect>, form: TokenForm) -> Result<Json<Introspected>, Problem> {
    Ok(Json(match auth.introspect(&form.0).await? {
        Introspection::Active(said) => Introspected { active: true, said },
        Introspection::Inactive => Introspected { active: false, said: Map::new() },
    }))
}

/// An object that says nothing.
#[derive(Serialize)]
struct Nothing {}

/// `POST /revoke` `token=…`, which is its own credential → 200 `{}`, whether it was good or not (RFC 7009 §2.2); 400. A good one
/// ends its session.
#[post("/revoke", data = "<form>")]
async fn revoke(auth: &State<Auth>, form: TokenForm) -> Result<Json<Nothing>, Problem> {
    auth.revoke(&form.0).await?;
    Ok(Json(Nothing {}))
}

#[derive(Serialize)]
struct RevokedId {
    id: Uuid,
    kind: Revoked,
    exp: Timestamp,
}

#[derive(Serialize)]
struct CutOff {
    sub: String,
    not_before: Timestamp,
}

/// One page of the feed.
#[derive(Serialize)]
struct Feed {
    cursor: String,
    reset: bool,
    more: bool,
    revoked: Vec<RevokedId>,
    users: Vec<CutOff>,
}

impl From<News> for Feed {
    fn from(news: News) -> Self {
        let News { cursor, reset, more, revoked, cut_offs } = news;
        Self {
            cursor: cursor.to_string(),
            reset,
            more,
            revoked: revoked.into_iter().map(|(id, kind, exp)| RevokedId { id, kind, exp }).collect(),
            users: cut_offs.into_iter().map(|(user, not_before)| CutOff { sub: user.to_string(), not_before }).collect(),
        }
    }
}

/// A page, or that the reader has it already. Always asked for anew.
#[derive(Responder)]
enum Page {
    Fresh(Json<Feed>, Header<'static>, Header<'static>),
    Known((Status, ()), Header<'static>, Header<'static>),
}

/// The `If-None-Match` header (RFC 9110 §13.1.2).
struct IfNoneMatch<'r>(Vec<&'r str>);

impl IfNoneMatch<'_> {
    /// Compares weakly, as the header is to be.
    fn matches(&self, etag: &str) -> bool {
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let etag = opaque(etag);
        self.0.iter().flat_map(|line| line.split(',')).any(|tag| tag.trim() == "*" || opaque(tag) == etag)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for IfNoneMatch<'r> {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        Outcome::Success(Self(request.headers().get("If-None-Match").collect()))
    }
}

/// `GET /revocations?since=<cursor>` with a service key of the scope `revocations`, or by anyone where `revocations` is `public` → 200
/// `{"cursor","reset","more","revoked":[{"id","kind","exp"}],"users":[{"sub","not_before"}]}`; 304 with `If-None-Match`; 401, 403.
///
/// Without a cursor, or with one of another start of the server: the list from its beginning, with `reset`. With `more` the rest
/// follows at once. The `ETag` is weak: of what is the same, entries that expire meanwhile may be missing.
#[get("/revocations?<since>")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
fn revocations(auth: &State<Auth>, _reader: FeedReader, known: IfNoneMatch<'_>, since: Option<&str>) -> Page {
    let news = auth.revocations(since.and_then(Cursor::parse));
    let etag = format!("W/\"{}\"", news.cursor);
    let is_known = known.matches(&etag);
    let (etag, cache) = (Header::new("ETag", etag), Header::new("Cache-Control", "no-cache"));
    if is_known { Page::Known((Status::NotModified, ()), etag, cache) } else { Page::Fresh(Json(news.into()), etag, cache) }
}

#[cfg(test)]
mod tests {
    use super::IfNoneMatch;

    #[test]
    fn any_spelling_of_the_known_tag_matches_and_no_other() {
        for header in ["W/\"a\"", "\"a\"", "\"b\", W/\"a\"", "*", " W/\"a\" "] {
            assert!(IfNoneMatch(vec![header]).matches("W/\"a\""), "{header}");
        }
        for header in ["", "a", "\"b\"", "W/\"aa\"", "w/\"a\""] {
            assert!(!IfNoneMatch(vec![header]).matches("W/\"a\""), "{header}");
        }
        assert!(IfNoneMatch(vec!["\"b\"", "\"a\""]).matches("W/\"a\""));
        assert!(!IfNoneMatch(vec![]).matches("W/\"a\""));
    }
}
