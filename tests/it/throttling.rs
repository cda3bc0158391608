//! Who fails too often must wait; who has a right to get in is not kept out by a stranger.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{Answer, Client, OF_PROXIES, PASSWORD, Pair, Server, with_admin_and};

/// Requests come from this machine, as if through a proxy on it: so each says where its client is.
pub const BEHIND_A_PROXY: (&str, &str) = ("DOORWARD_TRUSTED_PROXIES", "127.0.0.1");

pub fn behind_a_proxy() -> (Server, Client) {
    let server = Server::with(&[], &[BEHIND_A_PROXY]);
    let client = server.client();
    (server, client)
}

/// A request from an address.
pub fn send(client: &Client, from: &str, method: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
    let authorization = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("X-Forwarded-For", from)];
    headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
    if body.is_null() {
        return client.send(method, path, &headers, None);
    }
    headers.push(("Content-Type", "application/json"));
    client.send(method, path, &headers, Some(body.to_string().as_bytes()))
}

pub fn login(client: &Client, from: &str, name: &str, password: &str) -> Answer {
    send(client, from, "POST", "/login", None, &json!({"username": name, "password": password}))
}

pub fn register(client: &Client, from: &str, name: &str) -> Answer {
    send(client, from, "POST", "/register", None, &json!({"username": name, "password": PASSWORD}))
}

/// How long a refused client is to wait, in whole seconds; header and message say the same.
#[track_caller]
pub fn must_wait(answer: Answer) -> u64 {
    let answer = answer.refused(429, "too_many_requests");
    let secs: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    let unit = if secs == 1 { "second" } else { "seconds" };
    assert_eq!(answer.json()["message"], format!("Too many attempts; try again in {secs} {unit}."));
    assert!(secs > 0);
    secs
}

/// Guesses at a user's password until it must wait: five times, and once more each time that a wait was over before.
#[track_caller]
fn guess_until_blocked(client: &Client, from: &str, name: &str) -> Answer {
    for _ in 0..5 {
        login(client, from, name, "not the password").refused(401, "invalid_credentials");
    }
    (0..8).map(|_| login(client, from, name, "not the password")).find(|answer| answer.status != 401).expect("a block")
}

/// A hundred failures of a user from many addresses, and as many more until a stranger must wait.
fn attack(server: &Server, name: &str) {
    std::thread::scope(|scope| {
        for number in 0..25 {
            let client = server.client();
            let guess = move || login(&client, &format!("198.51.100.{number}"), name, "not the password").status;
            scope.spawn(move || {
                for _ in 0..4 {
                    guess();
                }
            });
        }
    });
    let client = server.client();
    let answer =
        (0..20).map(|number| login(&client, &format!("203.0.113.{number}"), name, "not the password")).find(|answer| answer.status != 401);
    must_wait(answer.expect("a block"));
}

#[test]
fn who_guesses_wrong_five_times_must_wait_whether_there_is_such_a_user_or_not() {
    let (mut server, client) = behind_a_proxy();
    register(&client, "192.0.2.1", "arun").expect(201);
    let answers = ["arun", "nobody", "no such \u{7f} name"].map(|name| guess_until_blocked(&client, "192.0.2.9", name));
    let without_digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "").replace("seconds", "second");
    for answer in answers {
        assert_eq!(
            without_digits(&answer.text),
            r#"{"code":,"status":"Too Many Requests","error":"too_many_requests","message":"Too many attempts; try again in  second."}"#
        );
        assert!((1..=128).contains(&must_wait(answer)));
    }
    login(&client, "192.0.2.9", "berta", "not the password").refused(401, "invalid_credentials");
    login(&client, "192.0.2.1", "arun", PASSWORD).expect(200);
    server.kill_and_start_again();
    let client = server.client();
    login(&client, "192.0.2.9", "arun", PASSWORD).expect(200);
}

#[test]
fn the_right_password_is_not_looked_at_while_its_address_must_wait_and_clears_the_failures_after() {
    let (_server, client) = behind_a_proxy();
    register(&client, "192.0.2.1", "arun").expect(201);
    // A machine that is busy may need longer for one request than the first wait lasts.
    let refused = (0..5).any(|_| {
        while login(&client, "192.0.2.9", "arun", "not the password").status != 429 {}
        login(&client, "192.0.2.9", "ARUN", PASSWORD).status == 429
    });
    assert!(refused);
    let since = Instant::now();
    while login(&client, "192.0.2.9", "arun", PASSWORD).status == 429 {
        assert!(since.elapsed() < Duration::from_secs(60), "asking again prolongs the wait");
    }
    for _ in 0..5 {
        login(&client, "192.0.2.9", "arun", "not the password").refused(401, "invalid_credentials");
    }
}

