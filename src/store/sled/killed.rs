//! What was acknowledged survives `kill -9`: a process writes and says what it was promised, and is killed at a moment.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::SledStore;
use crate::auth::session::Session;
use crate::auth::user::UserId;
use crate::store::contract::{T0, TempDir, hash, lifetimes, named};
use crate::store::{Store, StoreOptions, Which};

const DIR: &str = "DOORWARD_TEST_KILLED_IN";
const SEED: &str = "DOORWARD_TEST_SEED";

/// What a writer says it was promised. It has printed the line only after the store's answer.
fn promised(fact: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{fact}").unwrap();
    out.flush().unwrap();
}

async fn write_for_ever(store: SledStore, name: String) {
    for number in 0_u64.. {
        let user = store.insert_user(named(&format!("{name}n{number}"))).await.unwrap();
        promised(&format!("user {} {}", user.id, user.username));
        let session = Session::open(user.id, T0, &lifetimes());
        assert!(store.open_session(None, session.clone(), hash("first"), None).await.unwrap());
        for counter in 0..3 {
            store.rotate_refresh(session.id, user.id, counter, T0, lifetimes()).await.unwrap();
            promised(&format!("session {} {} {}", user.id, session.id, counter + 1));
        }
        match number % 3 {
            0 => {}
            1 => {
                store.end_sessions(user.id, Which::One(session.id), None, T0).await.unwrap();
                promised(&format!("ended {} {}", user.id, session.id));
            }
            _ => {
                store.delete_user(user.id, T0).await.unwrap();
                promised(&format!("deleted {}", user.id));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that is killed by the test below"]
async fn writes_until_it_is_killed() {
    let Ok(dir) = std::env::var(DIR) else { return };
    promised("opening");
    let store = SledStore::open(&StoreOptions { free_space_floor: 0, ..StoreOptions::new(dir) }).unwrap();
    promised("open");
    let seed = std::env::var(SEED).unwrap();
    let writers: Vec<_> = (0..8).map(|writer| tokio::spawn(write_for_ever(store.clone(), format!("s{seed}w{writer}")))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Runs the process above and kills it after it was promised `count` things; answers everything it was promised.
fn killed_after(dir: &Path, seed: u64, count: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::sled::killed::writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut promises = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
        // The harness begins the line of its own with the test's name.
        if let Some((_, promise)) = line.split_once('@') {
            promises.push(promise.to_owned());
        }
        if promises.len() == count {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it ended by itself");
    promises
}

/// That a store has all that was promised. What comes after a promise may have been done, too, without an answer.
async fn keeps(store: &SledStore, promises: &[String]) {
    // Only after its third refresh a writer ends or deletes anything.
    let may_be_gone: HashSet<_> = promises
        .iter()
        .filter(|promise| promise.starts_with("session ") && promise.ends_with(" 3"))
        .map(|promise| subject(promise))
        .collect();
    for promise in promises.iter().filter(|promise| promise.contains(' ')) {
        let id = subject(promise);
        let (user, sessions) = (store.user(id).await.unwrap(), store.sessions(id).await.unwrap());
        let is_revoked = |sid: &str| store.live().is_revoked(sid.parse().unwrap());
        let kept = match promise.split(' ').collect::<Vec<_>>()[..] {
            ["user", _, name] => user.map_or(may_be_gone.contains(&id), |user| user.username.as_str() == name),
            ["session", _, sid, counter] => match sessions.first() {
                Some(session) => session.id.to_string() == sid && session.counter >= counter.parse::<u64>().unwrap(),
                None => may_be_gone.contains(&id) && is_revoked(sid),
            },
            ["ended", _, sid] => user.is_some() && sessions.is_empty() && is_revoked(sid),
            ["deleted", _] => user.is_none() && sessions.is_empty() && store.live().standing(id).is_none(),
            _ => false,
        };
        assert!(kept, "{promise}");
    }
}

fn subject(promise: &str) -> UserId {
    promise.split(' ').nth(1).and_then(UserId::parse).unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_survives_being_killed() {
    let (dir, mut random, mut promises) = (TempDir::new(), fastrand::Rng::with_seed(5), Vec::new());
    for seed in 0..6 {
        // 1 is the start itself; more is somewhere among the writes.
        for count in [1, random.usize(2..1502)] {
            promises.extend(killed_after(dir.path(), seed, count));
        }
        let store = dir.open();
        keeps(&store, &promises).await;
        // Half of the time the next one starts after a stop that was not clean, either.
        if seed % 2 == 0 {
            store.close().await.unwrap();
        }
    }
    assert!(promises.len() > 1000, "only {} things were promised", promises.len());
}
