//! Checkpoints of stores with an arbitrary history: what they hold, what is restored of them, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod making;
mod refusing;
mod restoring;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::store::contract::{T0, TempDir, named};
use crate::store::machine::{Cast, Contents, contents, history};
use crate::store::{SledStore, Store, StoreOptions};

/// Long after everything in the histories.
const LATER: Timestamp = Timestamp::from_secs(4_000_000_000);

fn order(now: Timestamp) -> Order {
    Order { now, keys: true, keep: None }
}

fn path_of(dir: &Path, made: &Checkpoint) -> PathBuf {
    dir.join(FOLDER).join(&made.name)
}

fn patient(dir: &Path) -> StoreOptions {
    StoreOptions { free_space_floor: 0, lock_wait: Duration::from_secs(30), ..StoreOptions::new(dir) }
}

fn restored(dir: &Path, from: Option<&Path>, replace: bool, now: Timestamp) -> Result<Restored, StorageError> {
    restore(&patient(dir), from, replace, now, &mut |_, _| ())
}

fn copy_database(from: &Path, to: &Path) {
    for path in replace::database_of(from).unwrap() {
        let copied = to.join(path.file_name().unwrap());
        if path.is_dir() { fs::create_dir(copied).unwrap() } else { fs::copy(&path, copied).map(drop).unwrap() }
    }
}

/// A store that has a user, and its directory.
async fn with_a_user() -> (TempDir, SledStore) {
    let dir = TempDir::new();
    let store = dir.open();
    store.insert_user(named("arun")).await.unwrap();
    (dir, store)
}

/// The names of the checkpoints that are there.
fn names_in(dir: &Path) -> Vec<String> {
    all(dir).unwrap().iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

/// A directory with a history and a checkpoint of all of it.
struct Sample {
    dir: TempDir,
    ids: Vec<Uuid>,
    contents: Contents,
    made: Checkpoint,
}

impl Sample {
    async fn new(seed: u8) -> Self {
        let (dir, mut cast) = (TempDir::new(), Cast::default());
        let store = dir.open();
        for step in history(seed, 300) {
            cast.call(step).run(&store).await;
        }
        let contents = contents(&store, &cast.ids).await;
        let made = store.back_up(order(T0)).await.unwrap();
        store.close().await.unwrap();
        Self { dir, ids: cast.ids, contents, made }
    }

    fn path(&self) -> PathBuf {
        path_of(self.dir.path(), &self.made)
    }

    /// The file as it is, or changed, in a place of its own.
    fn file(&self, change: impl FnOnce(&mut Vec<u8>)) -> (TempDir, PathBuf) {
        let dir = TempDir::new();
        let mut content = fs::read(self.path()).unwrap();
        change(&mut content);
        let path = dir.path().join("a checkpoint");
        fs::write(&path, content).unwrap();
        (dir, path)
    }
}
