//! Sessions: log in, refresh, log out.

use rocket::serde::json::Json;
use rocket::{Route, State, post, routes};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Message, message};
use crate::auth::browsers::{Keep, LoggedIn};
use crate::auth::token::TokenPair;
use crate::auth::{Auth, Scope};
use crate::error::{Error, Faults, TokenError};
use crate::http::body::{Body, Fields, Object, Optional};
use crate::http::cookie::{Cookies, Leaver, Shown, WithCookie};
use crate::http::guard::{Bearer, ClientOrigin};
use crate::http::problem::{Kind, Problem};

pub fn routes() -> Vec<Route> {
    routes![login, refresh, logout]
}

/// A name and a password as typed: what could not be one is simply wrong, not explained.
struct Credentials {
    username: Zeroizing<String>,
    password: Zeroizing<String>,
    keep_signed_in: bool,
}

impl Fields for Credentials {
    fn take(object: &mut Object) -> Option<Self> {
        let (username, password) = (object.text("username"), object.text("password"));
        let keep = object.optional("keep_signed_in", |keep| keep.as_bool().ok_or("Not a valid boolean."));
        Some(Self { username: username?, password: password?, keep_signed_in: keep.unwrap_or_default() })
    }
}

/// RFC 6749 §5.1.
#[derive(Serialize)]
struct Tokens {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: u64,
}

impl From<TokenPair> for Json<Tokens> {
    fn from(pair: TokenPair) -> Self {
        let TokenPair { access, refresh, expires_in } = pair;
        Json(Tokens { access_token: access, refresh_token: refresh, token_type: "Bearer", expires_in })
    }
}

/// `POST /login` `{"username","password","keep_signed_in"?}` → 200 with a pair of tokens, the access token fresh; 401, 422, 429, 503.
/// To keep somebody signed in, the answer sets a cookie that `GET /verify` and `POST /logout` take; the session of the good
/// cookie that came with the request, which it replaces, ends in the same step.
#[post("/login", data = "<body>")]
async fn login(
    auth: &State<Auth>,
    origin: ClientOrigin,
    cookies: Cookies<'_>,
    body: Body<Credentials>,
) -> Result<WithCookie<Json<Tokens>>, Problem> {
    let Credentials { username, password, keep_signed_in } = body.0;
    if keep_signed_in && !cookies.may_be_set {
        return Err(Error::Invalid(Faults::of("keep_signed_in", "Needs https, and the setting public_url to say so.")).into());
    }
    let keep = if keep_signed_in { Keep::Cookie { replaced: cookies.good(auth).await? } } else { Keep::Nothing };
    let LoggedIn { pair, cookie } = auth.login(&username, &password, origin.0, keep).await?;
    let cookie = cookie.map(|cookie| cookies.set(&cookie, auth.longest_session()));
    Ok(WithCookie { answer: pair.into(), cookie })
}

struct RefreshBody {
    refresh_token: Zeroizing<String>,
}

impl Fields for RefreshBody {
    fn take(object: &mut Object) -> Option<Self> {
        object.text("refresh_token").map(|refresh_token| Self { refresh_token })
    }
}

/// `POST /refresh` with a refresh token in the `Authorization` header, or as `{"refresh_token"}` → 200 with a new pair, not
/// fresh; the old refresh token is spent. 400 for both at once; 401, 429.
#[post("/refresh", data = "<body>")]
async fn refresh(
    auth: &State<Auth>,
    origin: ClientOrigin,
    header: Bearer<'_>,
    body: Optional<RefreshBody>,
) -> Result<Json<Tokens>, Problem> {
    let token = match (header.0, &body.0) {
        (Some(_), Some(_)) => {
            return Err(Problem::new(Kind::InvalidRequest).message("Send the refresh token in the header or in the body, not in both."));
        }
        (Some(token), None) => token,
        (None, Some(body)) => &body.refresh_token,
        (None, None) => return Err(Problem::from(TokenError::Missing).message("Request does not contain a refresh token.")),
    };
    Ok(auth.refresh(token, origin.0.address).await?.into())
}

/// `POST /logout?scope=<local|others|global>` with an access token or a refresh token, or with the cookie and a header
/// `X-CSRF-Token` → 200; 422. What has ended, and its tokens and cookie, is refused: without a scope the session of what was
/// shown. A cookie that is no good, or no longer, is cleared by any answer.
#[post("/logout?<scope>")]
async fn logout(
    auth: &State<Auth>,
    cookies: Cookies<'_>,
    leaver: Result<Leaver, Problem>,
    scope: Vec<&str>,
) -> WithCookie<Result<Json<Message>, Problem>> {
    let answer = match leaver {
        Ok(leaver) => leave(auth, &leaver, &scope).await,
        Err(problem) => Err(problem),
    };
    WithCookie { answer, cookie: cookies.cleared(auth).await }
}

async fn leave(auth: &Auth, leaver: &Leaver, scope: &[&str]) -> Result<Json<Message>, Problem> {
    let scope = match *scope {
        [] => Ok(Scope::default()),
        ["local"] => Ok(Scope::Local),
        ["others"] => Ok(Scope::Others),
        ["global"] => Ok(Scope::Global),
        [_] => Err("Must be one of: local, others, global."),
        _ => Err("Is there twice."),
    };
    let scope = scope.map_err(|fault| Problem::invalid_query(&Faults::of("scope", fault)))?;
    match leaver.shown() {
        Shown::Token(claims) => auth.logout(claims, scope).await?,
        Shown::Cookie(session) => auth.leave(session, scope).await?,
    }
    Ok(message("User Logged out successfully"))
}
