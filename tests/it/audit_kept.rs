//! What of the audit trail stays: after a kill, and whatever a user does to push it out.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::races::at_once;
use crate::server::{Client, Pair, with_admin};

/// Events of a word, page by page, the newest first.
pub fn every(client: &Client, boss: &Pair, word: &str) -> Vec<Value> {
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let page = client.with_token("GET", &format!("/audit?event={word}{before}"), &boss.access).expect(200).json();
        found.extend(page["events"].as_array().unwrap().iter().cloned());
        match &page["next"] {
            Value::Null => return found,
            next => before = format!("&before={next}"),
        }
    }
}

/// Which users' deletion is in the file of the database. Reading the trail would have what waits written first.
fn deletions_on_disk(data: &Path) -> BTreeSet<u64> {
    let file = std::fs::read(data.join("db")).unwrap();
    let text = String::from_utf8_lossy(&file);
    let told = text.split(r#""event":"user_deleted","actor":"user:1","user":"#).skip(1);
    told.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()).collect()
}

#[test]
fn the_events_of_changes_that_were_answered_are_on_disk_at_once_without_another_write() {
    let (mut server, client, boss) = with_admin();
    let deleted: BTreeSet<u64> = (2..14).collect();
    for id in &deleted {
        client.register(&format!("arun{id}")).expect(201);
    }
    at_once(&server.url, |number, client| {
        let id = number as u64 + 2;
        if deleted.contains(&id) {
            client.with_token("DELETE", &format!("/user/{id}"), &boss.access).expect(200)
        } else {
            client.get("/health")
        }
    });
    // Less than the minute after which the server writes something of its own accord.
    let start = Instant::now();
    while deletions_on_disk(&server.data_dir()) != deleted {
        assert!(start.elapsed() < Duration::from_secs(40), "on disk: {:?}", deletions_on_disk(&server.data_dir()));
        std::thread::sleep(Duration::from_millis(2));
    }
    server.kill_and_start_again();
    assert_eq!(every(&server.client(), &boss, "user_deleted").len(), deleted.len());
}

#[test]
fn ending_other_sessions_where_there_are_none_is_no_event() {
    let (_server, client, boss) = with_admin();
    let (first, second) = (client.newcomer("arun"), client.login("arun"));
    let end_others = || client.with_token("POST", "/logout?scope=others", &second.access).expect(200);
    end_others();
    client.test(&first.access).refused(401, "token_revoked");
    (0..20).for_each(|_| drop(end_others()));
    let ended: Vec<_> = every(&client, &boss, "sessions_ended").iter().map(|event| event["details"]["ended"].clone()).collect();
    assert_eq!(ended, [1]);
}

#[test]
fn of_a_user_who_comes_and_goes_without_end_some_events_are_kept_and_all_are_counted() {
    let (_server, client, boss) = with_admin();
    client.register("arun").expect(201);
    (0..40).for_each(|_| drop(client.login("arun")));
    // How many were dropped is told with the first event of another second.
    crate::users::next_second();
    client.try_login("nobody", "not the password").expect(401);
    let about_arun = |event: &&Value| event["user"] == 2;
    let kept = every(&client, &boss, "login").iter().filter(about_arun).count() as u64;
    let dropped: u64 = every(&client, &boss, "events_dropped").iter().map(|event| event["details"]["count"].as_u64().unwrap()).sum();
    assert_eq!(kept + dropped, 40);
    // The registration is the first of thirty; each minute, should the machine take so long, there is one more.
    assert!((29..40).contains(&kept), "{kept}");
    assert_eq!(every(&client, &boss, "user_added").len(), 1, "others' events are still there");
}
