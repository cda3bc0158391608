//! The cookie of a browser that stays signed in: when it is given, what it is good for, and when it is dead.

use serde_json::{Value, json};

use crate::server::{Answer, Client, OF_PROXIES, PASSWORD, Pair, Server, with_admin_and};

/// What a test of https needs to know of itself: that a proxy with TLS is in front.
pub const HTTPS: (&str, &str) = ("DOORWARD_PUBLIC_URL", "https://login.example.com");

/// A login that is to last, and the cookie's name and value.
pub fn keep_signed_in(client: &Client, username: &str) -> (Pair, String) {
    let answer = client.json("POST", "/login", None, &asking(username)).expect(200);
    let cookie = answer.header("Set-Cookie").expect("a cookie").split(';').next().unwrap().to_owned();
    (Pair::of(&answer), cookie)
}

pub fn asking(username: &str) -> Value {
    json!({"username": username, "password": PASSWORD, "keep_signed_in": true})
}

pub fn verify(client: &Client, cookie: &str) -> Answer {
    client.send("GET", "/verify", &[("Cookie", cookie)], None)
}

fn log_out(client: &Client, cookie: &str, query: &str) -> Answer {
    client.send("POST", &format!("/logout{query}"), &[("Cookie", cookie), ("X-CSRF-Token", "1")], None)
}

pub fn is_in(client: &Client, cookie: &str) {
    verify(client, cookie).expect(200);
}

pub fn is_out(client: &Client, cookie: &str) {
    verify(client, cookie).refused(401, "token_revoked");
}

const CLEARED: &str = "doorward=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax";

#[test]
fn a_login_sets_a_cookie_only_when_it_is_asked_to() {
    let server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    let plain = client.try_login("arun", PASSWORD).expect(200);
    assert_eq!(plain.header("Set-Cookie"), None);
    let body = json!({"username": "arun", "password": PASSWORD, "keep_signed_in": false});
    assert_eq!(client.json("POST", "/login", None, &body).expect(200).header("Set-Cookie"), None);
    let kept = client.json("POST", "/login", None, &asking("arun")).expect(200);
    let names = |answer: &Answer| answer.json().as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&kept), names(&plain), "the body is the same");
    let (value, attributes) = kept.header("Set-Cookie").unwrap().strip_prefix("doorward=").unwrap().split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax");
    let (session, secret) = value.split_once('.').unwrap();
    let listed = client.with_token("GET", "/me/sessions", &Pair::of(&kept).access).json();
    assert_eq!(listed["sessions"].as_array().unwrap().iter().find(|one| one["current"] == true).unwrap()["id"], session);
    assert_eq!(secret.len(), 40);
    assert!(!String::from_utf8_lossy(&std::fs::read(server.data_dir().join("db")).unwrap()).contains(secret), "only its digest is kept");
    for odd in [json!("true"), json!(1), json!(null), json!([])] {
        let body = json!({"username": "arun", "password": PASSWORD, "keep_signed_in": odd});
        let refused = client.json("POST", "/login", None, &body).refused(422, "validation_failed");
        assert!(refused.json()["errors"]["json"]["keep_signed_in"].is_array(), "{odd}");
        assert_eq!(refused.header("Set-Cookie"), None);
    }
    let wrong = json!({"username": "arun", "password": "not my password", "keep_signed_in": true});
    assert_eq!(client.json("POST", "/login", None, &wrong).refused(401, "invalid_credentials").header("Set-Cookie"), None);
}

#[test]
fn with_https_the_cookie_is_bound_to_its_host_and_the_plain_name_counts_for_nothing() {
    let server = Server::with(&[], &[HTTPS]);
    let client = server.client();
    client.register("arun").expect(201);
    let answer = client.json("POST", "/login", None, &asking("arun")).expect(200);
    let line = answer.header("Set-Cookie").unwrap();
    assert!(line.starts_with("__Host-doorward="), "{line}");
    assert!(line.ends_with("; Path=/; Max-Age=7776000; Secure; HttpOnly; SameSite=Lax"), "{line}");
    let cookie = line.split(';').next().unwrap();
    is_in(&client, cookie);
    verify(&client, cookie.trim_start_matches("__Host-")).refused(401, "authorization_required");
    let cleared = log_out(&client, cookie, "").expect(200);
    assert_eq!(cleared.header("Set-Cookie"), Some("__Host-doorward=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"));
}

