//! Rows of leaving another program, and their schemas. Routes: `imports.rs`.

use serde_json::{Value, json};

use super::operation::{Operation, at};
use super::refusals::Proof;
use crate::auth::imports::{MAX_ID, MAX_ROWS};

pub(super) fn operations() -> Vec<Operation> {
    let hash = "$pbkdf2-sha256$29000$FQKA0Lo3hhDC2JuTshbCmA$fRr0x7JRZ75yefRqBy9e22WBzak4quoBl0Ht64ntPRo";
    let body = json!({"users": [{"id": 7, "username": "arun", "password_hash": hash}]});
    let report = literal!({"added": 0, "present": 0, "refused": [{"row": 0, "reason": "Another user has this id."}]});
    vec![
        Operation::new("POST /import", Proof::Admin, "Users", "importUsers", "Take users of another program in, with their ids")
            .note("Whoever was imported before stays as is. What does not fit is left out, the rest goes in.")
            .takes("Import", &body)
            .gives(200, "What came of it.", "ImportReport", &report),
        Operation::new("GET /import", Proof::Admin, "Users", "importProgress", "Who has not logged in since").gives(
            200,
            "How many users have a hash of another program, by which.",
            "ImportProgress",
            &literal!({"users": 120, "foreign": {"passlib_pbkdf2": 37}}),
        ),
    ]
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let count = || literal!({"type": "integer", "minimum": 0});
    let about = "As passlib, werkzeug, Django, bcrypt or argon2 write it.";
    let row = json!({"type": "object", "additionalProperties": false, "required": ["id", "username", "password_hash"], "properties": {
        "id": {"type": "integer", "description": format!("As there; one that is not from 1 to {MAX_ID} is left out.")},
        "username": {"type": "string", "description": "Mapped and judged as at a registration."},
        "password_hash": {"type": "string", "description": about}}});
    let body = json!({"type": "object", "additionalProperties": false, "required": ["users"], "properties": {
        "users": {"type": "array", "items": row, "maxItems": MAX_ROWS},
        "dry_run": {"type": "boolean", "description": "Only says what would come of it."}}});
    let refused = json!({"type": "object", "additionalProperties": false, "required": ["row", "reason"], "properties": {
        "row": {"type": "integer", "minimum": 0, "description": "Which of the users, from 0."},
        "reason": {"type": "string", "description": "For people."}}});
    let report = json!({"type": "object", "additionalProperties": false, "required": ["added", "present", "refused"], "properties": {
        "added": count(), "present": count(), "refused": {"type": "array", "items": at("schemas", "ImportRefusal")}}});
    let progress = json!({"type": "object", "additionalProperties": false, "required": ["users", "foreign"], "properties": {
        "users": count(), "foreign": {"type": "object", "additionalProperties": count()}}});
    vec![("Import", body), ("ImportRefusal", refused), ("ImportReport", report), ("ImportProgress", progress)]
}
