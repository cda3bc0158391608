//! Rows of sessions: log in, refresh, log out, the list, forward-auth. Routes: `session.rs`, `devices.rs`, `forward_auth.rs`.

use super::operation::{Asked, Operation};
use super::refusals::Proof;
use super::schemas::Schema;
use crate::http::problem::Kind;

const TAG: &str = "Session";
const TOKENS: &str = r#"{"access_token": "eyJ…", "refresh_token": "eyJ…", "token_type": "Bearer", "expires_in": 900}"#;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("POST /login", Proof::Anyone, TAG, "logIn", "Log in")
        .note("The access token is fresh.")
        .takes("Credentials", r#"{"username": "arun", "password": "securepassword"}"#)
        .gives(200, "A session, and its pair of tokens.", "Tokens", TOKENS)
        .with(&["Set-Cookie"])
        // Forbidden: roles and claims would make the token too long.
        .refuses(&[Kind::InvalidCredentials, Kind::Forbidden]),
    Operation::new("POST /refresh", Proof::Refresh, TAG, "refresh", "Trade a refresh token for a new pair")
        .note("In the header or in the body, not in both. The old one is spent; used again later, it ends the session.")
        .may_take("RefreshBody", r#"{"refresh_token": "eyJ…"}"#)
        .gives(200, "The new pair; its access token is not fresh.", "Tokens", TOKENS)
        .refuses(&[Kind::Forbidden]),
    Operation::new("POST /logout", Proof::Leaver, TAG, "logOut", "Log out")
        .note("What has ended is refused from the answer on.")
        .asked(&[Asked::Query(
            "scope",
            "This session, all others of the user, or all.",
            Schema::Json(r#"{"type": "string", "enum": ["local", "others", "global"], "default": "local"}"#),
        )])
        .says("User Logged out successfully")
        .with(&["Set-Cookie"])
        .refuses(&[Kind::ValidationFailed]),
    Operation::new("GET /verify", Proof::Visitor, TAG, "verify", "Who is it? (forward-auth)")
        .note("For nginx, Caddy and Traefik. Trouble with the storage, or a query that is not understood, is 403.")
        .asked(&[
            Asked::Query("role", "Asks for this role.", Schema::To("Role")),
            Asked::Query("redirect", "Sends a browser to the page in place of 401.", Schema::Json(r#"{"type": "string", "enum": ["1"]}"#)),
            Asked::Header("X-Forwarded-Uri", "From a trusted proxy: where the browser is to come back to."),
        ])
        .gives(200, "Signed in.", "Message", r#"{"message": "Signed in"}"#)
        .with(&["Remote-User", "Remote-Id", "Remote-Roles"])
        .or(302, "A browser that is to log in.", &["Location"])
        .never(&[Kind::UnsupportedMediaType, Kind::StorageUnavailable]),
    Operation::new("GET /me/sessions", Proof::Access, TAG, "mySessions", "Where one is logged in").gives(
        200,
        "The most recently used first.",
        "Sessions",
        r#"{"sessions": [{"id": "5c2d1a1e-7d1f-4a55-9d3c-6f2f3a6b8c11", "user_agent": "curl/8.5.0", "address": "192.0.2.7",
            "created": 1767225600, "last_used": 1767229200, "expires": 1769817600, "current": true}]}"#,
    ),
    Operation::new("DELETE /me/sessions/{id}", Proof::Access, TAG, "endMySession", "End one of one's sessions")
        .of(&["SessionId"])
        .says("Session has been ended successfully"),
    Operation::new("GET /user/{id}/sessions", Proof::Admin, TAG, "sessionsOfUser", "Where a user is logged in").of(&["UserId"]).gives(
        200,
        "The most recently used first.",
        "Sessions",
        r#"{"sessions": [{"id": "5c2d1a1e-7d1f-4a55-9d3c-6f2f3a6b8c11", "user_agent": "curl/8.5.0", "address": "192.0.2.7",
            "created": 1767225600, "last_used": 1767229200, "expires": 1769817600}]}"#,
    ),
    Operation::new("DELETE /user/{id}/sessions/{sid}", Proof::Admin, TAG, "endSessionOfUser", "End one session of a user")
        .of(&["UserId", "UserSessionId"])
        .says("Session has been ended successfully"),
    Operation::new("DELETE /user/{id}/sessions", Proof::Admin, TAG, "endSessionsOfUser", "End all sessions of a user")
        .of(&["UserId"])
        .says("Sessions have been ended successfully"),
];
