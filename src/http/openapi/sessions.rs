//! Rows of sessions: log in, refresh, log out, the list, forward-auth. Routes: `session.rs`, `devices.rs`, `forward_auth.rs`.

use serde_json::{Value, json};

use super::operation::{Operation, at};
use super::refusals::Proof;
use crate::http::problem::Kind;

const TAG: &str = "Session";

pub(super) fn operations() -> Vec<Operation> {
    vec![login(), refresh(), logout(), verify(), mine(), end_mine(), of_user(), end_one_of_user(), end_of_user()]
}

fn tokens() -> Value {
    literal!({"access_token": "eyJ…", "refresh_token": "eyJ…", "token_type": "Bearer", "expires_in": 900})
}

fn login() -> Operation {
    Operation::new("POST /login", Proof::Anyone, TAG, "logIn", "Log in")
        .note("The access token is fresh.")
        .takes("Credentials", &literal!({"username": "arun", "password": "securepassword"}))
        .gives(200, "A session, and its pair of tokens.", "Tokens", &tokens())
        .with("Set-Cookie")
        // Forbidden: roles and claims would make the token too long.
        .refuses(&[Kind::InvalidCredentials, Kind::Forbidden])
}

fn refresh() -> Operation {
    Operation::new("POST /refresh", Proof::Refresh, TAG, "refresh", "Trade a refresh token for a new pair")
        .note("In the header or in the body, not in both. The old one is spent; used again later, it ends the session.")
        .may_take("RefreshBody", &literal!({"refresh_token": "eyJ…"}))
        .gives(200, "The new pair; its access token is not fresh.", "Tokens", &tokens())
        .refuses(&[Kind::Forbidden])
}

fn logout() -> Operation {
    let scopes = json!({"type": "string", "enum": ["local", "others", "global"], "default": "local"});
    Operation::new("POST /logout", Proof::Leaver, TAG, "logOut", "Log out")
        .note("What has ended is refused from the answer on.")
        .query("scope", "This session, all others of the user, or all.", &scopes)
        .says("User Logged out successfully")
        .with("Set-Cookie")
        .refuses(&[Kind::ValidationFailed])
}

fn verify() -> Operation {
    Operation::new("GET /verify", Proof::Visitor, TAG, "verify", "Who is it? (forward-auth)")
        .note("For nginx, Caddy and Traefik. Trouble with the storage, or a query that is not understood, is 403.")
        .query("role", "Asks for this role.", &at("schemas", "Role"))
        .query("redirect", "Sends a browser to the page in place of 401.", &literal!({"type": "string", "enum": ["1"]}))
        .header("X-Forwarded-Uri", "From a trusted proxy: where the browser is to come back to.")
        .gives(200, "Signed in.", "Message", &literal!({"message": "Signed in"}))
        .with("Remote-User")
        .with("Remote-Id")
        .with("Remote-Roles")
        .answers(302, "A browser that is to log in.", None)
        .with("Location")
        .never(Kind::UnsupportedMediaType)
        .never(Kind::StorageUnavailable)
}

fn sessions(with_current: bool) -> Value {
    let mut session = literal!({"id": "5c2d1a1e-7d1f-4a55-9d3c-6f2f3a6b8c11", "user_agent": "curl/8.5.0", "address": "192.0.2.7",
        "created": 1767225600, "last_used": 1767229200, "expires": 1769817600});
    if with_current {
        session["current"] = json!(true);
    }
    json!({"sessions": [session]})
}

fn mine() -> Operation {
    Operation::new("GET /me/sessions", Proof::Access, TAG, "mySessions", "Where one is logged in").gives(
        200,
        "The most recently used first.",
        "Sessions",
        &sessions(true),
    )
}

fn end_mine() -> Operation {
    Operation::new("DELETE /me/sessions/{id}", Proof::Access, TAG, "endMySession", "End one of one's sessions")
        .of("SessionId")
        .says("Session has been ended successfully")
}

fn of_user() -> Operation {
    Operation::new("GET /user/{id}/sessions", Proof::Admin, TAG, "sessionsOfUser", "Where a user is logged in").of("UserId").gives(
        200,
        "The most recently used first.",
        "Sessions",
        &sessions(false),
    )
}

fn end_one_of_user() -> Operation {
    Operation::new("DELETE /user/{id}/sessions/{sid}", Proof::Admin, TAG, "endSessionOfUser", "End one session of a user")
        .of("UserId")
        .of("UserSessionId")
        .says("Session has been ended successfully")
}

fn end_of_user() -> Operation {
    Operation::new("DELETE /user/{id}/sessions", Proof::Admin, TAG, "endSessionsOfUser", "End all sessions of a user")
        .of("UserId")
        .says("Sessions have been ended successfully")
}
