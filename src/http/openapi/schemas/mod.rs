//! The bodies and their parts, with the limits that the code enforces: what they are made of, and the parts that many share.

mod answers;
mod bodies;

use serde_json::{Map, Value, json};

use super::Shape;
use super::operation::at;
use super::{imports, read};
use crate::auth::audit::Word;
use crate::auth::password::{MAX_BYTES, MIN_CHARS};
use crate::auth::service::Scope;
use crate::auth::user::{CUSTOM_CLAIMS_BYTES, MAX_ROLES, USERNAME_CHARS};
use crate::http::problem::Kind;
use Schema::{Json, Limited, Made, Object, Text, To};

/// What fits, as data. The text of most says what it is about.
#[derive(Clone, Copy)]
pub(super) enum Schema {
    /// The one of this name.
    To(&'static str),
    Text(&'static str),
    MaybeText(&'static str),
    /// A point in time: the text is followed by its unit.
    Time(&'static str),
    Count(&'static str),
    MaybeNumber(&'static str),
    Flag(&'static str),
    /// Any of a few texts.
    OneOf(&'static [&'static str]),
    List(&'static Schema),
    OrNull(&'static Schema),
    Either(&'static [Schema]),
    /// These fields and no others; one whose name ends in `?` may be missing.
    Object(&'static [Named]),
    /// As it stands.
    Json(&'static str),
    /// The same, with a number for each `%`.
    Limited(&'static str, &'static [u64]),
    /// What the code lists.
    Made(fn() -> Value),
}

/// A schema, or a field, and its name.
pub(super) type Named = (&'static str, Schema);

impl Schema {
    /// As the document has it.
    pub fn value(self) -> Value {
        match self {
            Self::To(name) => at("schemas", name),
            Self::Text(about) => json!({"type": "string", "description": about}),
            Self::MaybeText(about) => json!({"type": ["string", "null"], "description": about}),
            Self::Time(about) => count(&format!("{about}, in seconds since 1970.")),
            Self::Count(about) => count(about),
            Self::MaybeNumber(about) => json!({"type": ["integer", "null"], "description": about}),
            Self::Flag(about) => json!({"type": "boolean", "description": about}),
            Self::OneOf(texts) => json!({"enum": texts}),
            Self::List(items) => json!({"type": "array", "items": items.value()}),
            Self::OrNull(schema) => json!({"anyOf": [schema.value(), {"type": "null"}]}),
            Self::Either(schemas) => json!({"anyOf": schemas.iter().map(|schema| schema.value()).collect::<Vec<_>>()}),
            Self::Object(fields) => object(fields),
            Self::Json(text) => read(text),
            Self::Limited(text, limits) => read(&with_limits(text, limits)),
            Self::Made(make) => make(),
        }
    }
}

fn count(about: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": about})
}

fn object(fields: &[Named]) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (field, schema) in fields {
        let name = field.trim_end_matches('?');
        if name == *field {
            required.push(name);
        }
        properties.insert(name.to_owned(), schema.value());
    }
    let mut object = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        object["required"] = required.into();
    }
    object
}

fn with_limits(text: &str, limits: &[u64]) -> String {
    debug_assert_eq!(text.matches('%').count(), limits.len(), "{text}");
    limits.iter().fold(text.to_owned(), |text, limit| text.replacen('%', &limit.to_string(), 1))
}

/// What stands in paths.
pub(super) const PARAMETERS: &str = r##"{
    "UserId": {"name": "id", "in": "path", "required": true, "description": "The user's id.",
        "schema": {"$ref": "#/components/schemas/UserId"}},
    "SessionId": {"name": "id", "in": "path", "required": true, "description": "The session's id, of the list.",
        "schema": {"type": "string", "format": "uuid"}},
    "UserSessionId": {"name": "sid", "in": "path", "required": true, "description": "The session's id, of the list.",
        "schema": {"type": "string", "format": "uuid"}},
    "ServiceId": {"name": "id", "in": "path", "required": true, "description": "The service's id, of the list.",
        "schema": {"type": "string", "format": "uuid"}},
    "InviteId": {"name": "id", "in": "path", "required": true, "description": "The invite's id, of the list.",
        "schema": {"type": "string", "format": "uuid"}},
    "Address": {"name": "address", "in": "path", "required": true, "description": "An IP address.",
        "schema": {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}},
    "KeyId": {"name": "kid", "in": "path", "required": true, "description": "The key's id, of the list.",
        "schema": {"type": "string", "minLength": 1}}
}"##;

/// All of them, by name.
pub(super) fn schemas(shape: &Shape) -> Value {
    let registration = [("Registration", bodies::registration(shape))];
    let tables = [PARTS, &registration, bodies::BODIES, answers::ANSWERS, imports::SCHEMAS];
    tables.concat().into_iter().map(|(name, schema)| (name.to_owned(), schema.value())).collect::<Map<_, _>>().into()
}

const PARTS: &[Named] = &[
    (
        "Problem",
        Object(&[
            ("code", Json(r#"{"type": "integer", "description": "The status again."}"#)),
            ("status", Text("Its phrase.")),
            ("error", To("ErrorWord")),
            ("message", Text("For people.")),
            ("errors?", Object(&[("json?", FAULTS), ("query?", FAULTS)])),
        ]),
    ),
    ("ErrorWord", Made(error_words)),
    ("EventWord", Made(event_words)),
    (
        "UserId",
        Limited(r#"{"type": "integer", "minimum": 1, "maximum": %, "description": "Never used again.", "examples": [7]}"#, &[u64::MAX]),
    ),
    ("Username", USERNAME),
    ("Password", PASSWORD),
    (
        "Role",
        Json(r#"{"type": "string", "pattern": "^[a-z][a-z0-9_:.-]{0,31}$", "description": "`admin` is the one the server itself knows."}"#),
    ),
    ("Roles", Limited(r##"{"type": "array", "items": {"$ref": "#/components/schemas/Role"}, "maxItems": %}"##, &[MAX_ROLES as u64])),
    (
        "Claims",
        Limited(
            r#"{"type": "object", "description": "Names that tokens use themselves are reserved; at most % bytes as JSON."}"#,
            &[CUSTOM_CLAIMS_BYTES as u64],
        ),
    ),
    ("Scopes", Made(scopes)),
    ("Message", Object(&[("message", Text("For people."))])),
];

const FAULTS: Schema = Schema::Either(&[
    Json(r#"{"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}"#),
    Json(r#"{"type": "array", "items": {"type": "string"}}"#),
]);

const USERNAME: Schema = Limited(
    r#"{"type": "string", "minLength": 1, "maxLength": %, "description": "After mapping (RFC 8265, lower case): 1-% letters, digits and marks of one script and . _ - @ +, at least one letter, no - or . at the start; names such as admin are reserved."}"#,
    &[USERNAME_CHARS as u64, USERNAME_CHARS as u64],
);

const PASSWORD: Schema = Limited(
    r#"{"type": "string", "minLength": %, "maxLength": %, "format": "password",
        "description": "At least % characters, at most % bytes (RFC 8265); not a common one, not like the username."}"#,
    &[MIN_CHARS as u64, MAX_BYTES as u64, MIN_CHARS as u64, MAX_BYTES as u64],
);

fn error_words() -> Value {
    json!({"type": "string", "enum": Kind::ALL.map(Kind::word), "description": "Which error: the closed list."})
}

fn event_words() -> Value {
    let words: Vec<_> = Word::ALL.iter().map(|word| word.as_str()).collect();
    json!({"type": "string", "enum": words, "description": "What happened: the closed list."})
}

fn scopes() -> Value {
    json!({"type": "array", "minItems": 1, "items": {"enum": Scope::ALL.map(Scope::name)}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_percent_sign_becomes_the_next_limit() {
        let schema = Limited(r#"{"minimum": %, "maximum": %}"#, &[1, u64::MAX]);
        assert_eq!(schema.value(), json!({"minimum": 1, "maximum": u64::MAX}));
    }

    #[test]
    fn a_field_with_a_question_mark_may_be_missing() {
        let schema = Object(&[("name", To("Username")), ("roles?", To("Roles"))]).value();
        assert_eq!(schema["required"], json!(["name"]));
        assert_eq!(schema["properties"]["roles"], at("schemas", "Roles"));
    }
}
