//! `GET /verify`, as a proxy asks it: who may pass, what it says of them, and where browsers are sent.

use serde_json::json;

use crate::cookies::{keep_signed_in, verify};
use crate::server::{Answer, Client, Server, with_admin_and};

fn ask(client: &Client, query: &str, headers: &[(&str, &str)]) -> Answer {
    client.send("GET", &format!("/verify{query}"), headers, None)
}

fn by_token(client: &Client, query: &str, token: &str) -> Answer {
    ask(client, query, &[("Authorization", &format!("Bearer {token}"))])
}

/// The three headers, as bytes are: names are UTF-8.
fn said(answer: &Answer) -> Option<[String; 3]> {
    let all = ["Remote-User", "Remote-Id", "Remote-Roles"].map(|name| answer.headers.get(name));
    match all {
        [None, None, None] => None,
        all => Some(all.map(|value| String::from_utf8(value.expect("all three, or none").as_bytes().to_vec()).unwrap())),
    }
}

fn who(user: &str, id: &str, roles: &str) -> [String; 3] {
    [user, id, roles].map(str::to_owned)
}

#[track_caller]
fn refused(answer: Answer, status: u16, word: &str) -> Answer {
    assert_eq!(said(&answer), None);
    answer.refused(status, word)
}

#[test]
fn a_good_token_or_cookie_passes_with_all_three_headers_even_empty() {
    let (_server, client, boss) = with_admin_and(&[]);
    client.register("jürgen").expect(201);
    let (pair, cookie) = keep_signed_in(&client, "jürgen");
    for answer in [by_token(&client, "", &pair.access), verify(&client, &cookie), by_token(&client, "?redirect=1", &pair.access)] {
        assert_eq!(said(&answer), Some(who("jürgen", "2", "")));
        assert_eq!((answer.header("Cache-Control"), answer.header("Set-Cookie")), (Some("no-store"), None));
        assert_eq!(answer.expect(200).json(), json!({"message": "Signed in"}));
    }
    client.json("PATCH", "/user/2", Some(&boss.access), &json!({"roles": ["editor", "a:b"]})).expect(200);
    assert_eq!(
        said(&by_token(&client, "", &pair.access).expect(200)),
        Some(who("jürgen", "2", "a:b,editor")),
        "as they are now, not in the token"
    );
    let head = client.send("HEAD", "/verify", &[("Cookie", &cookie)], None);
    assert_eq!((head.status, said(&head)), (200, Some(who("jürgen", "2", "a:b,editor"))));
}

#[test]
fn what_is_no_good_is_401_and_says_nothing_of_anybody() {
    let server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    let (pair, cookie) = keep_signed_in(&client, "arun");
    refused(ask(&client, "", &[]), 401, "authorization_required");
    refused(by_token(&client, "", "x"), 401, "invalid_token");
    refused(by_token(&client, "", &pair.refresh), 401, "invalid_token");
    let ended = client.login("arun");
    client.logout(&ended.access).expect(200);
    refused(by_token(&client, "", &ended.access), 401, "token_revoked");
    for value in ["Bearer", "Bearer ", "Bearer x y", &format!("bearer {}", ended.access)] {
        let answer = ask(&client, "", &[("Authorization", value), ("Cookie", &cookie)]);
        assert_eq!((answer.status, said(&answer)), (401, None), "{value}: a good cookie does not mend a bad token");
    }
    for value in ["Basic YTpi", "Negotiate x", "x"] {
        assert_eq!(
            said(&ask(&client, "", &[("Authorization", value), ("Cookie", &cookie)]).expect(200)),
            Some(who("arun", "1", "")),
            "{value}"
        );
        refused(ask(&client, "", &[("Authorization", value)]), 401, "authorization_required");
    }
    for method in ["POST", "PUT", "DELETE"] {
        client.send(method, "/verify", &[("Cookie", &cookie)], None).refused(405, "method_not_allowed");
    }
}

#[test]
fn a_role_that_is_asked_for_is_looked_up_in_the_store() {
    let (_server, client, boss) = with_admin_and(&[]);
    client.register("arun").expect(201);
    let (pair, cookie) = keep_signed_in(&client, "arun");
    let set = |roles: &[&str]| drop(client.json("PATCH", "/user/2", Some(&boss.access), &json!({"roles": roles})).expect(200));
    refused(by_token(&client, "?role=editor", &pair.access), 403, "forbidden");
    refused(ask(&client, "?role=editor", &[("Cookie", &cookie)]), 403, "forbidden");
    refused(ask(&client, "?role=editor", &[]), 401, "authorization_required");
    set(&["editor"]);
    by_token(&client, "?role=editor", &pair.access).expect(200);
    ask(&client, "?redirect=1&role=editor", &[("Cookie", &cookie)]).expect(200);
    set(&["editors", "edit"]);
    refused(by_token(&client, "?role=editor", &pair.access), 403, "forbidden");
    let browser = [("Cookie", cookie.as_str()), ("Accept", "text/html")];
    refused(ask(&client, "?role=editor&redirect=1", &browser), 403, "forbidden");
}

