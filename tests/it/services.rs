//! Services: how their keys are made, shown, sent and removed; and what the tests of what they ask share.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};

use crate::server::{Answer, Client, PASSWORD, Pair, Server, with_admin};

pub const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A server with the administrator `boss`, and the service `shop` that may do everything.
pub fn with_service() -> (Server, Client, Pair, Value) {
    let (server, client, boss) = with_admin();
    let shop = add(&client, &boss, &["introspect", "revocations"]);
    (server, client, boss, shop)
}

pub fn add(client: &Client, boss: &Pair, scopes: &[&str]) -> Value {
    client.json("POST", "/services", Some(&boss.access), &json!({"name": "shop", "scopes": scopes})).expect(201).json()
}

pub fn text<'a>(service: &'a Value, field: &str) -> &'a str {
    service[field].as_str().unwrap()
}

pub fn bearer(service: &Value) -> String {
    format!("Bearer {}", text(service, "key"))
}

pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}

pub fn form(client: &Client, path: &str, authorization: Option<&str>, body: &str) -> Answer {
    let mut headers = vec![FORM];
    headers.extend(authorization.map(|value| ("Authorization", value)));
    client.send("POST", path, &headers, Some(body.as_bytes()))
}

pub fn introspect(client: &Client, service: &Value, token: &str) -> Value {
    form(client, "/introspect", Some(&bearer(service)), &format!("token={token}")).expect(200).json()
}

