//! What is counted against whom: a thief's guesses against the thief, and nothing against whoever has shown a right to get in; and what
//! an administrator forgives an address.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::server::{Answer, Client, PASSWORD, Pair, Server, with_admin_and};
use crate::throttling::{BEHIND_A_PROXY, login, must_wait, register, send};
use crate::users::told_by;

fn change(client: &Client, from: &str, token: &str, current: &str) -> Answer {
    let body = json!({"current_password": current, "new_password": "an entirely new one"});
    send(client, from, "PUT", "/me/password", Some(token), &body)
}

#[test]
fn guesses_with_a_stolen_token_make_its_session_wait_wherever_they_come_from_and_the_owner_need_not() {
    let (_server, client, boss) = with_admin_and(&[BEHIND_A_PROXY]);
    register(&client, "192.0.2.1", "arun").expect(201);
    let stolen = Pair::of(&login(&client, "192.0.2.1", "arun", PASSWORD).expect(200)).access;
    let guess = |number: usize| change(&client, &format!("2001:db8:0:{number}::1"), &stolen, "not the password");
    (0..5).for_each(|number| drop(guess(number).refused(401, "invalid_credentials")));
    // One more after each wait that was over by then: 1 s, 2 s, 4 s, …
    let judged = (5..125).filter(|number| guess(number % 30).status == 401).count();
    assert!(judged < 8, "{judged} more were judged");
    let blocks = || client.with_token("GET", "/throttle", &boss.access).expect(200).json()["blocks"].take();
    let until = |blocks: &Value| blocks[0]["until"].as_u64().unwrap_or_default();
    let soon = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3;
    let listed = std::iter::repeat_with(|| (guess(31), blocks()).1).find(|blocks| until(blocks) > soon()).unwrap();
    assert_eq!((&listed[0]["scope"], &listed[0]["user"], &listed[0]["address"]), (&json!("session"), &json!(2), &Value::Null));
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    must_wait(change(&client, "192.0.2.1", &stolen, PASSWORD));
    client.with_token("DELETE", "/user/2/throttle", &boss.access).expect(200);
    (0..5).for_each(|number| drop(guess(number).refused(401, "invalid_credentials")));
    let own = Pair::of(&login(&client, "203.0.113.9", "arun", PASSWORD).expect(200)).access;
    change(&client, "203.0.113.9", &own, PASSWORD).expect(200);
}

#[test]
fn after_a_reset_by_code_the_guesses_before_it_count_no_more() {
    let (_server, client, boss) = with_admin_and(&[BEHIND_A_PROXY]);
    register(&client, "192.0.2.1", "arun").expect(201);
    let code = client.with_token("POST", "/user/2/reset", &boss.access).expect(201).json()["code"].as_str().unwrap().to_owned();
    let guess = || login(&client, "192.0.2.9", "arun", "not the password");
    while guess().status != 429 {}
    let body = json!({"code": code, "new_password": "an entirely new one"});
    send(&client, "203.0.113.9", "POST", "/reset", None, &body).expect(200);
    // Were they still counted, the second at the latest would have to wait.
    (0..4).for_each(|_| drop(guess().refused(401, "invalid_credentials")));
    login(&client, "192.0.2.9", "arun", "an entirely new one").expect(200);
}

#[test]
fn who_has_a_good_invite_is_never_made_to_wait_and_is_at_home_where_it_registered() {
    let limits = [("DOORWARD_THROTTLE_REGISTRATIONS", "1"), ("DOORWARD_THROTTLE_FAILURES", "2")];
    let (_server, client, boss) = with_admin_and(&[BEHIND_A_PROXY, ("DOORWARD_REGISTRATION", "invite"), limits[0], limits[1]]);
    for number in 0..4 {
        let invite = client.with_token("POST", "/invites", &boss.access).expect(201).json()["code"].take();
        let body = json!({"username": format!("user{number}"), "password": PASSWORD, "invite": invite});
        send(&client, "192.0.2.9", "POST", "/register", None, &body).expect(201);
    }
    (0..2).for_each(|number| drop(login(&client, "192.0.2.9", &format!("nobody{number}"), PASSWORD)));
    must_wait(login(&client, "192.0.2.9", "nobody", PASSWORD));
    login(&client, "192.0.2.9", "user0", PASSWORD).expect(200);
}

#[test]
fn where_a_deleted_user_was_at_home_the_next_of_its_name_is_not() {
    let server = Server::with(&[], &[BEHIND_A_PROXY, ("DOORWARD_THROTTLE_FAILURES", "2")]);
    let client = server.client();
    register(&client, "192.0.2.1", "arun").expect(201);
    let pair = Pair::of(&login(&client, "192.0.2.1", "arun", PASSWORD).expect(200));
    client.with_token("DELETE", "/user/1", &pair.access).expect(200);
    register(&client, "192.0.2.2", "arun").expect(201);
    (0..2).for_each(|number| drop(login(&client, "192.0.2.1", &format!("nobody{number}"), PASSWORD).refused(401, "invalid_credentials")));
    must_wait(login(&client, "192.0.2.1", "arun", "not the password"));
    login(&client, "192.0.2.2", "arun", PASSWORD).expect(200);
}