#[test]
fn a_question_that_is_not_understood_is_403_whoever_asks() {
    let server = Server::start();
    let client = server.client();
    let pair = client.newcomer("arun");
    for query in [
        "?rol=editor",
        "?role=",
        "?role",
        "?role=Editor",
        "?role=a,b",
        "?role=a&role=a",
        "?role=%ff",
        "?Role=a",
        "?redirect=0",
        "?redirect",
        "?redirect=true",
        "?redirect=1&redirect=1",
        "?x",
        "?return=/",
    ] {
        let answer = refused(by_token(&client, query, &pair.access), 403, "forbidden");
        assert!(answer.json()["message"].as_str().unwrap().contains("not understood"), "{query}: {}", answer.text);
        refused(ask(&client, query, &[("Accept", "text/html")]), 403, "forbidden");
    }
    by_token(&client, "?", &pair.access).expect(200);
}

#[test]
fn the_headers_of_any_request_may_come_along() {
    let server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    let (_, cookie) = keep_signed_in(&client, "arun");
    for (name, value) in [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Type", "multipart/form-data; boundary=x"),
        ("Content-Encoding", "gzip"),
        ("If-None-Match", "*"),
        ("Range", "bytes=0-1"),
        ("X-Forwarded-Method", "DELETE"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("Remote-User", "boss"),
    ] {
        let answer = ask(&client, "", &[("Cookie", &cookie), (name, value)]);
        assert_eq!((answer.status, said(&answer)), (200, Some(who("arun", "1", ""))), "{name}: {value}");
    }
}

const BROWSER: &str = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";

fn location(client: &Client, accept: &str, uri: Option<&str>) -> Option<String> {
    let headers: Vec<_> = [Some(("Accept", accept)), uri.map(|uri| ("X-Forwarded-Uri", uri))].into_iter().flatten().collect();
    let answer = ask(client, "?redirect=1", &headers);
    assert_eq!((said(&answer), answer.status), (None, if answer.header("Location").is_some() { 302 } else { 401 }));
    answer.header("Location").map(str::to_owned)
}

#[test]
fn a_browser_is_sent_to_the_page_of_the_host_it_asked() {
    let server = Server::with(&[], &[("DOORWARD_TRUSTED_PROXIES", "127.0.0.1"), ("DOORWARD_BASE_PATH", "/auth")]);
    let client = server.client();
    let to = |uri: Option<&str>| location(&client, BROWSER, uri);
    assert_eq!(to(None).unwrap(), "/auth/");
    assert_eq!(to(Some("/a/b?c=d&e=1+2%2B#f")).unwrap(), "/auth/?return=%2Fa%2Fb%3Fc%3Dd%26e%3D1%2B2%252B%23f");
    assert_eq!(to(Some("/caf\u{e9}")).unwrap(), "/auth/?return=%2Fcaf%C3%A9");
    assert_eq!(to(Some("/?a=https://evil.example//")).unwrap(), "/auth/?return=%2F%3Fa%3Dhttps:%2F%2Fevil.example%2F%2F");
    let long = format!("/{}", "x".repeat(2048));
    for hostile in ["//evil.example", "/\\evil.example", "https://evil.example/", "evil", "", "/a\tb", &long] {
        assert_eq!(to(Some(hostile)).unwrap(), "/auth/", "{hostile}");
    }
    let twice = [("Accept", BROWSER), ("X-Forwarded-Uri", "/a"), ("X-Forwarded-Uri", "/b")];
    assert_eq!(ask(&client, "?redirect=1", &twice).expect(302).header("Location"), Some("/auth/"));
    let elsewhere = [("Accept", BROWSER), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "javascript")];
    assert_eq!(ask(&client, "?redirect=1", &elsewhere).expect(302).header("Location"), Some("/auth/"));
    for accept in ["*/*", "application/json", "text/htmlx", ""] {
        assert_eq!(location(&client, accept, Some("/a")), None, "{accept}: a program is told, not led");
    }
    refused(ask(&client, "", &[("Accept", BROWSER)]), 401, "authorization_required");
    let dead = [("Accept", BROWSER), ("Cookie", "doorward=x")];
    assert_eq!(ask(&client, "?redirect=1", &dead).expect(302).header("Location"), Some("/auth/"));
}

#[test]
fn where_a_browser_was_is_believed_from_a_trusted_proxy_only() {
    let server = Server::with(&[], &[("DOORWARD_TRUSTED_PROXIES", "10.0.0.0/8")]);
    let client = server.client();
    assert_eq!(location(&client, BROWSER, Some("/a")).unwrap(), "/");
}

#[test]
fn the_addresses_that_answers_name_begin_with_the_base_path() {
    let (_server, client, boss) = with_admin_and(&[("DOORWARD_BASE_PATH", "/auth")]);
    assert_eq!(client.register("arun").expect(201).header("Location"), Some("/auth/user/2"));
    let body = json!({"username": "mira", "password": crate::server::PASSWORD});
    assert_eq!(client.json("POST", "/users", Some(&boss.access), &body).expect(201).header("Location"), Some("/auth/user/3"));
    let service = client.json("POST", "/services", Some(&boss.access), &json!({"name": "shop", "scopes": ["introspect"]})).expect(201);
    assert!(service.header("Location").unwrap().starts_with("/auth/services/"));
}
