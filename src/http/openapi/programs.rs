//! Rows of what asks for nobody: health, and the files inside the executable. Routes: `health.rs`, `page.rs`, `reference.rs`.

use serde_json::{Map, Value, json};

use super::operation::{Asked, Operation};
use super::refusals::Proof;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("GET /health", Proof::Anyone, "Health", "health", "Does it live?")
        .asked(&[Asked::Header("X-Doorward-Look", "The `look` of `GET /doctor`: then `seen` tells where the request seems to come from.")])
        .without_storage()
        .gives(200, "The process answers.", "Status", r#"{"status": "ok"}"#),
    Operation::new("GET /ready", Proof::Anyone, "Health", "ready", "Can it do its work?").gives(
        200,
        "Writes can be kept.",
        "Status",
        r#"{"status": "ready"}"#,
    ),
];

/// All but the name and what is in it.
const FILE: Operation = Operation::new("GET /", Proof::Anyone, "Files", "file", "A file of the page")
    .asked(&[Asked::Header("If-None-Match", "The `ETag` of the answer before.")])
    .without_storage()
    .gives_some("The file.")
    .with(&["ETag"])
    .or(304, "It is the same.", &["ETag"]);

/// A file of this path and media type, as the document has it.
pub(super) fn file(path: &str, media: &str, responses: &mut Map<String, Value>) -> Value {
    let mut file = FILE.value(responses);
    let name = path.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    file["operationId"] = format!("file{name}").into();
    let kind = if media == "application/json" { "object" } else { "string" };
    file["responses"]["200"]["content"] = json!({media: {"schema": {"type": kind}}});
    file
}
