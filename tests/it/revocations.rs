//! The feed of what was revoked.

use serde_json::{Value, json};

use crate::cli::{run_in, said};
use crate::server::{Client, Server};
use crate::services::{SECRET, bearer, form, minted, now, payload, text, with_service};

fn follow(client: &Client, service: &Value, since: &str) -> Value {
    let query = if since.is_empty() { String::new() } else { format!("?since={since}") };
    client.send("GET", &format!("/revocations{query}"), &[("Authorization", &bearer(service))], None).expect(200).json()
}

#[test]
fn what_was_revoked_stays_revoked_through_a_kill() {
    let (mut server, client, _, shop) = with_service();
    let arun = client.newcomer("arun");
    form(&client, "/revoke", None, &format!("token={}", arun.access)).expect(200);
    server.kill_and_start_again();
    server.client().test(&arun.access).refused(401, "token_revoked");
    let listed = follow(&server.client(), &shop, "");
    assert_eq!(listed["reset"], true);
    let sid = payload(&arun.access)["sid"].clone();
    assert!(listed["revoked"].as_array().unwrap().iter().any(|entry| entry["id"] == sid && entry["kind"] == "session"), "{listed}");
}

#[test]
fn the_feed_tells_of_a_logout_once_and_in_the_answer_after() {
    let (_server, client, _, shop) = with_service();
    let arun = client.newcomer("arun");
    let empty = follow(&client, &shop, "");
    assert_eq!(
        (&empty["reset"], &empty["more"], &empty["revoked"], &empty["users"]),
        (&json!(true), &json!(false), &json!([]), &json!([]))
    );
    let cursor = text(&empty, "cursor");
    client.logout(&arun.access).expect(200);
    let news = follow(&client, &shop, cursor);
    let claims = payload(&arun.access);
    let revoked = json!([
        {"id": claims["jti"], "kind": "token", "exp": claims["exp"]}, {"id": claims["sid"], "kind": "session", "exp": claims["exp"]},
    ]);
    assert_eq!((&news["reset"], &news["revoked"]), (&json!(false), &revoked));
    let nothing = follow(&client, &shop, text(&news, "cursor"));
    assert_eq!((&nothing["cursor"], &nothing["revoked"]), (&news["cursor"], &json!([])));
    assert_eq!(follow(&client, &shop, cursor)["revoked"], revoked, "an old cursor of this start is good");
    for unknown in ["x", "%00", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &"A".repeat(9000), &format!("{cursor}A")] {
        let all = follow(&client, &shop, unknown);
        assert_eq!((&all["reset"], &all["revoked"]), (&json!(true), &revoked), "{unknown}");
    }
}

#[test]
fn a_cursor_of_an_earlier_start_gets_the_whole_list() {
    let (mut server, client, _, shop) = with_service();
    let arun = client.newcomer("arun");
    client.logout(&arun.access).expect(200);
    let before = follow(&client, &shop, "");
    for unclean in [false, true] {
        if unclean {
            server.kill();
        } else {
            server.stop();
        }
        server.start_again();
        let again = follow(&server.client(), &shop, text(&before, "cursor"));
        let sorted = |feed: &Value| {
            let mut ids: Vec<_> = feed["revoked"].as_array().unwrap().iter().map(ToString::to_string).collect();
            ids.sort();
            ids
        };
        assert_eq!((&again["reset"], sorted(&again)), (&json!(true), sorted(&before)));
    }
}

#[test]
fn disabling_and_deleting_a_user_is_in_the_feed() {
    let (_server, client, boss, shop) = with_service();
    let (first, second) = (client.newcomer("arun"), client.login("arun"));
    let mira = client.newcomer("mira");
    let cursor = follow(&client, &shop, "")["cursor"].as_str().unwrap().to_owned();
    client.json("PATCH", "/user/2", Some(&boss.access), &json!({"disabled": true})).expect(200);
    client.with_token("DELETE", "/user/3", &boss.access).expect(200);
    let news = follow(&client, &shop, &cursor);
    let ids: Vec<_> = news["revoked"].as_array().unwrap().iter().map(|entry| entry["id"].clone()).collect();
    assert_eq!(ids.len(), 3, "{news}");
    for pair in [first, second, mira] {
        assert!(ids.contains(&payload(&pair.access)["sid"]), "{news}");
    }
    let subs: Vec<_> = news["users"].as_array().unwrap().iter().map(|entry| entry["sub"].clone()).collect();
    assert_eq!(subs, ["2", "3"]);
    assert!(news["users"][0]["not_before"].as_u64().unwrap() > 0);
}

#[test]
fn a_deleted_users_tokens_without_a_session_are_told_of_through_a_kill_and_a_restore() {
    let (mut server, client, boss, shop) = with_service();
    let arun = client.newcomer("arun");
    let own = minted(SECRET, &json!({"sub": payload(&arun.access)["sub"], "iat": now(), "exp": now() + 600}));
    client.with_token("DELETE", "/user/2", &boss.access).expect(200);
    let refused = |feed: &Value| {
        let entry = feed["users"].as_array().unwrap().iter().find(|entry| entry["sub"] == "2").cloned();
        let claims = payload(&own);
        claims["sid"].is_null() && entry.is_some_and(|entry| claims["iat"].as_u64() < entry["not_before"].as_u64())
    };
    assert!(refused(&follow(&client, &shop, "")), "an app that follows the feed refuses it, as it was issued before");
    server.kill_and_start_again();
    assert!(refused(&follow(&server.client(), &shop, "")));
    server.stop();
    for arguments in [&["backup", "made.jsonl"][..], &["restore", "made.jsonl", "--replace"]] {
        let (code, _, err) = said(&run_in(server.directory.path(), arguments, &[], ""));
        assert_eq!(code, Some(0), "{arguments:?}: {err}");
    }
    server.start_again();
    assert!(refused(&follow(&server.client(), &shop, "")));
}

