//! The bodies and their parts, with the limits that the code enforces.

use serde_json::{Map, Value, json};

use super::Shape;
use super::operation::at;
use crate::auth::Registration;
use crate::auth::audit::Word;
use crate::auth::invites::MAX_INVITE_LIFE;
use crate::auth::password::{MAX_BYTES, MIN_CHARS};
use crate::auth::service::{Scope, ServiceName};
use crate::auth::user::{CUSTOM_CLAIMS_BYTES, MAX_ROLES, USERNAME_CHARS};
use crate::http::problem::Kind;

/// A reference to a schema.
fn to(name: &str) -> Value {
    at("schemas", name)
}

/// An object with these fields and no others; those of `optional` may be missing.
fn object(fields: &[(&str, Value)], optional: &[&str]) -> Value {
    let required: Vec<_> = fields.iter().map(|(name, _)| *name).filter(|name| !optional.contains(name)).collect();
    let properties: Map<_, _> = fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let mut object = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

fn text(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

fn time(about: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": format!("{about}, in seconds since 1970.")})
}

fn count(about: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": about})
}

fn flag(about: &str) -> Value {
    json!({"type": "boolean", "description": about})
}

fn or_null(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

fn maybe_text(about: &str) -> Value {
    json!({"type": ["string", "null"], "description": about})
}

/// What stands in paths.
pub(super) fn parameters() -> Value {
    let path = |name: &str, about: &str, schema: &Value| json!({"name": name, "in": "path", "required": true, "description": about, "schema": schema});
    json!({
        "UserId": path("id", "The user's id.", &to("UserId")),
        "SessionId": path("id", "The session's id, of the list.", &json!({"type": "string", "format": "uuid"})),
        "UserSessionId": path("sid", "The session's id, of the list.", &json!({"type": "string", "format": "uuid"})),
        "ServiceId": path("id", "The service's id, of the list.", &json!({"type": "string", "format": "uuid"})),
        "InviteId": path("id", "The invite's id, of the list.", &json!({"type": "string", "format": "uuid"})),
        "Address": path("address", "An IP address.", &json!({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]})),
        "KeyId": path("kid", "The key's id, of the list.", &json!({"type": "string", "minLength": 1})),
    })
}

/// All of them, by name.
pub(super) fn schemas(shape: &Shape) -> Value {
    let all =
        [parts(), bodies(shape), admin_bodies(), answers(), lists(), admin_lists(), for_programs(), super::imports::schemas()].concat();
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect::<Map<_, _>>().into()
}

type Named = Vec<(&'static str, Value)>;

fn parts() -> Named {
    let words: Vec<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
    let events: Vec<_> = Word::ALL.iter().map(|word| word.as_str()).collect();
    let faults =
        json!({"anyOf": [{"type": "object", "additionalProperties": list(&json!({"type": "string"}))}, list(&json!({"type": "string"}))]});
    let problem = [
        ("code", json!({"type": "integer", "description": "The status again."})),
        ("status", text("Its phrase.")),
        ("error", to("ErrorWord")),
        ("message", text("For people.")),
        ("errors", object(&[("json", faults)], &[])),
    ];
    let username = format!(
        "After mapping (RFC 8265, lower case): 1-{USERNAME_CHARS} letters, digits and marks of one script and . _ - @ +, at least one \
         letter, no - or . at the start; names such as admin are reserved."
    );
    let password =
        format!("At least {MIN_CHARS} characters, at most {MAX_BYTES} bytes (RFC 8265); not a common one, not like the username.");
    let claims = format!("Names that tokens use themselves are reserved; at most {CUSTOM_CLAIMS_BYTES} bytes as JSON.");
    vec![
        ("Problem", object(&problem, &["errors"])),
        ("ErrorWord", json!({"type": "string", "enum": words, "description": "Which error: the closed list."})),
        ("EventWord", json!({"type": "string", "enum": events, "description": "What happened: the closed list."})),
        ("UserId", json!({"type": "integer", "minimum": 1, "maximum": u64::MAX, "description": "Never used again.", "examples": [7]})),
        ("Username", json!({"type": "string", "minLength": 1, "maxLength": USERNAME_CHARS, "description": username})),
        (
            "Password",
            json!({"type": "string", "minLength": MIN_CHARS, "maxLength": MAX_BYTES, "format": "password", "description": password}),
        ),
        (
            "Role",
            json!({"type": "string", "pattern": "^[a-z][a-z0-9_:.-]{0,31}$", "description": "`admin` is the one the server itself knows."}),
        ),
        ("Roles", json!({"type": "array", "items": to("Role"), "maxItems": MAX_ROLES})),
        ("Claims", json!({"type": "object", "description": claims})),
        ("Scopes", json!({"type": "array", "minItems": 1, "items": {"enum": Scope::ALL.map(Scope::name)}})),
        ("Message", object(&[("message", text("For people."))], &[])),
    ]
}

fn bodies(shape: &Shape) -> Named {
    let mut register = vec![("username", to("Username")), ("password", to("Password"))];
    if shape.registration == Registration::Invite {
        register.push(("invite", text("The code of an invite.")));
    }
    let credentials = [
        ("username", text("The name.")),
        ("password", json!({"type": "string", "format": "password"})),
        ("keep_signed_in", flag("Sets a cookie that `/verify` and `/logout` take; needs https, or this machine.")),
    ];
    let setup = [("code", text("Of the link.")), ("username", to("Username")), ("password", to("Password"))];
    let current = json!({"type": "string", "format": "password", "description": "The one until now."});
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

fn admin_bodies() -> Named {
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

fn answers() -> Named {
    let tokens = [
        ("access_token", text("A JWT (RFC 9068).")),
        ("refresh_token", text("For `/refresh` alone.")),
        ("token_type", json!({"const": "Bearer"})),
        ("expires_in", count("How long the access token lives, in seconds.")),
    ];
    let user = [("id", to("UserId")), ("username", to("Username"))];
    let me = [user.as_slice(), &[("roles", to("Roles")), ("claims", to("Claims"))]].concat();
    let full = [me.as_slice(), &[("disabled", flag("May not log in.")), ("created", time("When it was added"))]].concat();
    vec![
        ("Tokens", object(&tokens, &[])),
        ("User", object(&user, &[])),
        ("Me", object(&me, &[])),
        ("FullUser", object(&full, &[])),
        ("Code", object(&[("code", text("Shown this once.")), ("expires", time("Until when it is good"))], &[])),
        ("Status", object(&[("status", json!({"enum": ["ok", "ready"]})), ("seen", seen())], &["seen"])),
    ]
}

fn seen() -> Value {
    let fields = [
        ("peer", text("Who connected.")),
        ("client", text("Who is taken for the client.")),
        ("forwarded", flag("Whether there was an `X-Forwarded-For`.")),
        ("trusted", flag("Whether who connected is one of `trusted_proxies`.")),
    ];
    object(&fields, &[])
}

fn lists() -> Named {
    let session = [
        ("id", json!({"type": "string", "format": "uuid"})),
        ("current", flag("Whether this is where one asks from; only for the user itself.")),
        ("user_agent", maybe_text("As the client called itself.")),
        ("address", maybe_text("Where it last came from.")),
        ("created", time("When it was opened")),
        ("last_used", time("When it was last refreshed")),
        ("expires", time("When it ends unless refreshed")),
    ];
    let invite = [
        ("id", json!({"type": "string", "format": "uuid"})),
        ("created", time("When it was made")),
        ("expires", time("Until when it is good")),
    ];
    let next = |about: &str| json!({"type": ["integer", "null"], "description": about});
    vec![
        ("Session", object(&session, &["current"])),
        ("Sessions", object(&[("sessions", list(&to("Session")))], &[])),
        ("Users", object(&[("users", list(&to("FullUser"))), ("next", next("The `after` of the next page."))], &[])),
        ("Invites", object(&[("invites", list(&object(&invite, &[])))], &[])),
        ("Events", object(&[("events", list(&to("Event"))), ("next", next("The `before` of the next page."))], &[])),
    ]
}

fn backup() -> Value {
    let counts = json!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0},
        "description": "How many records of each kind."});
    let fields = [
        ("name", text("Of the file.")),
        ("created", time("When it was asked for")),
        ("sequence", count("How many changes the database had seen.")),
        ("keys", flag("Whether the keys that sign are in it.")),
        ("counts", counts),
        ("bytes", count("Its length.")),
        ("sha256", text("Over all of it but the last line.")),
    ];
    object(&fields, &[])
}

fn checkup() -> Value {
    let database = [
        ("fault", maybe_text("What does not fit; null: nothing.")),
        ("sequence", count("How many changes it has seen.")),
        ("users", count("How many there are.")),
        ("sessions", count("How many there are.")),
        ("revocations", count("How many are remembered.")),
        ("bytes", count("Of all keys and values.")),
    ];
    let clock = [("system", time("What the system says")), ("mark", time("The latest time that is kept"))];
    let administrator = [
        ("id", to("UserId")),
        ("username", text("The name.")),
        ("last_used", or_null(&time("When it was last logged in, as far as is remembered"))),
    ];
    let fields = [
        ("database", object(&database, &[])),
        ("clock", object(&clock, &[])),
        ("administrators", list(&object(&administrator, &[]))),
        ("look", text("For `GET /health`, as `X-Doorward-Look`.")),
    ];
    object(&fields, &[])
}

fn admin_lists() -> Named {
    let key = [
        ("kid", maybe_text("Its id; null for a shared secret.")),
        ("algorithm", json!({"enum": ["ES256", "EdDSA", "RS256", "HS256"]})),
        ("state", json!({"enum": ["next", "active", "verifying"]})),
        ("signs", flag("Whether access tokens are signed with it now.")),
        ("created", time("When it was made or imported")),
        ("activates", time("When it takes over")),
        ("expires", time("When it is gone")),
    ];
    let block = [
        (
            "scope",
            json!({"enum": ["user_at_address", "address", "user", "session", "registrations", "codes", "refresh_tokens", "service_keys"]}),
        ),
        ("user", or_null(&to("UserId"))),
        ("address", maybe_text("From where; null: from everywhere.")),
        ("failures", count("How many led to it.")),
        ("until", time("When it ends")),
    ];
    let event = [
        ("id", count("Counts up.")),
        ("time", json!({"type": "string", "format": "date-time"})),
        ("event", text("A word of `EventWord`, or one that a later version knows.")),
        ("actor", text("`user:<id>`, `local`, `server` or `anyone`.")),
        ("user", or_null(&to("UserId"))),
        ("session", maybe_text("Its id.")),
        ("address", maybe_text("From where.")),
        ("request", maybe_text("The `X-Request-Id`.")),
        ("details", json!({"type": "object", "description": "What only some events have."})),
    ];
    vec![
        ("Key", object(&key, &["created", "activates", "expires"])),
        ("Keys", object(&[("keys", list(&to("Key")))], &[])),
        ("Backup", backup()),
        ("Checkup", checkup()),
        ("Blocks", object(&[("blocks", list(&object(&block, &[])))], &[])),
        ("Event", object(&event, &[])),
    ]
}

fn for_programs() -> Named {
    let service = [
        ("id", json!({"type": "string", "format": "uuid"})),
        ("name", text("What people call it.")),
        ("scopes", to("Scopes")),
        ("created", time("When it was added")),
        ("last_used", or_null(&time("When its key was last good"))),
    ];
    let added = [service.as_slice(), &[("key", text("Shown this once."))]].concat();
    let revoked = [
        ("id", json!({"type": "string", "format": "uuid", "description": "A `jti` or a `sid`."})),
        ("kind", json!({"enum": ["token", "session"]})),
        ("exp", time("Until when to remember it")),
    ];
    let cut_off = [("sub", text("The user's id.")), ("not_before", time("Tokens without a `sid` issued before are to be refused"))];
    let feed = [
        ("cursor", text("The `since` of the next request.")),
        ("reset", flag("The list begins anew.")),
        ("more", flag("Ask again at once.")),
        ("revoked", list(&object(&revoked, &[]))),
        ("users", list(&object(&cut_off, &[]))),
    ];
    let jwks = json!({"type": "object", "required": ["keys"], "properties": {"keys": list(&json!({"type": "object",
        "required": ["kty", "kid", "alg", "use"], "description": "RFC 7517."}))}});
    let introspected = json!({"type": "object", "required": ["active"], "properties": {"active": flag("Whether it is a good access token."),
        "sub": text("The user's id."), "username": text("The name, as it is now."), "exp": time("When it expires"),
        "iat": time("When it was issued"), "nbf": time("From when it is good"), "roles": to("Roles")}});
    vec![
        ("Services", object(&[("services", list(&object(&service, &[])))], &[])),
        ("AddedService", object(&added, &[])),
        ("Introspected", introspected),
        ("Feed", object(&feed, &[])),
        ("Jwks", jwks),
        ("Nothing", object(&[], &[])),
    ]
}
