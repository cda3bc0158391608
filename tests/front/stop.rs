//! Stopping.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use doorward::http::front::{Limits, Summary};

use crate::server::Server;
use crate::wire::{PATIENCE, Wire};

#[test]
fn a_server_without_connections_stops_at_once() {
    let server = Server::with(Limits { grace: PATIENCE, ..Limits::default() });
    let start = Instant::now();
    assert_eq!(server.finish(), Summary { cut_off: 0 });
    assert!(start.elapsed() < PATIENCE, "it waited out the grace");
}

#[test]
fn idle_connections_close_at_once() {
    let mut server = Server::with(Limits { grace: PATIENCE, ..Limits::default() });
    let (mut used, mut fresh) = (server.connect(), server.connect());
    assert_eq!(used.request("GET /bare").answer().status, 200);
    // Accepted after `used` was; answering proves it was accepted.
    let mut last = server.connect();
    assert_eq!(last.request("GET /bare").answer().status, 200);
    server.ask_to_stop();
    used.end();
    fresh.end();
    last.end();
    assert_eq!(server.finish(), Summary { cut_off: 0 });
}

#[test]
fn a_request_in_flight_gets_its_answer_and_the_connection_closes() {
    let mut server = Server::with(Limits { grace: PATIENCE, ..Limits::default() });
    let mut wire = server.connect();
    wire.request("GET /slow");
    server.await_slow();
    let mut idle = server.connect();
    assert_eq!(idle.request("GET /bare").answer().status, 200);
    server.ask_to_stop();
    // Its end shows that the server is stopping.
    idle.end();
    server.release.add_permits(1);
    let answer = wire.answer();
    assert_eq!(answer.body, "slow");
    assert!(answer.closes());
    wire.end();
    assert_eq!(server.slow_finished.load(Ordering::SeqCst), 1);
    assert_eq!(server.finish(), Summary { cut_off: 0 });
}

#[test]
fn half_sent_heads_and_handlers_that_do_not_end_are_cut_off() {
    let long = 10 * PATIENCE;
    let mut server = Server::with(Limits { grace: Duration::from_millis(300), head: long, idle: long, ..Limits::default() });
    let mut half: Vec<_> = (0..20)
        .map(|_| {
            let mut wire = server.connect();
            wire.send("GET /bare HTTP/1.1\r\nHost: ");
            wire
        })
        .collect();
    let mut slow = server.connect();
    slow.request("GET /slow");
    server.await_slow();
    let start = Instant::now();
    server.ask_to_stop();
    slow.end();
    for wire in &mut half {
        wire.end();
    }
    let summary = server.finish();
    assert!(summary.cut_off >= 1, "{summary:?}");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn nobody_is_accepted_after_the_end() {
    let mut server = Server::start();
    let mut idle = server.connect();
    assert_eq!(idle.request("GET /bare").answer().status, 200);
    server.ask_to_stop();
    // Connections end after listening has.
    idle.end();
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err());
}

#[test]
fn under_load_every_answer_is_whole() {
    let mut server = Server::start();
    let (port, answered) = (server.port, Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let answered = Arc::clone(&answered);
            std::thread::spawn(move || {
                // One that comes so late that nobody listens has nothing to tell.
                let Ok(mut wire) = Wire::try_open(Ipv4Addr::LOCALHOST.into(), port) else { return };
                // `next_answer` panics at half an answer.
                while wire.try_send("GET /big?size=50000 HTTP/1.1\r\nHost: a\r\n\r\n").is_ok() {
                    let Some(answer) = wire.next_answer(true) else { break };
                    assert_eq!(answer.body.len(), 50000);
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let start = Instant::now();
    let mut probe = server.connect();
    while answered.load(Ordering::SeqCst) < 50 {
        assert_eq!(probe.request("GET /bare").answer().status, 200);
        assert!(start.elapsed() < PATIENCE, "nobody is answered");
    }
    server.ask_to_stop();
    for client in clients {
        client.join().expect("whole answers");
    }
    assert_eq!(server.finish(), Summary { cut_off: 0 });
}
