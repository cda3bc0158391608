//! Peers that are too slow.

use std::time::{Duration, Instant};

use doorward::http::front::Limits;

use crate::server::Server;
use crate::wire::PATIENCE;

const SHORT: Duration = Duration::from_millis(300);
/// Longer than a test waits: none of these ends what another should have ended.
const LONG: Duration = PATIENCE.saturating_mul(2);

/// One short deadline among long ones.
fn patient() -> Limits {
    Limits { head: LONG, body: LONG, write_stall: LONG, idle: LONG, ..Limits::default() }
}

#[test]
fn a_head_that_stops_half_way_ends_the_connection() {
    let server = Server::with(Limits { head: SHORT, ..patient() });
    for half in ["G", "GET /bare HTTP/1.1\r\nHost: a\r\n", "\r\n"] {
        let waited = server.connect().send(half).end();
        assert!(waited + Duration::from_millis(50) >= SHORT, "{waited:?}");
    }
    // Not only the first head.
    let mut wire = server.connect();
    assert_eq!(wire.request("GET /bare").answer().status, 200);
    wire.send("GET /bare HTT").end();
}

#[test]
fn a_head_that_trickles_ends_the_connection_all_the_same() {
    let server = Server::with(Limits { head: SHORT, ..patient() });
    let mut wire = server.connect();
    wire.send("GET /bare HTTP/1.1\r\nX: ");
    let start = Instant::now();
    while wire.is_silent_for(Duration::from_millis(20)) {
        wire.send("x");
        assert!(start.elapsed() < PATIENCE, "a byte now and then keeps the connection");
    }
    wire.end();
}

#[test]
fn a_body_that_does_not_come_is_answered() {
    let server = Server::with(Limits { body: SHORT, ..patient() });
    let bodies = ["Content-Length: 10\r\n\r\n", "Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nfo"];
    let mut wires = bodies.map(|body| {
        let mut wire = server.connect();
        wire.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\n{body}"));
        wire
    });
    for wire in &mut wires {
        let answer = wire.answer();
        assert_eq!((answer.status, answer.error().as_str()), (408, "timeout"));
        assert!(answer.closes());
    }
    for wire in &mut wires {
        wire.end();
    }
}

#[test]
fn a_body_that_trickles_is_answered_all_the_same() {
    let server = Server::with(Limits { body: SHORT, ..patient() });
    let mut wire = server.connect();
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n");
    let start = Instant::now();
    while wire.is_silent_for(Duration::from_millis(20)) {
        wire.send("x");
        assert!(start.elapsed() < PATIENCE, "a byte now and then keeps the request");
    }
    assert_eq!(wire.answer().error(), "timeout");
}

#[test]
fn a_peer_that_does_not_read_is_cut_off() {
    // More than all the buffers between us hold.
    let size = 40 << 20;
    let server = Server::with(Limits { write_stall: SHORT, response_bytes: size, ..patient() });
    let mut wire = server.connect();
    wire.request(&format!("GET /big?size={size}"));
    let start = Instant::now();
    while !wire.has_been_reset() {
        assert!(start.elapsed() < PATIENCE, "the connection is still there");
    }
    assert!(wire.rest().len() < size);
}

#[test]
fn a_peer_that_asks_and_asks_but_never_reads_is_cut_off() {
    let server = Server::with(Limits { write_stall: SHORT, ..patient() });
    let mut wire = server.connect();
    let start = Instant::now();
    // Each answer is far longer than its question, so it is the server that stalls, and then takes no more questions.
    while wire.try_send("GET /big?size=100000 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100)).is_ok() {
        assert!(start.elapsed() < PATIENCE, "the server keeps answering into the void");
    }
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn a_peer_that_reads_slowly_but_steadily_gets_everything() {
    let (size, pause) = (40 << 20, Duration::from_millis(400));
    let server = Server::with(Limits { write_stall: pause * 5, response_bytes: size, ..patient() });
    let mut wire = server.connect();
    wire.request(&format!("GET /big?size={size}"));
    // Longer than the deadline in all, never at once.
    for _ in 0..6 {
        wire.read_at_least(5 << 20);
        std::thread::sleep(pause);
    }
    assert_eq!(wire.answer().body.len(), size);
}

#[test]
fn a_body_may_take_longer_than_a_head() {
    let server = Server::with(Limits { head: SHORT, ..patient() });
    let mut wire = server.connect();
    wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf");
    assert!(wire.is_silent_for(SHORT * 2));
    assert_eq!(wire.send("half").answer().body, "halfhalf");
}

#[test]
fn an_idle_connection_is_kept_for_a_while_and_then_closed() {
    let idle = Duration::from_millis(1500);
    let server = Server::with(Limits { idle, ..patient() });
    // Once more where the machine had so much other work that we asked too late.
    let kept = std::iter::repeat_with(|| {
        let mut wire = server.connect();
        for _ in 0..2 {
            let start = Instant::now();
            let closed = !wire.is_silent_for(idle / 2) || wire.request("GET /bare").next_answer(true).is_none_or(|it| it.body != "bare");
            assert!(!closed || start.elapsed() >= idle, "closed too early, after {:?}", start.elapsed());
            if closed {
                return None;
            }
        }
        Some(wire)
    });
    let waited = kept.flatten().next().expect("a connection").end();
    assert!(waited + Duration::from_millis(200) >= idle, "{waited:?}");
}

#[test]
fn a_connection_that_never_says_anything_is_closed() {
    let server = Server::with(Limits { idle: SHORT, ..patient() });
    server.connect().end();
}

#[test]
fn a_handler_may_take_longer_than_any_deadline() {
    // Longer than it takes to ask, also on a machine with much other work.
    let deadline = 3 * SHORT;
    let server = Server::with(Limits { head: deadline, body: deadline, write_stall: deadline, idle: deadline, ..Limits::default() });
    let mut wire = server.connect();
    wire.request("GET /slow");
    server.await_slow();
    assert!(wire.is_silent_for(deadline * 3 / 2));
    server.release.add_permits(1);
    assert_eq!(wire.answer().body, "slow");
}
