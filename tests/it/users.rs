//! Users: who may see, change and delete them, and what that ends.

use serde_json::json;

use crate::server::{Answer, PASSWORD, Pair, Server, with_admin};

#[test]
fn guarded_user_routes_are_for_oneself_and_administrators() {
    let (_server, client, boss) = with_admin();
    let arun = client.newcomer("arun");
    client.newcomer("mira");
    assert_eq!(client.with_token("GET", "/user/2", &arun.access).expect(200).json(), json!({"id": 2, "username": "arun"}));
    client.get("/user/2").refused(401, "authorization_required");
    for path in ["/user/1", "/user/3", "/user/99", "/user/abc"] {
        client.with_token("GET", path, &arun.access).refused(403, "forbidden");
        client.with_token("DELETE", path, &arun.access).refused(403, "forbidden");
    }
    assert_eq!(client.with_token("GET", "/user/3", &boss.access).expect(200).json()["username"], "mira");
    client.with_token("GET", "/user/99", &boss.access).refused(404, "not_found");
    client.with_token("GET", "/user/abc", &boss.access).refused(404, "not_found");
    client.with_token("DELETE", "/user/3", &boss.access).expect(200);
    client.with_token("DELETE", "/user/3", &boss.access).refused(404, "not_found");
}

#[test]
fn deleting_oneself_takes_a_fresh_token_and_ends_every_session_at_once() {
    let server = Server::start();
    let client = server.client();
    let first = client.newcomer("arun");
    let second = client.login("arun");
    let stale = Pair::of(&client.refresh(&second.refresh).expect(200));
    client.with_token("DELETE", "/user/1", &stale.access).refused(401, "fresh_token_required");
    client.with_token("DELETE", "/user/1", &first.access).expect(200);
    for pair in [&first, &second, &stale] {
        client.test(&pair.access).refused(401, "token_revoked");
        client.refresh(&pair.refresh).refused(401, "token_revoked");
    }
    client.try_login("arun", PASSWORD).refused(401, "invalid_credentials");
    let again = client.register("arun").expect(201);
    assert_eq!(again.header("location"), Some("/user/2"), "an id is never used again");
    client.test(&first.access).refused(401, "token_revoked");
}

/// All of an answer that users could be told apart by: its status, its headers but those that are its own, its body.
pub fn told_by(answer: &Answer) -> (Vec<String>, String) {
    let own = ["date", "x-request-id", "content-length"];
    let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let said = headers.map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")));
    (said.chain([format!("status: {}", answer.status)]).collect(), answer.text.clone())
}

#[test]
fn disabling_ends_every_session_at_once_and_enabling_revives_none() {
    let (_server, client, boss) = with_admin();
    let arun = client.newcomer("arun");
    client.test(&arun.access).expect(200);
    let set = |disabled: bool| client.json("PATCH", "/user/2", Some(&boss.access), &json!({"disabled": disabled})).expect(200);
    assert_eq!(set(true).json()["disabled"], true);
    client.test(&arun.access).refused(401, "token_revoked");
    client.refresh(&arun.refresh).refused(401, "token_revoked");
    let refused = client.try_login("arun", PASSWORD).refused(401, "invalid_credentials");
    for (name, password) in [("nobody", PASSWORD), ("arun", "not the password"), ("boss", "not the password")] {
        assert_eq!(told_by(&refused), told_by(&client.try_login(name, password)), "{name}");
    }
    set(false);
    client.test(&arun.access).refused(401, "token_revoked");
    client.refresh(&arun.refresh).refused(401, "token_revoked");
    let again = client.login("arun");
    client.test(&again.access).expect(200);
}

#[test]
fn roles_and_claims_of_a_user_are_in_the_next_token_and_a_demotion_counts_at_once() {
    let (_server, client, boss) = with_admin();
    client.newcomer("arun");
    let change = json!({"roles": ["editor", "admin"], "claims": {"department": "support"}});
    let changed = client.json("PATCH", "/user/2", Some(&boss.access), &change).expect(200).json();
    assert_eq!((&changed["roles"], &changed["claims"]), (&json!(["admin", "editor"]), &json!({"department": "support"})));
    let arun = client.login("arun");
    let me = client.with_token("GET", "/me", &arun.access).expect(200).json();
    assert_eq!(me, json!({"id": 2, "username": "arun", "roles": ["admin", "editor"], "claims": {"department": "support"}}));
    client.with_token("GET", "/users", &arun.access).expect(200);
    client.json("PATCH", "/user/2", Some(&boss.access), &json!({"roles": []})).expect(200);
    let refused = client.with_token("GET", "/users", &arun.access).refused(403, "forbidden");
    assert!(refused.header("www-authenticate").unwrap().contains("insufficient_scope"));
}

#[test]
fn the_last_administrator_stays() {
    let (_server, client, boss) = with_admin();
    for change in [json!({"roles": []}), json!({"disabled": true})] {
        client.json("PATCH", "/user/1", Some(&boss.access), &change).refused(403, "forbidden");
    }
    client.with_token("DELETE", "/user/1", &boss.access).refused(403, "forbidden");
    client.with_token("GET", "/users", &boss.access).expect(200);
    let second = json!({"username": "deputy", "password": PASSWORD, "roles": ["admin"]});
    assert_eq!(client.json("POST", "/users", Some(&boss.access), &second).expect(201).header("location"), Some("/user/2"));
    client.with_token("DELETE", "/user/1", &boss.access).expect(200);
}

