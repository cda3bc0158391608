//! Rows of other programs: their keys, and what they ask about tokens. Routes: `services.rs`, `introspection.rs`.

use serde_json::{Value, json};

use super::Shape;
use super::operation::Operation;
use super::refusals::Proof;
use crate::auth::service::Scope;
use crate::http::RevocationReaders;

const TAG: &str = "Services";
const ID: &str = "5c2d1a1e-7d1f-4a55-9d3c-6f2f3a6b8c11";

pub(super) fn operations(shape: &Shape) -> Vec<Operation> {
    vec![list(), add(), remove(), introspect(), revoke(), revocations(shape)]
}

fn service() -> Value {
    json!({"id": ID, "name": "shop", "scopes": ["introspect"], "created": 1_767_225_600, "last_used": null})
}

fn list() -> Operation {
    Operation::new("GET /services", Proof::Admin, TAG, "listServices", "The services").gives(
        200,
        "Without their keys.",
        "Services",
        &json!({"services": [service()]}),
    )
}

fn add() -> Operation {
    let mut added = service();
    added["key"] = json!("dws_0123456789abcdef0123456789abcdef01234567");
    Operation::new("POST /services", Proof::Admin, TAG, "addService", "Add a service")
        .takes("NewService", &literal!({"name": "shop", "scopes": ["introspect"]}))
        .gives(201, "The service, and its key, this once.", "AddedService", &added)
        .with("Location")
}

fn remove() -> Operation {
    Operation::new("DELETE /services/{id}", Proof::Admin, TAG, "removeService", "Remove a service")
        .note("Its key is refused from now on.")
        .of("ServiceId")
        .says("Service has been removed")
}

fn introspect() -> Operation {
    let example = json!({"active": true, "sub": "7", "username": "arun", "iss": "doorward", "exp": 1_767_226_500, "iat": 1_767_225_600,
        "nbf": 1_767_225_600, "jti": ID, "sid": ID, "token_type": "Bearer", "scope": "editor", "roles": ["editor"]});
    Operation::new("POST /introspect", Proof::Service(Scope::Introspect), TAG, "introspect", "Is this token good? (RFC 7662)")
        .takes_form("TokenForm", &literal!({"token": "eyJ…"}))
        .gives(200, "What it is; `{\"active\":false}` for all but a good access token.", "Introspected", &example)
}

fn revoke() -> Operation {
    Operation::new("POST /revoke", Proof::Anyone, TAG, "revoke", "Give a token up (RFC 7009)")
        .note("The token is its own credential; a good one's session has ended then.")
        .takes_form("TokenForm", &literal!({"token": "eyJ…"}))
        .gives(200, "It is no good now, whether it was or not.", "Nothing", &json!({}))
}

fn revocations(shape: &Shape) -> Operation {
    let proof = match shape.revocations {
        RevocationReaders::Services => Proof::Service(Scope::Revocations),
        RevocationReaders::Public => Proof::Anyone,
    };
    let feed = json!({"cursor": "AAAA…", "reset": false, "more": false, "revoked": [{"id": ID, "kind": "session", "exp": 1_767_226_500}],
        "users": [{"sub": "7", "not_before": 1_767_225_600}]});
    Operation::new("GET /revocations", proof, TAG, "revocations", "What was revoked since")
        .query("since", "The `cursor` of the answer before; without it, all that counts.", &literal!({"type": "string"}))
        .header("If-None-Match", "The `ETag` of the answer before.")
        .without_storage()
        .gives(200, "A page of the feed.", "Feed", &feed)
        .with("ETag")
        .answers(304, "Nothing new.", None)
        .with("ETag")
}
