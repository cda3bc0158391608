//! Rows of other programs: their keys, and what they ask about tokens. Routes: `services.rs`, `introspection.rs`.

use super::Shape;
use super::operation::{Asked, Operation};
use super::refusals::Proof;
use super::schemas::Schema;
use crate::auth::service::Scope;
use crate::http::RevocationReaders;

const TAG: &str = "Services";

pub(super) fn operations(shape: &Shape) -> Vec<Operation> {
    let readers = match shape.revocations {
        RevocationReaders::Services => Proof::Service(Scope::Revocations),
        RevocationReaders::Public => Proof::Anyone,
    };
    [OPERATIONS, &[revocations(readers)]].concat()
}

const OPERATIONS: &[Operation] = &[
    Operation::new("GET /services", Proof::Admin, TAG, "listServices", "The services").gives(
        200,
        "Without their keys.",
        "Services",
        r#"{"services": [{"id": "5c2d1a1e-7d1f-4a55-9d3c-6f2f3a6b8c11", "name": "shop", "scopes": ["introspect"], "created": 1767225600,
            "last_used": null}]}"#,
    ),
    Operation::new("POST /services", Proof::Admin, TAG, "addService", "Add a service")
        .takes("NewService", r#"{"name": "shop", "scopes": ["introspect"]}"#)
        .gives(
            201,
            "The service, and its key, this once.",
            "AddedService",
            r#"{"id": "5c2d1a1e-7d1f-4a55-9d3c-6f2f3a6b8c11", "name": "shop", "scopes": ["introspect"], "created": 1767225600,
                "last_used": null, "key": "dws_0123456789abcdef0123456789abcdef01234567"}"#,
        )
        .with(&["Location"]),
    Operation::new("DELETE /services/{id}", Proof::Admin, TAG, "removeService", "Remove a service")
        .note("Its key is refused from now on.")
        .of(&["ServiceId"])
        .says("Service has been removed"),
    Operation::new("POST /introspect", Proof::Service(Scope::Introspect), TAG, "introspect", "Is this token good? (RFC 7662)")
        .takes_form("TokenForm", r#"{"token": "eyJ…"}"#)
        .gives(
            200,
            "What it is; `{\"active\":false}` for all but a good access token.",
            "Introspected",
            r#"{"active": true, "sub": "7", "username": "arun", "iss": "doorward", "exp": 1767226500, "iat": 1767225600, "nbf": 1767225600,
                "jti": "5c2d1a1e-7d1f-4a55-9d3c-6f2f3a6b8c11", "sid": "5c2d1a1e-7d1f-4a55-9d3c-6f2f3a6b8c11", "token_type": "Bearer",
                "scope": "editor", "roles": ["editor"]}"#,
        ),
    Operation::new("POST /revoke", Proof::Anyone, TAG, "revoke", "Give a token up (RFC 7009)")
        .note("The token is its own credential; a good one's session has ended then.")
        .takes_form("TokenForm", r#"{"token": "eyJ…"}"#)
        .gives(200, "It is no good now, whether it was or not.", "Nothing", "{}"),
];

const fn revocations(readers: Proof) -> Operation {
    Operation::new("GET /revocations", readers, TAG, "revocations", "What was revoked since")
        .asked(&[
            Asked::Query("since", "The `cursor` of the answer before; without it, all that counts.", Schema::Json(r#"{"type": "string"}"#)),
            Asked::Header("If-None-Match", "The `ETag` of the answer before."),
        ])
        .without_storage()
        .gives(
            200,
            "A page of the feed.",
            "Feed",
            r#"{"cursor": "AAAA…", "reset": false, "more": false,
                "revoked": [{"id": "5c2d1a1e-7d1f-4a55-9d3c-6f2f3a6b8c11", "kind": "session", "exp": 1767226500}],
                "users": [{"sub": "7", "not_before": 1767225600}]}"#,
        )
        .with(&["ETag"])
        .or(304, "Nothing new.", &["ETag"])
}
