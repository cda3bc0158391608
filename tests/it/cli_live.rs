//! The command line on a running server: each command takes effect there at once, and does the same with none.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use crate::cli::{run_in, said};
use crate::server::{PASSWORD, Server, add_admin};

fn run(server: &Server, arguments: &[&str]) -> (Option<i32>, String, String) {
    said(&run_in(server.directory.path(), arguments, &[], PASSWORD))
}

/// Runs a command that must succeed; what it printed.
#[track_caller]
fn good(server: &Server, arguments: &[&str]) -> String {
    let (code, out, err) = run(server, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {err}");
    out.trim_end().to_owned()
}

#[track_caller]
fn good_json(server: &Server, arguments: &[&str]) -> Value {
    let out = good(server, &[arguments, &["--json"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
}

/// One of the commands, from the first to the last user, in an order in which each has something to do.
fn play(server: &Server, says: &str) {
    let table: &[(&[&str], &str)] = &[
        (&["user", "add", "boss", "--admin"], "added boss with id 1, an administrator"),
        (&["user", "add", "arun"], "added arun with id 2"),
        (&["user", "role", "ARUN", "editor"], "arun is now editor"),
        (&["user", "claims", "arun", "level=7", "department=support"], "arun is now with level, department"),
        (&["user", "disable", "arun"], "arun is disabled; its sessions have ended"),
        (&["user", "enable", "arun"], "arun is enabled"),
        (&["user", "list"], "ID  USERNAME  ROLES   STATE\n1   boss      admin\n2   arun      editor"),
        (&["session", "revoke", "--user", "arun"], "ended 0 sessions of arun"),
        (&["user", "claims", "arun", "--none"], "arun is without a custom claim"),
        (&["user", "role", "arun", "--none"], "arun is without a role"),
        (&["user", "rm", "arun"], "deleted arun"),
        (&["config", "check"], "the settings can be used"),
    ];
    for (arguments, wanted) in table {
        let (code, out, err) = run(server, arguments);
        assert_eq!((code, out.trim_end()), (Some(0), *wanted), "{arguments:?}: {err}");
        if arguments[0] != "config" {
            assert!(err.contains(says), "{arguments:?}: {err}");
        }
    }
    for (arguments, column) in [
        (&["user", "show", "boss"][..], "WHAT"),
        (&["session", "list", "--user", "boss"], "none"),
        (&["key", "list"], "KEY"),
        (&["service", "list"], "none"),
        (&["invite", "list"], "none"),
        (&["audit"], "TIME"),
        (&["config", "show"], "SETTING"),
    ] {
        let out = good(server, arguments);
        assert!(out.starts_with(column), "{arguments:?}: {out}");
    }
}

/// Those whose answers differ from run to run.
fn play_json(server: &Server) {
    let added = good_json(server, &["user", "add", "mira"]);
    assert_eq!(added["username"], "mira");
    assert_eq!(good_json(server, &["user", "list"]).as_array().unwrap().len(), 2);
    let claimed = good_json(server, &["user", "claims", "mira", "level=7", "text=\"7\"", "list=[1]"]);
    assert_eq!(claimed["claims"], json!({"level": 7, "text": "7", "list": [1]}));
    let shown = good_json(server, &["user", "show", "mira"]);
    assert_eq!((&shown["claims"]["level"], &shown["sessions"]), (&7.into(), &json!([])));
    assert_eq!(good_json(server, &["user", "role", "mira", "editor"])["roles"], json!(["editor"]));
    assert_eq!(good_json(server, &["user", "disable", "mira"])["disabled"], true);
    assert_eq!(good_json(server, &["user", "enable", "mira"])["disabled"], false);
    assert!(good_json(server, &["user", "reset", "mira"])["code"].as_str().unwrap().starts_with("doorward_reset_"));
    assert_eq!(good_json(server, &["session", "list", "--user", "mira"]), json!([]));
    assert!(good_json(server, &["session", "revoke", "--user", "mira"])["message"].is_string());
    assert!(good_json(server, &["user", "rm", "mira"])["message"].is_string());
    let service = good_json(server, &["service", "add", "shop", "--scope", "introspect"]);
    assert_eq!(good_json(server, &["service", "list"])[0]["id"], service["id"]);
    assert!(good_json(server, &["service", "rm", service["id"].as_str().unwrap()])["message"].is_string());
    let invite = good_json(server, &["invite", "make", "--expires", "1h"]);
    assert!(invite["code"].as_str().unwrap().starts_with("doorward_invite_"));
    let listed = good_json(server, &["invite", "list"]);
    assert_eq!(listed[0]["expires"], invite["expires"]);
    good_json(server, &["invite", "rm", listed[0]["id"].as_str().unwrap()]);
    assert_eq!(good_json(server, &["invite", "list"]), json!([]));
    let key = good_json(server, &["key", "rotate", "--now"]);
    assert!(good_json(server, &["key", "list"]).as_array().unwrap().contains(&key));
    let old = good_json(server, &["key", "list"]);
    let old = old.as_array().unwrap().iter().find(|one| one["signs"] != true && !one["kid"].is_null()).unwrap()["kid"].clone();
    good(server, &["--json", "key", "retire", "--now", "--", old.as_str().unwrap()]);
    assert_eq!(good_json(server, &["audit", "--limit", "1"])[0]["event"], "key_retired");
    assert_eq!(good_json(server, &["config", "check"])["ok"], true);
    assert!(good_json(server, &["config", "show"]).as_array().unwrap().len() > 20);
}

#[test]
fn each_command_goes_through_the_server_that_runs() {
    let server = Server::start();
    play(&server, "through the running server on /");
    play_json(&server);
}

#[test]
fn each_command_opens_the_directory_when_no_server_runs() {
    let mut server = Server::start();
    server.stop();
    play(&server, "no server runs; opened /");
    play_json(&server);
}

#[test]
fn what_a_command_does_counts_at_once_on_the_running_server() {
    let server = Server::with(&[], &[("DOORWARD_REGISTRATION", "invite")]);
    let client = server.client();
    add_admin(server.directory.path(), "boss");
    let boss = client.login("boss");
    client.with_token("GET", "/users", &boss.access).expect(200);
    let code = good(&server, &["invite", "make"]);
    let body = json!({"username": "arun", "password": PASSWORD, "invite": code});
    client.json("POST", "/register", None, &body).expect(201);
    let first = client.login("arun");
    good(&server, &["user", "claims", "arun", "department=support"]);
    assert_eq!(client.with_token("GET", "/me", &first.access).json()["claims"], json!({"department": "support"}));
    assert!(good(&server, &["session", "list", "--user", "arun"]).contains("127.0.0.1"));
    good(&server, &["session", "revoke", "--user", "arun"]);
    client.test(&first.access).refused(401, "token_revoked");
    client.refresh(&first.refresh).refused(401, "token_revoked");
    let second = client.login("arun");
    good(&server, &["user", "disable", "arun"]);
    client.test(&second.access).refused(401, "token_revoked");
    client.try_login("arun", PASSWORD).refused(401, "invalid_credentials");
    good(&server, &["user", "enable", "arun"]);
    client.login("arun");
    let key = good_json(&server, &["key", "rotate", "--now"])["kid"].clone();
    let published = client.get("/.well-known/jwks.json").json();
    assert!(published["keys"].as_array().unwrap().iter().any(|one| one["kid"] == key), "{published}");
    good(&server, &["user", "role", "boss", "admin", "editor"]);
    let (code, _, err) = run(&server, &["user", "rm", "boss"]);
    assert!(code == Some(1) && err.contains("The last administrator stays"), "{err}");
    good(&server, &["user", "rm", "arun"]);
    client.try_login("arun", PASSWORD).refused(401, "invalid_credentials");
}

#[test]
fn a_user_who_must_wait_is_unlocked_on_the_running_server() {
    let server = Server::start();
    let client = server.client();
    good(&server, &["user", "add", "arun"]);
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // A wait that is not over before it was looked at.
    let blocked = loop {
        client.try_login("arun", "not the password");
        let blocked = good_json(&server, &["user", "blocked"]);
        if blocked[0]["until"].as_u64().unwrap_or_default() >= now() + 3 {
            break blocked;
        }
    };
    assert_eq!((&blocked[0]["user"], &blocked[0]["scope"]), (&1.into(), &"user_at_address".into()));
    assert_eq!(good(&server, &["user", "unlock", "arun"]), "arun need not wait");
    // As many as are free: had nothing been forgotten, the second would have to wait.
    for _ in 0..4 {
        client.try_login("arun", "not the password").refused(401, "invalid_credentials");
    }
    client.login("arun");
    assert_eq!(good_json(&server, &["user", "blocked"]), json!([]));
    assert!(good_json(&server, &["user", "unlock", "1"])["message"].is_string());
    assert_eq!(good(&server, &["user", "blocked"]), "none");
    assert_eq!(good(&server, &["user", "unlock", "--at", "192.0.2.7"]), "192.0.2.7 need not wait");
    assert_eq!(good(&server, &["user", "unlock", "--at", "2001:db8::7"]), "2001:db8::/64 need not wait");
    assert!(good_json(&server, &["user", "unlock", "--at", "2001:db8::/64"])["message"].is_string());
    for wrong in [&["user", "unlock"][..], &["user", "unlock", "--at", "arun"], &["user", "unlock", "arun", "--at", "::1"]] {
        assert_eq!(run(&server, wrong).0, Some(2), "{wrong:?}");
    }
    for (name, says) in [("nobody", "there is no user nobody"), ("9", "There is no such user.")] {
        let (code, _, err) = run(&server, &["user", "unlock", name]);
        assert!(code == Some(1) && err.contains(says), "{err}");
    }
}

#[test]
fn without_a_server_nobody_is_said_to_be_unlocked_or_not_to_wait() {
    let directory = tempfile::TempDir::new().unwrap();
    add_admin(directory.path(), "boss");
    for arguments in [
        &["user", "unlock", "boss"][..],
        &["user", "unlock", "1"],
        &["user", "unlock", "--at", "::1"],
        &["user", "blocked"],
        &["user", "blocked", "--json"],
    ] {
        let (code, out, err) = said(&run_in(directory.path(), arguments, &[], ""));
        assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(err.contains("who must wait is known to the running server alone, and none runs"), "{err}");
    }
}

#[test]
fn where_it_went_is_said_unless_it_is_to_be_quiet() {
    let mut server = Server::start();
    let place = std::fs::canonicalize(server.data_dir()).unwrap();
    let (_, _, err) = run(&server, &["user", "list"]);
    assert_eq!(err, format!("through the running server on {}\n", place.display()));
    assert_eq!(run(&server, &["user", "list", "--quiet"]).2, "");
    server.stop();
    let (_, _, err) = run(&server, &["--json", "user", "list"]);
    assert_eq!(err, format!("no server runs; opened {}\n", place.display()));
    assert_eq!(run(&server, &["--quiet", "user", "list"]).2, "");
}

#[test]
fn names_that_a_query_could_misread_are_found() {
    let server = Server::start();
    for name in ["a+b@example.com", "a.b_c-d", "ärün"] {
        good(&server, &["user", "add", name]);
        assert_eq!(good_json(&server, &["user", "show", name])["username"], name);
        assert!(run(&server, &["user", "show", &format!("{name}&limit=1")]).2.contains("there is no user"));
    }
    let (code, _, err) = run(&server, &["invite", "rm", "../user/1"]);
    assert!(code == Some(1) && err.contains("There is no such invite."), "{err}");
    assert_eq!(run(&server, &["invite", "make", "--expires", "soon"]).0, Some(2));
    assert!(run(&server, &["invite", "make", "--expires", "91d"]).2.contains("Must be a number of seconds"));
    assert_eq!(run(&server, &["user", "claims", "ärün", "nothing"]).0, Some(2));
    assert!(run(&server, &["user", "claims", "ärün", "sub=1"]).2.contains("claims: "));
}

#[test]
fn a_server_of_another_version_is_told_from_ours_once() {
    let directory = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let listener = UnixListener::bind(directory.path().join("data/doorward.sock")).unwrap();
    let other = std::thread::spawn(move || {
        // Two connections: one that finds it, and one that asks.
        let (stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(&stream).lines();
        for _ in 0..2 {
            let head = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).count();
            assert!(head > 0);
            let body = r#"{"users":[{"id":1,"username":"arun","roles":[],"claims":{}}],"sessions":[],"next":null}"#;
            write!(&stream, "HTTP/1.1 200 OK\r\nDoorward-Version: 99.1.2\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    let (code, _, err) = said(&run_in(directory.path(), &["user", "show", "arun"], &[], ""));
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(err.matches("the server is version 99.1.2").count(), 1, "{err}");
    other.join().unwrap();
}

#[test]
fn a_server_that_breaks_off_leaves_no_doubt_that_there_is_a_doubt() {
    let directory = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let listener = UnixListener::bind(directory.path().join("data/doorward.sock")).unwrap();
    let other = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        BufReader::new(&stream).read_line(&mut String::new()).unwrap();
    });
    let (code, out, err) = said(&run_in(directory.path(), &["invite", "make"], &[], ""));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("gave no answer; whether the request was carried out is not known"), "{err}");
    other.join().unwrap();
}

#[test]
fn completions_are_scripts_that_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let directory = tempfile::TempDir::new().unwrap();
        // Not even the settings are needed.
        let (code, out, err) = said(&run_in(directory.path(), &["completions", shell], &[("DOORWARD_PORT", "x")], ""));
        assert!(code == Some(0) && err.is_empty() && out.contains("invite") && out.contains("setup-link"), "{shell}: {err}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

#[test]
fn settings_are_checked_without_a_server() {
    let directory = tempfile::TempDir::new().unwrap();
    let check = |environment: &[(&str, &str)]| said(&run_in(directory.path(), &["config", "check"], environment, ""));
    assert_eq!(check(&[]), (Some(0), "the settings can be used\n".to_owned(), String::new()));
    let (code, _, err) = check(&[("DOORWARD_USER_ROUTES", "open")]);
    assert!(code == Some(0) && err.contains("warning: user_routes is open"), "{err}");
    let (code, out, err) = check(&[("DOORWARD_PORT", "http")]);
    assert!((code, out.as_str()) == (Some(78), "") && err.contains("setting port"), "{err}");
}
