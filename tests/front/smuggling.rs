//! Messages whose end two parsers could see in different places: the request hidden in one is never executed.

use std::sync::atomic::Ordering;

use crate::server::Server;
use crate::wire::answers;

const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends a POST with these framing headers and a body, and returns the statuses that come back.
fn statuses(server: &Server, version: &str, framing: &str, body: &str) -> Vec<u16> {
    let answers = answers(server.port, format!("POST /echo HTTP/{version}\r\nHost: a\r\n{framing}\r\n{body}"));
    assert_eq!(server.smuggled.load(Ordering::SeqCst), 0, "{framing:?} {body:?}");
    answers.iter().map(|answer| answer.status).collect()
}

#[test]
fn a_length_beside_chunks_ends_the_connection_with_the_first_request() {
    let server = Server::start();
    let both = format!("0\r\n\r\n{HIDDEN}");
    for framing in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 100\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: CHUNKED\r\nContent-Length: 100\r\n",
    ] {
        assert_eq!(statuses(&server, "1.1", framing, &both), [200], "{framing:?}");
    }
    // The other way round: what a parser that goes by the length would take for a request is a chunk.
    let chunk = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    assert_eq!(statuses(&server, "1.1", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", &chunk), [200]);
}

#[test]
fn a_length_that_is_not_one_number_is_refused() {
    let server = Server::start();
    for framing in [
        "Content-Length: 0\r\nContent-Length: 30\r\n",
        "Content-Length: 0, 30\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +0\r\n",
        "Content-Length: 0x0\r\n",
        "Content-Length: 0 0\r\n",
        "Content-Length: 1e1\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 00000000000000000000000000000000000000018446744073709551616\r\n",
        "Content-Length: \r\n",
    ] {
        assert_eq!(statuses(&server, "1.1", framing, HIDDEN), [400], "{framing:?}");
    }
}

#[test]
fn a_transfer_coding_other_than_chunked_is_refused() {
    let server = Server::start();
    let body = format!("0\r\n\r\n{HIDDEN}");
    for framing in [
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\nContent-Length: 3\r\n",
    ] {
        assert_eq!(statuses(&server, "1.1", framing, &body), [400], "{framing:?}");
    }
    assert_eq!(statuses(&server, "1.0", "Transfer-Encoding: chunked\r\n", &body), [400]);
}

#[test]
fn a_malformed_header_line_is_refused() {
    let server = Server::start();
    for framing in [
        "Transfer-Encoding : chunked\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "X: a\r\n Transfer-Encoding: chunked\r\n",
        "X: a\rTransfer-Encoding: chunked\r\n",
        "X: a\0b\r\n",
        ": empty\r\n",
        "X y: z\r\n",
        "\u{e4}: z\r\n",
        "no colon\r\n",
    ] {
        assert_eq!(statuses(&server, "1.1", framing, HIDDEN), [400], "{framing:?}");
    }
}

#[test]
fn a_bare_line_feed_is_refused() {
    let server = Server::start();
    for framing in [
        format!("X: a\nContent-Length: {}\r\n", HIDDEN.len()),
        "X: a\nTransfer-Encoding: chunked\r\n".to_owned(),
        format!("X: a\n\n{HIDDEN}"),
        format!("X: a\r\n\n{HIDDEN}"),
    ] {
        assert_eq!(statuses(&server, "1.1", &framing, HIDDEN), [400], "{framing:?}");
    }
    // In the body, and in the pieces of a head that come one by one, line feeds are what they are.
    assert_eq!(server.connect().post("/echo", "", "a\nb\n\n").answer().body, "a\nb\n\n");
    let mut wire = server.connect();
    for piece in ["GET /bare HTTP/1.1\r", "\nHost: a\r\n", "\r", "\n"] {
        wire.send(piece);
    }
    assert_eq!(wire.answer().body, "bare");
}

#[test]
fn a_body_that_looks_like_a_request_stays_a_body() {
    let server = Server::start();
    let mut wire = server.connect();
    assert_eq!(wire.post("/echo", "", HIDDEN).answer().body, HIDDEN);
    assert_eq!(wire.post("/nowhere/", "", HIDDEN).answer().status, 404);
    assert_eq!(wire.request("GET /bare").answer().body, "bare");
    assert_eq!(server.smuggled.load(Ordering::SeqCst), 0);
}

#[test]
fn the_trap_works_when_the_request_is_not_hidden() {
    let server = Server::start();
    assert_eq!(answers(server.port, HIDDEN).len(), 1);
    assert_eq!(server.smuggled.load(Ordering::SeqCst), 1);
}
