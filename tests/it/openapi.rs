//! The document of the API against what is mounted and what it answers. `tests/schema/` holds its examples to its schemas.

use std::collections::BTreeSet;

use doorward::http::problem::Kind;
use serde_json::{Value, json};

use crate::policy::{filled, mounted, of_every_route};
use crate::server::{Client, Pair, Server, with_admin};

fn document(client: &Client) -> Value {
    let answer = client.get("/openapi.json").expect(200);
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    answer.json()
}

/// Each operation, with its method and path.
fn operations(document: &Value) -> impl Iterator<Item = (String, &str, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().expect("operations");
        operations.iter().map(move |(method, operation)| (method.to_uppercase(), path.as_str(), operation))
    })
}

/// What a reference stands for; itself, if it is none.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference} leads nowhere")),
        None => value,
    }
}

/// The error words of an answer that is a problem.
fn words(answer: &Value) -> Vec<&str> {
    let words = &answer["content"]["application/json"]["schema"]["allOf"][1]["properties"]["error"]["enum"];
    words.as_array().into_iter().flatten().map(|word| word.as_str().unwrap()).collect()
}

/// Calls `visit` with each object of a document.
fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|inner| walk(inner, visit));
        }
        Value::Array(items) => items.iter().for_each(|inner| walk(inner, visit)),
        _ => {}
    }
}

#[test]
fn the_document_has_every_mounted_route_and_no_other() {
    let server = Server::start();
    let document = document(&server.client());
    let written = operations(&document).map(|(method, path, _)| format!("{method} {}", filled(path)));
    assert_eq!(written.collect::<BTreeSet<_>>(), mounted());
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_name_that_a_route_takes_in_its_query_is_in_the_document() {
    let server = Server::start();
    let document = document(&server.client());
    let routes = of_every_route(|route| {
        let path = route.uri.path().replace('<', "{").replace('>', "}");
        (route.method.as_str().to_lowercase(), path, route.uri.query().unwrap_or_default().to_owned())
    });
    let mut named = 0;
    for (method, path, query) in &routes {
        let parameters = document["paths"][path][method]["parameters"].as_array().cloned().unwrap_or_default();
        for name in query.split('&').filter(|name| !name.is_empty()).map(|name| name.trim_matches(['<', '>'])) {
            let is_there = parameters.iter().any(|one| one["in"] == "query" && one["name"] == name);
            assert!(is_there, "{method} {path}: {name}");
            named += 1;
        }
    }
    assert!(named > 8, "only {named} names were found");
}

#[test]
fn what_the_document_says_about_proof_is_what_the_routes_ask_for() {
    let server = Server::start();
    let client = server.client();
    let document = document(&client);
    for (method, path, operation) in operations(&document) {
        let answer = client.send(&method, &filled(path), &[], None);
        let is_open = operation["security"] == json!([]);
        let asks_for_proof = answer.status == 401 && answer.error() == "authorization_required";
        assert_ne!(is_open, asks_for_proof, "{method} {path}: {} {}", operation["security"], answer.text);
        let written = resolved(&document, &operation["responses"][answer.status.to_string()]);
        assert!(written.is_object(), "{method} {path} answers {}, which is not in the document", answer.status);
        if answer.status >= 400 {
            let words = words(written);
            assert!(words.contains(&answer.error().as_str()), "{method} {path}: {} not in {words:?}", answer.error());
        }
        for name in written["headers"].as_object().unwrap().keys().filter(|name| *name != "Set-Cookie") {
            assert!(answer.header(name).is_some(), "{method} {path}: no {name}");
        }
    }
}

#[test]
fn an_old_token_of_a_user_is_refused_where_the_document_asks_for_more() {
    let (_server, client, _) = with_admin();
    client.register("arun").expect(201);
    let document = document(&client);
    let mut refused = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        // No login made it, so it is not fresh. One of its own: some routes end its session.
        let token = Pair::of(&client.refresh(&client.login("arun").refresh).expect(200)).access;
        let answer = client.with_token(&method, &filled(path), &token);
        let words: Vec<_> = ["401", "403"].iter().flat_map(|status| words(resolved(&document, &operation["responses"][*status]))).collect();
        let is_for = |scheme: &str| operation["security"].as_array().unwrap().iter().any(|one| one.get(scheme).is_some());
        let asks_for = if is_for("access") {
            ["forbidden", "fresh_token_required"].into_iter().find(|word| words.contains(word) && path != "/verify")
        } else {
            (is_for("service") || is_for("refresh")).then_some("invalid_token")
        };
        let why = [401, 403].contains(&answer.status).then(|| answer.error());
        // What anyone may call refuses what is in the body.
        let why = why.filter(|_| operation["security"] != json!([]));
        assert_eq!(why.as_deref(), asks_for, "{method} {path}: {}", answer.text);
        refused.extend(why);
    }
    assert_eq!(refused.len(), 3, "{refused:?}");
}