#[test]
fn r12_of_five_hundred_guesses_at_once_no_more_are_judged_than_one_after_the_other() {
    let (server, client) = behind_a_proxy();
    register(&client, "192.0.2.1", "arun").expect(201);
    let began = Instant::now();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..500)
            .map(|_| {
                let client = server.client();
                scope.spawn(move || login(&client, "192.0.2.9", "arun", "not the password"))
            })
            .collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    let elapsed = began.elapsed();
    // One after each wait that was over by then: 1 s, 2 s, 4 s, …
    let later = (0..6).take_while(|waits| elapsed > Duration::from_secs((1 << (waits + 1)) - 1)).count();
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    println!("{} judged, {} refused, {elapsed:?}", count(401), count(429));
    assert!((5..=5 + later).contains(&count(401)), "{} were judged in {elapsed:?}", count(401));
    // No more than 256 wait for others to be judged.
    assert_eq!(count(401) + count(429) + count(503), 500);
    assert!(count(429) >= 100, "{} were refused", count(429));
    login(&client, "192.0.2.1", "arun", PASSWORD).expect(200);
}

#[test]
fn many_logins_of_one_user_at_once_with_the_right_password_all_succeed() {
    let server = Server::start();
    server.client().register("arun").expect(201);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            let client = server.client();
            scope.spawn(move || client.login("arun"));
        }
    });
}

#[test]
fn e5_the_owner_gets_in_where_it_has_logged_in_before_while_all_the_world_guesses() {
    let (mut server, client) = behind_a_proxy();
    for name in ["arun", "berta"] {
        register(&client, "192.0.2.1", name).expect(201);
    }
    let pair = Pair::of(&login(&client, "192.0.2.1", "arun", PASSWORD).expect(200));
    // Remembered although nobody is logged in there any more.
    client.logout(&pair.access).expect(200);
    let home = Pair::of(&login(&client, "2001:db8:1:2::3", "arun", PASSWORD).expect(200));
    let stays_open = |server: &Server, known: &[&str]| {
        let client = server.client();
        attack(server, "arun");
        for address in known {
            must_wait(login(&client, address, "arun", "mistyped"));
            login(&client, address, "arun", PASSWORD).expect(200);
        }
        login(&client, "203.0.113.99", "berta", PASSWORD).expect(200);
    };
    stays_open(&server, &["192.0.2.1", "2001:db8:1:2:ffff::4"]);
    attack(&server, "nobody");
    let last = Pair::of(&login(&client, "192.0.2.1", "arun", PASSWORD).expect(200));
    client.with_token("POST", "/logout?scope=others", &last.access).expect(200);
    client.test(&home.access).refused(401, "token_revoked");
    server.kill_and_start_again();
    // What was remembered is forgotten; the session is not.
    stays_open(&server, &["192.0.2.1"]);
    let elsewhere = (0..4).map(|_| login(&server.client(), "2001:db8:1:2::3", "arun", "mistyped"));
    must_wait(elsewhere.into_iter().find(|answer| answer.status != 401).expect("a block"));
}

#[test]
fn e6_one_address_that_tries_many_users_must_wait_and_the_half_of_an_ipv6_address_is_one() {
    let (_server, client) = behind_a_proxy();
    register(&client, "192.0.2.1", "arun").expect(201);
    for number in 0..50 {
        let from = format!("2001:db8::{number}");
        login(&client, &from, &format!("user{number}"), PASSWORD).refused(401, "invalid_credentials");
    }
    let left = must_wait(login(&client, "2001:db8::ffff", "arun", PASSWORD));
    assert!((300..=600).contains(&left), "{left}");
    login(&client, "2001:db8:0:1::1", "arun", PASSWORD).expect(200);
}

