//! What is sent: the bodies of everybody's requests, and those of administrators.

use serde_json::json;

use super::{Named, flag, object, text, to};
use crate::auth::Registration;
use crate::auth::invites::MAX_INVITE_LIFE;
use crate::auth::service::ServiceName;
use crate::http::openapi::Shape;

pub(super) fn bodies(shape: &Shape) -> Named {
    let mut register = vec![("username", to("Username")), ("password", to("Password"))];
    if shape.registration == Registration::Invite {
        register.push(("invite", text("The code of an invite.")));
    }
    let credentials = [
        ("username", text("The name.")),
        ("password", literal!({"type": "string", "format": "password"})),
        ("keep_signed_in", flag("Sets a cookie that `/verify` and `/logout` take; needs https, or this machine.")),
    ];
    let setup = [("code", text("Of the link.")), ("username", to("Username")), ("password", to("Password"))];
    let current = literal!({"type": "string", "format": "password", "description": "The one until now."});
    vec![
        ("Registration", object(&register, &[])),
        ("Setup", object(&setup, &[])),
        ("Credentials", object(&credentials, &["keep_signed_in"])),
        ("RefreshBody", object(&[("refresh_token", text("In place of the header."))], &[])),
        ("PasswordChange", object(&[("current_password", current), ("new_password", to("Password"))], &[])),
        ("Redemption", object(&[("code", text("From an administrator; good once, for 24 hours.")), ("new_password", to("Password"))], &[])),
        (
            "TokenForm",
            // Other parameters are passed over, but each is there once (RFC 6749 §3.1): a list would be sent as several.
            json!({"type": "object", "required": ["token"], "additionalProperties": {"type": "string"}, "properties": {
            "token": {"type": "string", "minLength": 1}, "token_type_hint": text("Ignored: a token says what it is.")}}),
        ),
    ]
}

pub(super) fn admin_bodies() -> Named {
    let new_user = [("username", to("Username")), ("password", to("Password")), ("roles", to("Roles"))];
    let change = [("roles", to("Roles")), ("claims", to("Claims")), ("disabled", flag("Ends all sessions."))];
    let seconds =
        json!({"type": "integer", "minimum": 1, "maximum": MAX_INVITE_LIFE.as_secs(), "description": "In seconds; a week unless said."});
    let name = json!({"type": "string", "minLength": 1, "maxLength": ServiceName::CHARS,
        "description": "No control characters, no space at either end."});
    let now = || flag("Signs at once, not when every verifier has had the time to fetch it.");
    let made = object(&[("algorithm", json!({"enum": ["ES256", "EdDSA"]})), ("now", now())], &["algorithm", "now"]);
    let pem = text("PKCS#8: EC P-256, Ed25519, RSA from 3072 bit.");
    vec![
        ("NewUser", object(&new_user, &["roles"])),
        ("UserChange", object(&change, &["roles", "claims", "disabled"])),
        ("Log", object(&[("filter", text("error, warn, info, debug, trace or off, or a filter such as warn,audit=info."))], &[])),
        ("NewInvite", object(&[("expires", seconds)], &["expires"])),
        ("NewService", object(&[("name", name), ("scopes", to("Scopes"))], &[])),
        ("NewBackup", object(&[("keys", flag("Whether the keys that sign are in it; yes, unless said."))], &["keys"])),
        ("NewKey", json!({"anyOf": [made, object(&[("pem", pem), ("now", now())], &["now"])]})),
    ]
}