#[test]
fn without_https_a_cookie_is_given_on_this_machine_only() {
    let server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    let from = |host: &str| {
        let headers = [("Content-Type", "application/json"), ("Host", host)];
        client.send("POST", "/login", &headers, Some(asking("arun").to_string().as_bytes()))
    };
    for host in ["localhost", "localhost:5000", "127.0.0.1:1", "[::1]:5000"] {
        assert!(from(host).expect(200).header("Set-Cookie").is_some(), "{host}");
    }
    for host in ["login.example.com", "localhost.example.com", "127.0.0.2"] {
        let refused = from(host).refused(422, "validation_failed");
        assert_eq!(refused.json()["errors"]["json"]["keep_signed_in"], json!(["Needs https, and the setting public_url to say so."]));
        assert_eq!(refused.header("Set-Cookie"), None);
    }
    for (name, value) in OF_PROXIES {
        let headers = [("Content-Type", "application/json"), (name, value)];
        let through_a_proxy = client.send("POST", "/login", &headers, Some(asking("arun").to_string().as_bytes()));
        assert_eq!(through_a_proxy.refused(422, "validation_failed").header("Set-Cookie"), None, "{name}");
    }
    let open = client.with_token("GET", "/me/sessions", &client.login("arun").access).json();
    assert_eq!(open["sessions"].as_array().unwrap().len(), 5, "a refused login opens none");
}

#[test]
fn only_the_very_cookie_that_was_given_counts() {
    let server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    client.register("mira").expect(201);
    let ((pair, cookie), (_, other)) = (keep_signed_in(&client, "arun"), keep_signed_in(&client, "mira"));
    is_in(&client, &cookie);
    is_in(&client, &format!("a=b; {cookie};c=\"d\" "));
    let (session, secret) = cookie.trim_start_matches("doorward=").split_once('.').unwrap();
    let (other_session, other_secret) = other.trim_start_matches("doorward=").split_once('.').unwrap();
    let mine = client.with_token("GET", "/me/sessions", &client.login("arun").access).json()["sessions"].as_array().unwrap().clone();
    let plain = mine.iter().find(|session| session["current"] == true).unwrap()["id"].clone();
    let dead = [
        "doorward=".to_owned(),
        "doorward=x".into(),
        format!("doorward={session}"),
        format!("doorward={session}."),
        format!("doorward=.{secret}"),
        format!("doorward={session}.{other_secret}"),
        format!("doorward={other_session}.{secret}"),
        format!("doorward={}.{secret}", uuid_of_nobody()),
        format!("doorward={}.{secret}", plain.as_str().unwrap()),
        format!("doorward={}.{secret}", session.to_uppercase()),
        format!("doorward={session}.{}", secret.to_uppercase()),
        format!("doorward={session}.{}{}", &secret[..39], if secret.ends_with('0') { '1' } else { '0' }),
        format!("doorward={session}.{secret}a"),
        format!("doorward=\"{session}.{secret}\""),
        format!("doorward={session}.{secret}%20"),
        format!("doorward={}", pair.access),
        format!("doorward={}", "x".repeat(20_000)),
        format!("doorward={}\u{e9}", cookie.trim_start_matches("doorward=")),
        format!("{cookie}; {cookie}"),
        format!("{cookie}; doorward=x"),
        format!("{other}; {cookie}"),
    ];
    for sent in &dead {
        let what = &sent[..sent.len().min(80)];
        let answer = verify(&client, sent);
        assert_eq!((answer.status, answer.error().as_str()), (401, "token_revoked"), "{what}");
        for name in ["Remote-User", "Remote-Id", "Remote-Roles", "Set-Cookie"] {
            assert_eq!(answer.header(name), None, "{what}: {name}");
        }
        assert_eq!(log_out(&client, sent, "").refused(401, "token_revoked").header("Set-Cookie"), Some(CLEARED), "{what}");
    }
    for none in [format!("Doorward={session}.{secret}"), format!("__Host-{cookie}"), format!("x{cookie}"), "doorward".into(), "=".into()] {
        verify(&client, &none).refused(401, "authorization_required");
        assert_eq!(log_out(&client, &none, "").refused(401, "authorization_required").header("Set-Cookie"), None, "{none}");
    }
    let lines = [("Cookie", cookie.as_str()), ("Cookie", "doorward=x")];
    client.send("GET", "/verify", &lines, None).refused(401, "token_revoked");
    is_in(&client, &cookie);
}

