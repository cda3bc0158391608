//! New passwords: changed by oneself, and set with a reset code.

use serde_json::{Value, json};

use crate::server::{Answer, Client, DEAR, PASSWORD, Pair, Server, with_admin};

const NEW: &str = "an entirely new one";

fn change(client: &Client, token: &str, current: &str, new: &str) -> Answer {
    client.json("PUT", "/me/password", Some(token), &json!({"current_password": current, "new_password": new}))
}

fn reset_code(client: &Client, boss: &Pair, id: u64) -> String {
    let made = client.with_token("POST", &format!("/user/{id}/reset"), &boss.access).expect(201).json();
    made["code"].as_str().unwrap().to_owned()
}

fn redeem(client: &Client, code: &str, new: &str) -> Answer {
    client.json("POST", "/reset", None, &json!({"code": code, "new_password": new}))
}

fn is_out(client: &Client, pair: &Pair) {
    client.test(&pair.access).refused(401, "token_revoked");
    client.refresh(&pair.refresh).refused(401, "token_revoked");
}

#[test]
fn unless_tests_ask_for_less_a_password_is_hashed_at_the_full_cost() {
    for (environment, cost) in
        [(&[DEAR][..], "$argon2id$v=19$m=19456,t=2,p=1$"), (&[], if cfg!(debug_assertions) { "$m=64,t=1,p=1$" } else { "$m=19456," })]
    {
        let server = Server::with(&[], environment);
        server.client().register("arun").expect(201);
        let database = String::from_utf8_lossy(&std::fs::read(server.data_dir().join("db")).unwrap()).into_owned();
        assert!(database.contains(cost), "{cost}");
    }
}

#[test]
fn a_changed_password_ends_every_other_session_and_stays_changed() {
    let mut server = Server::start();
    let client = server.client();
    let (other, mine) = (client.newcomer("arun"), client.login("arun"));
    change(&client, &mine.access, PASSWORD, NEW).expect(200);
    server.kill_and_start_again();
    let client = server.client();
    is_out(&client, &other);
    client.try_login("arun", PASSWORD).refused(401, "invalid_credentials");
    client.test(&mine.access).expect(200);
    client.refresh(&mine.refresh).expect(200);
    client.try_login("arun", NEW).expect(200);
}

#[test]
fn a_password_that_may_not_be_chosen_is_refused_and_the_old_one_stays() {
    let server = Server::start();
    let client = server.client();
    let (other, mine) = (client.newcomer("arunkumar"), client.login("arunkumar"));
    for bad in ["short", "password1", "arunkumar", "ramuknura1", PASSWORD, "tab\tand more", &"x9".repeat(600)] {
        let refused = change(&client, &mine.access, PASSWORD, bad).refused(422, "validation_failed");
        assert!(refused.json()["errors"]["json"]["new_password"].is_array(), "{bad}: {}", refused.text);
    }
    for wrong in ["not the password", "", "tab\t"] {
        change(&client, &mine.access, wrong, NEW).refused(401, "invalid_credentials");
    }
    for body in [json!({}), json!({"current_password": PASSWORD, "new_password": NEW, "x": 1}), json!({"current_password": 1})] {
        client.json("PUT", "/me/password", Some(&mine.access), &body).refused(422, "validation_failed");
    }
    client.test(&other.access).expect(200);
    client.login("arunkumar");
}

#[test]
fn only_a_fresh_token_changes_the_password() {
    let server = Server::start();
    let client = server.client();
    let pair = client.newcomer("arun");
    let stale = Pair::of(&client.refresh(&pair.refresh).expect(200));
    change(&client, &stale.access, PASSWORD, NEW).refused(401, "fresh_token_required");
    change(&client, &stale.refresh, PASSWORD, NEW).refused(401, "invalid_token");
    client.json("PUT", "/me/password", None, &json!({})).refused(401, "authorization_required");
    change(&client, &pair.access, PASSWORD, NEW).expect(200);
}

#[test]
fn a_reset_code_sets_a_password_once_and_ends_every_session() {
    let (mut server, client, boss) = with_admin();
    let arun = client.newcomer("arun");
    let code = reset_code(&client, &boss, 2);
    assert!(code.starts_with("doorward_reset_2_"), "{code}");
    client.test(&arun.access).expect(200);
    server.kill_and_start_again();
    let client = server.client();
    let done = redeem(&client, &code, NEW).expect(200).json();
    assert_eq!(done, json!({"message": "Password has been reset successfully"}));
    server.kill_and_start_again();
    let client = server.client();
    redeem(&client, &code, "another new one").refused(401, "invalid_credentials");
    is_out(&client, &arun);
    client.try_login("arun", PASSWORD).refused(401, "invalid_credentials");
    client.try_login("arun", NEW).expect(200);
    client.test(&boss.access).expect(200);
    let said = std::fs::read_to_string(server.directory.path().join("stderr")).unwrap();
    assert!(said.contains("reset_refused") && !said.contains(&code), "{said}");
}

