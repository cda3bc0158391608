//! Methods, targets, hosts and headers.

use std::net::Ipv6Addr;
use std::sync::atomic::Ordering;

use crate::server::Server;
use crate::wire::{Answer, Wire};

fn ask(server: &Server, raw: &str) -> Answer {
    server.connect().send(raw).answer()
}

fn line(server: &Server, line: &str) -> Answer {
    server.connect().request(line).answer()
}

#[test]
fn an_unknown_method_is_a_wrong_method_whatever_its_case() {
    let server = Server::start();
    for method in ["get", "Get", "FOO", "TRACE", "PROPFIND", &"M".repeat(1000)] {
        let known = line(&server, &format!("{method} /user/7"));
        assert_eq!((known.status, known.error().as_str()), (405, "method_not_allowed"), "{method}");
        assert_eq!(known.header("allow"), Some("DELETE, GET, HEAD"), "{method}");
        let unknown = line(&server, &format!("{method} /nowhere"));
        assert_eq!((unknown.status, unknown.error().as_str()), (404, "not_found"), "{method}");
    }
    line(&server, "delete /user/7");
    assert_eq!(server.deleted.load(Ordering::SeqCst), 0);
}

#[test]
fn an_answer_to_trace_does_not_echo_the_request() {
    let answer = ask(&Server::start(), "TRACE /bare HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n\r\n");
    assert_eq!(answer.status, 405);
    assert!(!format!("{answer:?}").contains("secret"));
}

#[test]
fn targets_without_a_path_are_refused() {
    let server = Server::start();
    for target in ["CONNECT example.org:443", "CONNECT /bare", "OPTIONS *", "GET *", "GET example.org:80"] {
        let answer = line(&server, target);
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"), "{target}");
        assert!(answer.closes(), "{target}");
    }
}

#[test]
fn of_an_absolute_target_the_path_and_the_query_count() {
    let server = Server::start();
    assert_eq!(line(&server, "GET http://elsewhere.example/seen?a=b").body, "GET /seen?a=b seen=[] peer=127.0.0.1 type=");
    assert_eq!(line(&server, "GET http://elsewhere.example/host").body, "localhost");
    assert_eq!(line(&server, "GET http://elsewhere.example").status, 404);
    assert_eq!(line(&server, "GET http://elsewhere.example/bare/").status, 404);
}

#[test]
fn a_path_has_one_spelling() {
    let server = Server::start();
    for path in [
        "//bare",
        "/bare/",
        "/bare//",
        "/./bare",
        "/x/../bare",
        "/%62are",
        "/bare%00",
        "/bare%2F",
        "/user//7",
        "/user/7/",
        "/user/..",
        "/..%2fbare",
        "/bare\\",
        "/%2e%2e/bare",
    ] {
        let answer = line(&server, &format!("GET {path}"));
        assert_eq!((answer.status, answer.error().as_str()), (404, "not_found"), "{path}");
    }
    for path in ["/BARE", "/bare;a=b", "/bare.", "/.env"] {
        assert_eq!(line(&server, &format!("GET {path}")).status, 404, "{path}");
    }
    assert_eq!(line(&server, "GET /bare?x=%2F..//").status, 200);
    line(&server, "DELETE /user//7");
    assert_eq!(server.deleted.load(Ordering::SeqCst), 0);
}

#[test]
fn a_target_that_cannot_be_parsed_is_refused() {
    let server = Server::start();
    // hyper lets these through; Rocket's own server would hand them on unparsed.
    for target in ["/{}", "/bare{", "/b\"are", "/b\u{e4}re"] {
        let answer = line(&server, &format!("GET {target}"));
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"), "{target}");
    }
    // hyper does not, and says so in its own way.
    for target in ["/ba^re", "/ba<re", "/ba`re", "bare", "http://", "/bare\u{7f}"] {
        assert_eq!(line(&server, &format!("GET {target}")).status, 400, "{target}");
    }
}

