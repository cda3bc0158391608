//! Too many connections, and too few descriptors.

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use doorward::http::front::{BindError, Limits, bind};
use rocket::tokio;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::server::Server;
use crate::wire::Wire;

/// As many connections as given, each known to be accepted.
fn fill(server: &Server, count: usize) -> Vec<Wire> {
    (0..count)
        .map(|_| {
            let mut wire = server.connect();
            assert_eq!(wire.request("GET /bare").answer().status, 200);
            wire
        })
        .collect()
}

#[test]
fn a_full_server_says_so_and_serves_again_when_there_is_room() {
    let server = Server::with(Limits { connections: 3, ..Limits::default() });
    let mut open = fill(&server, 3);
    let mut refused = server.connect();
    let answer = refused.request("GET /bare").answer();
    assert_eq!((answer.status, answer.error().as_str()), (503, "overloaded"));
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert!(answer.closes());
    refused.end();
    for wire in &mut open {
        assert_eq!(wire.request("GET /bare").answer().status, 200);
    }
    open.pop().expect("three").half_close().end();
    server.await_room();
}

#[test]
fn an_address_with_its_share_of_connections_gets_no_more() {
    let server = Server::with(Limits { per_address: 2, exempt_loopback: false, ..Limits::default() });
    let _open = fill(&server, 2);
    let answer = server.connect().request("GET /bare").answer();
    assert_eq!((answer.status, answer.error().as_str()), (429, "too_many_requests"));
    assert_eq!(answer.header("retry-after"), Some("5"));
}

#[test]
fn loopback_has_no_share() {
    let server = Server::with(Limits { per_address: 2, ..Limits::default() });
    fill(&server, 5);
}

#[test]
fn refused_connections_that_say_nothing_do_not_stand_in_the_way() {
    let server = Server::with(Limits { connections: 1, ..Limits::default() });
    let mut open = fill(&server, 1);
    let mut silent: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for wire in &mut silent {
        wire.end();
    }
    open.pop().expect("one").half_close().end();
    server.await_room();
}

/// In a process of its own: it has no descriptors left in between.
#[test]
fn want_of_descriptors_passes() {
    const NAME: &str = "caps::want_of_descriptors_passes";
    const MARK: &str = "DOORWARD_TEST_WITHOUT_DESCRIPTORS";
    if std::env::var_os(MARK).is_none() {
        let this = std::env::current_exe().expect("a test binary");
        let child = Command::new(this).args(["--exact", NAME, "--nocapture"]).env(MARK, "1").output().expect("a child");
        let text = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&child.stderr));
        return;
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(256), maximum: Some(256) }).expect("a lower limit");
    let server = Server::start();
    let mut open = fill(&server, 1);
    let mut hoard: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    hoard.pop();
    // One descriptor is left: ours. The kernel connects; the server cannot accept.
    let mut waiting = server.connect();
    waiting.request("GET /bare");
    assert!(waiting.is_silent_for(Duration::from_millis(600)), "there was a descriptor left");
    assert_eq!(open[0].request("GET /bare").answer().status, 200, "open connections are served");
    drop(hoard);
    assert_eq!(waiting.answer().status, 200);
}

#[test]
fn a_taken_port_is_named() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for address in ["localhost", "127.0.0.1"] {
        let error = runtime.block_on(async { bind(address, server.port) }).expect_err("the port is taken");
        assert!(matches!(error, BindError::PortTaken { port } if port == server.port), "{error}");
        assert!(error.to_string().contains(&server.port.to_string()), "{error}");
    }
}

#[test]
fn an_address_that_is_none_or_not_ours_is_explained() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let bind = |address: &str| runtime.block_on(async { bind(address, 0) });
    assert!(matches!(bind("example.org"), Err(BindError::NotAnAddress(_))));
    assert!(matches!(bind("192.0.2.1"), Err(BindError::NotOurs(_))));
    assert!(bind("127.0.0.1").is_ok_and(|listeners| listeners.url() == format!("http://127.0.0.1:{}", listeners.port())));
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        for address in ["::1", "[::1]"] {
            assert!(bind(address).is_ok_and(|listeners| listeners.url() == format!("http://[::1]:{}", listeners.port())));
        }
    }
}
