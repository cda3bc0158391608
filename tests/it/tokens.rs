//! Tokens and sessions: refresh, reuse, logout, and what they survive.

use serde_json::{Value, json};

use crate::server::{Pair, Server};

fn payload(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

#[test]
fn an_access_token_says_who_and_a_refreshed_one_is_not_fresh() {
    let server = Server::start();
    let client = server.client();
    let pair = client.newcomer("arun");
    let claims = payload(&pair.access);
    assert_eq!((&claims["sub"], &claims["type"], &claims["fresh"]), (&json!("1"), &json!("access"), &json!(true)));
    assert_eq!((&claims["username"], &claims["roles"], &claims["iss"]), (&json!("arun"), &json!([]), &json!("doorward")));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 900);
    assert!(claims.get("aud").is_none());
    let next = Pair::of(&client.refresh(&pair.refresh).expect(200));
    assert_eq!(payload(&next.access)["fresh"], false);
    assert_eq!(payload(&next.access)["sid"], claims["sid"]);
    client.test(&next.access).expect(200);
    client.test(&pair.access).expect(200);
}

#[test]
fn me_tells_identity_roles_and_claims() {
    let server = Server::start();
    let client = server.client();
    let pair = client.newcomer("arun");
    assert_eq!(
        client.with_token("GET", "/me", &pair.access).expect(200).json(),
        json!({"id": 1, "username": "arun", "roles": [], "claims": {}})
    );
}

#[test]
fn a_refresh_token_travels_in_the_header_or_in_the_body_but_not_in_both() {
    let server = Server::start();
    let client = server.client();
    let pair = client.newcomer("arun");
    let next = Pair::of(&client.json("POST", "/refresh", None, &json!({"refresh_token": pair.refresh})).expect(200));
    client.json("POST", "/refresh", Some(&next.refresh), &json!({"refresh_token": next.refresh})).refused(400, "invalid_request");
    client.send("POST", "/refresh", &[], None).refused(401, "authorization_required");
    client.json("POST", "/refresh", None, &json!({})).refused(422, "validation_failed");
    client.json("POST", "/refresh", None, &json!({"refresh_token": 5})).refused(422, "validation_failed");
    client.json("POST", "/refresh", None, &json!({"refresh_token": "x"})).refused(401, "invalid_token");
    client.refresh(&next.refresh).expect(200);
}

#[test]
fn the_token_before_gets_the_current_one_again_and_an_older_one_ends_the_session() {
    let server = Server::start();
    let client = server.client();
    let first = client.newcomer("arun");
    let second = Pair::of(&client.refresh(&first.refresh).expect(200));
    let repeated = Pair::of(&client.refresh(&first.refresh).expect(200));
    assert_eq!(repeated.refresh, second.refresh, "a lost answer is given again, not a second branch");
    let third = Pair::of(&client.refresh(&second.refresh).expect(200));
    let reused = client.refresh(&first.refresh).refused(401, "token_reused");
    assert!(reused.header("www-authenticate").unwrap().contains("invalid_token"));
    client.refresh(&third.refresh).refused(401, "token_revoked");
    for pair in [&first, &second, &repeated, &third] {
        client.test(&pair.access).refused(401, "token_revoked");
    }
}

#[test]
fn without_a_grace_the_token_before_is_reuse() {
    let server = Server::with(&[], &[("DOORWARD_REFRESH_GRACE", "0")]);
    let client = server.client();
    let first = client.newcomer("arun");
    let second = Pair::of(&client.refresh(&first.refresh).expect(200));
    // A grace of none ends with the second of the rotation.
    crate::users::next_second();
    client.refresh(&first.refresh).refused(401, "token_reused");
    client.refresh(&second.refresh).refused(401, "token_revoked");
}

#[test]
fn logging_out_with_either_token_ends_both_and_no_other_session() {
    let server = Server::start();
    let client = server.client();
    let other = client.newcomer("arun");
    for by_refresh in [false, true] {
        let pair = client.login("arun");
        client.logout(if by_refresh { &pair.refresh } else { &pair.access }).expect(200);
        client.test(&pair.access).refused(401, "token_revoked");
        client.refresh(&pair.refresh).refused(401, "token_revoked");
        client.logout(&pair.access).refused(401, "token_revoked");
    }
    client.test(&other.access).expect(200);
    client.refresh(&other.refresh).expect(200);
}

#[test]
fn each_kind_of_token_is_refused_where_the_other_belongs() {
    let server = Server::start();
    let client = server.client();
    let pair = client.newcomer("arun");
    client.test(&pair.refresh).refused(401, "invalid_token");
    client.with_token("GET", "/me", &pair.refresh).refused(401, "invalid_token");
    client.refresh(&pair.access).refused(401, "invalid_token");
    let other = Server::start();
    let foreign = other.client().newcomer("arun");
    client.test(&foreign.access).refused(401, "invalid_token");
    client.refresh(&foreign.refresh).refused(401, "invalid_token");
}

