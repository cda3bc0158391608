//! Corpus H, HTTP, as far as it takes the routes themselves. Framing, deadlines, caps and the like are tested where they
//! are made: `tests/front/`. Here: methods, paths, ids and queries; headers are in `corpus_h_headers.rs`.

use std::collections::{BTreeMap, BTreeSet};

use crate::corpus::Corpus;
use crate::policy::mounted;

/// A request without a body, as it is.
pub fn request(method: &str, target: &str, headers: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// The methods of each path.
pub fn methods() -> BTreeMap<String, BTreeSet<String>> {
    let mut paths = BTreeMap::<_, BTreeSet<_>>::new();
    for route in mounted() {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path.split('?').next().unwrap().to_owned();
        let methods = paths.entry(path).or_default();
        methods.insert(method.to_owned());
        if method == "GET" {
            methods.insert("HEAD".to_owned());
        }
    }
    paths
}

#[test]
fn h1_h3_and_h4_a_method_that_a_path_does_not_know_is_405_with_those_it_knows() {
    let corpus = Corpus::start("H");
    let mut wire = corpus.wire();
    for (path, known) in methods() {
        let allow = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "FOO", "get", "Post", "_", "!"] {
            if known.contains(method) {
                continue;
            }
            let case = format!("H1 {method} {path}");
            corpus.count();
            wire.send(request(method, &path, &format!("X-Canary: echo\r\n{}", bearer(&corpus.boss.access))));
            let answer = if method == "HEAD" { wire.answer_to_head() } else { wire.answer() };
            assert_eq!((answer.status, answer.header("allow")), (405, Some(allow.as_str())), "{case}");
            assert!(!answer.body.contains("echo"), "{case}");
        }
        corpus.unchanged(&format!("H1 {path}, whichever of these methods"));
    }
    for line in ["CONNECT /login", "CONNECT example.org:443", " /login", "/login", "G\u{e4}T /login", "G(T /login", "GET\t/login"] {
        corpus.turned_away(&format!("H3 {line}"), &corpus.raw(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n")), &[400]);
    }
}

#[test]
fn h2_and_h33_a_path_that_is_not_spelt_as_its_route_is_404() {
    let corpus = Corpus::start("H");
    let mut wire = corpus.wire();
    let headers = bearer(&corpus.boss.access);
    for path in [
        "/nothing",
        "//test",
        "/test/",
        "/test//",
        "/./test",
        "/x/../test",
        "/%74est",
        "/test%00",
        "/test%2f",
        "/test;a=b",
        "/TEST",
        "/test.",
        "/.test",
        "/test%20",
        "/test\\",
        "/..;/test",
        "/users/",
        "//users",
        "/%75sers",
        "/user/1/",
        "/user//1",
        "/user/./1",
        "/user/2/../1",
    ] {
        let answer = wire.send(request("GET", path, &headers)).answer();
        assert_eq!((answer.status, answer.error().as_str()), (404, "not_found"), "H33 {path}");
        corpus.unchanged(&format!("H33 {path}"));
    }
    for query in ["?", "?x=%2f..%00", "?_method=DELETE"] {
        assert_eq!(wire.send(request("GET", &format!("/test{query}"), &headers)).answer().status, 200, "H33 {query}");
        corpus.unchanged(query);
    }
}

#[test]
fn h34_nothing_outside_of_the_page_is_served() {
    let corpus = Corpus::start("H");
    let mut wire = corpus.wire();
    for path in [
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/..%2fCargo.toml",
        "/%252e%252e/Cargo.toml",
        "/..\\Cargo.toml",
        "/....//Cargo.toml",
        "//etc/passwd",
        "/etc/passwd",
        "/static/index.html",
        "/index.html",
        "/.env",
        "/.git/config",
        "/data/db",
        "/data/MARKER",
        "/Rocket.toml",
        "/app.js%00.html",
        "/app.js/",
        "/app.js/../../Cargo.toml",
        "/stderr",
    ] {
        let answer = wire.send(request("GET", path, "")).answer();
        assert_eq!((answer.status, answer.error().as_str()), (404, "not_found"), "H34 {path}");
        corpus.unchanged(&format!("H34 {path}"));
    }
    for path in ["/\0", "/app.js\0.html", "/\u{e4}"] {
        corpus.turned_away(&format!("H34 {path:?}"), &corpus.raw(request("GET", path, "")), &[400]);
    }
}

#[test]
fn h35_an_id_that_is_none_is_missing_forbidden_or_not_found_by_who_asks() {
    let corpus = Corpus::start("H");
    let mut wire = corpus.wire();
    let long = "9".repeat(10_000);
    for id in [
        "18446744073709551616",
        "18446744073709551615",
        "9223372036854775808",
        "0",
        "-1",
        "+1",
        "1.5",
        "0x1",
        "00001",
        "1e0",
        "NaN",
        "abc",
        "1,2",
        long.as_str(),
    ] {
        for (method, tail) in [("GET", ""), ("DELETE", ""), ("GET", "/sessions"), ("DELETE", "/sessions"), ("POST", "/reset")] {
            let target = format!("/user/{id}{tail}");
            for (who, headers, status) in [
                ("nobody", String::new(), 401),
                ("a user", bearer(&corpus.arun.access), 403),
                ("an administrator", bearer(&corpus.boss.access), 404),
            ] {
                let answer = wire.send(request(method, &target, &format!("{headers}Content-Length: 0\r\n"))).answer();
                assert_eq!(answer.status, status, "H35 {method} {target:.60} by {who}: {}", answer.body);
                answer.error();
            }
            corpus.unchanged(&format!("H35 {method} {target:.60}"));
        }
    }
    for id in ["", "%2e%2e", "１", "%31", "1%00"] {
        corpus.turned_away(
            &format!("H35 {id:?}"),
            &corpus.raw(request("DELETE", &format!("/user/{id}"), &bearer(&corpus.boss.access))),
            &[400, 404],
        );
    }
}

#[test]
fn h36_a_query_that_is_not_understood_is_named() {
    let corpus = Corpus::start("H");
    for (query, field) in [
        ("limit=-1", "limit"),
        ("limit=0", "limit"),
        ("limit=1000000000", "limit"),
        ("limit=abc", "limit"),
        ("limit=", "limit"),
        ("limit=18446744073709551616", "limit"),
        ("limit=1&limit=2", "limit"),
        ("after=x", "after"),
        ("after=-1", "after"),
        ("after=1&after=1", "after"),
        ("after=00", "after"),
        ("page=2", "page"),
        ("limit=1&x=", "x"),
    ] {
        let answer = corpus.client.with_token("GET", &format!("/users?{query}"), &corpus.boss.access);
        corpus.invalid_query(&format!("H36 {query}"), &answer, field);
    }
    for scope in ["none", "", "LOCAL", "local&scope=global"] {
        let answer = corpus.client.with_token("POST", &format!("/logout?scope={scope}"), &corpus.arun.access);
        corpus.invalid_query(&format!("H36 scope={scope}"), &answer, "scope");
    }
}