#[test]
fn users_are_listed_page_by_page() {
    let (_server, client, boss) = with_admin();
    for name in ["a1", "b2", "c3"] {
        client.register(name).expect(201);
    }
    let page = |query: &str| client.with_token("GET", &format!("/users{query}"), &boss.access);
    let names = |body: &serde_json::Value| {
        body["users"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = page("?limit=2").expect(200).json();
    assert_eq!((names(&first), &first["next"]), (vec!["boss".into(), "a1".into()], &json!(2)));
    let rest = page("?limit=100&after=2").expect(200).json();
    assert_eq!((names(&rest), &rest["next"]), (vec!["b2".into(), "c3".into()], &json!(null)));
    assert!(!rest.to_string().contains("argon2"));
    for query in ["?limit=0", "?limit=101", "?limit=abc", "?limit=-1", "?after=abc", "?after=-1"] {
        page(query).refused(422, "validation_failed");
    }
    let (twice, unknown) = (json!(["Field is there twice."]), json!(["Unknown field."]));
    for (query, errors) in [
        ("?limit=1&limit=2", json!({"limit": twice})),
        ("?limit=1&l%69mit=1&limit=1", json!({"limit": twice})),
        ("?limti=1", json!({"limti": unknown})),
        ("?page=2&page=3&after=1&after=1", json!({"page": unknown, "after": twice})),
        ("?limit.x=1", json!({"limit.x": unknown})),
        ("?limit=0&Limit=1", json!({"limit": ["Must be a number from 1 to 100."], "Limit": unknown})),
    ] {
        let refused = page(query).refused(422, "validation_failed");
        assert_eq!(refused.json()["message"], "The query does not fit; see errors.");
        let said = refused.json()["errors"]["query"].clone();
        assert!(errors.as_object().unwrap().iter().all(|(name, faults)| said[name] == *faults), "{query} {said}");
    }
    for query in ["?", "?&limit=1&"] {
        page(query).expect(200);
    }
    client.get("/users?limti=1").refused(401, "authorization_required");
}

#[test]
fn what_would_make_no_good_change_changes_nothing() {
    let (_server, client, boss) = with_admin();
    client.newcomer("arun");
    for change in [
        json!({"roles": "admin"}),
        json!({"roles": ["Admin"]}),
        json!({"roles": [1]}),
        json!({"claims": {"sub": "1"}}),
        json!({"claims": []}),
        json!({"claims": {"note": "x".repeat(1100)}}),
        json!({"disabled": "yes"}),
        json!({"password": "another password"}),
    ] {
        client.json("PATCH", "/user/2", Some(&boss.access), &change).refused(422, "validation_failed");
    }
    client.json("PATCH", "/user/9", Some(&boss.access), &json!({})).refused(404, "not_found");
    let arun = client.login("arun");
    client.json("PATCH", "/user/2", Some(&arun.access), &json!({"roles": ["admin"]})).refused(403, "forbidden");
    let me = client.with_token("GET", "/me", &arun.access).json();
    assert_eq!((&me["roles"], &me["claims"]), (&json!([]), &json!({})));
}

#[test]
fn reserved_names_are_given_by_the_command_line_only() {
    let (_server, client, boss) = with_admin();
    for name in ["admin", "Root", "system", "me"] {
        client.register(name).refused(422, "validation_failed");
    }
    client.json("POST", "/users", Some(&boss.access), &json!({"username": "root", "password": PASSWORD})).refused(422, "validation_failed");
}

#[test]
fn registration_can_be_closed() {
    let server = Server::with(&[], &[("DOORWARD_REGISTRATION", "closed")]);
    server.client().register("arun").refused(403, "registration_closed");
}

/// Waits for the clock to show another second, and leaves the processor to others meanwhile.
pub fn next_second() {
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let next = std::time::Duration::from_secs(now().as_secs() + 1);
    while now() < next {
        std::thread::sleep(next.saturating_sub(now()));
    }
}

#[test]
fn of_more_than_fifty_sessions_the_oldest_ends() {
    let server = Server::start();
    let client = server.client();
    let first = client.newcomer("arun");
    // Sessions are ordered by the second of their last use.
    next_second();
    let second = client.login("arun");
    for _ in 0..49 {
        client.login("arun");
    }
    client.test(&first.access).refused(401, "token_revoked");
    client.refresh(&first.refresh).refused(401, "token_revoked");
    client.test(&second.access).expect(200);
}

#[test]
fn a_token_of_another_issuer_does_not_revive_with_its_user_whatever_session_it_names() {
    use crate::services::{SECRET, minted, now};
    let mut server = Server::with(&[], &[("JWT_SECRET_KEY", SECRET)]);
    assert!(server.stop().success());
    crate::server::add_admin(server.directory.path(), "boss");
    server.start_again();
    let client = server.client();
    let boss = client.login("boss");
    client.register("arun").expect(201);
    let claims = |session: Option<&str>| {
        let mut claims =
            json!({"sub": "2", "iat": now() - 5, "exp": now() + 600, "jti": "4f8f9f3a-5a2f-4a3b-9d2e-0c1d2e3f4a5b", "type": "access"});
        claims["sid"] = json!(session);
        claims
    };
    let tokens = [None, Some("00000000-0000-4000-8000-000000000000")].map(|session| minted(SECRET, &claims(session)));
    for token in &tokens {
        client.test(token).expect(200);
    }
    for disabled in [true, false] {
        client.json("PATCH", "/user/2", Some(&boss.access), &json!({"disabled": disabled})).expect(200);
    }
    for token in &tokens {
        client.test(token).refused(401, "token_revoked");
    }
}
