//! Rows of what an administrator does: users, invites, keys, the trail. Routes: `users.rs`, `invites.rs`, `keys.rs`, `audit.rs`, `throttle.rs`, `log.rs`, `doctor.rs`.

use serde_json::{Value, json};

use super::Shape;
use super::operation::{Operation, at};
use super::refusals::Proof;
use crate::auth::Registration;
use crate::http::problem::Kind;
use crate::http::routes::query::PAGE;

pub(super) fn operations(shape: &Shape) -> Vec<Operation> {
    let invites = [list_invites(shape), make_invite(), delete_invite()];
    let keys = [jwks(), list_keys(), add_key(), retire_key()];
    let trail = [events(), blocks(), unlock(), unlock_address(), log(), change_log(), back_up(), check_up()];
    [list_users(), add_user(), change_user(), issue_reset()]
        .into_iter()
        .chain(invites)
        .chain(shape.has_metadata.then(metadata))
        .chain(keys)
        .chain(trail)
        .collect()
}

fn full_user() -> Value {
    literal!({"id": 7, "username": "arun", "roles": ["editor"], "claims": {}, "disabled": false, "created": 1767225600})
}

fn limit() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": PAGE, "default": PAGE})
}

fn list_users() -> Operation {
    Operation::new("GET /users", Proof::Admin, "Users", "listUsers", "All users, a page at a time")
        .query("after", "Users after this id.", &at("schemas", "UserId"))
        .query("limit", "How many.", &limit())
        .query("username", "The one of this name, if there is one.", &at("schemas", "Username"))
        .gives(200, "A page; `next` is the `after` of the following one.", "Users", &json!({"users": [full_user()], "next": null}))
        .refuses(&[Kind::ValidationFailed])
}

fn add_user() -> Operation {
    let body = literal!({"username": "arun", "password": "securepassword", "roles": ["editor"]});
    Operation::new("POST /users", Proof::Admin, "Users", "addUser", "Add a user")
        .note("Reserved names, too.")
        .takes("NewUser", &body)
        .gives(201, "The user.", "FullUser", &full_user())
        .with("Location")
        .refuses(&[Kind::UsernameTaken])
}

fn change_user() -> Operation {
    Operation::new("PATCH /user/{id}", Proof::Admin, "Users", "changeUser", "Change roles and claims, disable, enable")
        .note("The last administrator stays one. Disabling ends all sessions.")
        .of("UserId")
        .takes("UserChange", &literal!({"roles": ["editor"]}))
        .gives(200, "The user.", "FullUser", &full_user())
}

fn code(prefix: &str) -> Value {
    json!({"code": format!("doorward_{prefix}_0123456789abcdef0123456789abcdef01234567"), "expires": 1_767_312_000})
}

fn issue_reset() -> Operation {
    Operation::new("POST /user/{id}/reset", Proof::Admin, "Users", "issueReset", "Make a reset code")
        .note("One made before is void.")
        .of("UserId")
        .gives(201, "The code, for `POST /reset`.", "Code", &code("reset_7"))
}

fn list_invites(shape: &Shape) -> Operation {
    let example = literal!({"invites": [{"id": "5c2d1a1e-7d1f-4a55-9d3c-6f2f3a6b8c11", "created": 1767225600, "expires": 1767830400}]});
    let row = Operation::new("GET /invites", Proof::Admin, "Invites", "listInvites", "The invites that can be used").gives(
        200,
        "Without their codes.",
        "Invites",
        &example,
    );
    if shape.registration == Registration::Invite { row } else { row.note("This server asks for none: `registration` says so.") }
}

fn make_invite() -> Operation {
    Operation::new("POST /invites", Proof::Admin, "Invites", "makeInvite", "Make an invite")
        .may_take("NewInvite", &literal!({"expires": 86400}))
        .gives(201, "Its code.", "Code", &code("invite"))
}

fn delete_invite() -> Operation {
    Operation::new("DELETE /invites/{id}", Proof::Admin, "Invites", "deleteInvite", "Take an invite back")
        .of("InviteId")
        .says("Invite has been deleted successfully")
}

fn jwks() -> Operation {
    let key = literal!({"kty": "EC", "crv": "P-256", "kid": "Zk1…", "alg": "ES256", "use": "sig", "x": "f83O…", "y": "x_FE…"});
    let content = json!({"application/jwk-set+json": {"schema": at("schemas", "Jwks"), "example": {"keys": [key]}}});
    Operation::new("GET /.well-known/jwks.json", Proof::Anyone, "Keys", "jwks", "The public keys (RFC 7517)").without_storage().answers(
        200,
        "A JWK Set.",
        Some(content),
    )
}

fn metadata() -> Operation {
    let url = "https://login.example.com";
    let example = json!({"issuer": url, "jwks_uri": format!("{url}/.well-known/jwks.json"), "response_types_supported": []});
    let content = json!({"application/json": {"schema": {"type": "object", "required": ["issuer", "jwks_uri"]}, "example": example}});
    let route = "GET /.well-known/oauth-authorization-server";
    Operation::new(route, Proof::Anyone, "Keys", "metadata", "Where the keys are, and where to ask (RFC 8414)").without_storage().answers(
        200,
        "The issuer, and its addresses.",
        Some(content),
    )
}

