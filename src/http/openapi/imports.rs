//! Rows of leaving another program, and their schemas. Routes: `imports.rs`.

use super::operation::Operation;
use super::refusals::Proof;
use super::schemas::{Named, Schema};
use crate::auth::imports::{MAX_ID, MAX_ROWS};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("POST /import", Proof::Admin, "Users", "importUsers", "Take users of another program in, with their ids")
        .note("Whoever was imported before stays as is. What does not fit is left out, the rest goes in.")
        .takes(
            "Import",
            r#"{"users": [{"id": 7, "username": "arun",
                "password_hash": "$pbkdf2-sha256$29000$FQKA0Lo3hhDC2JuTshbCmA$fRr0x7JRZ75yefRqBy9e22WBzak4quoBl0Ht64ntPRo"}]}"#,
        )
        .gives(
            200,
            "What came of it.",
            "ImportReport",
            r#"{"added": 0, "present": 0, "refused": [{"row": 0, "reason": "Another user has this id."}]}"#,
        ),
    Operation::new("GET /import", Proof::Admin, "Users", "importProgress", "Who has not logged in since").gives(
        200,
        "How many users have a hash of another program, by which.",
        "ImportProgress",
        r#"{"users": 120, "foreign": {"passlib_pbkdf2": 37}}"#,
    ),
];

pub(super) const SCHEMAS: &[Named] = &[
    (
        "Import",
        Schema::Limited(
            r#"{"type": "object", "additionalProperties": false, "required": ["users"], "properties": {
                "users": {"type": "array", "items": {
                    "type": "object", "additionalProperties": false, "required": ["id", "username", "password_hash"], "properties": {
                        "id": {"type": "integer", "description": "As there; one that is not from 1 to % is left out."},
                        "username": {"type": "string", "description": "Mapped and judged as at a registration."},
                        "password_hash": {"type": "string", "description": "As passlib, werkzeug, Django, bcrypt or argon2 write it."}}},
                    "maxItems": %},
                "dry_run": {"type": "boolean", "description": "Only says what would come of it."}}}"#,
            &[MAX_ID, MAX_ROWS as u64],
        ),
    ),
    (
        "ImportRefusal",
        Schema::Json(
            r#"{"type": "object", "additionalProperties": false, "required": ["row", "reason"], "properties": {
                "row": {"type": "integer", "minimum": 0, "description": "Which of the users, from 0."},
                "reason": {"type": "string", "description": "For people."}}}"#,
        ),
    ),
    (
        "ImportReport",
        Schema::Json(
            r##"{"type": "object", "additionalProperties": false, "required": ["added", "present", "refused"], "properties": {
                "added": {"type": "integer", "minimum": 0}, "present": {"type": "integer", "minimum": 0},
                "refused": {"type": "array", "items": {"$ref": "#/components/schemas/ImportRefusal"}}}}"##,
        ),
    ),
    (
        "ImportProgress",
        Schema::Json(
            r#"{"type": "object", "additionalProperties": false, "required": ["users", "foreign"], "properties": {
                "users": {"type": "integer", "minimum": 0},
                "foreign": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}}}"#,
        ),
    ),
];
