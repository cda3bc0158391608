//! The API as an `OpenAPI` 3.1 document, served at `/openapi.json` and shown at `/docs`.
//!
//! One row per route ([`operation::Operation`]): what it takes, what it gives, and by which guard and body it is entered. What
//! those refuse follows from them ([`refusals`]), words and messages come from [`Kind`], limits from the code that enforces
//! them. `tests/it/openapi.rs` holds the rows to the mounted routes, both ways, and to what they answer.
//!
//! Rows and schemas are constants, and what is only shown is JSON as text: `json!` makes code of each member, a hundred bytes of
//! it, and there are thousands.

mod administration;
mod imports;
mod operation;
mod people;
mod programs;
mod refusals;
mod schemas;
mod services;
mod sessions;

use serde_json::{Map, Value, json};

use super::base_path::BasePath;
use super::problem::Kind;
use super::{RevocationReaders, Surface, UserRoutes};
use crate::auth::Registration;

/// What of the settings changes the document.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Decides which body `/register` takes.
    pub registration: Registration,
    /// Decides who may use `/user/<id>`.
    pub user_routes: UserRoutes,
    /// Decides who may use `/revocations`.
    pub revocations: RevocationReaders,
    /// Where a proxy shows the server.
    pub base_path: BasePath,
    /// Decides whether there is [`Metadata`](super::Metadata).
    pub has_metadata: bool,
}

impl Shape {
    /// Of a server with these settings.
    #[must_use]
    pub fn of(surface: &Surface, registration: Registration) -> Self {
        let Surface { user_routes, revocations, base_path, metadata, .. } = surface.clone();
        Self { registration, user_routes, revocations, base_path, has_metadata: metadata.is_there() }
    }
}

/// A file that a `GET` gives: its path and media type.
pub type File = (String, String);

const ABOUT: &str = "A login server: it registers users, checks passwords, issues, refreshes and revokes JSON Web Tokens.\n\n\
    Every error has one shape, `Problem`, and its `error` is a word of a closed list. A known path with another method is answered \
    405 `method_not_allowed`, with `Allow`; an unknown path 404 `not_found`; paths have one spelling, without escapes. Every GET \
    answers HEAD, too. Heads that are too long, or not HTTP, may be answered 400, 414 or 431 without a body.";

/// JSON that stands in a row.
fn read(text: &str) -> Value {
    let value = serde_json::from_str(text);
    debug_assert!(value.is_ok(), "not JSON: {text}");
    value.unwrap_or_default()
}

/// The nouns, in the order in which they are read.
const TAGS: [(&str, &str); 9] = [
    ("Account", "Register, and what one is known as."),
    ("Session", "Log in, refresh, log out; where one is logged in."),
    ("Users", "Users, as themselves and an administrator see them."),
    ("Invites", "Who may register, where that takes an invite."),
    ("Keys", "What tokens are signed and verified with."),
    ("Services", "Other programs: their keys, and what they ask about tokens."),
    ("Audit", "What has happened, and who must wait."),
    ("Health", "Whether the server lives and works."),
    ("Files", "The page, this document, and what comes with them."),
];

/// The document of a server of this shape, with these files.
#[must_use]
pub fn document(shape: &Shape, files: &[File]) -> Value {
    let (paths, responses) = paths(shape, files);
    let root = shape.base_path.join("");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Doorward",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": if root.is_empty() { "/" } else { &root }}],
        "tags": TAGS.map(|(name, description)| json!({"name": name, "description": description})),
        "paths": paths,
        "components": {
            "securitySchemes": read(refusals::SCHEMES),
            "parameters": read(schemas::PARAMETERS),
            "headers": read(refusals::HEADERS),
            "responses": responses,
            "schemas": schemas::schemas(shape),
        },
    })
}

/// The operations by path and method, and the refusals they share.
fn paths(shape: &Shape, files: &[File]) -> (Map<String, Value>, Map<String, Value>) {
    let operations = [
        &people::operations(shape)[..],
        sessions::OPERATIONS,
        &administration::operations(shape),
        imports::OPERATIONS,
        &services::operations(shape),
        programs::OPERATIONS,
    ]
    .concat();
    let (mut paths, mut responses) = (Map::new(), Map::new());
    let mut add = |method: &str, path: &str, operation: Value| {
        paths.entry(path).or_insert_with(|| json!({}))[method] = operation;
    };
    for operation in &operations {
        add(&operation.method(), operation.path(), operation.value(&mut responses));
    }
    for (path, media) in files {
        add("get", path, programs::file(path, media, &mut responses));
    }
    // No operation is answered so: its path is, with another method.
    let (name, unknown) = refusals::response(405, &[Kind::MethodNotAllowed]);
    responses.insert(name, unknown);
    (paths, responses)
}
