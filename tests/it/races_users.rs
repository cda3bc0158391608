//! Deleting, demoting and new passwords while others are at work: whatever starts after the answer is refused.

use std::sync::Barrier;

use serde_json::json;

use crate::races::{at_once, rounds};
use crate::server::{Answer, Client, PASSWORD, Pair, Server, with_admin, with_admin_and};

const NEW: &str = "an entirely new one";

/// Those who log in too late have failed, as often as it happens: who may have to wait for that is not what is tested here.
const NO_WAIT: (&str, &str) = ("DOORWARD_THROTTLE", "false");

/// Which of the clients does what the others race with.
const ACTOR: usize = 7;

/// One of a user's requests: mostly refreshes, some logins (each costs a hash), some uses.
fn go_on(number: usize, client: &Client, name: &str, pair: &Pair) -> Answer {
    match number % 16 {
        0 => client.try_login(name, PASSWORD),
        1..=5 => client.test(&pair.access),
        _ => client.refresh(&pair.refresh),
    }
}

/// Every pair of tokens among the answers is refused.
fn all_are_dead(client: &Client, answers: &[Answer]) {
    for answer in answers.iter().filter(|answer| answer.status == 200 && answer.text.contains("refresh_token")) {
        let pair = Pair::of(answer);
        client.test(&pair.access).refused(401, "token_revoked");
        client.refresh(&pair.refresh).refused(401, "token_revoked");
    }
}

#[test]
fn after_a_deletion_nothing_of_the_user_is_alive() {
    let (server, client, boss) = with_admin_and(&[NO_WAIT]);
    for round in 0..rounds(5) {
        let arun = client.newcomer("arun");
        let id = round + 2;
        let answers = at_once(&server.url, |number, client| {
            if number != ACTOR {
                return go_on(number, &client, "arun", &arun);
            }
            let deleted = client.with_token("DELETE", &format!("/user/{id}"), &boss.access).expect(200);
            client.test(&arun.access).refused(401, "token_revoked");
            client.refresh(&arun.refresh).refused(401, "token_revoked");
            assert_ne!(client.try_login("arun", PASSWORD).status, 200);
            deleted
        });
        all_are_dead(&client, &answers);
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 401 | 503)));
        client.with_token("GET", &format!("/user/{id}/sessions"), &boss.access).refused(404, "not_found");
    }
}

#[test]
fn after_a_new_password_neither_the_old_one_nor_another_session_is_good() {
    let server = Server::with(&[], &[NO_WAIT]);
    for round in 0..rounds(5) {
        let (client, name) = (server.client(), format!("arun{round}"));
        let (old, mine) = (client.newcomer(&name), client.login(&name));
        let change = json!({"current_password": PASSWORD, "new_password": NEW});
        let answers = at_once(&server.url, |number, client| {
            if number != ACTOR {
                return go_on(number, &client, &name, &old);
            }
            let changed = client.json("PUT", "/me/password", Some(&mine.access), &change).expect(200);
            client.refresh(&old.refresh).refused(401, "token_revoked");
            client.test(&old.access).refused(401, "token_revoked");
            assert_ne!(client.try_login(&name, PASSWORD).status, 200);
            changed
        });
        all_are_dead(&client, &answers);
        client.try_login(&name, PASSWORD).refused(401, "invalid_credentials");
        client.test(&mine.access).expect(200);
        client.refresh(&mine.refresh).expect(200);
        client.try_login(&name, NEW).expect(200);
    }
}

#[test]
fn after_a_logout_everywhere_no_session_is_alive() {
    let server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    for _ in 0..rounds(5) {
        let (first, second) = (client.login("arun"), client.login("arun"));
        let answers = at_once(&server.url, |number, client| match number {
            ACTOR => client.with_token("POST", "/logout?scope=global", &first.access).expect(200),
            number if number % 2 == 0 => client.refresh(&first.refresh),
            _ => client.refresh(&second.refresh),
        });
        all_are_dead(&client, &answers);
        for pair in [&first, &second] {
            client.test(&pair.access).refused(401, "token_revoked");
            client.refresh(&pair.refresh).refused(401, "token_revoked");
        }
    }
}

#[test]
fn after_a_demotion_no_request_of_an_administrator_begins() {
    let (server, client, boss) = with_admin();
    client.register("deputy").expect(201);
    let set = |client: &Client, roles: &[&str]| client.json("PATCH", "/user/2", Some(&boss.access), &json!({ "roles": roles })).expect(200);
    for _ in 0..rounds(5) {
        set(&client, &["admin"]);
        let deputy = client.login("deputy");
        let answers = at_once(&server.url, |number, client| {
            if number != ACTOR {
                return client.with_token("POST", "/user/1/reset", &deputy.access);
            }
            let demoted = set(&client, &[]);
            client.with_token("POST", "/user/1/reset", &deputy.access).refused(403, "forbidden");
            demoted
        });
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 201 | 403)));
        let refused = client.with_token("GET", "/invites", &deputy.access).refused(403, "forbidden");
        assert!(refused.header("www-authenticate").unwrap().contains("insufficient_scope"));
    }
}

#[test]
fn of_two_administrators_who_remove_each_other_one_always_remains() {
    let (server, client, boss) = with_admin();
    let mut admins = [(1, boss), promoted(&client, &client.login("boss"), 0)];
    for round in 0..rounds(64) {
        let barrier = Barrier::new(2);
        let remove = |by: &Pair, id: u64| {
            let client = server.client();
            client.get("/health").expect(200);
            barrier.wait();
            match round % 3 {
                0 => client.json("PATCH", &format!("/user/{id}"), Some(&by.access), &json!({"roles": []})),
                1 => client.json("PATCH", &format!("/user/{id}"), Some(&by.access), &json!({"disabled": true})),
                _ => client.with_token("DELETE", &format!("/user/{id}"), &by.access),
            }
        };
        let [(first, of_first), (second, of_second)] = &admins;
        let removed = std::thread::scope(|scope| {
            let other = scope.spawn(|| remove(of_second, *first));
            [remove(of_first, *second), other.join().unwrap()]
        });
        let winners: Vec<_> = removed.iter().enumerate().filter(|(_, answer)| answer.status == 200).map(|(number, _)| number).collect();
        assert_eq!(winners.len(), 1, "round {round}: {removed:?}");
        let survivor = admins[winners[0]].clone();
        client.with_token("GET", "/users", &survivor.1.access).expect(200);
        let next = promoted(&client, &survivor.1, round + 1);
        admins = [survivor, next];
    }
}

/// A new administrator.
fn promoted(client: &Client, by: &Pair, number: usize) -> (u64, Pair) {
    let name = format!("deputy{number}");
    let user = json!({"username": name, "password": PASSWORD, "roles": ["admin"]});
    let id = client.json("POST", "/users", Some(&by.access), &user).expect(201).json()["id"].as_u64().unwrap();
    (id, client.login(&name))
}
