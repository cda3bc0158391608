//! What is answered: to people, to administrators and to programs.

use super::Named;
use super::Schema::{self, Count, Flag, Json, List, MaybeNumber, MaybeText, Object, OneOf, OrNull, Text, Time, To};

const UUID: Schema = Json(r#"{"type": "string", "format": "uuid"}"#);

pub(super) const ANSWERS: &[Named] = &[
    (
        "Tokens",
        Object(&[
            ("access_token", Text("A JWT (RFC 9068).")),
            ("refresh_token", Text("For `/refresh` alone.")),
            ("token_type", Json(r#"{"const": "Bearer"}"#)),
            ("expires_in", Count("How long the access token lives, in seconds.")),
        ]),
    ),
    ("User", Object(&[("id", To("UserId")), ("username", To("Username"))])),
    ("Me", Object(&[("id", To("UserId")), ("username", To("Username")), ("roles", To("Roles")), ("claims", To("Claims"))])),
    (
        "FullUser",
        Object(&[
            ("id", To("UserId")),
            ("username", To("Username")),
            ("roles", To("Roles")),
            ("claims", To("Claims")),
            ("disabled", Flag("May not log in.")),
            ("created", Time("When it was added")),
        ]),
    ),
    ("Code", Object(&[("code", Text("Shown this once.")), ("expires", Time("Until when it is good"))])),
    ("MadeInvite", Object(&[("id", UUID), ("code", Text("Shown this once.")), ("expires", Time("Until when it is good"))])),
    ("Status", Object(&[("status", OneOf(&["ok", "ready"])), ("seen?", SEEN)])),
    (
        "Session",
        Object(&[
            ("id", UUID),
            ("current?", Flag("Whether this is where one asks from; only for the user itself.")),
            ("user_agent", MaybeText("As the client called itself.")),
            ("address", MaybeText("Where it last came from.")),
            ("created", Time("When it was opened")),
            ("last_used", Time("When it was last refreshed")),
            ("expires", Time("When it ends unless refreshed")),
        ]),
    ),
    ("Sessions", Object(&[("sessions", List(&To("Session")))])),
    ("Users", Object(&[("users", List(&To("FullUser"))), ("next", MaybeNumber("The `after` of the next page."))])),
    ("Invites", Object(&[("invites", List(&INVITE))])),
    ("Events", Object(&[("events", List(&To("Event"))), ("next", MaybeNumber("The `before` of the next page."))])),
    (
        "Key",
        Object(&[
            ("kid", MaybeText("Its id; null for a shared secret.")),
            ("algorithm", OneOf(&["ES256", "EdDSA", "RS256", "HS256"])),
            ("state", OneOf(&["next", "active", "verifying"])),
            ("signs", Flag("Whether access tokens are signed with it now.")),
            ("created?", Time("When it was made or imported")),
            ("activates?", Time("When it takes over")),
            ("expires?", Time("When it is gone")),
        ]),
    ),
    ("Keys", Object(&[("keys", List(&To("Key")))])),
    ("Backup", BACKUP),
    ("Checkup", CHECKUP),
    ("Blocks", Object(&[("blocks", List(&BLOCK))])),
    (
        "Event",
        Object(&[
            ("id", Count("Counts up.")),
            ("time", Json(r#"{"type": "string", "format": "date-time"}"#)),
            ("event", Text("A word of `EventWord`, or one that a later version knows.")),
            ("actor", Text("`user:<id>`, `local`, `server` or `anyone`.")),
            ("user", OrNull(&To("UserId"))),
            ("session", MaybeText("Its id.")),
            ("address", MaybeText("From where.")),
            ("request", MaybeText("The `X-Request-Id`.")),
            ("details", Json(r#"{"type": "object", "description": "What only some events have."}"#)),
        ]),
    ),
    ("Services", Object(&[("services", List(&SERVICE))])),
    (
        "AddedService",
        Object(&[
            ("id", UUID),
            ("name", Text("What people call it.")),
            ("scopes", To("Scopes")),
            ("created", Time("When it was added")),
            ("last_used", OrNull(&Time("When its key was last good"))),
            ("key", Text("Shown this once.")),
        ]),
    ),
    ("Introspected", INTROSPECTED),
    (
        "Feed",
        Object(&[
            ("cursor", Text("The `since` of the next request.")),
            ("reset", Flag("The list begins anew.")),
            ("more", Flag("Ask again at once.")),
            ("revoked", List(&REVOKED)),
            ("users", List(&CUT_OFF)),
        ]),
    ),
    (
        "Jwks",
        Json(
            r#"{"type": "object", "required": ["keys"], "properties": {"keys": {"type": "array", "items": {"type": "object",
                "required": ["kty", "kid", "alg", "use"], "description": "RFC 7517."}}}}"#,
        ),
    ),
    ("Nothing", Object(&[])),
];

const SEEN: Schema = Object(&[
    ("peer", Text("Who connected.")),
    ("client", Text("Who is taken for the client.")),
    ("forwarded", Flag("Whether there was an `X-Forwarded-For`.")),
    ("trusted", Flag("Whether who connected is one of `trusted_proxies`.")),
]);

const INVITE: Schema = Object(&[("id", UUID), ("created", Time("When it was made")), ("expires", Time("Until when it is good"))]);

const BACKUP: Schema = Object(&[
    ("name", Text("Of the file.")),
    ("created", Time("When it was asked for")),
    ("sequence", Count("How many changes the database had seen.")),
    ("keys", Flag("Whether the keys that sign are in it.")),
    (
        "counts",
        Json(
            r#"{"type": "object", "additionalProperties": {"type": "integer", "minimum": 0},
                "description": "How many records of each kind."}"#,
        ),
    ),
    ("bytes", Count("Its length.")),
    ("sha256", Text("Over all of it but the last line.")),
]);

const CHECKUP: Schema = Object(&[
    (
        "database",
        Object(&[
            ("fault", MaybeText("What does not fit; null: nothing.")),
            ("sequence", Count("How many changes it has seen.")),
            ("users", Count("How many there are.")),
            ("sessions", Count("How many there are.")),
            ("revocations", Count("How many are remembered.")),
            ("bytes", Count("Of all keys and values.")),
        ]),
    ),
    ("clock", Object(&[("system", Time("What the system says")), ("mark", Time("The latest time that is kept"))])),
    ("administrators", List(&ADMINISTRATOR)),
    ("look", Text("For `GET /health`, as `X-Doorward-Look`.")),
    ("public_url", MaybeText("Where browsers reach the server; null: its settings do not say.")),
]);

const ADMINISTRATOR: Schema = Object(&[
    ("id", To("UserId")),
    ("username", Text("The name.")),
    ("last_used", OrNull(&Time("When it was last logged in, as far as is remembered"))),
]);

const BLOCK: Schema = Object(&[
    ("scope", OneOf(&["user_at_address", "address", "user", "session", "registrations", "codes", "refresh_tokens", "service_keys"])),
    ("user", OrNull(&To("UserId"))),
    ("address", MaybeText("From where; null: from everywhere.")),
    ("failures", Count("How many led to it.")),
    ("until", Time("When it ends")),
]);

const SERVICE: Schema = Object(&[
    ("id", UUID),
    ("name", Text("What people call it.")),
    ("scopes", To("Scopes")),
    ("created", Time("When it was added")),
    ("last_used", OrNull(&Time("When its key was last good"))),
]);

/// Anything more may be in it (RFC 7662 §2.2).
const INTROSPECTED: Schema = Json(
    r##"{"type": "object", "required": ["active"], "properties": {
        "active": {"type": "boolean", "description": "Whether it is a good access token."},
        "sub": {"type": "string", "description": "The user's id."},
        "username": {"type": "string", "description": "The name, as it is now."},
        "exp": {"type": "integer", "minimum": 0, "description": "When it expires, in seconds since 1970."},
        "iat": {"type": "integer", "minimum": 0, "description": "When it was issued, in seconds since 1970."},
        "nbf": {"type": "integer", "minimum": 0, "description": "From when it is good, in seconds since 1970."},
        "roles": {"$ref": "#/components/schemas/Roles"}}}"##,
);

const REVOKED: Schema = Object(&[
    ("id", Json(r#"{"type": "string", "format": "uuid", "description": "A `jti` or a `sid`."}"#)),
    ("kind", OneOf(&["token", "session"])),
    ("exp", Time("Until when to remember it")),
]);

const CUT_OFF: Schema =
    Object(&[("sub", Text("The user's id.")), ("not_before", Time("Tokens without a `sid` issued before are to be refused"))]);
