//! The template's rows, to the letter, and what every answer carries.

use serde_json::{Value, json};

use crate::server::{Client, OF_PROXIES, Server, credentials};

fn body(answer: &crate::server::Answer) -> Value {
    answer.json()
}

const MISSING: &str = "Missing data for required field.";

/// The template's own words are in an error; ours are beside them.
#[track_caller]
fn assert_error(answer: &crate::server::Answer, status: u16, phrase: &str, error: &str, message: Option<&str>) {
    let body = body(answer);
    assert_eq!(answer.status, status, "{body}");
    assert_eq!((&body["code"], &body["status"], &body["error"]), (&json!(status), &json!(phrase), &json!(error)));
    match message {
        Some(message) => assert_eq!(body["message"], message),
        None => assert!(body["message"].is_string()),
    }
}

#[test]
fn the_templates_whole_flow_answers_to_the_letter() {
    let server = Server::open();
    let client = server.client();

    let registered = client.register("arun").expect(201);
    assert_eq!(registered.json(), json!({"message": "User has been created successfully"}));
    assert_eq!(registered.header("location"), Some("/user/1"));

    let login = client.json("POST", "/login", None, &credentials("arun")).expect(200);
    let keys: Vec<_> = login.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["access_token", "refresh_token", "token_type", "expires_in"]);
    assert_eq!((&login.json()["token_type"], &login.json()["expires_in"]), (&json!("Bearer"), &json!(900)));
    let access = login.json()["access_token"].as_str().unwrap().to_owned();

    assert_eq!(client.test(&access).expect(200).json(), json!({"message": "Auth Checked"}));
    assert_eq!(client.get("/user/1").expect(200).json(), json!({"id": 1, "username": "arun"}));
    assert_eq!(client.logout(&access).expect(200).json(), json!({"message": "User Logged out successfully"}));
    assert_error(&client.test(&access), 401, "Unauthorized", "token_revoked", Some("The token has been revoked."));
    let deleted = client.send("DELETE", "/user/1", &[], None).expect(200);
    assert_eq!(deleted.json(), json!({"message": "User has been deleted successfully"}));
    assert_error(&client.get("/user/1"), 404, "Not Found", "not_found", None);
}

#[test]
fn a_taken_name_and_bad_credentials_are_answered_in_the_templates_words() {
    let server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    assert_error(&client.register("arun"), 409, "Conflict", "username_taken", Some("Username already exist"));
    assert_error(&client.register("ARUN"), 409, "Conflict", "username_taken", Some("Username already exist"));
    let (wrong, unknown) = (client.try_login("arun", "wrongpassword"), client.try_login("nobody", "wrongpassword"));
    assert_error(&wrong, 401, "Unauthorized", "invalid_credentials", Some("Invalid credentials"));
    assert_eq!(wrong.text, unknown.text);
}

