//! Databases of an older schema, made for the tests: what is `created` of a user today is `since` there, and nobody can read it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::checkpoint::{Restored, restore};
use super::super::contract::{T0, TempDir, named};
use super::super::machine::{Cast, Contents, contents, history};
use super::super::opening::DATABASE;
use super::super::opening::tests::{copy, forget_clean_stop};
use super::super::sled::reading::engine;
use super::super::sled::records::{VERSION, decode, encode, kind};
use super::super::{SledStore, Store};
use super::*;
use crate::auth::clock::Timestamp;

/// The right way from there.
const WAY: &[Migration] = &[Migration { from: 0, change: |from, to| each_user(from, to, |user| rename(user, "since", "created")) }];
/// One that forgets to.
const WRONG_WAY: &[Migration] = &[Migration { from: 0, change: |from, to| each_user(from, to, |_| ()) }];

fn rename(user: &mut Map<String, Value>, from: &str, to: &str) {
    let value = user.remove(from).unwrap();
    user.insert(to.to_owned(), value);
}

/// Copies all records, and changes those of users.
fn each_user(from: &::sled::Db, to: &mut Tree, change: impl Fn(&mut Map<String, Value>)) -> Result<(), StorageError> {
    for entry in from.iter() {
        let (key, value) = entry.map_err(engine("read"))?;
        if key[0] == kind::USER {
            let mut user: Map<String, Value> = decode("user", &value)?;
            change(&mut user);
            to.load(&key, &encode("user", &user)?)?;
        } else if *key != *key::META {
            to.load(&key, &value)?;
        }
    }
    Ok(())
}

fn patient(dir: &Path) -> StoreOptions {
    StoreOptions { free_space_floor: 0, lock_wait: LETTING_GO, migrations: WAY, ..StoreOptions::new(dir) }
}

fn opened(dir: &Path) -> ::sled::Db {
    open_sled(dir, Instant::now() + LETTING_GO).unwrap()
}

/// Every record but the one that describes them.
fn records(db: &::sled::Db) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let all = db.iter().map(Result::unwrap).filter(|(key, _)| **key != *key::META);
    all.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

/// Those of a checkpoint, as they were before it was made.
fn records_of(checkpoint: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let text = fs::read_to_string(checkpoint).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let record = |line: &&str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let word = value["kind"].as_str().unwrap();
        let (kind, _) = checkpoint::KINDS.iter().find(|(_, known)| *known == word).unwrap();
        let hex = value["key"].as_str().unwrap();
        let tail = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        // As it stands, not written anew.
        let json = line.split_once(",\"record\":").map(|(_, rest)| rest.strip_suffix('}').unwrap());
        let value = json.map(|json| [&[VERSION], json.as_bytes()].concat()).unwrap_or_default();
        ([*kind].into_iter().chain(tail).collect(), value)
    };
    lines[1..lines.len() - 1].iter().map(record).collect()
}

/// Makes the database in a directory one of schema 0.
fn make_older(dir: &Path) {
    let db = opened(dir);
    let mut meta = check::meta(&db).ok().flatten().unwrap();
    for (key, value) in records(&db).into_iter().filter(|(key, _)| key[0] == kind::USER) {
        let mut user: Map<String, Value> = decode("user", &value).unwrap();
        rename(&mut user, "created", "since");
        let older = encode("user", &user).unwrap();
        meta.note(&key, Some(&value), Some(&older));
        db.insert(key, older).unwrap();
    }
    meta.schema = 0;
    db.insert(key::META, encode("meta", &meta).unwrap()).unwrap();
    db.flush().unwrap();
}

/// A directory with a history in schema 0, and what is in it.
struct Older {
    dir: TempDir,
    ids: Vec<Uuid>,
    contents: Contents,
}

