//! The audit trail: each use case notes who did what to whom, from where, in the log and in the store, and it can be read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use doorward::auth::audit::{Wanted, Word};
use doorward::auth::password::Password;
use doorward::auth::user::{Role, Username};
use doorward::auth::{Actor, Auth};
use doorward::config::{Flags, Settings};
use doorward::store::{SledStore, StoreOptions, UserChange};
use serde_json::{Value, json};

use crate::cli::{run_in, said};
use crate::server::{Answer, Client, PASSWORD, Pair, with_admin, with_admin_and};

fn events(client: &Client, boss: &Pair, query: &str) -> Vec<Value> {
    let page = client.with_token("GET", &format!("/audit{query}"), &boss.access).expect(200).json();
    page["events"].as_array().unwrap().clone()
}

/// Whether every field of `expected` is in `event`.
pub fn has(event: &Value, expected: &Value) -> bool {
    expected.as_object().unwrap().iter().all(|(name, value)| &event[name] == value)
}

/// Sends a request and compares what it adds to the audit trail, in order, with what is expected. Of each event the address
/// and the request's id must be those of the request.
struct Watch<'a> {
    client: &'a Client,
    boss: &'a Pair,
    words: BTreeSet<String>,
}

impl Watch<'_> {
    #[track_caller]
    fn adds(&mut self, send: impl FnOnce(&Client) -> Answer, status: u16, expected: &[Value]) -> Answer {
        let last = |events: &[Value]| events.first().map_or(0, |event| event["id"].as_u64().unwrap());
        let before = last(&events(self.client, self.boss, "?limit=1"));
        let answer = send(self.client).expect(status);
        let mut added = events(self.client, self.boss, "");
        added.retain(|event| event["id"].as_u64().unwrap() > before);
        added.reverse();
        assert_eq!(added.len(), expected.len(), "{added:?}");
        for (event, expected) in added.iter().zip(expected) {
            assert!(has(event, expected), "{event} / {expected}");
            assert_eq!((&event["address"], event["request"].as_str()), (&json!("127.0.0.1"), answer.header("X-Request-Id")), "{event}");
            assert!(event["time"].as_str().unwrap().ends_with('Z'), "{event}");
            self.words.insert(event["event"].as_str().unwrap().to_owned());
        }
        answer
    }

    #[track_caller]
    fn boss(&mut self, method: &str, path: &str, body: &Value, status: u16, expected: &[Value]) -> Answer {
        let token = self.boss.access.clone();
        self.adds(
            |client| if body.is_null() { client.with_token(method, path, &token) } else { client.json(method, path, Some(&token), body) },
            status,
            expected,
        )
    }
}

#[test]
fn every_use_case_says_who_did_what_to_whom_from_where() {
    let (_server, client, boss) = with_admin_and(&[("DOORWARD_REGISTRATION", "invite")]);
    let mut watch = Watch { client: &client, boss: &boss, words: BTreeSet::new() };
    let mut arun = comings_and_goings(&mut watch);
    passwords(&mut watch, &mut arun);
    what_an_administrator_does(&mut watch);
    // What the server says by itself after a storm, what needs a server without an administrator (`setup.rs`), and backups (`backup.rs`).
    watch.words.extend(["events_dropped", "set_up", "backed_up", "restored"].map(str::to_owned));
    let all: BTreeSet<_> = Word::ALL.iter().map(|word| word.as_str().to_owned()).collect();
    assert_eq!(watch.words, all);
}