fn uuid_of_nobody() -> &'static str {
    "00000000-0000-4000-8000-000000000000"
}

#[test]
fn logging_out_by_cookie_takes_a_header_that_no_other_site_can_send() {
    let server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    let (_, cookie) = keep_signed_in(&client, "arun");
    for headers in [&[("Cookie", cookie.as_str())][..], &[("Cookie", &cookie), ("X-CSRF-Token", " ")]] {
        let refused = client.send("POST", "/logout", headers, None).refused(401, "authorization_required");
        assert!(refused.json()["message"].as_str().unwrap().contains("X-CSRF-Token"), "{}", refused.text);
        assert_eq!(refused.header("Set-Cookie"), None, "it is good");
    }
    let other_site = [("Cookie", "doorward=x"), ("Origin", "https://evil.example")];
    let refused = client.send("POST", "/logout", &other_site, None).refused(401, "authorization_required");
    assert_eq!(refused.header("Set-Cookie"), Some(CLEARED), "a dead one is cleared by any answer");
    let asked = client.send("OPTIONS", "/logout", &[("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")], None);
    assert!(asked.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{asked:?}");
    let odd = log_out(&client, &cookie, "?scope=all").refused(422, "validation_failed");
    assert_eq!(odd.header("Set-Cookie"), None);
    is_in(&client, &cookie);
    let answer = log_out(&client, &cookie, "").expect(200);
    assert_eq!((answer.json(), answer.header("Set-Cookie")), (json!({"message": "User Logged out successfully"}), Some(CLEARED)));
    is_out(&client, &cookie);
    assert_eq!(log_out(&client, &cookie, "").refused(401, "token_revoked").header("Set-Cookie"), Some(CLEARED));
}

#[test]
fn logging_out_by_cookie_ends_what_its_scope_says() {
    let server = Server::start();
    let client = server.client();
    let first = client.newcomer("arun");
    let (second, cookie) = keep_signed_in(&client, "arun");
    let (_, third) = keep_signed_in(&client, "arun");
    assert_eq!(log_out(&client, &cookie, "?scope=others").expect(200).header("Set-Cookie"), None, "its own session goes on");
    client.test(&first.access).refused(401, "token_revoked");
    is_out(&client, &third);
    is_in(&client, &cookie);
    client.test(&second.access).expect(200);
    let fourth = client.login("arun");
    assert_eq!(log_out(&client, &cookie, "?scope=global").expect(200).header("Set-Cookie"), Some(CLEARED));
    client.test(&fourth.access).refused(401, "token_revoked");
    client.refresh(&second.refresh).refused(401, "token_revoked");
    is_out(&client, &cookie);
}

#[test]
fn a_logout_by_token_clears_the_cookie_if_it_ended_its_session() {
    let server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    let (pair, cookie) = keep_signed_in(&client, "arun");
    let other = client.login("arun");
    let with = |token: &str, query: &str| {
        let authorization = format!("Bearer {token}");
        client.send("POST", &format!("/logout{query}"), &[("Authorization", &authorization), ("Cookie", &cookie)], None)
    };
    assert_eq!(with(&other.access, "").expect(200).header("Set-Cookie"), None, "that was another session");
    assert_eq!(with("x", "").refused(401, "invalid_token").header("Set-Cookie"), None, "a bad token is not made good by the cookie");
    is_in(&client, &cookie);
    assert_eq!(with(&pair.refresh, "").expect(200).header("Set-Cookie"), Some(CLEARED));
    assert_eq!(with("x", "").refused(401, "invalid_token").header("Set-Cookie"), Some(CLEARED));
    is_out(&client, &cookie);
}

/// How a session ends, given its tokens and its id.
type End<'a> = (&'a str, &'a dyn Fn(&Pair, &str));

#[test]
fn whatever_ends_the_session_makes_the_cookie_dead_at_once() {
    let (_server, client, boss) = with_admin_and(&[]);
    client.register("arun").expect(201);
    let ends: [End<'_>; 5] = [
        ("logging out everywhere", &|_, _| {
            drop(client.with_token("POST", "/logout?scope=global", &client.login("arun").access).expect(200));
        }),
        ("ending the one", &|pair, id| drop(client.with_token("DELETE", &format!("/me/sessions/{id}"), &pair.access).expect(200))),
        ("an administrator", &|_, _| drop(client.with_token("DELETE", "/user/2/sessions", &boss.access).expect(200))),
        ("a used refresh token", &|pair, _| {
            let second = Pair::of(&client.refresh(&pair.refresh).expect(200));
            client.refresh(&second.refresh).expect(200);
            client.refresh(&pair.refresh).refused(401, "token_reused");
        }),
        ("disabling", &|_, _| drop(client.json("PATCH", "/user/2", Some(&boss.access), &json!({"disabled": true})).expect(200))),
    ];
    for (how, end) in ends {
        let (pair, cookie) = keep_signed_in(&client, "arun");
        assert_eq!(verify(&client, &cookie).status, 200, "{how}");
        end(&pair, cookie.trim_start_matches("doorward=").split_once('.').unwrap().0);
        assert_eq!(verify(&client, &cookie).status, 401, "{how}");
    }
    client.register("mira").expect(201);
    let (changing, cookie) = keep_signed_in(&client, "mira");
    let (_, other) = keep_signed_in(&client, "mira");
    let body = json!({"current_password": PASSWORD, "new_password": "a better phrase"});
    client.json("PUT", "/me/password", Some(&changing.access), &body).expect(200);
    is_out(&client, &other);
    is_in(&client, &cookie);
    client.with_token("DELETE", "/user/3", &boss.access).expect(200);
    is_out(&client, &cookie);
}

#[test]
fn cookies_and_their_ends_survive_a_kill() {
    let mut server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    let ((_, kept), (_, ended)) = (keep_signed_in(&client, "arun"), keep_signed_in(&client, "arun"));
    log_out(&client, &ended, "").expect(200);
    server.kill_and_start_again();
    let client = server.client();
    is_in(&client, &kept);
    is_out(&client, &ended);
}

#[test]
fn a_session_whose_cookie_is_used_goes_on_until_its_absolute_end() {
    let mut server = Server::with(&[], &[("DOORWARD_REFRESH_TOKEN_EXPIRES", "3h"), ("DOORWARD_SESSION_EXPIRES", "5h")]);
    let client = server.client();
    client.register("arun").expect(201);
    let ((_, used), (_, unused)) = (keep_signed_in(&client, "arun"), keep_signed_in(&client, "arun"));
    let mut two_hours_later = || {
        server.stop_and_see(|seen| seen + std::time::Duration::from_secs(2 * 3600));
        server.start_again();
        server.client()
    };
    is_in(&two_hours_later(), &used);
    let client = two_hours_later();
    is_in(&client, &used);
    is_out(&client, &unused);
    is_out(&two_hours_later(), &used);
}