#[test]
fn a_token_without_a_session_is_counted_by_itself() {
    let secret = "0123456789abcdef0123456789abcdef";
    let server = Server::with(&[], &[BEHIND_A_PROXY, ("JWT_SECRET_KEY", secret)]);
    let client = server.client();
    register(&client, "192.0.2.1", "arun").expect(201);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let [one, other] = ["one", "other"].map(|id| {
        let claims = json!({"fresh": true, "iat": now, "jti": id, "type": "access", "sub": "1", "nbf": now, "exp": now + 900});
        crate::passwords::signed(secret, &claims)
    });
    (0..5).for_each(|_| drop(change(&client, "192.0.2.9", &one, "not the password").refused(401, "invalid_credentials")));
    let refused = (0..8).map(|_| change(&client, "192.0.2.9", &one, "not the password")).find(|answer| answer.status != 401);
    must_wait(refused.expect("a block"));
    (0..4).for_each(|_| drop(change(&client, "192.0.2.9", &other, "not the password").refused(401, "invalid_credentials")));
    change(&client, "192.0.2.9", &other, PASSWORD).expect(200);
}

#[test]
fn an_administrator_lets_an_address_go_on_whatever_failed_there_and_no_other() {
    let limits = [("DOORWARD_THROTTLE_FAILURES", "2"), ("DOORWARD_THROTTLE_REGISTRATIONS", "1")];
    let (_server, client, boss) = with_admin_and(&[BEHIND_A_PROXY, limits[0], limits[1]]);
    let here = ["2001:db8:1:2::3", "192.0.2.9"];
    let fail = |from: &str| {
        let reset =
            || send(&client, from, "POST", "/reset", None, &json!({"code": "doorward_reset_1_00", "new_password": "an entirely new one"}));
        let refresh = || send(&client, from, "POST", "/refresh", Some("not.a.token"), &Value::Null);
        let asks: [&dyn Fn() -> Answer; 4] =
            [&|| login(&client, from, "nobody", PASSWORD), &|| register(&client, from, "boss"), &reset, &refresh];
        asks.map(|ask| (0..9).take_while(|_| ask().status != 429).count())
    };
    assert_eq!(here.map(fail), [[2, 1, 2, 2]; 2], "each must wait at each");
    let blocks = || client.with_token("GET", "/throttle", &boss.access).expect(200).json()["blocks"].take();
    let at = |blocks: &Value, address: &str| blocks.as_array().unwrap().iter().filter(|block| block["address"] == address).count();
    let before = blocks();
    assert_eq!((at(&before, "2001:db8:1:2::/64"), at(&before, "192.0.2.9")), (4, 4), "{before}");
    let done = client.with_token("DELETE", "/throttle/2001:db8:1:2::", &boss.access).expect(200).json();
    assert_eq!(done, json!({"message": "Address has been unlocked successfully"}));
    let after = blocks();
    assert_eq!((at(&after, "2001:db8:1:2::/64"), at(&after, "192.0.2.9")), (0, 4), "{after}");
    assert_eq!(fail("2001:db8:1:2:ffff::"), [2, 1, 2, 2], "it begins anew, and is not exempt");
    must_wait(login(&client, "192.0.2.9", "boss", PASSWORD));
    for wrong in ["1", "192.0.2", "arun"] {
        client.with_token("DELETE", &format!("/throttle/{wrong}"), &boss.access).refused(404, "not_found");
    }
}

/// All that users could be told apart by, but the seconds, which go on.
fn told(answer: &Answer) -> (Vec<String>, String) {
    let (headers, text) = told_by(answer);
    (headers.into_iter().filter(|header| !header.starts_with("retry-after")).collect(), text.replace(|c: char| c.is_ascii_digit(), ""))
}

#[test]
fn where_an_address_must_wait_a_wrong_password_is_answered_alike_whether_its_user_is_at_home_there_or_nobody() {
    let (mut server, client, boss) = with_admin_and(&[BEHIND_A_PROXY, ("DOORWARD_THROTTLE_FAILURES", "3")]);
    for name in ["arun", "carl"] {
        register(&client, "192.0.2.1", name).expect(201);
        login(&client, "192.0.2.1", name, PASSWORD).expect(200);
    }
    client.json("PATCH", "/user/3", Some(&boss.access), &json!({"disabled": true})).expect(200);
    let look_alike = |client: &Client| {
        (0..3).for_each(|number| drop(login(client, "192.0.2.1", &format!("nobody{number}"), PASSWORD)));
        // More often than guesses at one user are judged.
        for _ in 0..8 {
            let [nobody, wrong, disabled] = [("nobody", PASSWORD), ("arun", "not the password"), ("carl", PASSWORD)]
                .map(|(name, password)| login(client, "192.0.2.1", name, password));
            assert_eq!((told(&wrong), told(&disabled)), (told(&nobody), told(&nobody)));
            let [nobody, wrong, disabled] = [nobody, wrong, disabled].map(must_wait);
            assert!(nobody > 500 && nobody - wrong < 9 && nobody - disabled < 9, "{nobody} {wrong} {disabled}");
        }
    };
    look_alike(&client);
    client.with_token("DELETE", "/user/2/throttle", &boss.access).expect(200);
    must_wait(login(&client, "192.0.2.1", "arun", "not the password"));
    login(&client, "192.0.2.1", "arun", PASSWORD).expect(200);
    server.kill_and_start_again();
    // Now its session alone says that it is at home.
    look_alike(&server.client());
}