#[test]
fn there_is_one_host_and_it_is_valid() {
    let server = Server::start();
    for head in [
        "GET /bare HTTP/1.1\r\n\r\n",
        "GET /bare HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET /bare HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /bare HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /bare HTTP/1.1\r\nHost: user@a\r\n\r\n",
        "GET /bare HTTP/1.1\r\nHost: a:b:c\r\n\r\n",
        "GET /bare HTTP/1.1\r\nHost: a/b\r\n\r\n",
    ] {
        let answer = ask(&server, head);
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"), "{head}");
        assert!(answer.closes(), "{head}");
    }
    assert_eq!(ask(&server, "GET /host HTTP/1.1\r\nHost: [::1]:5000\r\n\r\n").body, "[::1]:5000");
    assert_eq!(ask(&server, "GET /bare HTTP/1.0\r\n\r\n").status, 200);
}

#[test]
fn there_is_one_authorization() {
    let server = Server::start();
    for (first, second) in [("Bearer a", "Bearer a"), ("Bearer a", "Bearer b"), ("Basic a", "Bearer b")] {
        let head = format!("GET /bare HTTP/1.1\r\nHost: a\r\nAuthorization: {first}\r\nX: y\r\nauthorization: {second}\r\n\r\n");
        assert_eq!(ask(&server, &head).error(), "invalid_request");
    }
    assert_eq!(ask(&server, "GET /bare HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\n\r\n").status, 200);
}

#[test]
fn a_header_that_is_not_utf_8_is_refused_and_not_dropped() {
    let server = Server::start();
    for version in ["1.0", "1.1"] {
        let mut head = format!("GET /bare HTTP/{version}\r\nHost: a\r\nX-Seen: ").into_bytes();
        head.extend(b"\xff\xfe\r\n\r\n");
        let answer = server.connect().send(head).answer();
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"));
    }
}

#[test]
fn a_form_is_refused_where_it_is_not_the_protocol() {
    let server = Server::start();
    for kind in ["application/x-www-form-urlencoded", "APPLICATION/x-www-form-urlencoded; charset=utf-8", "multipart/form-data; boundary=b"]
    {
        let content_type = format!("Content-Type: {kind}\r\n");
        for path in ["/echo", "/user/7", "/introspect?x"] {
            let answer = server.connect().post(path, &content_type, "a=b").answer();
            let expected = if path.starts_with("/introspect") { 200 } else { 415 };
            assert_eq!(answer.status, expected, "{kind} {path}");
        }
    }
    let answer = server.connect().post("/echo", "Content-Type: application/x-www-form-urlencoded\r\n", "a=b").answer();
    assert_eq!(answer.error(), "unsupported_media_type");
    assert!(!answer.closes());
    let put = "PUT /introspect HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b";
    assert_eq!(ask(&server, put).status, 415);
}

#[test]
fn no_body_changes_the_method() {
    let server = Server::start();
    for body in ["_method=delete", "_method=DELETE&a=b", "&_method=put", "[_method]=put"] {
        for (path, content_type) in
            [("/user/7", "text/plain"), ("/introspect", "application/x-www-form-urlencoded"), ("/echo", "application/json")]
        {
            let answer = server.connect().post(path, &format!("Content-Type: {content_type}\r\n"), body).answer();
            assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"), "{body} {path}");
        }
        server.connect().post("/user/7", "Content-Type: application/x-www-form-urlencoded\r\n", body).answer();
    }
    assert_eq!(server.deleted.load(Ordering::SeqCst), 0);
}

#[test]
fn an_encoded_body_is_refused() {
    let server = Server::start();
    assert_eq!(server.connect().post("/echo", "Content-Encoding: gzip\r\n", "x").answer().error(), "unsupported_media_type");
    assert_eq!(server.connect().post("/echo", "Content-Encoding: identity, br\r\n", "x").answer().status, 415);
    assert_eq!(server.connect().post("/echo", "Content-Encoding: Identity\r\n", "x").answer().body, "x");
}

#[test]
fn an_upgrade_is_not_taken_up() {
    let server = Server::start();
    for protocol in ["websocket", "h2c"] {
        let head = format!("GET /bare HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n");
        assert_eq!(ask(&server, &head).body, "bare");
    }
}

#[test]
fn localhost_is_both_loopback_addresses() {
    let server = Server::start();
    assert_eq!(server.url, format!("http://localhost:{}", server.port));
    // A machine without IPv6 does with the other.
    if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        let mut wire = Wire::open_at(Ipv6Addr::LOCALHOST.into(), server.port);
        assert_eq!(wire.request("GET /seen").answer().body, "GET /seen seen=[] peer=::1 type=");
    }
}
