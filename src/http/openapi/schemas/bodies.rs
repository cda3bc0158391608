//! What is sent: the bodies of everybody's requests, and those of administrators.

use super::Named;
use super::Schema::{self, Either, Flag, Json, Limited, Object, OneOf, Text, To};
use crate::auth::Registration;
use crate::auth::invites::MAX_INVITE_LIFE;
use crate::auth::service::ServiceName;
use crate::http::openapi::Shape;

/// Of `POST /register`.
pub(super) const fn registration(shape: &Shape) -> Schema {
    match shape.registration {
        Registration::Open | Registration::Closed => Object(&[("username", To("Username")), ("password", To("Password"))]),
        Registration::Invite => {
            Object(&[("username", To("Username")), ("password", To("Password")), ("invite", Text("The code of an invite."))])
        }
    }
}

const NOW: Schema = Flag("Signs at once, not when every verifier has had the time to fetch it.");

pub(super) const BODIES: &[Named] = &[
    ("Setup", Object(&[("code", Text("Of the link.")), ("username", To("Username")), ("password", To("Password"))])),
    (
        "Credentials",
        Object(&[
            ("username", Text("The name.")),
            ("password", Json(r#"{"type": "string", "format": "password"}"#)),
            ("keep_signed_in?", Flag("Sets a cookie that `/verify` and `/logout` take; needs https, or this machine.")),
        ]),
    ),
    ("RefreshBody", Object(&[("refresh_token", Text("In place of the header."))])),
    (
        "PasswordChange",
        Object(&[
            ("current_password", Json(r#"{"type": "string", "format": "password", "description": "The one until now."}"#)),
            ("new_password", To("Password")),
        ]),
    ),
    ("Redemption", Object(&[("code", Text("From an administrator; good once, for 24 hours.")), ("new_password", To("Password"))])),
    (
        "TokenForm",
        // Other parameters are passed over, but each is there once (RFC 6749 §3.1): a list would be sent as several.
        Json(
            r#"{"type": "object", "required": ["token"], "additionalProperties": {"type": "string"}, "properties": {
                "token": {"type": "string", "minLength": 1},
                "token_type_hint": {"type": "string", "description": "Ignored: a token says what it is."}}}"#,
        ),
    ),
    ("NewUser", Object(&[("username", To("Username")), ("password", To("Password")), ("roles?", To("Roles"))])),
    ("UserChange", Object(&[("roles?", To("Roles")), ("claims?", To("Claims")), ("disabled?", Flag("Ends all sessions."))])),
    ("Log", Object(&[("filter", Text("error, warn, info, debug, trace or off, or a filter such as warn,audit=info."))])),
    (
        "NewInvite",
        Object(&[(
            "expires?",
            Limited(
                r#"{"type": "integer", "minimum": 1, "maximum": %, "description": "In seconds; a week unless said."}"#,
                &[MAX_INVITE_LIFE.as_secs()],
            ),
        )]),
    ),
    (
        "NewService",
        Object(&[
            (
                "name",
                Limited(
                    r#"{"type": "string", "minLength": 1, "maxLength": %,
                        "description": "No control characters, no space at either end."}"#,
                    &[ServiceName::CHARS as u64],
                ),
            ),
            ("scopes", To("Scopes")),
        ]),
    ),
    ("NewBackup", Object(&[("keys?", Flag("Whether the keys that sign are in it; yes, unless said."))])),
    (
        "NewKey",
        Either(&[
            Object(&[("algorithm?", OneOf(&["ES256", "EdDSA"])), ("now?", NOW)]),
            Object(&[("pem", Text("PKCS#8: EC P-256, Ed25519, RSA from 3072 bit.")), ("now?", NOW)]),
        ]),
    ),
];