#[test]
fn an_administrator_sees_who_must_wait_and_until_when_and_lets_a_user_go_on() {
    let (server, client, boss) = with_admin_and(&[BEHIND_A_PROXY]);
    register(&client, "192.0.2.1", "arun").expect(201);
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // Busy or not: by the eighth failure the wait is long enough to be looked at.
    let blocks = || client.with_token("GET", "/throttle", &boss.access).expect(200).json()["blocks"].take();
    assert_eq!(blocks(), json!([]));
    let (mut block, mut left) = (Value::Null, 0);
    while left < 3 {
        login(&client, "2001:db8::1", "ARUN", "not the password");
        block = blocks().get_mut(0).map(Value::take).unwrap_or_default();
        left = block["until"].as_u64().unwrap_or_default().saturating_sub(now());
    }
    assert_eq!((&block["scope"], &block["user"], &block["address"]), (&json!("user_at_address"), &json!(2), &json!("2001:db8::/64")));
    assert!(block["failures"].as_u64().unwrap() >= 5 && left <= 20, "{block}");
    must_wait(login(&client, "2001:db8::1", "arun", PASSWORD));
    for path in ["/user/9/throttle", "/user/x/throttle"] {
        client.with_token("DELETE", path, &boss.access).refused(404, "not_found");
    }
    let done = client.with_token("DELETE", "/user/2/throttle", &boss.access).expect(200).json();
    assert_eq!(done, json!({"message": "User has been unlocked successfully"}));
    login(&client, "2001:db8::1", "arun", PASSWORD).expect(200);
    assert_eq!(blocks(), json!([]));
    let said = std::fs::read_to_string(server.directory.path().join("stderr")).unwrap();
    assert_eq!(said.matches("event=\"throttled\"").count(), 1, "noted once for each block: {said}");
    assert!(said.contains("event=\"user_unlocked\""), "{said}");
}

#[test]
fn who_tries_many_codes_must_wait_and_a_good_code_works_all_the_same() {
    let (_server, client, boss) = with_admin_and(&[BEHIND_A_PROXY, ("DOORWARD_REGISTRATION", "invite")]);
    let code = |path: &str| client.with_token("POST", path, &boss.access).expect(201).json()["code"].as_str().unwrap().to_owned();
    let (reset, invite) = (code("/user/1/reset"), code("/invites"));
    let redeem =
        |code: &str| send(&client, "192.0.2.9", "POST", "/reset", None, &json!({"code": code, "new_password": "an entirely new one"}));
    let join = |from: &str, invite: &str| {
        send(&client, from, "POST", "/register", None, &json!({"username": "arun", "password": PASSWORD, "invite": invite}))
    };
    for number in 0..25 {
        redeem(&format!("doorward_reset_1_{number}")).refused(401, "invalid_credentials");
        join("192.0.2.9", "doorward_invite_00").refused(403, "registration_closed");
    }
    must_wait(redeem("doorward_reset_1_00"));
    must_wait(join("192.0.2.9", "doorward_invite_00"));
    join("192.0.2.1", "doorward_invite_00").refused(403, "registration_closed");
    redeem(&reset).expect(200);
    join("192.0.2.9", &invite).expect(201);
}

#[test]
fn twenty_users_register_from_an_address_in_an_hour_and_a_taken_name_counts() {
    let (_server, client) = behind_a_proxy();
    for number in 0..19 {
        register(&client, "192.0.2.9", &format!("user{number}")).expect(201);
    }
    for _ in 0..9 {
        send(&client, "192.0.2.9", "POST", "/register", None, &json!({"username": "x", "password": "short"}))
            .refused(422, "validation_failed");
    }
    register(&client, "192.0.2.9", "user0").refused(409, "username_taken");
    let left = must_wait(register(&client, "192.0.2.9", "user20"));
    assert!((3000..=3600).contains(&left), "{left}");
    must_wait(register(&client, "192.0.2.9", "user0"));
    login(&client, "192.0.2.9", "user20", PASSWORD).refused(401, "invalid_credentials");
    register(&client, "192.0.2.1", "user20").expect(201);
}

#[test]
fn a_good_refresh_token_never_waits_and_one_that_was_good_is_told_so() {
    let (_server, client) = behind_a_proxy();
    let pair = client.newcomer("arun");
    let refresh = |token: &str| send(&client, "192.0.2.9", "POST", "/refresh", Some(token), &Value::Null);
    for _ in 0..50 {
        refresh("not.a.token").refused(401, "invalid_token");
    }
    must_wait(refresh("not.a.token"));
    let first = Pair::of(&refresh(&pair.refresh).expect(200));
    Pair::of(&refresh(&first.refresh).expect(200));
    refresh(&pair.refresh).refused(401, "token_reused");
    refresh(&first.refresh).refused(401, "token_revoked");
    must_wait(refresh("not.a.token"));
    send(&client, "192.0.2.1", "POST", "/refresh", Some("not.a.token"), &Value::Null).refused(401, "invalid_token");
}

