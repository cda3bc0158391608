//! What is answered: to people, to administrators and to programs.

use serde_json::{Value, json};

use super::{Named, count, flag, list, maybe_text, object, or_null, text, time, to};

pub(super) fn answers() -> Named {
    let tokens = [
        ("access_token", text("A JWT (RFC 9068).")),
        ("refresh_token", text("For `/refresh` alone.")),
        ("token_type", literal!({"const": "Bearer"})),
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
        ("Invite", object(&[("id", uuid()), ("code", text("Shown this once.")), ("expires", time("Until when it is good"))], &[])),
        ("Status", object(&[("status", json!({"enum": ["ok", "ready"]})), ("seen", seen())], &["seen"])),
    ]
}

fn uuid() -> Value {
    literal!({"type": "string", "format": "uuid"})
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

pub(super) fn lists() -> Named {
    let session = [
        ("id", uuid()),
        ("current", flag("Whether this is where one asks from; only for the user itself.")),
        ("user_agent", maybe_text("As the client called itself.")),
        ("address", maybe_text("Where it last came from.")),
        ("created", time("When it was opened")),
        ("last_used", time("When it was last refreshed")),
        ("expires", time("When it ends unless refreshed")),
    ];
    let invite = [("id", uuid()), ("created", time("When it was made")), ("expires", time("Until when it is good"))];
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
    let counts = literal!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0},
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
        ("public_url", maybe_text("Where browsers reach the server; null: its settings do not say.")),
    ];
    object(&fields, &[])
}

pub(super) fn admin_lists() -> Named {
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
        ("time", literal!({"type": "string", "format": "date-time"})),
        ("event", text("A word of `EventWord`, or one that a later version knows.")),
        ("actor", text("`user:<id>`, `local`, `server` or `anyone`.")),
        ("user", or_null(&to("UserId"))),
        ("session", maybe_text("Its id.")),
        ("address", maybe_text("From where.")),
        ("request", maybe_text("The `X-Request-Id`.")),
        ("details", literal!({"type": "object", "description": "What only some events have."})),
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

pub(super) fn for_programs() -> Named {
    let service = [
        ("id", literal!({"type": "string", "format": "uuid"})),
        ("name", text("What people call it.")),
        ("scopes", to("Scopes")),
        ("created", time("When it was added")),
        ("last_used", or_null(&time("When its key was last good"))),
    ];
    let added = [service.as_slice(), &[("key", text("Shown this once."))]].concat();
    let revoked = [
        ("id", literal!({"type": "string", "format": "uuid", "description": "A `jti` or a `sid`."})),
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