impl Older {
    async fn new(seed: u8) -> Self {
        let (dir, mut cast) = (TempDir::new(), Cast::default());
        let store = dir.open();
        store.insert_user(named("somebody")).await.unwrap();
        for step in history(seed, 200) {
            cast.call(step).run(&store).await;
        }
        let contents = contents(&store, &cast.ids).await;
        store.close().await.unwrap();
        make_older(dir.path());
        Self { dir, ids: cast.ids, contents }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// That a directory has all of it, in the form of today, and can be used and opened again.
    async fn is_whole(&self, dir: &Path, case: &str) {
        let store = opens(dir, case);
        assert_eq!(contents(&store, &self.ids).await, self.contents, "{case}");
        assert!(!dir.join(WORKSHOP).exists(), "{case}");
        store.close().await.unwrap();
        assert_eq!(check::meta(&opened(dir)).ok().flatten().unwrap().schema, SCHEMA, "{case}");
        forget_clean_stop(dir);
        let store = opens(dir, case);
        let new = store.insert_user(named("a-newcomer")).await.unwrap();
        assert!(store.delete_user(new.id, T0).await.unwrap());
        store.close().await.unwrap();
    }
}

#[track_caller]
fn opens(dir: &Path, case: &str) -> SledStore {
    SledStore::open(&patient(dir)).unwrap_or_else(|refused| panic!("{case}: {}", chained(&refused)))
}

fn chained(error: &StorageError) -> String {
    crate::error::chain(error)
}

fn refusal(options: &StoreOptions) -> String {
    match SledStore::open(options) {
        Err(refused) => chained(&refused),
        Ok(_) => panic!("it opened"),
    }
}

fn backups(dir: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(dir.join(FOLDER)).map(|entries| entries.map(|entry| entry.unwrap().path()).collect());
    found.unwrap_or_default()
}

#[tokio::test]
async fn an_older_database_is_brought_to_the_form_of_today_and_a_backup_of_it_stays() {
    for seed in [2, 6] {
        let older = Older::new(seed).await;
        let dir = copy(older.path());
        let before = records(&opened(dir.path()));
        older.is_whole(dir.path(), "opened").await;
        let made = backups(dir.path());
        assert!(made.len() == 1 && made[0].to_str().unwrap().ends_with(".before-upgrade.jsonl"), "{made:?}");
        assert_eq!(records_of(&made[0]), before, "an older version finds in it what it had");
        let head: Value = serde_json::from_str(fs::read_to_string(&made[0]).unwrap().lines().next().unwrap()).unwrap();
        assert_eq!((&head["schema"], &head["keys"]), (&json!(0), &json!(true)));
        let store = opens(dir.path(), "again");
        for hour in 0..3 {
            store.back_up(Order { now: T0 + Duration::from_secs(3600 * hour), keys: true, keep: Some(1) }).await.unwrap();
        }
        assert_eq!(backups(dir.path()).len(), 2, "the schedule leaves it alone");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn an_older_database_without_any_user_is_brought_along_too() {
    let dir = TempDir::new();
    dir.open().close().await.unwrap();
    make_older(dir.path());
    let store = SledStore::open(&patient(dir.path())).unwrap();
    assert_eq!(store.insert_user(named("arun")).await.unwrap().id.get(), 1);
    store.close().await.unwrap();
}

#[tokio::test]
async fn cut_off_at_any_step_nothing_is_lost_and_the_next_opening_goes_on() {
    let older = Older::new(4).await;
    for (done, clean) in (0..=8).flat_map(|done| [(done, true), (done, false)]) {
        let case = format!("after {done} steps, clean: {clean}");
        let dir = copy(older.path());
        let (options, workshop) = (patient(dir.path()), dir.path().join(WORKSHOP));
        let db = opened(dir.path());
        let meta = check::meta(&db).ok().flatten().unwrap();
        match done {
            0 => {}
            1 => {
                fs::create_dir(dir.path().join(FOLDER)).unwrap();
                fs::write(dir.path().join(FOLDER).join("doorward-half.jsonl.part"), "half").unwrap();
            }
            _ => drop(back_up(&options, &db, &meta).unwrap()),
        }
        if done == 2 {
            fs::create_dir(&workshop).unwrap();
            fs::write(workshop.join(DATABASE), "half").unwrap();
        } else if done > 2 {
            make(&options, &WAY[0], &db, &meta, 0).unwrap();
        }
        drop(db);
        let steps = compaction::steps(dir.path(), &workshop).unwrap();
        assert!(steps.len() >= 4, "the test takes all of them");
        steps.into_iter().take(usize::saturating_sub(done, 3)).for_each(|step| step.take().unwrap());
        if !clean {
            forget_clean_stop(dir.path());
        }
        older.is_whole(dir.path(), &case).await;
        let made = backups(dir.path());
        assert_eq!(made.len(), 1, "{case}: {made:?}");
    }
}

#[tokio::test]
async fn where_no_backup_can_be_made_nothing_is_changed_and_it_goes_on_once_one_can() {
    let older = Older::new(3).await;
    let full = StoreOptions { free_space_floor: 1 << 60, ..patient(older.path()) };
    let before = records(&opened(older.path()));
    let said = refusal(&full);
    assert!(said.contains("(data version 0) cannot be brought to the form of this Doorward (data version 1)"), "{said}");
    assert!(
        said.contains("mend what follows and start again") && said.contains("make room, or name a directory on another disk"),
        "{said}"
    );
    fs::remove_dir_all(older.path().join(FOLDER)).unwrap();
    fs::write(older.path().join(FOLDER), "in the way").unwrap();
    let said = refusal(&patient(older.path()));
    assert!(said.contains("cannot be brought") && said.contains("Not a directory"), "{said}");
    assert_eq!(records(&opened(older.path())), before);
    fs::remove_file(older.path().join(FOLDER)).unwrap();
    older.is_whole(older.path(), "with room").await;
}

#[tokio::test]
async fn records_that_do_not_fit_in_their_new_form_are_not_taken_and_the_old_ones_stay() {
    let older = Older::new(3).await;
    let before = records(&opened(older.path()));
    let said = refusal(&StoreOptions { migrations: WRONG_WAY, ..patient(older.path()) });
    assert!(said.contains("failed to take its new form: a user record cannot be read"), "{said}");
    assert!(!older.path().join(WORKSHOP).exists());
    assert_eq!(records(&opened(older.path())), before);
    older.is_whole(older.path(), "with the right way").await;
    assert_eq!(backups(older.path()).len(), 1, "the backup of the first attempt is good enough");
}

#[tokio::test]
async fn a_version_that_nobody_knows_and_damage_are_refused_before_anything_is_made() {
    let older = Older::new(5).await;
    let said = refusal(&StoreOptions { migrations: ALL, ..patient(older.path()) });
    assert!(said.contains("its data version is 0, which this Doorward does not know"), "{said}");
    let lost = records(&opened(older.path())).into_keys().find(|key| key[0] == kind::USER).unwrap();
    opened(older.path()).remove(lost).unwrap();
    let said = refusal(&patient(older.path()));
    assert!(said.contains("is damaged: a record is lost, out of date or altered"), "{said}");
    assert!(backups(older.path()).is_empty());
}

fn restored(dir: &Path, from: &Path, migrations: &'static [Migration]) -> Result<Restored, StorageError> {
    restore(&StoreOptions { migrations, ..patient(dir) }, Some(from), true, Timestamp::from_secs(4_000_000_000), &mut |_, _| ())
}

#[tokio::test]
async fn a_backup_from_before_the_upgrade_is_restored_in_the_form_of_today() {
    let older = Older::new(7).await;
    older.is_whole(older.path(), "opened").await;
    let backup = &backups(older.path())[0];
    let dir = TempDir::new();
    let refused = restored(dir.path(), backup, ALL).unwrap_err().to_string();
    assert!(refused.contains("holds data of version 0") && refused.contains("Nothing was changed"), "{refused}");
    let refused = restored(dir.path(), backup, WRONG_WAY).unwrap_err();
    assert!(chained(&refused).contains("failed to take its new form"), "{}", chained(&refused));
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["LOCK"], "nothing but the lock was made");
    let told = restored(dir.path(), backup, WAY).unwrap();
    assert!(told.users > 0);
    // As a program that knows nothing of the older schema finds it.
    let store = SledStore::open(&StoreOptions { migrations: ALL, ..patient(dir.path()) }).unwrap();
    contents(&store, &older.ids).await.must_be_restored_of(&older.contents);
    store.close().await.unwrap();
    // In place of the database that came of it, too.
    restored(older.path(), backup, WAY).unwrap();
    let store = opens(older.path(), "restored");
    contents(&store, &older.ids).await.must_be_restored_of(&older.contents);
    store.close().await.unwrap();
}
