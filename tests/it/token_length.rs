//! No access token is longer than 3 KiB, whatever a user, an administrator and the settings put into it.

use serde_json::json;

use crate::server::{Client, PASSWORD, Pair, Server, add_admin, doorward};

const LONGEST: usize = 3072;

/// 64 characters of four bytes each.
fn longest_name() -> String {
    "\u{20000}".repeat(64)
}

fn settings(directory: &std::path::Path, claim_chars: usize) {
    let note = "x".repeat(claim_chars);
    std::fs::write(directory.join("Rocket.toml"), format!("[default.claims]\nnote = \"{note}\"\n")).unwrap();
}

/// A server with that many characters in a claim of every token, and the administrator `boss`.
fn with_claims(chars: usize) -> (Server, Client, Pair) {
    let mut server = Server::start();
    server.stop();
    settings(server.directory.path(), chars);
    add_admin(server.directory.path(), "boss");
    server.start_again();
    let client = server.client();
    let boss = client.login("boss");
    (server, client, boss)
}

fn roles(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("a-role-with-a-long-name-of-32-{number:02}")).collect()
}

#[test]
fn whoever_may_register_gets_a_token_that_fits() {
    let (_server, client, _) = with_claims(1000);
    let pair = client.newcomer(&longest_name());
    assert!(pair.access.len() <= LONGEST, "{}", pair.access.len());
    client.test(&pair.access).expect(200);
    let refreshed = Pair::of(&client.refresh(&pair.refresh).expect(200));
    assert!(refreshed.access.len() <= LONGEST);
}

#[test]
fn roles_and_claims_that_would_make_it_longer_are_refused_with_the_numbers() {
    let (_server, client, boss) = with_claims(1000);
    client.register(&longest_name()).expect(201);
    let change = |change: &serde_json::Value| client.json("PATCH", "/user/2", Some(&boss.access), change);
    for (field, change_to) in [("claims", json!({"claims": {"team": "x".repeat(900)}})), ("roles", json!({"roles": roles(32)}))] {
        let refused = change(&change_to).refused(422, "validation_failed").json();
        let fault = refused["errors"]["json"][field][0].as_str().unwrap();
        assert!(fault.contains("3072 are allowed"), "{fault}");
    }
    let new = json!({"username": "mira", "password": PASSWORD, "roles": roles(32)});
    client.json("POST", "/users", Some(&boss.access), &new).refused(422, "validation_failed");
    client.try_login("mira", PASSWORD).refused(401, "invalid_credentials");
    let mut most = 0;
    while change(&json!({"roles": roles(most + 1)})).status == 200 {
        most += 1;
    }
    assert!((5..32).contains(&most), "{most}");
    let pair = client.login(&longest_name());
    assert!(pair.access.len() <= LONGEST && pair.access.len() > LONGEST - 60, "{}", pair.access.len());
    client.test(&pair.access).expect(200);
}

#[test]
fn of_two_changes_at_once_that_fit_only_alone_one_counts() {
    let (server, client, boss) = with_claims(1000);
    client.register("arun").expect(201);
    let halves = [json!({"claims": {"team": "x".repeat(600)}}), json!({"roles": roles(16)})];
    for _ in 0..16 {
        client.json("PATCH", "/user/2", Some(&boss.access), &json!({"roles": [], "claims": {}})).expect(200);
        let barrier = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for half in &halves {
                let (barrier, boss, client) = (&barrier, &boss, server.client());
                scope.spawn(move || {
                    barrier.wait();
                    client.json("PATCH", "/user/2", Some(&boss.access), half)
                });
            }
        });
        assert!(client.login("arun").access.len() <= LONGEST);
    }
}

#[test]
fn a_user_whose_token_grew_with_the_settings_is_told_and_keeps_the_session() {
    let (mut server, client, boss) = with_claims(10);
    client.register("arun").expect(201);
    client.json("PATCH", "/user/2", Some(&boss.access), &json!({"claims": {"team": "x".repeat(1000)}})).expect(200);
    let pair = client.login("arun");
    server.stop();
    settings(server.directory.path(), 1000);
    server.start_again();
    let client = server.client();
    for answer in [client.try_login("arun", PASSWORD), client.refresh(&pair.refresh)] {
        let refused = answer.refused(403, "forbidden");
        assert!(refused.json()["message"].as_str().unwrap().contains("3072 are allowed"), "{}", refused.text);
    }
    client.try_login("arun", "not the password").refused(401, "invalid_credentials");
    assert_eq!(client.with_token("GET", "/user/2/sessions", &boss.access).json()["sessions"].as_array().unwrap().len(), 1);
    server.stop();
    settings(server.directory.path(), 10);
    server.start_again();
    server.client().refresh(&pair.refresh).expect(200);
}

#[test]
fn settings_that_leave_no_room_for_a_name_are_refused_at_the_start() {
    let directory = tempfile::TempDir::new().unwrap();
    let output = doorward(directory.path())
        .args(["serve", "--address", "127.0.0.1", "--port", "0"])
        .env("DOORWARD_ISSUER", "x".repeat(3000))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("3072 are allowed"), "{said}");
}
