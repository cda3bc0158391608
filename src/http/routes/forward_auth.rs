//! Forward-auth: a proxy asks here, with the headers of somebody's request, whether to let that one through, and who it is.
//!
//! Whatever is not a clear yes is 401 or 403 (a proxy would make a 500 of anything else): also a question that is not
//! understood, and trouble with the storage.

use rocket::http::RawStr;
use rocket::request::{FromRequest, Outcome};
use rocket::response::{Redirect, Responder, Result as Answer};
use rocket::{Request, Route, State, get, routes};

use super::message;
use crate::auth::Auth;
use crate::auth::browsers::Identity;
use crate::auth::user::Role;
use crate::error::Error;
use crate::http::base_path::BasePath;
use crate::http::cookie::{Shown, Visitor};
use crate::http::problem::{Kind, Problem, refuse};
use crate::http::proxies::is_from_trusted;

/// Longest path to come back to, in bytes.
const MAX_RETURN_BYTES: usize = 2048;

pub fn routes() -> Vec<Route> {
    routes![verify]
}

/// `GET /verify?role=<name>&redirect=1` with an access token, or else with the cookie of a browser that stays signed in → 200
/// with `Remote-User`, `Remote-Id` and `Remote-Roles`; 401; 403 without the role, for a query that is not understood, and while
/// it cannot be told. With `redirect=1` a browser gets 302 to the page in place of 401.
#[get("/verify")]
async fn verify(auth: &State<Auth>, asked: Asked, page: ThePage, visitor: Result<Visitor, Problem>) -> Result<Verified, Refused> {
    let refused = match visitor {
        Ok(visitor) => match who(auth, &asked, &visitor).await {
            Ok(identity) => return Ok(Verified(identity)),
            Err(problem) => closed(problem),
        },
        Err(problem) => closed(problem),
    };
    match page.0 {
        Some(page) if asked.redirect && refused.status() == 401 => Err(Refused::ToPage(Box::new(Redirect::found(page)))),
        _ => Err(Refused::Problem(refused)),
    }
}

async fn who(auth: &Auth, asked: &Asked, visitor: &Visitor) -> Result<Identity, Problem> {
    let identity = auth.identify(visitor.shown().user(), asked.role.as_ref()).await.map_err(|error| match error {
        Error::Forbidden => Problem::new(Kind::Forbidden).message("You are signed in, but lack the role that is needed here."),
        other => other.into(),
    })?;
    if let Shown::Cookie(session) = visitor.shown() {
        auth.keep_alive(session).await;
    }
    Ok(identity)
}

/// Trouble is 403, not 401: to log in again would not help, and browsers would be sent in circles.
fn closed(problem: Problem) -> Problem {
    match problem.status() {
        401 | 403 => problem,
        _ => Problem::new(Kind::Forbidden).message("It cannot be told at the moment who you are; try again shortly."),
    }
}

/// What the query asks for.
struct Asked {
    role: Option<Role>,
    redirect: bool,
}

impl Asked {
    /// `None` for anything that is not understood: a role that was misspelt must not let everybody in.
    fn parse<'a>(query: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let mut asked = Self { role: None, redirect: false };
        for part in query {
            match part {
                ("role", name) if asked.role.is_none() => asked.role = Some(Role::try_from(name.to_owned()).ok()?),
                ("redirect", "1") if !asked.redirect => asked.redirect = true,
                _ => return None,
            }
        }
        Some(asked)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Asked {
    type Error = Problem;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Problem> {
        let message = "The question is not understood: /verify knows role=<name> and redirect=1, each once.";
        let asked = Self::parse(request.uri().query().into_iter().flat_map(|query| query.segments()));
        asked.map_or_else(|| refuse(request, Problem::new(Kind::Forbidden).message(message)), Outcome::Success)
    }
}

/// Where a browser can log in and come back from; `None`: whoever asks is none, or not after a page.
///
/// The address is relative, so the browser stays on the host it asked: there is no other host to be led to.
struct ThePage(Option<String>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for ThePage {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let mut accepted = request.headers().get("Accept").flat_map(|line| line.split(','));
        let for_people = accepted.any(|range| range.split(';').next().is_some_and(|range| range.trim().eq_ignore_ascii_case("text/html")));
        let page = request.rocket().state::<BasePath>().filter(|_| for_people).map(|base| base.join("/"));
        Outcome::Success(Self(page.map(|page| match wanted(request) {
            Some(path) => format!("{page}?return={}", RawStr::new(path).percent_encode()),
            None => page,
        })))
    }
}

/// What was asked for, if a trusted proxy says so.
fn wanted<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let mut values = request.headers().get("X-Forwarded-Uri");
    let path = values.next().filter(|path| is_from_trusted(request) && may_return_to(path))?;
    values.next().is_none().then_some(path)
}

/// Whether it is a path of whichever host it is opened on: one slash, for two name a host, as does a backslash to a browser.
fn may_return_to(path: &str) -> bool {
    path.len() <= MAX_RETURN_BYTES
        && path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(|letter: char| letter == '\\' || letter.is_control())
}

/// 200 for [`Identity`]. The headers are always there, even empty, so that a proxy can put them over what a client sent.
struct Verified(Identity);

impl<'r> Responder<'r, 'static> for Verified {
    fn respond_to(self, request: &'r Request<'_>) -> Answer<'static> {
        let Identity { id, username, roles } = self.0;
        let roles: Vec<_> = roles.iter().map(Role::as_str).collect();
        let mut response = message("Signed in").respond_to(request)?;
        response.set_raw_header("Remote-User", username.as_str().to_owned());
        response.set_raw_header("Remote-Id", id.to_string());
        response.set_raw_header("Remote-Roles", roles.join(","));
        Ok(response)
    }
}

/// Anything but yes.
#[derive(Responder)]
enum Refused {
    Problem(Problem),
    ToPage(Box<Redirect>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_understood_whole_or_not_at_all() {
        let parse = |query: &[(&'static str, &'static str)]| Asked::parse(query.iter().copied());
        let asked = parse(&[("redirect", "1"), ("role", "editor")]).unwrap();
        assert!(asked.redirect && asked.role.is_some_and(|role| role.as_str() == "editor"));
        assert!(parse(&[]).is_some_and(|asked| asked.role.is_none() && !asked.redirect));
        for odd in [
            &[("rol", "editor")][..],
            &[("role", "")],
            &[("role", "Editor")],
            &[("role", "a,b")],
            &[("role", "a"), ("role", "a")],
            &[("redirect", "0")],
            &[("redirect", "")],
            &[("redirect", "1"), ("redirect", "1")],
            &[("role", "a"), ("x", "")],
        ] {
            assert!(parse(odd).is_none(), "{odd:?}");
        }
    }

    #[test]
    fn whatever_goes_wrong_is_401_or_403() {
        for kind in Kind::ALL {
            let status = closed(Problem::new(kind)).status();
            assert_eq!(status, if kind.status() == 401 { 401 } else { 403 }, "{}", kind.word());
        }
    }

    #[test]
    fn one_comes_back_to_a_path_of_the_same_host_only() {
        for path in ["/", "/a/b?c=d&e=//f", "/a//b", &format!("/{}", "x".repeat(2047)), "/caf\u{e9}"] {
            assert!(may_return_to(path), "{path}");
        }
        for path in ["", "a", "//evil.example", "/\\evil.example", "/a\\b", "https://evil.example", "/\t/evil.example", "/\u{85}"] {
            assert!(!may_return_to(path), "{path:?}");
        }
        assert!(!may_return_to(&format!("/{}", "x".repeat(2048))));
    }
}
