//! Sessions as a list: what it shows, and ending one, the others or all.

use serde_json::{Value, json};

use crate::server::{Client, Pair, Server, with_admin};

fn mine(client: &Client, token: &str) -> Vec<Value> {
    client.with_token("GET", "/me/sessions", token).expect(200).json()["sessions"].as_array().unwrap().clone()
}

/// The id of the session a token is of.
fn current(client: &Client, token: &str) -> String {
    let session = mine(client, token).into_iter().find(|session| session["current"] == true).expect("a current session");
    session["id"].as_str().unwrap().to_owned()
}

fn log_out(client: &Client, token: &str, query: &str) -> crate::server::Answer {
    client.with_token("POST", &format!("/logout{query}"), token)
}

fn is_out(client: &Client, pair: &Pair) {
    client.test(&pair.access).refused(401, "token_revoked");
    client.refresh(&pair.refresh).refused(401, "token_revoked");
}

fn is_in(client: &Client, pair: &Pair) {
    client.test(&pair.access).expect(200);
}

#[test]
fn my_sessions_are_listed_with_what_is_known_of_each() {
    let server = Server::start();
    let client = server.client();
    let first = client.newcomer("arun");
    client.newcomer("mira");
    let body = json!({"username": "arun", "password": crate::server::PASSWORD}).to_string();
    let headers = [("Content-Type", "application/json"), ("User-Agent", "Netscape/4.0")];
    let second = Pair::of(&client.send("POST", "/login", &headers, Some(body.as_bytes())).expect(200));
    let listed = mine(&client, &second.access);
    assert_eq!(listed.len(), 2);
    let (this, other): (Vec<_>, Vec<_>) = listed.iter().partition(|session| session["current"] == true);
    let (this, other) = (this[0].as_object().unwrap(), &other[0]);
    let names: Vec<_> = this.keys().map(String::as_str).collect();
    assert_eq!(names, ["id", "current", "user_agent", "address", "created", "last_used", "expires"]);
    assert_eq!((&this["user_agent"], &this["address"]), (&json!("Netscape/4.0"), &json!("127.0.0.1")));
    assert_eq!(this["expires"].as_u64().unwrap() - this["created"].as_u64().unwrap(), 30 * 86_400);
    assert_eq!(other["id"], current(&client, &first.access));
}

#[test]
fn the_most_recently_used_session_comes_first() {
    let server = Server::start();
    let client = server.client();
    let first = client.newcomer("arun");
    crate::users::next_second();
    let second = client.login("arun");
    assert_eq!(mine(&client, &first.access)[0]["id"], current(&client, &second.access));
    crate::users::next_second();
    client.refresh(&first.refresh).expect(200);
    assert_eq!(mine(&client, &second.access)[0]["id"], current(&client, &first.access));
}

#[test]
fn one_of_my_sessions_is_ended_and_nobody_elses() {
    let mut server = Server::start();
    let client = server.client();
    let (first, second) = (client.newcomer("arun"), client.login("arun"));
    let mira = client.newcomer("mira");
    let path = |id: &str| format!("/me/sessions/{id}");
    let (of_second, of_mira) = (current(&client, &second.access), current(&client, &mira.access));
    client.with_token("DELETE", &path(&of_second), &first.access).expect(200);
    is_out(&client, &second);
    for odd in [&of_second, &of_mira, &of_second.to_uppercase(), "1", "00000000-0000-0000-0000-000000000000", "x"] {
        client.with_token("DELETE", &path(odd), &first.access).refused(404, "not_found");
        client.send("DELETE", &path(odd), &[], None).refused(401, "authorization_required");
    }
    is_in(&client, &mira);
    server.kill_and_start_again();
    let client = server.client();
    is_out(&client, &second);
    is_in(&client, &first);
    client.with_token("DELETE", &path(&current(&client, &first.access)), &first.access).expect(200);
    is_out(&client, &first);
}

#[test]
fn logging_out_the_others_or_all_answers_as_logging_out_does() {
    let mut server = Server::start();
    let client = server.client();
    let (first, second, third) = (client.newcomer("arun"), client.login("arun"), client.login("arun"));
    let mira = client.newcomer("mira");
    let answer = log_out(&client, &first.access, "?scope=local").expect(200);
    is_out(&client, &first);
    is_in(&client, &second);
    assert_eq!(log_out(&client, &second.access, "?scope=others").expect(200).text, answer.text);
    is_out(&client, &third);
    is_in(&client, &second);
    let fourth = client.login("arun");
    assert_eq!(log_out(&client, &fourth.refresh, "?scope=global").expect(200).text, answer.text);
    assert_eq!(answer.json(), json!({"message": "User Logged out successfully"}));
    server.kill_and_start_again();
    let client = server.client();
    for pair in [&first, &second, &third, &fourth] {
        is_out(&client, pair);
    }
    is_in(&client, &mira);
    is_in(&client, &client.login("arun"));
}

