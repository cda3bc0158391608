//! What of the audit trail stays: after a kill, and whatever a user does to push it out.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::races::at_once;
use crate::server::{Client, Pair, patiently, with_admin};

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
        patiently(|| client.register(&format!("arun{id}"))).expect(201);
    }
    at_once(&server.url, |number, client| {
        let id = number as u64 + 2;
        if deleted.contains(&id) { client.with_token("DELETE", &format!("/user/{id}"), &boss.access).expect(200) } else { client.get("/health") }
    });
    // Less than the minute after which the server writes something of its own accord.
    let start = Instant::now();
    while deletions_on_disk(&server.data_dir()) != deleted {
        assert!(start.elapsed() < Duration::from_secs(20), "on disk: {:?}", deletions_on_disk(&server.data_dir()));
        std::thread::yield_now();
    }
    server.kill_and_start_again();
    assert_eq!(every(&server.client(), &boss, "user_deleted").len(), deleted.len());
}