/// Registers and logs in arun, the user 2; answers its tokens.
fn comings_and_goings(watch: &mut Watch<'_>) -> Pair {
    let made = watch.boss("POST", "/invites", &Value::Null, 201, &[json!({"event": "invite_made", "actor": "user:1", "user": null})]);
    let register = |invite: &Value| json!({"username": "arun", "password": PASSWORD, "invite": invite});
    watch.adds(
        |client| client.json("POST", "/register", None, &register(&json!("none"))),
        403,
        &[json!({"event": "invite_refused", "actor": "anyone"})],
    );
    let invited = [json!({"event": "registered", "actor": "user:2", "user": 2})];
    watch.adds(|client| client.json("POST", "/register", None, &register(&made.json()["code"])), 201, &invited);
    watch.boss("POST", "/invites", &Value::Null, 201, &[json!({"event": "invite_made"})]);
    let id = watch.client.with_token("GET", "/invites", &watch.boss.access).json()["invites"][0]["id"].clone();
    let deleted = [json!({"event": "invite_deleted", "actor": "user:1", "details": {"invite": id}})];
    watch.boss("DELETE", &format!("/invites/{}", id.as_str().unwrap()), &Value::Null, 200, &deleted);
    let failed = json!({"event": "login_failed", "actor": "anyone", "user": 2, "session": null, "details": {"reason": "password"}});
    watch.adds(|client| client.try_login("arun", "not the password"), 401, &[failed]);
    watch.adds(
        |client| client.try_login("nobody", PASSWORD),
        401,
        &[json!({"event": "login_failed", "actor": "anyone", "user": null, "details": {"reason": "unknown"}})],
    );
    let login = |watch: &mut Watch<'_>| {
        Pair::of(&watch.adds(|client| client.try_login("arun", PASSWORD), 200, &[json!({"event": "login", "actor": "user:2", "user": 2})]))
    };
    let first = login(watch);
    let session = watch.client.with_token("GET", "/me/sessions", &first.access).json()["sessions"][0]["id"].clone();
    assert_eq!(events(watch.client, watch.boss, "?event=login&limit=1")[0]["session"], session);
    watch.adds(|client| client.logout(&first.access), 200, &[json!({"event": "logout", "actor": "user:2", "user": 2, "session": session})]);
    let (first, second) = (login(watch), login(watch));
    let next = Pair::of(&watch.adds(|client| client.refresh(&second.refresh), 200, &[]));
    watch.adds(|client| client.refresh(&next.refresh), 200, &[]);
    watch.adds(|client| client.refresh(&second.refresh), 401, &[json!({"event": "refresh_reused", "actor": "anyone", "user": 2})]);
    let third = login(watch);
    let ended = [json!({"event": "sessions_ended", "actor": "user:2", "user": 2, "details": {"ended": 1}})];
    watch.adds(|client| client.with_token("POST", "/logout?scope=others", &first.access), 200, &ended);
    watch.client.test(&third.access).refused(401, "token_revoked");
    first
}

/// Changes and resets arun's password.
fn passwords(watch: &mut Watch<'_>, arun: &mut Pair) {
    let set_up = json!({"code": "none", "username": "mira", "password": PASSWORD});
    let refused = [json!({"event": "setup_refused", "actor": "anyone", "user": null, "details": {}})];
    watch.adds(|client| client.json("POST", "/setup", None, &set_up), 401, &refused);
    let change = |current: &str| json!({"current_password": current, "new_password": "an entirely new one"});
    for (current, status, event) in [("wrong", 401, "password_refused"), (PASSWORD, 200, "password_changed")] {
        let expected = [json!({"event": event, "actor": "user:2", "user": 2})];
        watch.adds(|client| client.json("PUT", "/me/password", Some(&arun.access), &change(current)), status, &expected);
    }
    let issued = watch.boss("POST", "/user/2/reset", &Value::Null, 201, &[json!({"event": "reset_issued", "actor": "user:1", "user": 2})]);
    let redeem = |code: &Value| json!({"code": code, "new_password": PASSWORD});
    watch.adds(
        |client| client.json("POST", "/reset", None, &redeem(&json!("none"))),
        401,
        &[json!({"event": "reset_refused", "actor": "anyone", "user": null})],
    );
    let set = [json!({"event": "password_reset", "actor": "user:2", "user": 2})];
    watch.adds(|client| client.json("POST", "/reset", None, &redeem(&issued.json()["code"])), 200, &set);
}

