//! No access token is longer than 3 KiB, whatever a user, an administrator and the settings put into it.

use serde_json::{Value, json};

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
    with_settings(|directory| settings(directory, chars))
}

/// A server whose settings are written first, and the administrator `boss`.
fn with_settings(write: impl FnOnce(&std::path::Path)) -> (Server, Client, Pair) {
    let mut server = Server::start();
    server.stop();
    write(server.directory.path());
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

/// Settings that leave room for the longest name with a short signature, and with one of an RSA key of 3072 bit only where no claim
/// takes it.
fn tight_settings(directory: &std::path::Path, claim_chars: usize) {
    let (address, note) = ("x".repeat(300), "x".repeat(claim_chars));
    let text = format!("[default]\nissuer = \"{address}\"\naudience = \"{address}\"\n[default.claims]\nnote = \"{note}\"\n");
    std::fs::write(directory.join("Rocket.toml"), text).unwrap();
}

fn rsa() -> String {
    format!("{}/tests/keys/rsa-3072.pem", env!("CARGO_MANIFEST_DIR"))
}

fn import(client: &Client, boss: &Pair, now: bool) -> crate::server::Answer {
    let pem = std::fs::read_to_string(rsa()).unwrap();
    client.json("POST", "/keys", Some(&boss.access), &json!({"pem": pem, "now": now}))
}

fn keys(client: &Client, boss: &Pair) -> Value {
    client.with_token("GET", "/keys", &boss.access).expect(200).json()
}

/// A server with these, and its administrator.
fn tight(claim_chars: usize) -> (Server, Client, Pair) {
    with_settings(|directory| tight_settings(directory, claim_chars))
}

#[test]
fn a_key_whose_signatures_would_make_tokens_too_long_is_refused_and_changes_nothing() {
    let (mut server, client, boss) = tight(900);
    let before = keys(&client, &boss);
    for now in [true, false] {
        let refused = import(&client, &boss, now).refused(422, "validation_failed").json();
        let fault = refused["errors"]["json"]["pem"][0].as_str().unwrap();
        assert!(fault.contains("3072 are allowed") && fault.contains("ES256"), "{fault}");
    }
    let directory = server.directory.path().to_owned();
    let command = || {
        let output = doorward(&directory).args(["key", "import", &rsa(), "--now"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = command();
    assert!(code == Some(1) && said.contains("3072 are allowed"), "{said}");
    assert_eq!(keys(&client, &boss), before);
    server.stop();
    let (code, said) = command();
    assert!(code == Some(1) && said.contains("3072 are allowed"), "{said}");
    server.start_again();
    assert_eq!(keys(&server.client(), &boss), before);
    // What is made here is short enough, and so is what the longest name gets.
    server.client().json("POST", "/keys", Some(&boss.access), &json!({"now": true})).expect(201);
    let pair = server.client().newcomer(&longest_name());
    assert!((LONGEST - 400..=LONGEST).contains(&pair.access.len()), "{}", pair.access.len());
}

#[test]
fn a_key_that_became_too_long_with_the_settings_keeps_no_server_from_starting_and_is_rotated_away() {
    let (mut server, client, boss) = tight(10);
    import(&client, &boss, true).expect(201);
    let pair = client.newcomer(&longest_name());
    server.stop();
    tight_settings(server.directory.path(), 900);
    let listed = doorward(server.directory.path()).args(["key", "list"]).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    server.start_again();
    let said = std::fs::read_to_string(server.directory.path().join("stderr")).unwrap();
    assert!(said.contains("doorward key rotate --now"), "{said}");
    let client = server.client();
    for answer in [client.try_login(&longest_name(), PASSWORD), client.refresh(&pair.refresh)] {
        let refused = answer.refused(403, "forbidden");
        assert!(refused.text.contains("3072 are allowed"), "{}", refused.text);
    }
    let rotated = doorward(server.directory.path()).args(["key", "rotate", "--now"]).output().unwrap();
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    let refreshed = Pair::of(&client.refresh(&pair.refresh).expect(200));
    assert!(refreshed.access.len() <= LONGEST);
    client.test(&refreshed.access).expect(200);
    client.login(&longest_name());
}

#[test]
fn a_key_that_takes_over_after_the_settings_grew_gives_nobody_a_longer_token_and_is_warned_of() {
    let (mut server, client, boss) = tight(10);
    import(&client, &boss, false).expect(201);
    let pair = client.newcomer(&longest_name());
    server.stop();
    tight_settings(server.directory.path(), 900);
    server.start_again();
    let client = server.client();
    let warned = || std::fs::read_to_string(server.directory.path().join("stderr")).unwrap().contains("doorward key rotate --now");
    assert!(!warned());
    let pair = Pair::of(&client.refresh(&pair.refresh).expect(200));
    let listed = keys(&client, &boss);
    let signing = listed["keys"].as_array().unwrap().iter().find(|key| key["signs"] == true).unwrap();
    client.with_token("DELETE", &format!("/keys/{}", signing["kid"].as_str().unwrap()), &boss.access).expect(200);
    assert!(warned());
    client.refresh(&pair.refresh).refused(403, "forbidden");
}
