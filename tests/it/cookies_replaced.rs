//! A login on a browser that stays signed in: what becomes of the session whose cookie it had.

use serde_json::{Value, json};

use crate::cookies::{asking, is_in, is_out, keep_signed_in};
use crate::server::{PASSWORD, Pair, with_admin};

#[test]
fn a_login_that_is_to_last_ends_the_session_whose_cookie_it_replaces() {
    let (_server, client, boss) = with_admin();
    client.register("mira").expect(201);
    let elsewhere = client.newcomer("arun");
    let again = |cookie: &str, body: &Value| {
        let headers = [("Content-Type", "application/json"), ("Cookie", cookie)];
        client.send("POST", "/login", &headers, Some(body.to_string().as_bytes()))
    };
    let replacing = |cookie: &str, username: &str| {
        let answer = again(cookie, &asking(username)).expect(200);
        (Pair::of(&answer), answer.header("Set-Cookie").unwrap().split(';').next().unwrap().to_owned())
    };
    let (first, cookie) = keep_signed_in(&client, "arun");
    again(&cookie, &json!({"username": "arun", "password": "not my password", "keep_signed_in": true})).refused(401, "invalid_credentials");
    again(&cookie, &json!({"username": "arun", "password": PASSWORD})).expect(200);
    is_in(&client, &cookie);
    let (second, newer) = replacing(&cookie, "arun");
    is_out(&client, &cookie);
    client.test(&first.access).refused(401, "token_revoked");
    client.refresh(&first.refresh).refused(401, "token_revoked");
    let (third, newest) = replacing(&newer, "arun");
    is_out(&client, &newer);
    let listed = client.with_token("GET", "/me/sessions", &third.access).json();
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 3, "with those of no cookie: {listed}");
    let forged = format!("{}x", &newest[..newest.len() - 1]);
    for no_cookie in [cookie.as_str(), &forged, &format!("{newest}; {newest}")] {
        replacing(no_cookie, "arun");
        is_in(&client, &newest);
    }
    let (_, miras) = replacing(&newest, "mira");
    is_out(&client, &newest);
    is_in(&client, &miras);
    client.test(&elsewhere.access).expect(200);
    let ended = client.with_token("GET", "/audit?event=logout", &boss.access).json();
    let users: Vec<_> = ended["events"].as_array().unwrap().iter().map(|event| (&event["user"], event["session"].is_string())).collect();
    assert_eq!(users.len(), 3, "{ended}");
    assert!(users.iter().all(|(user, session)| *user == users[0].0 && *session), "each is arun's, and names its session: {ended}");
    client.test(&second.access).refused(401, "token_revoked");
}
