//! The local socket: it is served like the others, but not counted with them.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use doorward::http::front::{Limits, SOCKET, Summary};

use crate::server::Server;
use crate::wire::PATIENCE;

const SHORT: Duration = Duration::from_millis(300);

fn connect(server: &Server) -> UnixStream {
    let stream = UnixStream::connect(server.directory.path().join(SOCKET)).expect("the socket is there");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// One request, its connection kept; the first bytes of the answer.
fn ask(stream: &mut UnixStream) -> String {
    stream.write_all(b"GET /bare HTTP/1.1\r\nHost: a\r\n\r\n").expect("it is read");
    let mut bytes = [0; 12];
    stream.read_exact(&mut bytes).expect("an answer");
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Reads what is left, and how long that took.
fn end(stream: &mut UnixStream) -> Duration {
    let start = Instant::now();
    stream.read_to_end(&mut Vec::new()).expect("the server closes");
    start.elapsed()
}

#[test]
fn a_head_that_stops_half_way_ends_a_local_connection_too() {
    let server = Server::with(Limits { head: SHORT, idle: PATIENCE * 2, ..Limits::default() });
    let mut stream = connect(&server);
    stream.write_all(b"GET /bare HTTP/1.1\r\nHost: a\r\n").expect("it is read");
    assert!(end(&mut stream) + Duration::from_millis(50) >= SHORT);
}

#[test]
fn an_idle_local_connection_is_closed() {
    // No other deadline ends it while the test waits.
    let server = Server::with(Limits { idle: SHORT, head: PATIENCE * 2, ..Limits::default() });
    let mut stream = connect(&server);
    assert_eq!(ask(&mut stream), "HTTP/1.1 200");
    end(&mut stream);
}

#[test]
fn a_full_server_still_answers_at_its_local_socket() {
    let server = Server::with(Limits { connections: 1, per_address: 1, ..Limits::default() });
    let mut only = server.connect();
    assert_eq!(only.request("GET /bare").answer().status, 200);
    assert_eq!(server.connect().request("GET /bare").answer().status, 503);
    let mut local: Vec<_> = (0..3).map(|_| connect(&server)).collect();
    for stream in &mut local {
        assert_eq!(ask(stream), "HTTP/1.1 200");
    }
}

#[test]
fn local_connections_end_with_the_server_and_so_does_the_socket() {
    let mut server = Server::with(Limits { grace: PATIENCE, ..Limits::default() });
    let mut stream = connect(&server);
    assert_eq!(ask(&mut stream), "HTTP/1.1 200");
    let path = server.directory.path().join(SOCKET);
    server.ask_to_stop();
    end(&mut stream);
    assert!(!path.exists());
    assert_eq!(server.finish(), Summary { cut_off: 0 });
}