#[test]
fn a_scope_that_is_none_is_named_and_ends_nothing() {
    let server = Server::start();
    let client = server.client();
    let pair = client.newcomer("arun");
    for query in
        ["?scope=all", "?scope=", "?scope", "?scope=Global", "?scope=global&scope=global", "?scope=local&x=1&scope=global", "?scope=%ff"]
    {
        let refused = log_out(&client, &pair.access, query).refused(422, "validation_failed");
        assert!(refused.json()["errors"]["query"]["scope"].is_array(), "{query}: {}", refused.text);
        client.send("POST", &format!("/logout{query}"), &[], None).refused(401, "authorization_required");
    }
    is_in(&client, &pair);
    client.refresh(&pair.refresh).expect(200);
}

#[test]
fn an_administrator_sees_and_ends_the_sessions_of_a_user() {
    let (mut server, client, boss) = with_admin();
    let (first, second) = (client.newcomer("arun"), client.login("arun"));
    let listed = client.with_token("GET", "/user/2/sessions", &boss.access).expect(200).json();
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 2);
    assert!(listed["sessions"][0].get("current").is_none());
    for path in ["/user/9/sessions", "/user/x/sessions", "/user/01/sessions"] {
        for method in ["GET", "DELETE"] {
            client.with_token(method, path, &boss.access).refused(404, "not_found");
            client.with_token(method, path, &first.access).refused(403, "forbidden");
        }
    }
    client.with_token("DELETE", "/user/2/sessions", &boss.access).expect(200);
    server.kill_and_start_again();
    let client = server.client();
    is_out(&client, &first);
    is_out(&client, &second);
    is_in(&client, &boss);
    assert_eq!(client.with_token("GET", "/user/2/sessions", &boss.access).json(), json!({"sessions": []}));
    client.login("arun");
}

#[test]
fn an_administrator_ends_one_session_of_a_user() {
    let (mut server, client, boss) = with_admin();
    let (lost, kept, other) = (client.newcomer("arun"), client.login("arun"), client.newcomer("mira"));
    let id =
        |client: &Client, pair: &Pair| mine(client, &pair.access).into_iter().find(|one| one["current"] == true).unwrap()["id"].clone();
    let path = |user: u64, sid: &Value| format!("/user/{user}/sessions/{}", sid.as_str().unwrap());
    let (lost_id, other_id) = (id(&client, &lost), id(&client, &other));
    for wrong in [path(2, &other_id), path(3, &lost_id), path(9, &lost_id), path(2, &json!("x"))] {
        client.with_token("DELETE", &wrong, &boss.access).refused(404, "not_found");
    }
    client.with_token("DELETE", &path(2, &lost_id), &kept.access).refused(403, "forbidden");
    client.with_token("DELETE", &path(2, &lost_id), &boss.access).expect(200);
    server.kill_and_start_again();
    let client = server.client();
    is_out(&client, &lost);
    is_in(&client, &kept);
    is_in(&client, &other);
    client.with_token("DELETE", &path(2, &lost_id), &boss.access).refused(404, "not_found");
}

/// The address a login is listed with, when it says it was sent on for `forwarded_for`.
fn address_listed(server: &Server, forwarded_for: &str) -> Value {
    let client = server.client();
    let body = json!({"username": "arun", "password": crate::server::PASSWORD}).to_string();
    let mut headers = vec![("Content-Type", "application/json"), ("X-Forwarded-For", forwarded_for)];
    // Never believed, whoever sends it.
    headers.extend(["X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP"].map(|name| (name, "198.51.100.1")));
    let pair = Pair::of(&client.send("POST", "/login", &headers, Some(body.as_bytes())).expect(200));
    mine(&client, &pair.access).into_iter().find(|session| session["current"] == true).unwrap()["address"].clone()
}

#[test]
fn a_clients_address_is_what_a_trusted_proxy_says_and_nobody_else() {
    let mut server = Server::start();
    server.client().newcomer("arun");
    assert_eq!(address_listed(&server, "192.0.2.1"), "127.0.0.1");
    server.stop();
    let server = server.again_with(("DOORWARD_TRUSTED_PROXIES".to_owned(), "10.0.0.0/8, 127.0.0.1".to_owned()));
    assert_eq!(address_listed(&server, "192.0.2.1"), "192.0.2.1");
    assert_eq!(address_listed(&server, "203.0.113.66, 192.0.2.1, 10.1.1.1"), "192.0.2.1", "what a client wrote itself is not reached");
    assert_eq!(address_listed(&server, "localhost"), "127.0.0.1");
}

#[test]
fn a_refresh_token_of_an_ended_session_never_logs_anybody_out_again() {
    let mut server = Server::with(&[], &[("DOORWARD_ACCESS_TOKEN_EXPIRES", "1s")]);
    let client = server.client();
    let thief = client.newcomer("arun");
    log_out(&client, &thief.refresh, "?scope=global").expect(200);
    // That its session was revoked is forgotten when no access token of it can be good any more.
    (0..3).for_each(|_| crate::users::next_second());
    assert!(server.stop().success());
    server.start_again();
    let client = server.client();
    let owner = client.login("arun");
    for query in ["", "?scope=others", "?scope=global"] {
        log_out(&client, &thief.refresh, query).refused(401, "token_revoked");
    }
    client
        .send(
            "POST",
            "/revoke",
            &[("Content-Type", "application/x-www-form-urlencoded")],
            Some(format!("token={}", thief.refresh).as_bytes()),
        )
        .expect(200);
    client.refresh(&owner.refresh).expect(200);
}
