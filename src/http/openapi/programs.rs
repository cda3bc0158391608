//! Rows of what asks for nobody: health, and the files inside the executable. Routes: `health.rs`, `page.rs`, `reference.rs`.

use serde_json::{Map, json};

use super::File;
use super::operation::Operation;
use super::refusals::Proof;

pub(super) fn operations(files: &[File]) -> Vec<Operation> {
    let health = Operation::new("GET /health", Proof::Anyone, "Health", "health", "Does it live?")
        .header("X-Doorward-Look", "The `look` of `GET /doctor`: then `seen` tells where the request seems to come from.")
        .without_storage()
        .gives(200, "The process answers.", "Status", &literal!({"status": "ok"}));
    let ready = Operation::new("GET /ready", Proof::Anyone, "Health", "ready", "Can it do its work?").gives(
        200,
        "Writes can be kept.",
        "Status",
        &literal!({"status": "ready"}),
    );
    [health, ready].into_iter().chain(files.iter().map(file)).collect()
}

fn file((path, media): &File) -> Operation {
    let id = path.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    let schema = if media == "application/json" { literal!({"type": "object"}) } else { literal!({"type": "string"}) };
    let content = Map::from_iter([(media.clone(), json!({"schema": schema}))]);
    Operation::new(&format!("GET {path}"), Proof::Anyone, "Files", &format!("file{id}"), "A file of the page")
        .header("If-None-Match", "The `ETag` of the answer before.")
        .without_storage()
        .answers(200, "The file.", Some(content.into()))
        .with("ETag")
        .answers(304, "It is the same.", None)
        .with("ETag")
}
