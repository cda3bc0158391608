//! Stopping.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use doorward::http::front::{Limits, Summary};

use crate::server::Server;
use crate::wire::PATIENCE;

#[test]
fn a_server_without_connections_stops_at_once() {
    let start = Instant::now();
    assert_eq!(Server::start().finish(), Summary { cut_off: 0 });
    assert!(start.elapsed() < Duration::from_secs(4), "it waited out the grace");
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
    let mut server = Server::with(Limits { grace: Duration::from_millis(300), ..Limits::default() });
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
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
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
    let port = server.port;
    let clients: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(move || {
                let mut answered = 0;
                let Ok(()) = std::net::TcpStream::connect(("127.0.0.1", port)).map(drop) else { return 0 };
                let mut wire = crate::wire::Wire::open(port);
                // `next_answer` panics at half an answer.
                while wire.try_send("GET /big?size=50000 HTTP/1.1\r\nHost: a\r\n\r\n").is_ok() {
                    let Some(answer) = wire.next_answer(true) else { break };
                    assert_eq!(answer.body.len(), 50000);
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    let mut probe = server.connect();
    for _ in 0..50 {
        assert_eq!(probe.request("GET /bare").answer().status, 200);
    }
    server.ask_to_stop();
    let answered: usize = clients.into_iter().map(|client| client.join().expect("whole answers")).sum();
    assert!(answered > 0);
    assert_eq!(server.finish(), Summary { cut_off: 0 });
}
