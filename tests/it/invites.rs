//! Registration by invite.

use serde_json::json;

use crate::cli::{run_in, said};
use crate::races::{AT_ONCE, at_once, count};
use crate::server::{Answer, Client, PASSWORD, Pair, Server, add_admin};

/// A server that wants invites, with the administrator `boss`.
fn inviting() -> (Server, Client, Pair) {
    let mut server = Server::with(&[], &[("DOORWARD_REGISTRATION", "invite")]);
    server.stop();
    add_admin(server.directory.path(), "boss");
    server.start_again();
    let client = server.client();
    let boss = client.login("boss");
    (server, client, boss)
}

fn invite(client: &Client, boss: &Pair) -> String {
    let made = client.with_token("POST", "/invites", &boss.access).expect(201).json();
    made["code"].as_str().unwrap().to_owned()
}

fn register(client: &Client, username: &str, invite: &str) -> Answer {
    client.json("POST", "/register", None, &json!({"username": username, "password": PASSWORD, "invite": invite}))
}

#[test]
fn an_invite_registers_one_user_once() {
    let (mut server, client, boss) = inviting();
    let code = invite(&client, &boss);
    assert!(code.starts_with("doorward_invite_"), "{code}");
    server.kill_and_start_again();
    let client = server.client();
    let created = register(&client, "arun", &code).expect(201);
    assert_eq!(created.header("location"), Some("/user/2"));
    assert_eq!(created.json(), json!({"message": "User has been created successfully"}));
    server.kill_and_start_again();
    let client = server.client();
    let refused = register(&client, "mira", &code).refused(403, "registration_closed");
    assert!(refused.json()["message"].as_str().unwrap().contains("invite"), "{}", refused.text);
    client.login("arun");
}

#[test]
fn a_registration_that_is_refused_does_not_use_up_the_invite() {
    let (server, client, boss) = inviting();
    let code = invite(&client, &boss);
    register(&client, "boss", &code).refused(409, "username_taken");
    register(&client, "admin", &code).refused(422, "validation_failed");
    let faults = client.json("POST", "/register", None, &json!({"username": "", "x": 1})).refused(422, "validation_failed").json();
    for field in ["username", "password", "invite", "x"] {
        assert!(faults["errors"]["json"][field].is_array(), "{field}: {faults}");
    }
    client.register("arun").refused(422, "validation_failed");
    for wrong in ["", "x", "doorward_invite_00", &code.to_uppercase()] {
        register(&client, "arun", wrong).refused(403, "registration_closed");
    }
    register(&client, "arun", &code).expect(201);
    let database = std::fs::read(server.data_dir().join("db")).unwrap();
    let random = code.rsplit('_').next().unwrap().as_bytes();
    assert!(!database.windows(random.len()).any(|bytes| bytes == random), "the code itself is kept");
}

#[test]
fn of_64_registrations_with_one_invite_exactly_one_succeeds() {
    let (server, client, boss) = inviting();
    let code = invite(&client, &boss);
    let answers = at_once(&server.url, |number, client| register(&client, &format!("user{number}"), &code));
    let (created, refused, busy) = (count(&answers, 201), count(&answers, 403), count(&answers, 503));
    assert_eq!((created, created + refused + busy), (1, AT_ONCE));
    let users = client.with_token("GET", "/users", &boss.access).json();
    assert_eq!(users["users"].as_array().unwrap().len(), 2);
}

#[test]
fn invites_are_listed_without_their_codes_and_can_be_taken_back() {
    let (mut server, client, boss) = inviting();
    let (first, second) = (invite(&client, &boss), invite(&client, &boss));
    let list = |client: &Client| client.with_token("GET", "/invites", &boss.access).expect(200).json()["invites"].clone();
    let listed = list(&client);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "created", "expires"]);
    assert_eq!(listed[0]["expires"].as_u64().unwrap() - listed[0]["created"].as_u64().unwrap(), 7 * 86_400);
    for code in [&first, &second] {
        assert!(!listed.to_string().contains(code.rsplit('_').next().unwrap()));
    }
    let path = format!("/invites/{}", listed[0]["id"].as_str().unwrap());
    client.with_token("DELETE", &path, &boss.access).expect(200);
    client.with_token("DELETE", &path, &boss.access).refused(404, "not_found");
    client.with_token("DELETE", "/invites/x", &boss.access).refused(404, "not_found");
    server.kill_and_start_again();
    let client = server.client();
    assert_eq!(list(&client), json!([listed[1]]));
    let answers = [register(&client, "arun", &first), register(&client, "mira", &second)];
    assert_eq!((count(&answers, 201), count(&answers, 403)), (1, 1));
    assert_eq!(list(&client), json!([]));
}