fn what_an_administrator_does(watch: &mut Watch<'_>) {
    let by_boss = |event: &str, details: &Value| json!({"event": event, "actor": "user:1", "user": 2, "details": details});
    let roles = by_boss("roles_changed", &json!({"from": [], "to": ["editor"]}));
    let claims = by_boss("claims_changed", &json!({"set": ["team"], "removed": []}));
    watch.boss("PATCH", "/user/2", &json!({"roles": ["editor"], "claims": {"team": "secret-value"}}), 200, &[roles, claims]);
    let claims = by_boss("claims_changed", &json!({"set": ["floor"], "removed": ["team"]}));
    watch.boss("PATCH", "/user/2", &json!({"roles": ["editor"], "claims": {"floor": 2}}), 200, &[claims]);
    watch.boss("PATCH", "/user/2", &json!({"disabled": true}), 200, &[by_boss("user_disabled", &json!({}))]);
    watch.boss("PATCH", "/user/2", &json!({"disabled": false}), 200, &[by_boss("user_enabled", &json!({}))]);
    watch.boss("PATCH", "/user/2", &json!({"disabled": false, "roles": ["editor"]}), 200, &[]);
    let log = json!({"event": "log_changed", "actor": "user:1", "details": {"from": "warn,audit=info", "to": "audit=info"}});
    watch.boss("PUT", "/log", &json!({"filter": "audit=info"}), 200, &[log]);
    for _ in 0..4 {
        watch.client.try_login("nobody else", "not the password").refused(401, "invalid_credentials");
    }
    let last =
        [json!({"event": "login_failed"}), json!({"event": "throttled", "actor": "anyone", "details": {"scope": "user_at_address"}})];
    watch.adds(|client| client.try_login("nobody else", "not the password"), 401, &last);
    watch.boss("DELETE", "/user/2/throttle", &Value::Null, 200, &[by_boss("user_unlocked", &json!({}))]);
    let unlocked = json!({"event": "address_unlocked", "actor": "user:1", "user": null, "details": {"address": "2001:db8:1:2::/64"}});
    watch.boss("DELETE", "/throttle/2001:db8:1:2::3", &Value::Null, 200, &[unlocked]);
    watch.boss("PATCH", "/user/1", &json!({"roles": []}), 403, &[]);
    watch.boss("DELETE", "/user/2/sessions", &Value::Null, 200, &[by_boss("sessions_ended", &json!({"ended": 0}))]);
    let added = json!({"event": "user_added", "actor": "user:1", "user": 3, "details": {"roles": ["clerk"]}});
    watch.boss("POST", "/users", &json!({"username": "mira", "password": PASSWORD, "roles": ["clerk"]}), 201, &[added]);
    watch.boss("DELETE", "/user/3", &Value::Null, 200, &[json!({"event": "user_deleted", "actor": "user:1", "user": 3})]);
    watch.boss("DELETE", "/user/3", &Value::Null, 404, &[]);
    imports(watch);
    let service = json!({"name": "shop", "scopes": ["introspect"]});
    let added = watch.boss("POST", "/services", &service, 201, &[json!({"event": "service_added", "actor": "user:1"})]).json();
    let path = format!("/services/{}", added["id"].as_str().unwrap());
    watch.boss("DELETE", &path, &Value::Null, 200, &[json!({"event": "service_removed", "details": {"service": added["id"]}})]);
    let next = watch.boss("POST", "/keys", &json!({}), 201, &[json!({"event": "key_added", "actor": "user:1"})]).json();
    let kid = next["kid"].as_str().unwrap();
    let retired = [json!({"event": "key_retired", "actor": "user:1", "details": {"kid": kid, "now": true}})];
    watch.boss("DELETE", &format!("/keys/{kid}?now=true"), &Value::Null, 200, &retired);
    let over = [json!({"event": "key_added"}), json!({"event": "key_activated", "actor": "user:1"})];
    watch.boss("POST", "/keys", &json!({"now": true}), 201, &over);
}

/// A trial, and one that adds nobody, are no events.
fn imports(watch: &mut Watch<'_>) {
    let hash = "$2b$04$OyKkl7WgU5os32aCsk8dkumiPgEm96vyjK7YMmMKhIz1bSlu9Bt3y";
    let users = json!([{"id": 5, "username": "theirs", "password_hash": hash}, {"id": 7, "username": "also", "password_hash": hash}]);
    let imported = json!({"event": "users_imported", "actor": "user:1", "user": null, "details": {"users": 2, "first": 5, "last": 7}});
    for (trial, expected) in [(true, &[][..]), (false, &[imported]), (false, &[])] {
        watch.boss("POST", "/import", &json!({"users": users, "dry_run": trial}), 200, expected);
    }
}

