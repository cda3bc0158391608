//! Rows of what an administrator does: users, invites, keys, the trail. Routes: `users.rs`, `invites.rs`, `keys.rs`, `audit.rs`, `throttle.rs`, `log.rs`, `doctor.rs`.

use super::Shape;
use super::operation::{Asked, Operation};
use super::refusals::Proof;
use super::schemas::Schema;
use crate::auth::Registration;
use crate::http::problem::Kind;
use crate::http::routes::query::PAGE;

pub(super) fn operations(shape: &Shape) -> Vec<Operation> {
    let invites = match shape.registration {
        Registration::Invite => LIST_INVITES,
        Registration::Open | Registration::Closed => LIST_INVITES.note("This server asks for none: `registration` says so."),
    };
    [USERS, &[invites], INVITES, KEYS, AUDIT].concat()
}

const LIMIT: Schema = Schema::Limited(r#"{"type": "integer", "minimum": 1, "maximum": %, "default": %}"#, &[PAGE as u64, PAGE as u64]);

const FULL_USER: &str = r#"{"id": 7, "username": "arun", "roles": ["editor"], "claims": {}, "disabled": false, "created": 1767225600}"#;

const USERS: &[Operation] = &[
    Operation::new("GET /users", Proof::Admin, "Users", "listUsers", "All users, a page at a time")
        .asked(&[
            Asked::Query("after", "Users after this id.", Schema::To("UserId")),
            Asked::Query("limit", "How many.", LIMIT),
            Asked::Query("username", "The one of this name, if there is one.", Schema::To("Username")),
        ])
        .gives(
            200,
            "A page; `next` is the `after` of the following one.",
            "Users",
            r#"{"users": [{"id": 7, "username": "arun", "roles": ["editor"], "claims": {}, "disabled": false, "created": 1767225600}],
                "next": null}"#,
        )
        .refuses(&[Kind::ValidationFailed]),
    Operation::new("POST /users", Proof::Admin, "Users", "addUser", "Add a user")
        .note("Reserved names, too.")
        .takes("NewUser", r#"{"username": "arun", "password": "securepassword", "roles": ["editor"]}"#)
        .gives(201, "The user.", "FullUser", FULL_USER)
        .with(&["Location"])
        .refuses(&[Kind::UsernameTaken]),
    Operation::new("PATCH /user/{id}", Proof::Admin, "Users", "changeUser", "Change roles and claims, disable, enable")
        .note("The last administrator stays one. Disabling ends all sessions.")
        .of(&["UserId"])
        .takes("UserChange", r#"{"roles": ["editor"]}"#)
        .gives(200, "The user.", "FullUser", FULL_USER),
    Operation::new("POST /user/{id}/reset", Proof::Admin, "Users", "issueReset", "Make a reset code")
        .note("One made before is void.")
        .of(&["UserId"])
        .gives(
            201,
            "The code, for `POST /reset`.",
            "Code",
            r#"{"code": "doorward_reset_7_0123456789abcdef0123456789abcdef01234567", "expires": 1767312000}"#,
        ),
];

const LIST_INVITES: Operation = Operation::new("GET /invites", Proof::Admin, "Invites", "listInvites", "The invites that can be used")
    .gives(
        200,
        "Without their codes.",
        "Invites",
        r#"{"invites": [{"id": "5c2d1a1e-7d1f-4a55-9d3c-6f2f3a6b8c11", "created": 1767225600, "expires": 1767830400}]}"#,
    );

const INVITES: &[Operation] = &[
    Operation::new("POST /invites", Proof::Admin, "Invites", "makeInvite", "Make an invite")
        .may_take("NewInvite", r#"{"expires": 86400}"#)
        .gives(
            201,
            "Its id and its code.",
            "MadeInvite",
            r#"{"id": "5c2d1a1e-7d1f-4a55-9d3c-6f2f3a6b8c11", "code": "doorward_invite_0123456789abcdef0123456789abcdef01234567",
                "expires": 1767312000}"#,
        ),
    Operation::new("DELETE /invites/{id}", Proof::Admin, "Invites", "deleteInvite", "Take an invite back")
        .of(&["InviteId"])
        .says("Invite has been deleted successfully"),
];

const KEYS: &[Operation] = &[
    Operation::new("GET /.well-known/jwks.json", Proof::Anyone, "Keys", "jwks", "The public keys (RFC 7517)").without_storage().gives_as(
        "application/jwk-set+json",
        200,
        "A JWK Set.",
        "Jwks",
        r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "Zk1…", "alg": "ES256", "use": "sig", "x": "f83O…", "y": "x_FE…"}]}"#,
    ),
    Operation::new("GET /keys", Proof::Admin, "Keys", "listKeys", "Which key signs, which verify").gives(
        200,
        "The keys.",
        "Keys",
        r#"{"keys": [{"kid": "Zk1…", "algorithm": "ES256", "state": "next", "signs": false, "created": 1767225600,
            "activates": 1767225900}]}"#,
    ),
    Operation::new("POST /keys", Proof::Admin, "Keys", "addKey", "Make or import a signing key")
        .may_take("NewKey", r#"{"algorithm": "EdDSA"}"#)
        .gives(
            201,
            "The key.",
            "Key",
            r#"{"kid": "Zk1…", "algorithm": "ES256", "state": "next", "signs": false, "created": 1767225600, "activates": 1767225900}"#,
        ),
    Operation::new("DELETE /keys/{kid}", Proof::Admin, "Keys", "retireKey", "Retire a signing key")
        .note("It verifies until its last token is dead. The last one that signs stays.")
        .of(&["KeyId"])
        .asked(&[Asked::Query(
            "now",
            "Refuse its tokens at once.",
            Schema::Json(r#"{"type": "string", "enum": ["true", "false"], "default": "false"}"#),
        )])
        .says("The key has been retired")
        .refuses(&[Kind::ValidationFailed]),
];

const AUDIT: &[Operation] = &[
    Operation::new("GET /audit", Proof::Admin, "Audit", "listEvents", "What has happened, the newest first")
        .asked(&[
            Asked::Query("user", "Whoever caused or met it.", Schema::To("UserId")),
            Asked::Query("event", "What happened.", Schema::To("EventWord")),
            Asked::Query(
                "before",
                "Events before this id.",
                Schema::Limited(r#"{"type": "integer", "minimum": 1, "maximum": %}"#, &[u64::MAX]),
            ),
            Asked::Query("limit", "How many.", LIMIT),
        ])
        .gives(
            200,
            "A page; `next` is the `before` of the following one.",
            "Events",
            r#"{"events": [{"id": 41, "time": "2026-03-01T12:00:00Z", "event": "roles_changed", "actor": "user:1", "user": 7,
                "session": null, "address": "192.0.2.7", "request": "43c05ef2cb294ce17ea4b95f1f6c3c43",
                "details": {"from": [], "to": ["editor"]}}], "next": null}"#,
        )
        .refuses(&[Kind::ValidationFailed]),
    Operation::new("GET /throttle", Proof::Admin, "Audit", "listBlocks", "Who must wait, the longest first").gives(
        200,
        "At most 1000.",
        "Blocks",
        r#"{"blocks": [{"scope": "user_at_address", "user": 7, "address": "192.0.2.7", "failures": 8, "until": 1767225604}]}"#,
    ),
    Operation::new("DELETE /user/{id}/throttle", Proof::Admin, "Audit", "unlock", "Forget a user's failures")
        .of(&["UserId"])
        .says("User has been unlocked successfully"),
    Operation::new("DELETE /throttle/{address}", Proof::Admin, "Audit", "unlockAddress", "Forget the failures at an address")
        .note("And the registrations. Of IPv6, any address of the network.")
        .of(&["Address"])
        .says("Address has been unlocked successfully"),
    Operation::new("GET /log", Proof::Admin, "Audit", "showLog", "Which log lines are written").gives(
        200,
        "The filter in use.",
        "Log",
        r#"{"filter": "warn,audit=info"}"#,
    ),
    Operation::new("PUT /log", Proof::Admin, "Audit", "changeLog", "Write other log lines")
        .note("Until the server stops, or the next change.")
        .takes("Log", r#"{"filter": "debug"}"#)
        .gives(200, "The filter in use now.", "Log", r#"{"filter": "debug"}"#),
    Operation::new("POST /backup", Proof::Admin, "Audit", "backUp", "Back everything up")
        .note("Into the folder `backups` of the server's data directory; `doorward restore` makes a database of it.")
        .may_take("NewBackup", r#"{"keys": true}"#)
        .gives(
            201,
            "What was written, and read back.",
            "Backup",
            r#"{"name": "doorward-20260301T120000Z-000000000042.jsonl", "created": 1772366400, "sequence": 42, "keys": true,
                "counts": {"user": 7, "name": 7}, "bytes": 4096,
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}"#,
        ),
    Operation::new("GET /doctor", Proof::Admin, "Audit", "checkUp", "Look at everything that is kept")
        .note("Reads and judges every record; requests go on meanwhile. `doorward doctor` asks for it, and looks at much more.")
        .gives(
            200,
            "What was found.",
            "Checkup",
            r#"{"database": {"fault": null, "sequence": 42, "users": 7, "sessions": 3, "revocations": 1, "bytes": 4096},
                "clock": {"system": 1767225600, "mark": 1767225600},
                "administrators": [{"id": 1, "username": "boss", "last_used": 1767225600}],
                "look": "9f86d081884c7d659a2feaa0c55ad015", "public_url": "https://login.example.com"}"#,
        ),
];