fn key() -> Value {
    literal!({"kid": "Zk1…", "algorithm": "ES256", "state": "next", "signs": false, "created": 1767225600, "activates": 1767225900})
}

fn list_keys() -> Operation {
    Operation::new("GET /keys", Proof::Admin, "Keys", "listKeys", "Which key signs, which verify").gives(
        200,
        "The keys.",
        "Keys",
        &json!({"keys": [key()]}),
    )
}

fn add_key() -> Operation {
    Operation::new("POST /keys", Proof::Admin, "Keys", "addKey", "Make or import a signing key")
        .may_take("NewKey", &literal!({"algorithm": "EdDSA"}))
        .gives(201, "The key.", "Key", &key())
}

fn retire_key() -> Operation {
    Operation::new("DELETE /keys/{kid}", Proof::Admin, "Keys", "retireKey", "Retire a signing key")
        .note("It verifies until its last token is dead. The last one that signs stays.")
        .of("KeyId")
        .query("now", "Refuse its tokens at once.", &json!({"type": "string", "enum": ["true", "false"], "default": "false"}))
        .says("The key has been retired")
        .refuses(&[Kind::ValidationFailed])
}

fn events() -> Operation {
    let event = literal!({"id": 41, "time": "2026-03-01T12:00:00Z", "event": "roles_changed", "actor": "user:1", "user": 7, "session": null,
        "address": "192.0.2.7", "request": "43c05ef2cb294ce17ea4b95f1f6c3c43", "details": {"from": [], "to": ["editor"]}});
    Operation::new("GET /audit", Proof::Admin, "Audit", "listEvents", "What has happened, the newest first")
        .query("user", "Whoever caused or met it.", &at("schemas", "UserId"))
        .query("event", "What happened.", &at("schemas", "EventWord"))
        .query("before", "Events before this id.", &json!({"type": "integer", "minimum": 1, "maximum": u64::MAX}))
        .query("limit", "How many.", &limit())
        .gives(200, "A page; `next` is the `before` of the following one.", "Events", &json!({"events": [event], "next": null}))
        .refuses(&[Kind::ValidationFailed])
}

fn back_up() -> Operation {
    let made = literal!({"name": "doorward-20260301T120000Z-000000000042.jsonl", "created": 1772366400, "sequence": 42, "keys": true,
        "counts": {"user": 7, "name": 7}, "bytes": 4096, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"});
    Operation::new("POST /backup", Proof::Admin, "Audit", "backUp", "Back everything up")
        .note("Into the folder `backups` of the server's data directory; `doorward restore` makes a database of it.")
        .may_take("NewBackup", &literal!({"keys": true}))
        .gives(201, "What was written, and read back.", "Backup", &made)
}

fn check_up() -> Operation {
    let database = literal!({"fault": null, "sequence": 42, "users": 7, "sessions": 3, "revocations": 1, "bytes": 4096});
    let administrator = literal!({"id": 1, "username": "boss", "last_used": 1767225600});
    let found = json!({"database": database, "clock": {"system": 1_767_225_600, "mark": 1_767_225_600},
        "administrators": [administrator], "look": "9f86d081884c7d659a2feaa0c55ad015"});
    Operation::new("GET /doctor", Proof::Admin, "Audit", "checkUp", "Look at everything that is kept")
        .note("Reads and judges every record; requests go on meanwhile. `doorward doctor` asks for it, and looks at much more.")
        .gives(200, "What was found.", "Checkup", &found)
}

fn blocks() -> Operation {
    let block = literal!({"scope": "user_at_address", "user": 7, "address": "192.0.2.7", "failures": 8, "until": 1767225604});
    Operation::new("GET /throttle", Proof::Admin, "Audit", "listBlocks", "Who must wait, the longest first").gives(
        200,
        "At most 1000.",
        "Blocks",
        &json!({"blocks": [block]}),
    )
}

fn unlock() -> Operation {
    Operation::new("DELETE /user/{id}/throttle", Proof::Admin, "Audit", "unlock", "Forget a user's failures")
        .of("UserId")
        .says("User has been unlocked successfully")
}

fn unlock_address() -> Operation {
    Operation::new("DELETE /throttle/{address}", Proof::Admin, "Audit", "unlockAddress", "Forget the failures at an address")
        .note("And the registrations. Of IPv6, any address of the network.")
        .of("Address")
        .says("Address has been unlocked successfully")
}

fn log() -> Operation {
    Operation::new("GET /log", Proof::Admin, "Audit", "showLog", "Which log lines are written").gives(
        200,
        "The filter in use.",
        "Log",
        &literal!({"filter": "warn,audit=info"}),
    )
}

fn change_log() -> Operation {
    Operation::new("PUT /log", Proof::Admin, "Audit", "changeLog", "Write other log lines")
        .note("Until the server stops, or the next change.")
        .takes("Log", &literal!({"filter": "debug"}))
        .gives(200, "The filter in use now.", "Log", &literal!({"filter": "debug"}))
}