#[test]
fn an_invite_that_was_made_is_told_from_the_others_by_its_id_and_by_its_code() {
    let (server, client, boss) = inviting();
    let one = || client.with_token("POST", "/invites", &boss.access).expect(201).json();
    let made: Vec<_> = (0..3).map(|_| one()).collect();
    let listed = || {
        let listed = client.with_token("GET", "/invites", &boss.access).expect(200).json();
        let ids = listed["invites"].as_array().unwrap().iter().map(|invite| invite["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert!(made.iter().all(|one| listed().contains(&one["id"].as_str().unwrap().to_owned())), "{made:?}");
    let rm = |named: &str| said(&run_in(server.directory.path(), &["invite", "rm", named], &[], ""));
    let (code, out, err) = rm(made[1]["code"].as_str().unwrap());
    assert_eq!((code, out), (Some(0), format!("took back {}\n", made[1]["id"].as_str().unwrap())), "{err}");
    assert_eq!(rm(made[2]["id"].as_str().unwrap()).0, Some(0));
    assert_eq!(listed(), [made[0]["id"].as_str().unwrap()]);
    for gone in [&made[1]["code"], &made[2]["id"], &json!("doorward_invite_00"), &json!("doorward_invite_../user/1")] {
        let (code, _, err) = rm(gone.as_str().unwrap());
        assert!(code == Some(1) && err.contains("There is no such invite."), "{gone}: {err}");
    }
    let (_, out, err) = said(&run_in(server.directory.path(), &["invite", "make"], &[], ""));
    let id = listed().into_iter().find(|id| err.contains(id));
    assert!(id.is_some() && out.starts_with("doorward_invite_"), "{err}");
}

#[test]
fn an_invite_ends_when_it_was_asked_to() {
    let (_server, client, boss) = inviting();
    let make = |body: &serde_json::Value| client.json("POST", "/invites", Some(&boss.access), body);
    for expires in [json!(0), json!(-1), json!("7d"), json!(1.5), json!(7_776_001), json!(null)] {
        make(&json!({ "expires": expires })).refused(422, "validation_failed");
    }
    make(&json!({"code": "chosen"})).refused(422, "validation_failed");
    make(&json!({"expires": 7_776_000})).expect(201);
    make(&json!({})).expect(201);
    let code = make(&json!({"expires": 1})).expect(201).json()["code"].as_str().unwrap().to_owned();
    crate::users::next_second();
    register(&client, "arun", &code).refused(403, "registration_closed");
    assert_eq!(client.with_token("GET", "/invites", &boss.access).json()["invites"].as_array().unwrap().len(), 2);
}

#[test]
fn where_no_invite_is_wanted_the_field_is_unknown() {
    let server = Server::start();
    let refused = register(&server.client(), "arun", "doorward_invite_00").refused(422, "validation_failed");
    assert_eq!(refused.json()["errors"]["json"], json!({"invite": ["Unknown field."]}));
    server.client().register("arun").expect(201);
}

#[test]
fn more_invites_than_one_answer_lists_are_refused() {
    let (_server, client, boss) = inviting();
    let made = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while client.with_token("POST", "/invites", &boss.access).status == 201 {
                    made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(made.into_inner(), 1000);
    client.with_token("POST", "/invites", &boss.access).refused(422, "validation_failed");
    let listed = client.with_token("GET", "/invites", &boss.access).expect(200).json();
    assert_eq!(listed["invites"].as_array().unwrap().len(), 1000);
}