#[test]
fn the_trail_is_read_page_by_page_and_filtered_and_outlives_a_kill() {
    let (mut server, client, boss) = with_admin();
    client.newcomer("arun");
    (0..4).for_each(|_| drop(client.try_login("arun", "not the password").expect(401)));
    let whole = client.with_token("GET", "/audit", &boss.access).expect(200).json();
    let ids: Vec<_> = whole["events"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()).collect();
    assert_eq!((ids.as_slice(), &whole["next"]), (&[8, 7, 6, 5, 4, 3, 2, 1][..], &Value::Null));
    let first = &whole["events"][7];
    assert!(has(first, &json!({"event": "user_added", "actor": "local", "user": 1, "address": null, "request": null})), "{first}");
    assert_eq!(events(&client, &boss, "?event=login_failed").len(), 4);
    assert_eq!(events(&client, &boss, "?user=1").len(), 2);
    assert_eq!(events(&client, &boss, "?user=2&event=login").len(), 1);
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let page = client.with_token("GET", &format!("/audit?limit=4{before}"), &boss.access).expect(200).json();
        seen.extend(page["events"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()));
        match &page["next"] {
            Value::Null => break,
            next => before = format!("&before={next}"),
        }
    }
    assert_eq!(seen, ids);
    server.kill_and_start_again();
    assert_eq!(events(&server.client(), &boss, "").len(), 8);
}