pub fn payload(token: &str) -> Value {
    serde_json::from_slice(&BASE64URL.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// A token as an app that shares `secret` would make it.
pub fn minted(secret: &str, claims: &Value) -> String {
    let message = format!("{}.{}", BASE64URL.encode(r#"{"alg":"HS256","typ":"JWT"}"#), BASE64URL.encode(claims.to_string()));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    format!("{message}.{}", BASE64URL.encode(aws_lc_rs::hmac::sign(&key, message.as_bytes())))
}

pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

pub fn inactive() -> Value {
    json!({"active": false})
}

#[test]
fn a_service_key_is_shown_once_and_works_until_it_is_removed() {
    let (mut server, client, boss, shop) = with_service();
    assert!(text(&shop, "key").starts_with("dws_") && text(&shop, "key").len() == 47);
    let listed = client.with_token("GET", "/services", &boss.access).expect(200);
    assert!(!listed.text.contains(text(&shop, "key")));
    let first = &listed.json()["services"][0];
    assert_eq!((&first["id"], &first["name"], &first["last_used"]), (&shop["id"], &json!("shop"), &Value::Null));
    assert_eq!(first["scopes"], json!(["introspect", "revocations"]));
    introspect(&client, &shop, "x");
    let used = client.with_token("GET", "/services", &boss.access).json()["services"][0]["last_used"].clone();
    assert!(used.as_u64().unwrap() >= shop["created"].as_u64().unwrap());
    server.stop();
    server.start_again();
    let client = server.client();
    assert_eq!(client.with_token("GET", "/services", &boss.access).json()["services"][0]["last_used"], used, "kept at the stop");
    introspect(&client, &shop, "x");
    let path = format!("/services/{}", text(&shop, "id"));
    client.with_token("DELETE", &path, &boss.access).expect(200);
    form(&client, "/introspect", Some(&bearer(&shop)), "token=x").refused(401, "invalid_token");
    client.with_token("DELETE", &path, &boss.access).refused(404, "not_found");
    server.kill_and_start_again();
    form(&server.client(), "/introspect", Some(&bearer(&shop)), "token=x").refused(401, "invalid_token");
}

#[test]
fn a_service_key_survives_a_kill() {
    let (mut server, _, _, shop) = with_service();
    server.kill_and_start_again();
    assert_eq!(introspect(&server.client(), &shop, "x"), inactive());
}

#[test]
fn a_service_that_does_not_fit_is_refused_and_none_is_added() {
    let (_server, client, boss) = with_admin();
    for body in [
        json!({"name": "shop"}),
        json!({"scopes": ["introspect"]}),
        json!({"name": "", "scopes": ["introspect"]}),
        json!({"name": "x".repeat(65), "scopes": ["introspect"]}),
        json!({"name": "a\nb", "scopes": ["introspect"]}),
        json!({"name": 1, "scopes": ["introspect"]}),
        json!({"name": "shop", "scopes": []}),
        json!({"name": "shop", "scopes": ["admin"]}),
        json!({"name": "shop", "scopes": [["introspect"]]}),
        json!({"name": "shop", "scopes": "introspect"}),
        json!({"name": "shop", "scopes": null}),
        json!({"name": "shop", "scopes": ["introspect"], "key": "dws_mine"}),
    ] {
        client.json("POST", "/services", Some(&boss.access), &body).refused(422, "validation_failed");
    }
    for id in ["1", "abc", "00000000-0000-0000-0000-000000000000"] {
        client.with_token("DELETE", &format!("/services/{id}"), &boss.access).refused(404, "not_found");
    }
    assert_eq!(client.with_token("GET", "/services", &boss.access).json(), json!({"services": []}));
    assert_eq!(add(&client, &boss, &["revocations", "introspect", "revocations"])["scopes"], json!(["introspect", "revocations"]));
}

#[test]
fn a_key_is_taken_as_bearer_or_basic_and_in_no_other_way() {
    let (_server, client, boss, shop) = with_service();
    let (id, key) = (text(&shop, "id"), text(&shop, "key"));
    let second = add(&client, &boss, &["introspect"]);
    let escaped = format!("{}%{:02X}{}", &key[..3], key.as_bytes()[3], &key[4..]);
    for good in
        [format!("Bearer {key}"), format!("bearer {key}"), basic(id, key), basic(id, &escaped), basic(id, key).replace("Basic", "BASIC")]
    {
        form(&client, "/introspect", Some(&good), "token=x").expect(200);
    }
    let challenge = |authorization: &str, word: &str| {
        let answer = form(&client, "/introspect", Some(authorization), "token=x").refused(401, word);
        answer.header("www-authenticate").unwrap().to_owned()
    };
    for bad in ["Bearer", "Bearer ", "Bearer x", &format!("Bearer  {key}"), &format!("Bearer {key},b"), &format!("Bearer \"{key}\"")] {
        assert!(challenge(bad, "invalid_token").starts_with("Bearer realm=\"doorward\", error=\"invalid_token\""), "{bad}");
    }
    for bad in [
        "Basic".to_owned(),
        "Basic !".to_owned(),
        basic(id, "x"),
        basic(key, ""),
        basic("", key),
        basic("shop", key),
        basic(text(&second, "id"), key),
        basic(&id.to_uppercase(), key),
        basic(id, &format!("{key}%")),
        format!("Basic {}", BASE64.encode([0xff, b':', 0xff])),
    ] {
        assert_eq!(challenge(&bad, "invalid_token"), "Basic realm=\"doorward\"", "{bad}");
    }
    for none in [&format!("Digest {key}"), &format!("bearer:{key}"), &format!("Bearer\t{key}"), key] {
        assert_eq!(challenge(none, "authorization_required"), "Bearer realm=\"doorward\"", "{none}");
    }
    for (path, headers) in [
        (format!("/introspect?access_token={key}"), vec![FORM]),
        ("/introspect".to_owned(), vec![FORM, ("Cookie", key)]),
        ("/introspect".to_owned(), vec![FORM, ("X-Auth-Token", key)]),
    ] {
        client
            .send("POST", &path, &headers, Some(format!("token=x&client_id={id}&client_secret={key}").as_bytes()))
            .refused(401, "authorization_required");
    }
    client.get(&format!("/revocations?access_token={key}")).refused(401, "authorization_required");
    client.test(key).refused(401, "invalid_token");
    client.with_token("GET", "/users", key).refused(401, "invalid_token");
    form(&client, "/introspect", Some(&format!("Bearer {}", boss.access)), "token=x").refused(401, "invalid_token");
}

#[test]
fn a_key_without_the_scope_is_403_and_says_which_it_lacks() {
    let (_server, client, boss) = with_admin();
    let asks = add(&client, &boss, &["introspect"]);
    let follows = add(&client, &boss, &["revocations"]);
    let refused = form(&client, "/introspect", Some(&bearer(&follows)), "token=x").refused(403, "forbidden");
    assert!(refused.header("www-authenticate").unwrap().ends_with("error=\"insufficient_scope\", scope=\"introspect\""));
    let refused = client.with_token("GET", "/revocations", text(&asks, "key")).refused(403, "forbidden");
    assert!(refused.header("www-authenticate").unwrap().ends_with("scope=\"revocations\""));
    client.with_token("GET", "/revocations", text(&follows, "key")).expect(200);
}

#[test]
fn the_command_line_adds_lists_and_removes_services() {
    let (mut server, _, _) = with_admin();
    server.stop();
    let run = |arguments: &[&str]| {
        let output = crate::server::doorward(server.directory.path()).args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, key, err) = run(&["service", "add", "shop", "--scope", "introspect,revocations"]);
    assert_eq!((code, key.trim_end().len()), (Some(0), 47), "{err}");
    let (_, out, _) = run(&["service", "list", "--json"]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&listed[0]["name"], &listed[0]["last_used"], &listed[1]), (&json!("shop"), &Value::Null, &Value::Null));
    let (_, out, _) = run(&["service", "list"]);
    let rows: Vec<_> = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(rows, ["ID NAME SCOPES LAST USED", &format!("{} shop introspect,revocations never", text(&listed[0], "id"))]);
    assert!(!out.contains(key.trim_end()));
    let (code, _, err) = run(&["service", "add", "shop", "--scope", "everything"]);
    assert!(code == Some(1) && err.contains("scopes: A list of introspect, revocations, or both."), "{err}");
    assert_eq!(run(&["service", "add", "shop"]).0, Some(2));
    server.start_again();
    let shop = json!({ "key": key.trim_end() });
    assert_eq!(introspect(&server.client(), &shop, "x"), inactive());
    server.stop();
    let run = |arguments: &[&str]| crate::server::doorward(server.directory.path()).args(arguments).output().unwrap().status.code();
    assert_eq!(run(&["service", "rm", "../users"]), Some(1));
    assert_eq!(run(&["service", "rm", text(&listed[0], "id")]), Some(0));
    assert_eq!(run(&["service", "rm", text(&listed[0], "id")]), Some(1));
    server.start_again();
    form(&server.client(), "/introspect", Some(&bearer(&shop)), "token=x").refused(401, "invalid_token");
    server.client().try_login("boss", PASSWORD).expect(200);
}

#[test]
fn a_service_key_in_place_of_an_access_token_is_told_what_it_is() {
    let (_server, client, boss) = with_admin();
    let body = json!({"name": "shop", "scopes": ["introspect"]});
    let key = client.json("POST", "/services", Some(&boss.access), &body).expect(201).json()["key"].as_str().unwrap().to_owned();
    for path in ["/test", "/me", "/users"] {
        let refused = client.with_token("GET", path, &key).refused(401, "invalid_token");
        let said = refused.json()["message"].as_str().unwrap().to_owned();
        assert_eq!(said, "A service key is no access token; it is for /introspect, /revoke and /revocations.", "{path}");
        assert!(!refused.text.contains(&key), "{path}");
    }
    assert_eq!(client.test("not.a.key").refused(401, "invalid_token").json()["message"], "Signature verification failed.");
}
