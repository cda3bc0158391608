//! The bodies and their parts, with the limits that the code enforces: what they are made of, and the parts that many share.

mod answers;
mod bodies;

use serde_json::{Map, Value, json};

use super::Shape;
use super::operation::at;
use crate::auth::audit::Word;
use crate::auth::password::{MAX_BYTES, MIN_CHARS};
use crate::auth::service::Scope;
use crate::auth::user::{CUSTOM_CLAIMS_BYTES, MAX_ROLES, USERNAME_CHARS};
use crate::http::problem::Kind;
use answers::{admin_lists, answers, for_programs, lists};
use bodies::{admin_bodies, bodies};

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
        "SessionId": path("id", "The session's id, of the list.", &literal!({"type": "string", "format": "uuid"})),
        "UserSessionId": path("sid", "The session's id, of the list.", &literal!({"type": "string", "format": "uuid"})),
        "ServiceId": path("id", "The service's id, of the list.", &literal!({"type": "string", "format": "uuid"})),
        "InviteId": path("id", "The invite's id, of the list.", &literal!({"type": "string", "format": "uuid"})),
        "Address": path("address", "An IP address.", &literal!({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]})),
        "KeyId": path("kid", "The key's id, of the list.", &literal!({"type": "string", "minLength": 1})),
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
    let faults = json!({"anyOf": [{"type": "object", "additionalProperties": list(&literal!({"type": "string"}))}, list(&literal!({"type": "string"}))]});
    let problem = [
        ("code", literal!({"type": "integer", "description": "The status again."})),
        ("status", text("Its phrase.")),
        ("error", to("ErrorWord")),
        ("message", text("For people.")),
        ("errors", object(&[("json", faults.clone()), ("query", faults)], &["json", "query"])),
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
            literal!({"type": "string", "pattern": "^[a-z][a-z0-9_:.-]{0,31}$", "description": "`admin` is the one the server itself knows."}),
        ),
        ("Roles", json!({"type": "array", "items": to("Role"), "maxItems": MAX_ROLES})),
        ("Claims", json!({"type": "object", "description": claims})),
        ("Scopes", json!({"type": "array", "minItems": 1, "items": {"enum": Scope::ALL.map(Scope::name)}})),
        ("Message", object(&[("message", text("For people."))], &[])),
    ]
}