#[test]
fn an_expired_token_says_so() {
    let server = Server::with(&[], &[("JWT_ACCESS_TOKEN_EXPIRES", "1")]);
    let client = server.client();
    let pair = client.newcomer("arun");
    // The only way for a second to pass is to let it.
    let later = || {
        crate::users::next_second();
        client.test(&pair.access)
    };
    let answer = std::iter::repeat_with(later).find(|answer| answer.status != 200).unwrap();
    answer.refused(401, "token_expired");
    client.refresh(&pair.refresh).expect(200);
}

#[test]
fn a_shared_secret_signs_hs256_and_tokens_of_the_own_key_live_on() {
    let mut server = Server::start();
    let before = server.client().newcomer("arun");
    server.stop();
    let secret = ("JWT_SECRET_KEY".to_owned(), "12345".to_owned());
    server = server.again_with(secret);
    let client = server.client();
    client.test(&before.access).expect(200);
    let pair = client.login("arun");
    let header = pair.access.split('.').next().unwrap();
    assert!(header.starts_with("eyJhbGciOiJIUzI1NiIs"), "{header}");
    client.test(&pair.access).expect(200);
    client.refresh(&pair.refresh).expect(200);
}

#[test]
fn without_its_secret_a_token_is_refused_at_once_unless_the_secret_is_a_previous_one() {
    let mut server = Server::with(&[], &[("JWT_SECRET_KEY", "the first secret, long enough for HS256")]);
    let pair = server.client().newcomer("arun");
    server.stop();
    server = server.again_with(("JWT_SECRET_KEY".to_owned(), "the second secret, long enough for HS256".to_owned()));
    server.client().test(&pair.access).refused(401, "invalid_token");
    server.client().refresh(&pair.refresh).expect(200);
    server.stop();
    server = server.again_with(("JWT_PREVIOUS_SECRET_KEY".to_owned(), "the first secret, long enough for HS256".to_owned()));
    server.client().test(&pair.access).expect(200);
    let second = server.client().login("arun");
    server.stop();
    server = server.again_without("JWT_PREVIOUS_SECRET_KEY");
    server.client().test(&pair.access).refused(401, "invalid_token");
    server.client().test(&second.access).expect(200);
    server.stop();
    server = server.again_without("JWT_SECRET_KEY");
    server.client().test(&second.access).refused(401, "invalid_token");
    let own = Pair::of(&server.client().refresh(&second.refresh).expect(200));
    server.client().test(&own.access).expect(200);
    assert!(own.access.starts_with("eyJhbGciOiJFUzI1NiIs"), "{}", own.access);
}

#[test]
fn a_token_is_backdated_for_a_verifier_whose_clock_is_behind() {
    let server = Server::with(&[], &[("DOORWARD_IAT_BACKDATE", "5")]);
    let pair = server.client().newcomer("arun");
    let claims = payload(&pair.access);
    let (issued, ends) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    assert_eq!((ends - issued, claims["nbf"].as_u64()), (905, Some(issued)));
    server.client().test(&pair.access).expect(200);
}

#[test]
fn settings_add_claims_and_an_audience() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("settings.toml");
    std::fs::write(&file, "[default]\naudience = \"shop\"\nissuer = \"https://login.example.com\"\n[default.claims]\ntenant = \"acme\"\n")
        .unwrap();
    let server = Server::with(&["--config", file.to_str().unwrap()], &[]);
    let client = server.client();
    let pair = client.newcomer("arun");
    let claims = payload(&pair.access);
    assert_eq!((&claims["tenant"], &claims["aud"], &claims["iss"]), (&json!("acme"), &json!("shop"), &json!("https://login.example.com")));
    client.test(&pair.access).expect(200);
}

#[test]
fn a_token_of_the_same_key_for_another_audience_or_for_none_is_refused_and_one_for_an_audience_where_there_is_none() {
    let audience = |name: &str| ("DOORWARD_AUDIENCE".to_owned(), name.to_owned());
    let mut server = Server::start();
    let mut tokens = vec![server.client().newcomer("arun").access];
    for name in ["shop", "bank"] {
        server.stop();
        server = server.again_with(audience(name));
        tokens.push(server.client().login("arun").access);
    }
    let said = tokens.iter().map(|token| payload(token)["aud"].clone()).collect::<Vec<_>>();
    assert_eq!(said, [json!(null), json!("shop"), json!("bank")]);
    let only = |server: &Server, good: usize| {
        for (number, token) in tokens.iter().enumerate() {
            let answer = server.client().test(token);
            assert_eq!(
                (answer.status, answer.error().as_str()),
                if number == good { (200, "") } else { (401, "invalid_token") },
                "{number}"
            );
        }
    };
    only(&server, 2);
    for (good, name) in [(1, Some("shop")), (0, None)] {
        server.stop();
        server = server.again_without("DOORWARD_AUDIENCE");
        if let Some(name) = name {
            server.stop();
            server = server.again_with(audience(name));
        }
        only(&server, good);
    }
}
