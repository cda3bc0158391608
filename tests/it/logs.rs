//! The log: each line of a request names it; times are UTC.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::audit::has;
use crate::cli::{run_in, said};
use crate::server::{Client, Server, doorward, with_admin_and};

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
fn what_is_logged_is_changed_while_the_server_runs_and_the_trail_says_by_whom() {
    for format in ["text", "json"] {
        let (mut server, client, boss) = with_admin_and(&[("DOORWARD_LOG_FORMAT", format)]);
        let log = |arguments: &[&str]| said(&run_in(server.directory.path(), &[&["log", "--quiet"], arguments].concat(), &[], ""));
        assert_eq!(log(&[]), (Some(0), "warn,audit=info\n".to_owned(), String::new()));
        let logged = || std::fs::read_to_string(server.directory.path().join("stderr")).unwrap();
        let requests = || logged().matches("/test").count();
        client.test(&boss.access).expect(200);
        assert_eq!(requests(), 0);
        assert_eq!(log(&["request=debug"]).1, "request=debug\n");
        client.test(&boss.access).expect(200);
        assert_eq!(requests(), 1, "{}", logged());
        let changed = client.json("PUT", "/log", Some(&boss.access), &json!({"filter": "off"})).expect(200);
        assert_eq!(changed.json(), json!({"filter": "off"}));
        client.test(&boss.access).expect(200);
        assert_eq!(requests(), 1, "{}", logged());
        for bad in ["loud", "warn,loud", "[[["] {
            client.json("PUT", "/log", Some(&boss.access), &json!({"filter": bad})).refused(422, "validation_failed");
        }
        let (code, _, err) = log(&["loud"]);
        assert!(code == Some(1) && err.contains("is not a level; use error, warn"), "{err}");
        assert_eq!(client.with_token("GET", "/log", &boss.access).json(), json!({"filter": "off"}));
        let events = client.with_token("GET", "/audit?event=log_changed", &boss.access).json();
        let [second, first] = [&events["events"][0], &events["events"][1]];
        assert_eq!((&second["actor"], &second["details"]["from"]), (&json!("user:1"), &json!("request=debug")));
        assert_eq!((&first["actor"], &first["details"]["to"]), (&json!("local"), &json!("request=debug")));
        server.stop();
        let (code, _, err) = said(&run_in(server.directory.path(), &["log", "debug"], &[], ""));
        assert!(code == Some(1) && err.contains("only a running server has a log"), "{err}");
        server.start_again();
        assert_eq!(said(&run_in(server.directory.path(), &["log"], &[], "")).1, "warn,audit=info\n");
    }
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
