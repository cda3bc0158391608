//! Bodies that are too long, malformed or unwanted.

use std::time::Duration;

use doorward::http::front::Limits;

use crate::server::Server;

const MAX: usize = 16 << 10;

#[test]
fn a_body_may_be_as_long_as_the_limit() {
    let server = Server::start();
    let body = "x".repeat(MAX);
    let mut wire = server.connect();
    assert_eq!(wire.post("/echo", "", &body).answer().body, body);
    let chunked = format!("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{MAX:x}\r\n{body}\r\n0\r\n\r\n");
    assert_eq!(wire.send(chunked).answer().body, body);
}

#[test]
fn a_body_announced_too_long_is_refused_before_it_is_sent() {
    let server = Server::start();
    for length in ["16385", "1000000000", "9223372036854775807"] {
        let mut wire = server.connect();
        let answer = wire.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")).answer();
        assert_eq!((answer.status, answer.error().as_str()), (413, "too_large"), "{length}");
        assert!(answer.closes());
    }
}

#[test]
fn a_client_that_sends_on_regardless_still_sees_the_refusal() {
    let server = Server::start();
    for length in [100_000, 900_000, 20_000_000] {
        let mut wire = server.connect();
        let body = vec![b'x'; length];
        // Beyond what is read on, the window fills up, and writing ends when the connection does.
        wire.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")).send(body);
        assert_eq!(wire.answer().error(), "too_large", "{length}");
        wire.end();
    }
}

#[test]
fn a_refused_body_is_read_on_so_that_no_reset_overtakes_the_answer() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n");
    assert_eq!(wire.answer().error(), "too_large");
    for _ in 0..500 {
        wire.try_send([b'x'; 1000]).expect("the server reads on");
    }
    // All of it has come, so the server need not wait out its two seconds for more.
    assert!(wire.end() < Duration::from_millis(1900));
}

#[test]
fn endless_chunks_are_refused_at_the_limit() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..17 {
        wire.send(format!("400\r\n{}\r\n", "x".repeat(1024)));
    }
    let answer = wire.answer();
    assert_eq!((answer.status, answer.error().as_str()), (413, "too_large"));
    assert!(answer.closes());
}

#[test]
fn a_malformed_chunk_is_refused() {
    let server = Server::start();
    for chunk in [
        "-1\r\n",
        "0x4\r\nfour\r\n",
        "FFFFFFFFFFFFFFFFF\r\n",
        "zz\r\n",
        "4\r\nfourX\r\n",
        "4\nfour\r\n",
        "4\r\nfour\n",
        "4;a\nb\r\nfour\r\n",
        "\r\n",
    ] {
        let mut wire = server.connect();
        wire.send(format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        ));
        let answer = wire.answer();
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"), "{chunk:?}");
        assert!(answer.closes());
        wire.end();
    }
    assert_eq!(server.smuggled.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[test]
fn a_body_that_ends_early_is_refused() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfive").half_close();
    assert_eq!(wire.answer().error(), "invalid_request");
    wire.end();
}

#[test]
fn a_client_that_waits_for_leave_gets_it_or_the_refusal() {
    let server = Server::start();
    let mut wire = server.connect();
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(wire.answer().status, 100);
    assert_eq!(wire.send("body").answer().body, "body");

    let refusals = [
        ("POST /echo", "Content-Length: 99999\r\n", 413),
        ("POST /nowhere/", "Content-Length: 4\r\n", 404),
        ("PROPFIND /echo", "Content-Length: 4\r\n", 405),
    ];
    for (line, header, status) in refusals {
        let mut wire = server.connect();
        let answer = wire.send(format!("{line} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{header}\r\n")).answer();
        assert_eq!(answer.status, status);
        assert!(answer.closes());
    }
    assert_eq!(server.connect().post("/echo", "Expect: something\r\n", "body").answer().body, "body");
}

#[test]
fn a_refused_request_with_a_small_body_keeps_its_connection() {
    let server = Server::start();
    let mut wire = server.connect();
    for path in ["/nowhere/", "/%", "/user//1"] {
        let answer = wire.post(path, "", "a body").answer();
        assert_eq!(answer.status, 404);
        assert!(!answer.closes());
    }
    assert_eq!(wire.request("GET /bare").answer().body, "bare");
}

#[test]
fn the_limit_is_the_one_that_is_set() {
    let server = Server::with(Limits { body_bytes: 4, ..Limits::default() });
    assert_eq!(server.connect().post("/echo", "", "four").answer().body, "four");
    assert_eq!(server.connect().post("/echo", "", "fives").answer().status, 413);
}