#[test]
fn who_has_the_newest_gets_304() {
    let (_server, client, _, shop) = with_service();
    let arun = client.newcomer("arun");
    let key = bearer(&shop);
    let ask = |query: &str, tag: &str| {
        client.send("GET", &format!("/revocations{query}"), &[("Authorization", &key), ("If-None-Match", tag)], None)
    };
    let first = ask("", "\"x\"").expect(200);
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    let etag = first.header("etag").unwrap();
    let same = ask("", etag).expect(304);
    assert_eq!((same.text.as_str(), same.header("etag"), same.header("cache-control")), ("", Some(etag), Some("no-cache")));
    ask(&format!("?since={}", text(&first.json(), "cursor")), &format!("\"y\", {}", etag.trim_start_matches("W/"))).expect(304);
    client.logout(&arun.access).expect(200);
    ask("", etag).expect(200);
    client.send("GET", "/revocations", &[("If-None-Match", "*")], None).refused(401, "authorization_required");
}

#[test]
fn a_long_list_comes_in_pages_that_miss_and_repeat_nothing() {
    let server = Server::with(&[], &[("DOORWARD_REVOCATIONS", "public"), ("JWT_SECRET_KEY", SECRET)]);
    let client = server.client();
    client.newcomer("arun");
    let (now, ids) = (now(), (0..1500).map(|number| format!("00000000-0000-4000-8000-{number:012}")).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for some in ids.chunks(150) {
            let client = server.client();
            scope.spawn(move || {
                for jti in some {
                    let token = minted(SECRET, &json!({"sub": "1", "iat": now - 5, "exp": now + 600, "jti": jti}));
                    form(&client, "/revoke", None, &format!("token={token}")).expect(200);
                }
            });
        }
    });
    let page = |query: &str| {
        let page = client.get(&format!("/revocations{query}")).expect(200).json();
        let ids: Vec<_> = page["revoked"].as_array().unwrap().iter().map(|entry| text(entry, "id").to_owned()).collect();
        (page, ids)
    };
    let (first, mut seen) = page("");
    assert_eq!((&first["reset"], &first["more"], seen.len()), (&json!(true), &json!(true), 1000));
    let (second, rest) = page(&format!("?since={}", text(&first, "cursor")));
    assert_eq!((&second["reset"], &second["more"], rest.len()), (&json!(false), &json!(false), 500));
    seen.extend(rest);
    seen.sort();
    assert_eq!(seen, ids);
}

#[test]
fn the_feed_can_be_public_and_nothing_else_is_with_it() {
    let server = Server::with(&[], &[("DOORWARD_REVOCATIONS", "public")]);
    let client = server.client();
    client.get("/revocations").expect(200);
    client.with_token("GET", "/revocations", "anything").expect(200);
    form(&client, "/introspect", None, "token=x").refused(401, "authorization_required");
    client.get("/services").refused(401, "authorization_required");
}

#[test]
fn a_logout_with_a_refresh_token_is_remembered_for_minutes_not_for_a_month() {
    let (_server, client, _, shop) = with_service();
    let arun = client.newcomer("arun");
    client.logout(&arun.refresh).expect(200);
    let claims = payload(&arun.access);
    assert_eq!(follow(&client, &shop, "")["revoked"], json!([{"id": claims["sid"], "kind": "session", "exp": claims["exp"]}]));
    client.refresh(&arun.refresh).refused(401, "token_revoked");
}

#[test]
fn a_logout_with_one_token_of_an_apps_own_session_is_remembered_for_as_long_as_another_may_live() {
    let mut server = Server::with(&[], &[("DOORWARD_REVOCATIONS", "public"), ("JWT_SECRET_KEY", SECRET)]);
    let client = server.client();
    client.newcomer("arun");
    let (now, sid) = (now(), "7b0c6a52-6f0e-4a62-9a53-0d3c7c6f0b11");
    let of_the_session = |secs: u64| minted(SECRET, &json!({"sub": "1", "iat": now - 5, "exp": now + secs, "sid": sid}));
    let (short, long) = (of_the_session(60), of_the_session(3600));
    client.test(&long).expect(200);
    client.logout(&short).expect(200);
    let until = |client: &Client| {
        let feed = client.get("/revocations").expect(200).json();
        let entry = feed["revoked"].as_array().unwrap().iter().find(|entry| entry["id"] == sid).expect("the session").clone();
        assert_eq!(entry["kind"], "session");
        entry["exp"].as_u64().unwrap()
    };
    assert!(until(&client) >= now + 24 * 3600, "not for a minute only, when the other token is good for an hour");
    server.kill_and_start_again();
    server.client().test(&long).refused(401, "token_revoked");
    assert!(until(&server.client()) >= now + 24 * 3600);
}
