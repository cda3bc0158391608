//! What an administrator does to users from a terminal, and a list of many.

use serde_json::{Value, json};

use crate::cli::{run_in, said};
use crate::server::{PASSWORD, Server, with_admin};

/// A stopped server with `boss` and `arun`, and arun's tokens.
fn stopped() -> (Server, crate::server::Pair) {
    let (mut server, client, _) = with_admin();
    let pair = client.newcomer("arun");
    assert!(server.stop().success());
    (server, pair)
}

fn run(server: &Server, arguments: &[&str]) -> (Option<i32>, String, String) {
    said(&run_in(server.directory.path(), arguments, &[], ""))
}

#[test]
fn a_reset_code_from_the_command_line_sets_a_password() {
    let (mut server, pair) = stopped();
    let (code, out, err) = run(&server, &["user", "reset", "ARUN"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with("doorward_reset_2_") && out.lines().count() == 1 && err.contains("arun can set a new password"), "{out}{err}");
    assert!(err.contains(&format!("or by this link: http://localhost:5000/#reset={out}")), "{err}");
    let (_, json, _) = run(&server, &["user", "reset", "arun", "--json"]);
    let made: Value = serde_json::from_str(&json).unwrap();
    assert!(made["expires"].is_u64());
    server.start_again();
    let client = server.client();
    let redeem = |code: &str| client.json("POST", "/reset", None, &json!({"code": code, "new_password": "an entirely new one"}));
    redeem(out.trim()).refused(401, "invalid_credentials");
    redeem(made["code"].as_str().unwrap()).expect(200);
    client.test(&pair.access).refused(401, "token_revoked");
    client.try_login("arun", "an entirely new one").expect(200);
}

#[test]
fn a_codes_link_is_where_the_settings_say_that_the_page_is() {
    let (server, _) = stopped();
    let environment = [("DOORWARD_PUBLIC_URL", "https://app.example.com"), ("DOORWARD_BASE_PATH", "/auth")];
    for (arguments, form) in [(&["user", "reset", "arun"][..], "reset"), (&["invite", "make"], "invite")] {
        let (code, out, err) = said(&run_in(server.directory.path(), arguments, &environment, ""));
        assert_eq!(code, Some(0), "{err}");
        assert!(err.contains(&format!("or by this link: https://app.example.com/auth/#{form}={out}")), "{out}{err}");
    }
    let (_, out, err) = said(&run_in(server.directory.path(), &["invite", "make"], &[("DOORWARD_PORT", "0")], ""));
    assert!(out.starts_with("doorward_invite_") && !err.contains("link"), "nobody knows which port: {err}");
}

#[test]
fn users_are_disabled_enabled_given_roles_and_deleted() {
    let (mut server, pair) = stopped();
    let good = |server: &Server, arguments: &[&str], says: &str| {
        let (code, out, err) = run(server, arguments);
        assert_eq!((code, out.trim()), (Some(0), says), "{err}");
    };
    good(&server, &["user", "disable", "arun"], "arun is disabled; its sessions have ended");
    server.start_again();
    server.client().test(&pair.access).refused(401, "token_revoked");
    server.client().try_login("arun", PASSWORD).refused(401, "invalid_credentials");
    server.stop();
    good(&server, &["user", "enable", "arun"], "arun is enabled");
    good(&server, &["user", "role", "arun", "editor", "admin"], "arun is now editor, admin");
    good(&server, &["user", "rm", "boss"], "deleted boss");
    server.start_again();
    let pair = server.client().login("arun");
    server.client().with_token("GET", "/users", &pair.access).expect(200);
    server.stop();
    for (arguments, says) in [
        (&["user", "rm", "arun"][..], "The last administrator stays"),
        (&["user", "disable", "arun"], "The last administrator stays"),
        (&["user", "role", "arun", "--none"], "The last administrator stays"),
        (&["user", "role", "arun", "Not A Role"], "roles: A role is"),
        (&["user", "rm", "nobody-of-that-name"], "there is no user nobody-of-that-name"),
        (&["user", "reset", "a b"], "there is no user a b"),
        (&["session", "revoke", "--user", "boss"], "there is no user boss"),
    ] {
        let (code, out, err) = run(&server, arguments);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
        assert!(err.contains(says), "{err}");
    }
    assert_eq!(run(&server, &["user", "role", "arun"]).0, Some(2));
}

#[test]
fn sessions_are_listed_and_ended_from_the_command_line() {
    let (mut server, client, boss) = with_admin();
    let body = json!({"username": "boss", "password": PASSWORD}).to_string();
    let headers = [("Content-Type", "application/json"), ("User-Agent", "Evil\u{9b}31m/1")];
    client.send("POST", "/login", &headers, Some(body.as_bytes())).expect(200);
    server.stop();
    let (code, out, err) = run(&server, &["session", "list", "--user", "boss"]);
    assert_eq!((code, out.lines().count()), (Some(0), 3), "{err}");
    assert!(out.starts_with("ID") && out.contains("127.0.0.1") && out.contains("Evil?31m/1"), "{out}");
    let (_, out, _) = run(&server, &["session", "list", "--user", "boss", "--json"]);
    let listed = serde_json::from_str::<Vec<Value>>(&out).unwrap();
    assert_eq!(listed.len(), 2);
    let newest = listed[0]["id"].as_str().unwrap();
    let (code, out, _) = run(&server, &["session", "revoke", "--user", "boss", newest]);
    assert_eq!((code, out), (Some(0), format!("ended session {newest} of boss\n")));
    let (code, _, err) = run(&server, &["session", "revoke", "--user", "boss", newest]);
    assert!(code == Some(1) && err.contains("There is no such session."), "{err}");
    let (code, out, _) = run(&server, &["session", "revoke", "--user", "boss"]);
    assert_eq!((code, out.as_str()), (Some(0), "ended 1 sessions of boss\n"));
    server.start_again();
    server.client().test(&boss.access).refused(401, "token_revoked");
    server.client().refresh(&boss.refresh).refused(401, "token_revoked");
}

#[test]
fn each_of_250_users_is_on_exactly_one_page() {
    let (server, client, boss) = with_admin();
    std::thread::scope(|scope| {
        for worker in 0..5 {
            let client = server.client();
            scope.spawn(move || {
                for number in 0..50 {
                    client.register(&format!("user{worker}-{number}")).expect(201);
                }
            });
        }
    });
    for limit in [100, 33, 251] {
        let (mut ids, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let answer = client.with_token("GET", &format!("/users?limit={limit}{after}"), &boss.access);
            if limit > 100 {
                answer.refused(422, "validation_failed");
                break;
            }
            let page = answer.expect(200).json();
            ids.extend(page["users"].as_array().unwrap().iter().map(|user| user["id"].as_u64().unwrap()));
            pages += 1;
            if page["next"].is_null() {
                assert_eq!((ids, pages), ((1..=251).collect(), 251_usize.div_ceil(limit)));
                break;
            }
            after = format!("&after={}", page["next"]);
        }
    }
}

#[test]
fn a_new_password_from_the_command_line_counts_at_once_and_ends_the_sessions() {
    let server = Server::start();
    let client = server.client();
    let pair = client.newcomer("arun");
    let set = |name: &str, password: &str| said(&run_in(server.directory.path(), &["user", "password", name], &[], password));
    let (code, out, err) = set("ARUN", "an entirely new one\n");
    assert_eq!((code, out.as_str()), (Some(0), "arun has a new password; its sessions have ended\n"), "{err}");
    client.test(&pair.access).refused(401, "token_revoked");
    client.try_login("arun", PASSWORD).refused(401, "invalid_credentials");
    client.try_login("arun", "an entirely new one").expect(200);
    for (name, password, says) in
        [("arun", "short\n", "new_password: "), ("arun", "", "no password"), ("nobody", PASSWORD, "there is no user nobody")]
    {
        let (code, _, err) = set(name, password);
        assert!(code == Some(1) && err.contains(says), "{err}");
    }
    client.try_login("arun", "an entirely new one").expect(200);
    assert_eq!(run(&server, &["user", "disable", "arun"]).0, Some(0));
    let (code, _, err) = set("arun", "another one altogether\n");
    assert!(code == Some(1) && err.contains("arun is disabled; enable it first"), "{err}");
}

#[test]
fn a_name_that_cannot_be_is_refused_before_a_password_is_asked_for_and_one_like_an_administrators_is_explained() {
    let server = Server::start();
    let add = |arguments: &[&str], input: &str| said(&run_in(server.directory.path(), &[&["user", "add"], arguments].concat(), &[], input));
    // Without a line to read, a password that is asked for first would be what is missing.
    let (code, _, err) = add(&["bad name"], "");
    assert!(code == Some(1) && err.contains("username: Only letters, digits, and . _ - @ + are allowed."), "{err}");
    let (code, out, err) = add(&["admin"], PASSWORD);
    assert_eq!((code, out.as_str()), (Some(0), "added admin with id 1\n"), "{err}");
    assert!(err.contains("admin is no administrator: --admin was not given; make it one with: doorward user role admin admin"), "{err}");
    for arguments in [&["root", "--admin"][..], &["arun"]] {
        assert!(!add(arguments, PASSWORD).2.contains("is no administrator"), "{arguments:?}");
    }
    let (code, _, err) = run(&server, &["session", "revoke", "--user", "arun", "xyz"]);
    assert!(code == Some(2) && err.contains("it must be an id from doorward session list --user NAME"), "{err}");
}
