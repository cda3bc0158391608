//! The log: each line of a request names it; times are UTC.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::audit::has;
use crate::server::{Client, Server, doorward};

/// What was logged, line by line, of a server with this format that has stopped.
fn logged(format: &str) -> (Vec<String>, String) {
    let mut server = Server::with(&[], &[("DOORWARD_LOG", "warn,audit=info,request=debug"), ("DOORWARD_LOG_FORMAT", format)]);
    let client = server.client();
    client.newcomer("arun");
    let failed = client.try_login("arun", "not the password").expect(401);
    server.stop();
    let lines = std::fs::read_to_string(server.directory.path().join("stderr")).unwrap();
    (lines.lines().map(str::to_owned).collect(), failed.header("X-Request-Id").unwrap().to_owned())
}

#[test]
fn every_line_of_a_request_names_it_in_text_and_in_json() {
    let (lines, id) = logged("text");
    let of_it: Vec<_> = lines.iter().filter(|line| line.ends_with(&format!(" request={id}"))).collect();
    assert_eq!(of_it.len(), 2, "{lines:?}");
    assert!(of_it[0].contains("INFO audit: a login failed event=\"login_failed\" actor=anyone user=1 address="), "{}", of_it[0]);
    assert!(of_it[1].contains("route=\"/login\" status=401"), "{}", of_it[1]);
    let is_utc = |time: &str| time.len() == 27 && time.as_bytes()[10] == b'T' && time.ends_with('Z');
    assert!(lines.iter().all(|line| is_utc(line.split(' ').next().unwrap())), "{lines:?}");
    let (lines, id) = logged("json");
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_it: Vec<_> = lines.iter().filter(|line| line["request"] == id.as_str()).collect();
    assert_eq!(of_it.len(), 2, "{lines:?}");
    assert!(
        has(of_it[0], &json!({"event": "login_failed", "actor": "anyone", "user": 1, "address": "127.0.0.1", "level": "INFO"})),
        "{}",
        of_it[0]
    );
    assert!(lines.iter().all(|line| is_utc(line["timestamp"].as_str().unwrap())), "{lines:?}");
}

#[test]
fn a_log_that_nobody_reads_any_more_fails_no_request() {
    let directory = tempfile::TempDir::new().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut server = doorward(directory.path())
        .args(["serve", "--address", "127.0.0.1", "--port", "0"])
        .env("DOORWARD_LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(writer)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let client = Client::of(line.trim().strip_prefix("listening on ").unwrap());
    let pair = client.newcomer("arun");
    client.try_login("arun", "not the password").refused(401, "invalid_credentials");
    client.test(&pair.access).expect(200);
    server.kill().unwrap();
    server.wait().unwrap();
}
