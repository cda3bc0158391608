//! Damage that a start does not see, because so large a database is served before all of it is read: it ends the server soon,
//! and until then nothing that is answered is wrong.

use std::fs;
use std::time::Duration;

use doorward::auth::clock::Timestamp;
use doorward::auth::password::PasswordHash;
use doorward::auth::user::{UserId, Username};
use doorward::store::{ImportedUser, Order, SledStore, Store as _, StoreOptions};
use tempfile::TempDir;

use crate::opening::open;
use crate::sample::alter;
use crate::server::PASSWORD;

/// From 100,000 records on a database that was stopped cleanly is served at once.
const USERS: u64 = 105_000;
/// Users that are kept in one step.
const AT_ONCE: u64 = 5_000;

/// Adds that many users behind the server's back, and makes a backup.
async fn grow(options: &StoreOptions) {
    let store = SledStore::open(options).unwrap();
    let hash = PasswordHash::from_phc(format!("$argon2id$v=19$m=19456,t=2,p=1${}${}", "c2FsdHNhbHQ", "A".repeat(43)));
    let user = |number: u64| ImportedUser {
        id: UserId::new(number),
        username: Username::parse(&format!("imported-{number}")).unwrap(),
        password: hash.clone(),
        created: Timestamp::from_secs(number),
    };
    // Without a gap in the ids: then a start need not look at the users to know who exists.
    for first in (2..2 + USERS).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let added = store.import_users((first..first + AT_ONCE).map(user).collect(), true).await.unwrap();
        assert_eq!(added.len() as u64, AT_ONCE);
    }
    let now = store.clock_mark().await.unwrap();
    store.back_up(Order { now, keys: true, keep: None }).await.unwrap();
    store.close().await.unwrap();
}

/// Makes another number of the last digit of a user's name, in each state of the record that the file has: one bit, and JSON as before.
fn damage(content: &mut [u8], number: u64) -> usize {
    let needle = format!("\"username\":\"imported-{number}\"");
    let places: Vec<_> = (0..content.len() - needle.len()).filter(|at| content[*at..].starts_with(needle.as_bytes())).collect();
    for at in &places {
        content[at + needle.len() - 2] ^= 1;
    }
    places.len()
}

#[test]
fn damage_that_shows_while_a_large_database_is_served_ends_the_server_and_nothing_wrong_is_answered() {
    let directory = TempDir::new().unwrap();
    let server = open(directory.path()).serves("a new database");
    let arun = server.client().newcomer("arun");
    server.stop();
    let options = StoreOptions { lock_wait: Duration::from_secs(30), ..StoreOptions::new(directory.path().join("data")) };
    rocket::tokio::runtime::Runtime::new().unwrap().block_on(grow(&options));
    let server = open(directory.path()).serves("a large database");
    server.client().try_login("arun", PASSWORD).expect(200);
    server.stop();
    alter(&directory.path().join("data/db"), |content| assert!(damage(content, 60_000) > 0));
    let server = open(directory.path()).serves("a large database with a flipped bit");
    let client = server.client();
    // Until it is found: what is asked is answered rightly or not at all.
    while let Ok(answer) = client.try_send("GET", "/test", &[("Authorization", &format!("Bearer {}", arun.access))], None) {
        assert!(answer.status == 200 || answer.status == 503, "{}", answer.text);
        for path in ["/user/1", "/me"] {
            if let Ok(answer) = client.try_send("GET", path, &[("Authorization", &format!("Bearer {}", arun.access))], None) {
                let is_right = answer.status == 200 && answer.json()["username"] == "arun";
                assert!(is_right || answer.status == 503, "{}", answer.text);
            }
        }
        // The reading that will find it has the processor meanwhile.
        std::thread::sleep(Duration::from_millis(5));
    }
    let (code, said) = server.end();
    let is_told =
        ["the records are damaged: ", "a record cannot be read: "].iter().any(|what| said.contains(&format!("the storage failed: {what}")));
    assert!(code == Some(74) && is_told, "{code:?} {said}");
    assert!(said.contains("see that the disk is sound and has room, and start it again"), "{said}");
    let said = open(directory.path()).refuses("the next start");
    assert!(said.contains("is damaged: ") && said.contains("restore latest --replace"), "{said}");
    let restored = crate::server::doorward(directory.path()).args(["restore", "latest", "--replace", "--quiet"]).output().unwrap();
    assert_eq!(restored.status.code(), Some(0), "{}", String::from_utf8_lossy(&restored.stderr));
    let server = open(directory.path()).serves("what was restored");
    assert!(
        fs::read_dir(directory.path().join("data")).unwrap().any(|one| one.unwrap().file_name().to_string_lossy().starts_with("replaced-"))
    );
    server.client().login("arun");
}
