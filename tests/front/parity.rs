//! The same requests through Rocket's own `launch()` and through the front.

use crate::server::{Launched, Server};
use crate::wire::{Answer, Wire};

/// One request on a connection of its own.
fn ask(port: u16, request: &str) -> Answer {
    let mut wire = Wire::open(port);
    wire.send(request);
    if request.starts_with("HEAD") { wire.answer_to_head() } else { wire.answer() }
}

/// All but what differs by nature, and the order.
fn comparable(mut answer: Answer) -> Answer {
    answer.headers.retain(|(name, _)| name != "date" && name != "x-request-id");
    answer.headers.sort();
    answer
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[test]
fn the_front_answers_as_rockets_own_server_does() {
    let (front, launched) = (Server::start(), Launched::start());
    let post = |path: &str, headers: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
    };
    let requests = [
        get("/bare"),
        get("/bare?"),
        get("/bare?a=%2F&b"),
        get("/seen?q=1"),
        get("/nowhere"),
        get("/teapot"),
        get("/user/1"),
        get("/user/1/more"),
        get("/panic"),
        get("/no-content"),
        get("/host"),
        get("/cookies"),
        get("/big?size=300000"),
        get("/big?size=many"),
        "GET /cookies HTTP/1.1\r\nHost: localhost\r\nCookie: a=1; b=two%20words;;c\r\nCookie: d=4\r\n\r\n".to_owned(),
        "GET /host HTTP/1.1\r\nHost: Example.org:8080\r\n\r\n".to_owned(),
        "GET /host HTTP/1.0\r\n\r\n".to_owned(),
        "GET /bare HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_owned(),
        "GET /bare HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(),
        "GET http://elsewhere.example/bare HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /seen HTTP/1.1\r\nHost: localhost\r\nX-Seen: ä\r\nx-seen: two\r\nContent-Type: application/json\r\n\r\n".to_owned(),
        "HEAD /bare HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "HEAD /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "HEAD /no-content HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "HEAD /stream HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "OPTIONS /bare HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "DELETE /user/1 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "PUT /user/1 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        post("/echo", "", ""),
        post("/echo", "Content-Type: application/json\r\n", r#"{"a": 1}"#),
        post("/echo", "", &"long ".repeat(3000)),
        post("/bare", "", "body"),
        post("/introspect", "Content-Type: application/x-www-form-urlencoded\r\n", "token=abc"),
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n5;x=y\r\n five\r\n0\r\nX-Trailer: t\r\n\r\n".to_owned(),
    ];
    for request in requests {
        let (ours, theirs) = (ask(front.port, &request), ask(launched.port, &request));
        assert_eq!(comparable(ours), comparable(theirs), "{request}");
    }
}

/// What the module docs list as different: lengths of 304, framing of streams, and refusals.
#[test]
fn the_documented_differences_are_these() {
    let (front, launched) = (Server::start(), Launched::start());
    for (request, ours, theirs) in [
        (get("/bare/"), 404, 200),
        (get("//bare"), 404, 200),
        (get("/%62are"), 404, 200),
        ("GET /bare HTTP/1.1\r\n\r\n".to_owned(), 400, 200),
        ("get /bare HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 405, 400),
        ("GET /bare HTTP/1.1\nHost: localhost\n\n".to_owned(), 400, 200),
    ] {
        assert_eq!(ask(front.port, &request).status, ours, "front: {request}");
        assert_eq!(ask(launched.port, &request).status, theirs, "launch: {request}");
    }
    let mut ours = comparable(ask(front.port, &get("/not-modified")));
    let mut theirs = comparable(ask(launched.port, &get("/not-modified")));
    assert_eq!(ours.header("content-length"), None);
    theirs.headers.retain(|(name, _)| name != "content-length");
    assert_eq!(ours, theirs);
    (ours, theirs) = (ask(front.port, &get("/stream")), ask(launched.port, &get("/stream")));
    assert_eq!(ours.header("content-length"), Some("8"));
    assert_eq!(theirs.header("transfer-encoding"), Some("chunked"));
    assert_eq!(ours.body, theirs.body);
}