/// Goes on with a future until it has been polled so many times, and drops it then.
async fn abandon(polls: usize, future: impl Future) {
    let (mut future, mut polled) = (std::pin::pin!(future), 0);
    std::future::poll_fn(|context| {
        polled += 1;
        if future.as_mut().poll(context).is_ready() || polled == polls { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn who_goes_away_at_any_moment_leaves_no_change_without_its_event() {
    let directory = tempfile::TempDir::new().unwrap();
    let settings = Settings::load(None, &BTreeMap::new(), &Flags::default()).unwrap().settings;
    let store = SledStore::open(&StoreOptions::new(directory.path().join("data"))).unwrap();
    let auth = Auth::start(Arc::new(store), settings.policy(false)).await.unwrap();
    let (name, password) = (Username::parse("arun").unwrap(), Password::chosen(PASSWORD, None).unwrap());
    let user = auth.add_user(Actor::Local, name, password, Vec::new()).await.unwrap().id;
    let wanted = Wanted { event: Some(Word::RolesChanged), limit: 100, ..Wanted::default() };
    for polls in 1..=6 {
        let role = Role::try_from(format!("role{polls}")).unwrap();
        let change = UserChange { roles: Some(vec![role.clone()]), ..UserChange::default() };
        abandon(polls, auth.change_user(Actor::Local, user, change)).await;
        // What was begun is done behind this one, which changes nothing.
        auth.change_user(Actor::Local, user, UserChange::default()).await.unwrap();
        let now = json!(auth.users(Actor::Local, None, 1).await.unwrap()[0].roles);
        let told = auth.events(Actor::Local, wanted.clone()).await.unwrap();
        assert_eq!(told.first().map_or(json!([]), |(_, last)| last.details["to"].clone()), now, "after {polls} polls");
        assert!(polls < 6 || now == json!([role]), "not abandoned late enough to count");
    }
    auth.close().await.unwrap();
}

#[test]
fn a_query_that_does_not_fit_is_named() {
    let (_server, client, boss) = with_admin();
    for (query, field) in [
        ("?user=x", "user"),
        ("?user=0", "user"),
        ("?event=Login", "event"),
        ("?event=", "event"),
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?before=-1", "before"),
        ("?before=", "before"),
        ("?since=1", "since"),
        ("?user=1&user=2", "user"),
        ("?after=1&limit=x", "after"),
    ] {
        let refused = client.with_token("GET", &format!("/audit{query}"), &boss.access).refused(422, "validation_failed");
        assert!(refused.json()["errors"]["query"][field].is_array(), "{query}: {}", refused.text);
    }
}

#[test]
fn the_trail_is_read_from_the_command_line() {
    let (mut server, client, _) = with_admin();
    client.newcomer("arun");
    client.try_login("arun", "not the password").expect(401);
    server.stop();
    let run = |arguments: &[&str]| said(&run_in(server.directory.path(), arguments, &[], ""));
    let (code, out, err) = run(&["audit"]);
    assert_eq!(code, Some(0), "{err}");
    let words: Vec<_> = out.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(words, ["EVENT", "login_failed", "login", "registered", "login", "user_added"], "{out}");
    assert!(out.contains("127.0.0.1") && out.contains("local") && out.contains("[\"admin\"]"), "{out}");
    let (_, out, _) = run(&["audit", "--user", "2", "--event", "login", "--json"]);
    let found: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert!(found.len() == 1 && has(&found[0], &json!({"event": "login", "user": 2, "actor": "user:2"})), "{out}");
    assert_eq!(run(&["audit", "--user", "Arun", "--event", "login", "--json"]).1, out, "by name as by id");
    let (_, out, _) = run(&["audit", "--limit", "2", "--json"]);
    assert_eq!(serde_json::from_str::<Vec<Value>>(&out).unwrap().len(), 2);
    run(&["user", "role", "arun", "editor"]);
    let (_, out, _) = run(&["audit", "--limit", "1"]);
    assert!(out.contains("roles_changed") && out.contains("local") && out.contains(r#"{"from":[],"to":["editor"],"uid":"#), "{out}");
    for odd in [&["audit", "--event", "log"][..], &["audit", "--limit", "-1"]] {
        assert_eq!(run(odd).0, Some(2), "{odd:?}");
    }
    for nobody in ["0", "mira", "two words"] {
        let (code, _, err) = run(&["audit", "--user", nobody]);
        assert!(code == Some(1) && err.contains(&format!("there is no user {nobody}")), "{err}");
    }
}

#[test]
fn of_a_storm_of_refusals_some_are_kept_and_all_are_counted() {
    let (server, client, boss) = with_admin();
    let refused = |client: &Client| client.json("POST", "/reset", None, &json!({"code": "none", "new_password": PASSWORD})).expect(401);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| drop(refused(&server.client()))));
        }
    });
    // A hundred a second are kept: as many seconds as it took, and those it began and ended in.
    let room = 100 * (began.elapsed().as_secs() + 2);
    // How many were dropped is told with the first refusal of another second.
    crate::users::next_second();
    refused(&client);
    let kept = crate::audit_kept::every(&client, &boss, "reset_refused").len() as u64;
    let dropped = events(&client, &boss, "?event=events_dropped");
    let dropped: u64 = dropped.iter().map(|event| event["details"]["count"].as_u64().unwrap()).sum();
    assert_eq!(kept + dropped, 801);
    assert!(dropped > 0 || room > 800, "{kept} were kept");
    assert_eq!(events(&client, &boss, "?event=user_added").len(), 1, "what matters is still there");
}

#[test]
fn why_a_login_failed_is_told_by_the_trail_and_by_no_answer() {
    let (_server, client, boss) = crate::server::with_admin();
    client.register("arun").expect(201);
    client.json("PATCH", "/user/2", Some(&boss.access), &json!({"disabled": true})).expect(200);
    let tried = [("arun", PASSWORD), ("arun", "not the password"), ("nobody", PASSWORD)];
    let answers = tried.map(|(name, password)| client.try_login(name, password).refused(401, "invalid_credentials").text);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let noted = events(&client, &boss, "?event=login_failed");
    let reasons: Vec<_> = noted.iter().rev().map(|event| (event["user"].clone(), event["details"].clone())).collect();
    let expected = [(json!(2), "disabled"), (json!(2), "password"), (Value::Null, "unknown")];
    assert_eq!(reasons, expected.map(|(user, reason)| (user, json!({"reason": reason}))));
}