#[test]
fn absent_users_odd_ids_and_unknown_paths_are_404_and_wrong_methods_405() {
    let server = Server::open();
    let client = server.client();
    for path in [
        "/user/1",
        "/user/abc",
        "/user/0",
        "/user/01",
        "/user/-1",
        "/user/1.5",
        "/user/18446744073709551616",
        "/nothing",
        "/user",
        "/Login",
    ] {
        assert_error(&client.get(path), 404, "Not Found", "not_found", None);
    }
    for (method, path, allow) in [
        ("GET", "/register", "POST"),
        ("GET", "/login", "POST"),
        ("PUT", "/logout", "POST"),
        ("POST", "/test", "GET, HEAD"),
        ("POST", "/user/1", "DELETE, GET, HEAD, PATCH"),
        ("OPTIONS", "/login", "POST"),
        ("TRACE", "/test", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
    ] {
        let answer = client.send(method, path, &[("Content-Type", "application/json")], None);
        assert_error(&answer, 405, "Method Not Allowed", "method_not_allowed", None);
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn every_fault_of_a_body_is_named_in_marshmallows_words() {
    let server = Server::start();
    let client = server.client();
    for path in ["/register", "/login"] {
        for (sent, errors) in [
            (json!({}), json!({"username": [MISSING], "password": [MISSING]})),
            (json!({"username": "arun"}), json!({"password": [MISSING]})),
            (
                json!({"username": null, "password": null}),
                json!({"username": ["Field may not be null."], "password": ["Field may not be null."]}),
            ),
            (json!({"username": 1, "password": ["x"]}), json!({"username": ["Not a valid string."], "password": ["Not a valid string."]})),
            (
                json!({"username": "arun", "password": "securepassword", "id": 1, "roles": ["admin"]}),
                json!({"id": ["Unknown field."], "roles": ["Unknown field."]}),
            ),
            (json!(["arun", "securepassword"]), json!({"_schema": ["Invalid input type."]})),
            (json!(null), json!({"_schema": ["Invalid input type."]})),
        ] {
            let answer = client.json("POST", path, None, &sent);
            assert_error(&answer, 422, "Unprocessable Entity", "validation_failed", None);
            assert_eq!(answer.json()["errors"], json!({"json": errors}), "{path} {sent}");
        }
    }
    let twice = br#"{"username": "arun", "username": "mira", "role": "admin"}"#;
    let answer = client.send("POST", "/register", &[("Content-Type", "application/json")], Some(twice));
    assert_error(&answer, 422, "Unprocessable Entity", "validation_failed", None);
    let errors = json!({"username": ["Field is there twice."], "role": ["Unknown field."], "password": [MISSING]});
    assert_eq!(answer.json()["errors"], json!({"json": errors}));
    let both = client.json("POST", "/register", None, &json!({"username": "", "password": "short"}));
    assert_eq!(both.json()["errors"]["json"].as_object().map(serde_json::Map::len), Some(2), "{}", both.text);
}

#[test]
fn broken_json_is_400_and_another_content_type_415() {
    let server = Server::start();
    let client = server.client();
    let send = |content_type: &str, body: &[u8]| client.send("POST", "/register", &[("Content-Type", content_type)], Some(body));
    let whole = credentials("arun").to_string();
    for end in 1..whole.len() {
        let answer = send("application/json", &whole.as_bytes()[..end]);
        assert_error(&answer, 400, "Bad Request", "malformed_json", None);
        assert_eq!(answer.json()["errors"], json!({"json": ["Invalid JSON body."]}));
    }
    assert_error(&send("application/json", b""), 400, "Bad Request", "malformed_json", None);
    for content_type in [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json5",
        "application/json; charset=utf-16",
        "application/json ; x=y; charset=\"utf-16\"",
    ] {
        assert_error(&send(content_type, whole.as_bytes()), 415, "Unsupported Media Type", "unsupported_media_type", None);
    }
    assert_error(
        &client.send("POST", "/register", &[], Some(whole.as_bytes())),
        415,
        "Unsupported Media Type",
        "unsupported_media_type",
        None,
    );
    for content_type in ["APPLICATION/JSON", "application/json; charset=utf-8", "application/json;", "application/json ; charset=\"UTF-8\""]
    {
        assert_ne!(send(content_type, whole.as_bytes()).status, 415);
    }
    assert_error(&send("application/json", br#"{"username": {"x": }}"#), 400, "Bad Request", "malformed_json", None);
    let long = json!({"username": "arun", "password": "x".repeat(17_000)}).to_string();
    assert_error(&send("application/json", long.as_bytes()), 413, "Content Too Large", "too_large", None);
    client.try_login("arun", "securepassword").expect(200);
}

#[test]
fn no_or_an_odd_authorization_is_missing_and_a_bad_token_is_invalid() {
    let server = Server::start();
    let client = server.client();
    let pair = client.newcomer("arun");
    let with = |value: &str| client.send("GET", "/test", &[("Authorization", value)], None);
    for answer in [
        client.get("/test"),
        with("Basic YTpi"),
        with("Token x"),
        with(&pair.access),
        client.get(&format!("/test?access_token={}", pair.access)),
    ] {
        assert_error(&answer, 401, "Unauthorized", "authorization_required", Some("Request does not contain an access token."));
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer") && !challenge.contains("error"), "{challenge}");
    }
    let odd = [
        "Bearer".to_owned(),
        format!("Bearer  {}", pair.access),
        format!("Bearer {0}, Bearer {0}", pair.access),
        format!("Bearer \"{}\"", pair.access),
        "Bearer x.y.z".to_owned(),
    ];
    for value in &odd {
        let answer = with(value);
        assert_error(&answer, 401, "Unauthorized", "invalid_token", Some("Signature verification failed."));
        assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    }
    for scheme in ["bearer", "BEARER"] {
        with(&format!("{scheme} {}", pair.access)).expect(200);
    }
}

#[test]
fn every_answer_carries_the_standard_headers() {
    let server = Server::start();
    let client = server.client();
    let answers = [
        client.get("/"),
        client.get("/health"),
        client.get("/test"),
        client.get("/nothing"),
        client.get("/test/"),
        client.get("/a%20b"),
        client.register("arun"),
        client.send("PUT", "/login", &[], None),
        client.send("FOO", "/login", &[], None),
        client.send("GET", "/app.js", &[], None),
        client.json("POST", "/login", None, &json!({})),
        client.get("/ready"),
        client.send("POST", "/register", &[("Content-Type", "application/json")], Some(&vec![b' '; 20_000])),
    ];
    let mut ids = std::collections::HashSet::new();
    for answer in answers {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}: {answer:?}");
        }
        assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
        assert!(answer.header("cache-control").is_some() && answer.header("server").is_none());
        assert!(ids.insert(answer.header("x-request-id").unwrap().to_owned()), "a request id came twice");
        if answer.header("content-type").is_some_and(|value| value.starts_with("application/json")) {
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

#[test]
fn the_page_is_served_with_a_strict_policy_and_an_etag() {
    let server = Server::start();
    let client = server.client();
    for (path, content_type) in [
        ("/", "text/html"),
        ("/app.js", "text/javascript"),
        ("/style.css", "text/css"),
        ("/favicon.svg", "image/svg+xml"),
        ("/postman_collection.json", "application/json"),
    ] {
        let answer = client.get(path).expect(200);
        assert!(answer.header("content-type").unwrap().starts_with(content_type), "{path}: {answer:?}");
        let etag = answer.header("etag").unwrap();
        let again = client.send("GET", path, &[("If-None-Match", etag)], None).expect(304);
        assert!(again.text.is_empty());
    }
    let policy = client.get("/").header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/static/index.html", "/index.html", "/.env", "/.git/config"] {
        client.get(path).refused(404, "not_found");
    }
}

#[test]
fn the_page_is_told_who_may_register_and_where_it_is_meant_to_be_opened() {
    let places = [("DOORWARD_PUBLIC_URL", "https://app.example.com"), ("DOORWARD_BASE_PATH", "/auth")];
    for (environment, says) in [
        (vec![], r#"<html lang="en" data-registration="open" data-address="">"#),
        (vec![("DOORWARD_REGISTRATION", "invite")], r#"<html lang="en" data-registration="invite" data-address="">"#),
        (
            [&places[..], &[("DOORWARD_REGISTRATION", "closed")]].concat(),
            r#"<html lang="en" data-registration="closed" data-address="https://app.example.com/auth/">"#,
        ),
        (vec![("DOORWARD_PUBLIC_URL", "https://\"><b>")], r#"<html lang="en" data-registration="open" data-address="">"#),
    ] {
        let server = Server::with(&[], &environment);
        let page = server.client().get("/").expect(200);
        assert!(page.text.contains(says), "{says}");
    }
}

#[test]
fn open_user_routes_answer_only_direct_requests_to_this_machine() {
    let server = Server::open();
    let client = server.client();
    client.register("arun").expect(201);
    for (name, value) in [("Host", "evil.example"), ("Host", "localhost.evil.example")].into_iter().chain(OF_PROXIES) {
        client.send("GET", "/user/1", &[(name, value)], None).refused(403, "forbidden");
        client.send("DELETE", "/user/1", &[(name, value)], None).refused(403, "forbidden");
    }
    for host in ["localhost", "localhost:5000", "127.0.0.1:80", "[::1]:5000"] {
        client.send("GET", "/user/1", &[("Host", host)], None).expect(200);
    }
}

#[test]
fn health_and_keys_are_for_everybody() {
    let server = Server::start();
    let client: Client = server.client();
    assert_eq!(client.get("/health").expect(200).json(), json!({"status": "ok"}));
    assert_eq!(client.get("/ready").expect(200).json(), json!({"status": "ready"}));
    let jwks = client.get("/.well-known/jwks.json").expect(200);
    assert_eq!(jwks.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(jwks.json()["keys"][0]["alg"], "ES256");
    let shared = Server::with(&[], &[("JWT_SECRET_KEY", "a secret of some thirty-two bytes")]);
    assert_eq!(shared.client().get("/.well-known/jwks.json").expect(200).json(), json!({"keys": []}));
}