#[test]
fn the_document_follows_the_settings() {
    let settings = [("DOORWARD_REGISTRATION", "invite"), ("DOORWARD_REVOCATIONS", "public"), ("DOORWARD_BASE_PATH", "/auth")];
    let (set, usual) = (Server::with(&["--user-routes", "open"], &settings), Server::start());
    for (server, root, is_set) in [(set, "/auth", true), (usual, "/", false)] {
        let document = document(&server.client());
        assert_eq!(document["servers"], json!([{"url": root}]));
        let required = document["components"]["schemas"]["Registration"]["required"].as_array().unwrap();
        assert_eq!(required.contains(&json!("invite")), is_set, "{required:?}");
        for path in ["/user/{id}", "/revocations"] {
            assert_eq!(document["paths"][path]["get"]["security"] == json!([]), is_set, "{path}");
        }
    }
}

#[test]
fn every_error_word_is_in_the_document_and_no_other() {
    let server = Server::start();
    let document = document(&server.client());
    let all: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.word().to_owned()).collect();
    let texts = |value: &Value| value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(texts(&document["components"]["schemas"]["ErrorWord"]["enum"]), all);
    let mut answered = BTreeSet::new();
    walk(&document["components"]["responses"], &mut |object| {
        answered
            .extend(object.get("error").filter(|error| error["enum"].is_array()).map(|error| texts(&error["enum"])).unwrap_or_default());
    });
    assert_eq!(answered, all);
}

#[test]
fn every_reference_leads_somewhere_and_every_part_is_used() {
    let server = Server::start();
    let document = document(&server.client());
    let mut used = BTreeSet::new();
    walk(&document, &mut |object| {
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
            used.insert(reference.to_owned());
        }
    });
    for part in ["schemas", "responses", "headers", "parameters"] {
        for name in document["components"][part].as_object().unwrap().keys() {
            // No operation is answered 405: its path is, with another method.
            assert!(
                used.contains(&format!("#/components/{part}/{name}")) || name == "405.method_not_allowed" || name == "EventWord",
                "{name}"
            );
        }
    }
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        assert!(names.insert(operation["operationId"].as_str().unwrap()), "{method} {path}: its name is taken");
    }
}

#[test]
fn every_json_body_and_answer_has_an_example() {
    let server = Server::start();
    let document = document(&server.client());
    for (method, path, operation) in operations(&document) {
        let answers = operation["responses"].as_object().unwrap().iter();
        let answers = answers.map(|(status, answer)| (status.as_str(), resolved(&document, answer)));
        let is_file = operation["tags"] == json!(["Files"]);
        for (part, value) in answers.chain([("body", &operation["requestBody"])]) {
            for content in value["content"].as_object().into_iter().flat_map(|content| content.values()) {
                let shown = content.get("example").is_some() || content.get("examples").is_some();
                assert!(shown || (is_file && part == "200"), "{method} {path}: no example of {part}");
            }
        }
    }
}