#[test]
fn a_reset_code_is_good_for_a_day_and_kept_as_a_digest_only() {
    let (server, client, boss) = with_admin();
    client.newcomer("arun");
    let made = client.with_token("POST", "/user/2/reset", &boss.access).expect(201).json();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let left = made["expires"].as_u64().unwrap() - now;
    assert!((86_000..=86_400).contains(&left), "{left}");
    let random = made["code"].as_str().unwrap().rsplit('_').next().unwrap().as_bytes();
    let database = std::fs::read(server.data_dir().join("db")).unwrap();
    assert!(!database.windows(random.len()).any(|bytes| bytes == random));
    for path in ["/user/9/reset", "/user/x/reset"] {
        client.with_token("POST", path, &boss.access).refused(404, "not_found");
    }
}

#[test]
fn a_code_that_is_wrong_replaced_or_voided_is_refused_and_a_bad_password_spends_none() {
    let (_server, client, boss) = with_admin();
    let arun = client.newcomer("arunkumar");
    let (old, code) = (reset_code(&client, &boss, 2), reset_code(&client, &boss, 2));
    let guess = format!("{}{}", &code[..code.len() - 1], if code.ends_with('0') { '1' } else { '0' });
    let wrong = [old.as_str(), &guess, &code.to_uppercase(), "", "x", "doorward_reset_9_00", "doorward_reset_99999999999999999999_0"];
    for wrong in wrong {
        redeem(&client, wrong, NEW).refused(401, "invalid_credentials");
    }
    for bad in ["short", "arunkumar", "password1"] {
        redeem(&client, &code, bad).refused(422, "validation_failed");
    }
    for body in [json!({}), json!({"code": code}), json!({"code": 1, "new_password": NEW}), json!([])] {
        client.json("POST", "/reset", None, &body).refused(422, "validation_failed");
    }
    client.test(&arun.access).expect(200);
    change(&client, &arun.access, PASSWORD, "changed by oneself").expect(200);
    redeem(&client, &code, NEW).refused(401, "invalid_credentials");
    let last = reset_code(&client, &boss, 2);
    redeem(&client, &last, NEW).expect(200);
}

#[test]
fn a_code_does_not_enable_its_user_and_dies_with_it() {
    let (_server, client, boss) = with_admin();
    client.newcomer("arun");
    let code = reset_code(&client, &boss, 2);
    let set = |disabled: bool| client.json("PATCH", "/user/2", Some(&boss.access), &json!({"disabled": disabled})).expect(200);
    set(true);
    redeem(&client, &code, NEW).refused(401, "invalid_credentials");
    client.try_login("arun", NEW).refused(401, "invalid_credentials");
    set(false);
    client.try_login("arun", PASSWORD).expect(200);
    redeem(&client, &code, NEW).expect(200);
    let code = reset_code(&client, &boss, 2);
    client.with_token("DELETE", "/user/2", &boss.access).expect(200);
    redeem(&client, &code, NEW).refused(401, "invalid_credentials");
    client.register("arun").expect(201);
    redeem(&client, &code, NEW).refused(401, "invalid_credentials");
}

#[test]
fn a_token_without_a_session_is_cut_off_by_a_new_password() {
    let secret = "0123456789abcdef0123456789abcdef";
    let server = Server::with(&[], &[("JWT_SECRET_KEY", secret)]);
    let client = server.client();
    let pair = client.newcomer("arun");
    let flask = |issued: u64| {
        let claims = json!({"fresh": false, "iat": issued, "jti": issued.to_string(), "type": "access", "sub": "1", "nbf": issued, "exp": issued + 900});
        signed(secret, &claims)
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let token = flask(now - 10);
    client.test(&token).expect(200);
    client.with_token("POST", "/logout?scope=others", &token).expect(200);
    client.test(&token).expect(200);
    client.test(&pair.access).refused(401, "token_revoked");
    let pair = client.login("arun");
    crate::users::next_second();
    change(&client, &pair.access, PASSWORD, NEW).expect(200);
    client.test(&token).refused(401, "token_revoked");
    client.test(&pair.access).expect(200);
}

/// A token as Flask-JWT-Extended signs it.
pub fn signed(secret: &str, claims: &Value) -> String {
    use aws_lc_rs::hmac;
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let message = format!("{}.{}", encode(br#"{"alg":"HS256","typ":"JWT"}"#), encode(claims.to_string().as_bytes()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes());
    format!("{message}.{}", encode(tag.as_ref()))
}
