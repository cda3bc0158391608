//! Signals that are no stop.

use std::time::Instant;

use rustix::process::Signal;

use crate::server::Server;
use crate::wire::PATIENCE;

#[test]
fn without_a_certificate_sighup_reloads_nothing_says_so_and_ends_nothing() {
    let mut server = Server::start();
    let client = server.client();
    let pair = client.newcomer("arun");
    let log = server.directory.path().join("stderr");
    for turn in 1..=3 {
        server.signal(Signal::HUP);
        let since = Instant::now();
        while std::fs::read_to_string(&log).unwrap().matches("there is nothing to reload").count() < turn {
            assert!(since.elapsed() < PATIENCE, "{}", std::fs::read_to_string(&log).unwrap());
            client.test(&pair.access).expect(200);
        }
    }
    assert_eq!(server.stop().code(), Some(0));
}
