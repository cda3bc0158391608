//! Sessions: log in, refresh, log out.

use rocket::serde::json::Json;
use rocket::{Route, State, post, routes};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Message, message};
use crate::auth::token::TokenPair;
use crate::auth::{Auth, Scope};
use crate::error::{Error, Faults, TokenError};
use crate::http::body::{Body, Fields, Object, Optional};
use crate::http::guard::{AnyToken, Bearer, ClientOrigin};
use crate::http::problem::{Kind, Problem};

pub fn routes() -> Vec<Route> {
    routes![login, refresh, logout]
}

/// A name and a password as typed: what could not be one is simply wrong, not explained.
struct Credentials {
    username: Zeroizing<String>,
    password: Zeroizing<String>,
}

impl Fields for Credentials {
    fn take(object: &mut Object) -> Option<Self> {
        let (username, password) = (object.text("username"), object.text("password"));
        Some(Self { username: username?, password: password? })
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

/// `POST /login` `{"username","password"}` → 200 with a pair of tokens, the access token fresh; 401, 422, 429, 503.
#[post("/login", data = "<body>")]
async fn login(auth: &State<Auth>, origin: ClientOrigin, body: Body<Credentials>) -> Result<Json<Tokens>, Problem> {
    let Credentials { username, password } = body.0;
    Ok(auth.login(&username, &password, origin.0).await?.into())
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

/// `POST /logout?scope=<local|others|global>` with an access token or a refresh token → 200; 422. What has ended, and its
/// tokens, is refused: without a scope the token's own session.
#[post("/logout?<scope>")]
async fn logout(auth: &State<Auth>, token: AnyToken, scope: Vec<&str>) -> Result<Json<Message>, Problem> {
    let scope = match scope[..] {
        [] => Ok(Scope::default()),
        ["local"] => Ok(Scope::Local),
        ["others"] => Ok(Scope::Others),
        ["global"] => Ok(Scope::Global),
        [_] => Err("Must be one of: local, others, global."),
        _ => Err("Is there twice."),
    };
    let scope = scope.map_err(|fault| Error::Invalid(Faults::of("scope", fault)))?;
    auth.logout(token.claims(), scope).await?;
    Ok(message("User Logged out successfully"))
}