#[test]
fn who_tries_many_service_keys_must_wait_and_a_good_key_need_not() {
    let (_server, client, boss) = with_admin_and(&[BEHIND_A_PROXY]);
    let body = json!({"name": "shop", "scopes": ["revocations"]});
    let key = client.json("POST", "/services", Some(&boss.access), &body).expect(201).json()["key"].as_str().unwrap().to_owned();
    let ask = |key: &str| send(&client, "192.0.2.9", "GET", "/revocations", Some(key), &Value::Null);
    for _ in 0..50 {
        ask("dws_none").refused(401, "invalid_token");
    }
    must_wait(ask("dws_none"));
    ask(&key).expect(200);
}

#[test]
fn the_limits_of_an_address_can_be_set_and_all_of_it_switched_off() {
    let server = Server::with(&[], &[BEHIND_A_PROXY, ("DOORWARD_THROTTLE_FAILURES", "2"), ("DOORWARD_THROTTLE_REGISTRATIONS", "3")]);
    let client = server.client();
    (0..3).for_each(|number| drop(register(&client, "192.0.2.9", &format!("user{number}")).expect(201)));
    must_wait(register(&client, "192.0.2.9", "user3"));
    for name in ["a", "b"] {
        login(&client, "192.0.2.9", name, PASSWORD).refused(401, "invalid_credentials");
    }
    must_wait(login(&client, "192.0.2.9", "c", PASSWORD));
    let server = Server::with(&[], &[BEHIND_A_PROXY, ("DOORWARD_THROTTLE", "false")]);
    let client = server.client();
    for _ in 0..25 {
        login(&client, "192.0.2.9", "arun", PASSWORD).refused(401, "invalid_credentials");
    }
    let said = std::fs::read_to_string(server.directory.path().join("stderr")).unwrap();
    assert!(said.contains("throttle is false"), "{said}");
}

#[test]
fn a_proxy_that_is_not_named_is_warned_of_once_and_not_believed() {
    let server = Server::start();
    let client = server.client();
    register(&client, "192.0.2.1", "arun").expect(201);
    let pair = Pair::of(&login(&client, "192.0.2.1", "arun", PASSWORD).expect(200));
    let sessions = client.with_token("GET", "/me/sessions", &pair.access).expect(200).json();
    assert_eq!(sessions["sessions"][0]["address"], "127.0.0.1");
    let said = std::fs::read_to_string(server.directory.path().join("stderr")).unwrap();
    assert_eq!(said.matches("not in trusted_proxies").count(), 1, "{said}");
}

/// Behind it are strangers: the exemption of this machine is not for them.
#[test]
fn a_proxy_on_this_machine_that_is_not_named_has_the_limits_of_one_address_and_who_asks_directly_has_none() {
    for header in OF_PROXIES {
        let limits = [("DOORWARD_THROTTLE_FAILURES", "3"), ("DOORWARD_THROTTLE_REGISTRATIONS", "2")];
        let server = Server::with(&[], &limits);
        let client = server.client();
        let ask = |path: &str, name: &str, headers: &[(&str, &str)]| {
            let headers = [&[("Content-Type", "application/json")], headers].concat();
            let body = json!({"username": name, "password": PASSWORD}).to_string();
            client.send("POST", path, &headers, Some(body.as_bytes()))
        };
        ask("/register", "arun", &[header]).expect(201);
        ask("/register", "berta", &[header]).expect(201);
        must_wait(ask("/register", "carl", &[header]));
        for name in ["d", "e", "f"] {
            ask("/login", name, &[header]).refused(401, "invalid_credentials");
        }
        must_wait(ask("/login", "g", &[header]));
        for name in ["g", "h", "i", "j"] {
            ask("/login", name, &[]).refused(401, "invalid_credentials");
        }
        for name in ["carl", "dora", "emil"] {
            ask("/register", name, &[]).expect(201);
        }
        let said = std::fs::read_to_string(server.directory.path().join("stderr")).unwrap();
        assert_eq!(said.matches("not in trusted_proxies").count(), 1, "{said}");
    }
}
