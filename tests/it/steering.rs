//! What steers a terminal (ECMA-48) does not get there, whoever wrote it: a server at a URL, or the author of a file.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{run_in, said};

/// Clears the screen, says so in the window's title, and turns around what follows.
const STEERING: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}\u{2066}\u{200b}";

/// What a command printed, which is something.
fn printed(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let (_, out, err) = said(&run_in(directory, arguments, environment, ""));
    let both = format!("{out}{err}");
    assert!(both.contains("owned"), "{arguments:?}: {both}");
    both
}

fn is_harmless(printed: &str) -> bool {
    printed.chars().all(|letter| letter == '\n' || !(letter.is_control() || STEERING.contains(letter) && !letter.is_ascii()))
}

/// A server that answers the one request it gets like this; its URL.
fn hostile(status: &'static str, body: &Value) -> String {
    let (listener, body) = (TcpListener::bind("127.0.0.1:0").unwrap(), body.to_string());
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    });
    url
}

#[test]
fn no_answer_of_a_server_steers_the_terminal() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("users.csv"), "id,username,password\n1,arun,x\n").unwrap();
    let user = json!({"id": STEERING, "username": STEERING, "roles": [STEERING], "disabled": false, "created": 1, "claims": {}});
    let refused = json!({"added": 0, "present": 0, "refused": [{"row": 0, "reason": STEERING}]});
    for (arguments, status, body) in [
        (&["user", "list"][..], "200 OK", json!({"users": [user], "next": null})),
        (&["audit"], "200 OK", json!({"events": [{"time": STEERING, "event": STEERING, "actor": STEERING, "details": {}}], "next": null})),
        (&["key", "list"], "200 OK", json!({"keys": [{"kid": STEERING, "algorithm": STEERING, "state": STEERING}]})),
        (&["service", "add", "x", "--scope", "introspect"], "201 Created", json!({"id": STEERING, "name": STEERING, "key": STEERING})),
        (&["log"], "200 OK", json!({"filter": STEERING})),
        (&["backup"], "201 Created", json!({"name": format!("doorward-{STEERING}.jsonl"), "counts": {}, "bytes": 1})),
        (&["import", "flask", "--from", "csv", "users.csv"], "200 OK", refused),
        (&["invite", "list"], "403 Forbidden", json!({"message": STEERING})),
    ] {
        let url = hostile(status, &body);
        let said = printed(directory.path(), &[arguments, &["--url", &url]].concat(), &[("DOORWARD_TOKEN", "x")]);
        assert!(is_harmless(&said), "{arguments:?}: {said:?}");
    }
}

#[test]
fn no_file_of_somebody_else_steers_the_terminal() {
    let directory = TempDir::new().unwrap();
    let mut database = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/flask/users.db")).unwrap();
    // The table's name, in the list of tables.
    let name = database.windows(15).position(|bytes| bytes == b"tableusersusers").unwrap() + 5;
    database[name..name + 5].copy_from_slice(b"\x1b[2J\x07");
    std::fs::write(directory.path().join("users.db"), database).unwrap();
    let (_, out, err) = said(&run_in(directory.path(), &["import", "flask", "users.db"], &[], ""));
    assert!(out.is_empty() && err.contains("it has no table users") && is_harmless(&err), "{err:?}");
    let head = json!({"doorward_checkpoint": 1, "schema": 1, STEERING: 1});
    std::fs::write(directory.path().join("backup.jsonl"), format!("{head}\n")).unwrap();
    let said = printed(directory.path(), &["restore", "backup.jsonl"], &[]);
    assert!(is_harmless(&said), "{said:?}");
}
