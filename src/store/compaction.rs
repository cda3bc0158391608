//! Giving back disk space: sled keeps most of what it once took, however few records are left, and no setting of it changes that.
//!
//! When a database that is opened takes far more than its records, they are copied into a new one beside it, which is read
//! back and then takes its place. It is the same database: marker, sequence and digest stay.
//!
//! Only the file [`DATABASE`] changes places, in one `rename`, and what sled wrote down about the old file (`snap.*`, a shortcut
//! that sled makes anew) goes first. So a stop at any moment leaves one of the two, whole. Until then nothing of the old one
//! has changed: a copy that cannot be made is a warning. [`super::migration`] makes its databases here, too.

use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::checkpoint::room;
use super::error::panic_message;
use super::opening::{DATABASE, io, open_sled, sync_dir};
use super::sled::check;
use super::sled::reading::engine;
use super::sled::records::{Digest, Events, Meta, key};
use super::sled::tree::Tree;
use super::{Counts, StorageError, StoreOptions};
use crate::error::chain;

/// Where the new database is made, in the data directory.
pub(super) const WORKSHOP: &str = "compacting";
/// How many times the bytes of its records a new database takes: two to three and a half were seen.
const NEW: u64 = 4;
/// From how many times on a copy is worth it, which takes a minute for a million users.
const TIMES: u64 = 2 * NEW;
/// How long to wait for sled to let go of a file: it does so on threads of its own.
pub(super) const LETTING_GO: Duration = Duration::from_secs(30);

/// Opens the database anew, smaller, if that is worth it. `bytes` is what its records hold, keys and values, if
/// they were read.
///
/// # Errors
/// Those of the system while the new one takes the old one's place, or is opened there.
pub(super) fn if_worthwhile(options: &StoreOptions, db: ::sled::Db, meta: &Meta, bytes: Option<u64>) -> Result<::sled::Db, StorageError> {
    let dir = options.dir.as_path();
    remove_workshop(dir)?;
    let Some(bytes) = bytes else { return Ok(db) };
    let length = length(dir)?;
    if length <= options.compact_above || length <= TIMES * bytes {
        return Ok(db);
    }
    warn!(bytes = length, records = bytes, "the database takes far more disk space than it needs: copying it, which may take a while");
    let workshop = dir.join(WORKSHOP);
    // sled panics on some failures of the disk.
    let made = catch_unwind(AssertUnwindSafe(|| make(options, &workshop, &db, meta, bytes)));
    let made = made.unwrap_or_else(|panic| Err(StorageError::Engine { action: "copy", source: panic_message(&*panic).into() }));
    if let Err(error) = made {
        warn!(error = %chain(&error), bytes = length, records = bytes, "no smaller database could be made; going on with the one there is");
        remove_workshop(dir)?;
        return Ok(db);
    }
    drop(db);
    let db = put_in_place(dir, &workshop)?;
    info!(before = length, after = self::length(dir)?, records = bytes, "the database was copied into a smaller one");
    Ok(db)
}

fn length(dir: &Path) -> Result<u64, StorageError> {
    let path = dir.join(DATABASE);
    fs::metadata(&path).map(|found| found.len()).map_err(io("measure", &path))
}

pub(super) fn remove_workshop(dir: &Path) -> Result<(), StorageError> {
    let workshop = dir.join(WORKSHOP);
    match fs::remove_dir_all(&workshop) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", &workshop)(error)),
        _ => Ok(()),
    }
}

/// Makes the new database, durably, and reads it back.
fn make(options: &StoreOptions, workshop: &Path, db: &::sled::Db, meta: &Meta, bytes: u64) -> Result<(), StorageError> {
    let copy = build(options, workshop, meta, bytes, |tree| {
        for entry in db.iter() {
            let (key, value) = entry.map_err(engine("read"))?;
            if *key != *key::META {
                tree.load(&key, &value)?;
            }
        }
        Ok(())
    })?;
    let judge = || match check::meta(&copy)? {
        Some(found) if found == *meta => check::records(&copy, meta, false),
        _ => Err(check::Fault::Damage("the copy has lost something".to_owned())),
    };
    judge().map_err(|fault| fault.in_dir(workshop))?;
    settle(workshop, copy)
}

/// Makes a database of what `load` puts into it, about so many `bytes`, and opens it to be judged. Counts and digest of `meta` are
/// those of what is loaded.
pub(super) fn build(
    options: &StoreOptions,
    workshop: &Path,
    meta: &Meta,
    bytes: u64,
    load: impl FnOnce(&mut Tree) -> Result<(), StorageError>,
) -> Result<::sled::Db, StorageError> {
    room(&options.dir, options.free_space_floor + NEW * bytes)?;
    DirBuilder::new().mode(0o700).create(workshop).map_err(io("create", workshop))?;
    let none = Events { last: meta.events.last, ..Events::default() };
    let mut tree = Tree::begun(
        open_sled(workshop, Instant::now())?,
        Meta { counts: Counts::default(), digest: Digest::default(), events: none, ..meta.clone() },
    );
    load(&mut tree)?;
    tree.apply()?;
    tree.flush()?;
    drop(tree);
    open_sled(workshop, Instant::now() + LETTING_GO)
}

/// Puts one that was judged on stable storage, closed.
pub(super) fn settle(workshop: &Path, copy: ::sled::Db) -> Result<(), StorageError> {
    drop(copy);
    let made = workshop.join(DATABASE);
    File::open(&made).and_then(|file| file.sync_all()).map_err(io("sync", &made))?;
    sync_dir(workshop)
}

/// Puts the new database in the old one's place, which nobody may have open, and opens it there.
pub(super) fn put_in_place(dir: &Path, workshop: &Path) -> Result<::sled::Db, StorageError> {
    for step in steps(dir, workshop)? {
        step.take()?;
    }
    open_sled(dir, Instant::now() + LETTING_GO)
}

/// What is done to put the new database in the old one's place.
pub(super) enum Step {
    Remove(PathBuf),
    Move(PathBuf, PathBuf),
    Sync(PathBuf),
    Clear(PathBuf),
}

impl Step {
    pub(super) fn take(self) -> Result<(), StorageError> {
        match self {
            Self::Remove(path) => fs::remove_file(&path).map_err(io("remove", &path)),
            Self::Move(from, to) => fs::rename(&from, &to).map_err(io("move", &from)),
            Self::Sync(dir) => sync_dir(&dir),
            Self::Clear(dir) => remove_workshop(&dir),
        }
    }
}

/// In this order. The snapshots must be gone, also on the disk, when the file they are of is.
pub(super) fn steps(dir: &Path, workshop: &Path) -> Result<Vec<Step>, StorageError> {
    let mut steps = Vec::new();
    for entry in fs::read_dir(dir).map_err(io("read", dir))? {
        let entry = entry.map_err(io("read", dir))?;
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            steps.push(Step::Remove(entry.path()));
        }
    }
    steps.push(Step::Sync(dir.into()));
    steps.push(Step::Move(workshop.join(DATABASE), dir.join(DATABASE)));
    steps.push(Step::Sync(dir.into()));
    steps.push(Step::Clear(dir.into()));
    Ok(steps)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use std::os::unix::fs::MetadataExt as _;
    use std::sync::Arc;

    use tokio::task::JoinSet;
    use uuid::Uuid;

    use super::super::contract::{T0, TempDir, hash, named};
    use super::super::machine::{Cast, Contents, contents, history};
    use super::super::opening::tests::{copy, forget_clean_stop};
    use super::super::{NewUser, SledStore, Store};
    use super::*;

    /// Takes every opportunity.
    fn eager(dir: &Path) -> StoreOptions {
        StoreOptions { compact_above: 0, free_space_floor: 0, lock_wait: LETTING_GO, ..StoreOptions::new(dir) }
    }

    /// A directory with a history, and what is in it.
    async fn sample() -> (TempDir, Vec<Uuid>, Contents) {
        let (dir, mut cast) = (TempDir::new(), Cast::default());
        let store = dir.open();
        for step in history(4, 300) {
            cast.call(step).run(&store).await;
        }
        let before = contents(&store, &cast.ids).await;
        store.close().await.unwrap();
        // Only an opening that finds something makes sled write a snapshot.
        dir.open().close().await.unwrap();
        assert!(fs::read_dir(dir.path()).unwrap().any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with("snap.")));
        (dir, cast.ids, before)
    }

    fn inode(dir: &Path) -> u64 {
        fs::metadata(dir.join(DATABASE)).unwrap().ino()
    }

    #[tokio::test]
    async fn a_database_that_takes_far_more_than_its_records_is_copied_into_a_smaller_one() {
        let dir = TempDir::new();
        let store = Arc::new(dir.open());
        let mut coming = JoinSet::new();
        for number in 0..2000 {
            let store = Arc::clone(&store);
            let long = NewUser { password: hash(&format!("{number:>4000}")), ..named(&format!("user{number}")) };
            coming.spawn(async move { store.insert_user(long).await.unwrap().id });
        }
        let mut going = JoinSet::new();
        for id in coming.join_all().await.into_iter().skip(10) {
            let store = Arc::clone(&store);
            going.spawn(async move { store.delete_user(id, T0).await.unwrap() });
        }
        assert!(going.join_all().await.into_iter().all(|gone| gone));
        let before = contents(store.as_ref(), &[]).await;
        store.close().await.unwrap();
        let (was, file) = (length(dir.path()).unwrap(), inode(dir.path()));
        let store = SledStore::open(&StoreOptions { compact_above: was, ..eager(dir.path()) }).unwrap();
        store.close().await.unwrap();
        assert_eq!((length(dir.path()).unwrap(), inode(dir.path())), (was, file), "not above the limit");
        let store = SledStore::open(&eager(dir.path())).unwrap();
        let is = length(dir.path()).unwrap();
        assert!(was > 4 << 20 && is <= 1 << 20, "{was} bytes became {is}");
        assert_eq!(contents(&store, &[]).await, before);
        store.insert_user(named("mira")).await.unwrap();
        store.close().await.unwrap();
        forget_clean_stop(dir.path());
        let store = dir.open();
        assert_eq!(store.live().user_count(), 11, "what is written to the new one is kept like anything else");
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn cut_off_at_any_step_nothing_is_lost_and_the_next_opening_cleans_up() {
        let (dir, ids, before) = sample().await;
        for (done, clean) in (0..=6).flat_map(|done| [(done, true), (done, false)]) {
            let (of, stopped) = (copy(dir.path()), copy(dir.path()));
            // What the opening does, up to the step.
            let workshop = stopped.path().join(WORKSHOP);
            let db = open_sled(of.path(), Instant::now()).unwrap();
            let meta = check::meta(&db).ok().flatten().unwrap();
            make(&eager(stopped.path()), &workshop, &db, &meta, 0).unwrap();
            drop(db);
            let all = steps(stopped.path(), &workshop).unwrap();
            assert_eq!(all.len(), 5, "the test takes all of them, and a half copy");
            all.into_iter().take(done).for_each(|step| step.take().unwrap());
            if done == 6 {
                fs::create_dir(&workshop).unwrap();
                fs::write(workshop.join(DATABASE), "half").unwrap();
            }
            if !clean {
                forget_clean_stop(stopped.path());
            }
            for options in [StoreOptions { compact_above: u64::MAX, ..eager(stopped.path()) }, eager(stopped.path())] {
                let store = SledStore::open(&options).unwrap_or_else(|refused| panic!("after {done} steps, clean: {clean}: {refused}"));
                assert_eq!(contents(&store, &ids).await, before, "after {done} steps, clean: {clean}");
                assert!(!workshop.exists());
                store.close().await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn where_there_is_no_room_for_a_copy_the_database_is_opened_as_it_is() {
        let (dir, ids, before) = sample().await;
        let file = inode(dir.path());
        let store = SledStore::open(&StoreOptions { free_space_floor: 1 << 60, ..eager(dir.path()) }).unwrap();
        assert_eq!((contents(&store, &ids).await, inode(dir.path())), (before, file));
        store.close().await.unwrap();
        assert!(!dir.path().join(WORKSHOP).exists());
    }

    #[tokio::test]
    async fn a_copy_that_differs_is_not_taken() {
        let (dir, workshop) = (sample().await.0, TempDir::new());
        let db = open_sled(dir.path(), Instant::now()).unwrap();
        let meta = check::meta(&db).ok().flatten().unwrap();
        // As if a record had been passed over.
        let lost = db.iter().keys().map(Result::unwrap).find(|key| **key != *key::META).unwrap();
        db.remove(lost).unwrap();
        let refused = make(&eager(workshop.path()), &workshop.path().join(WORKSHOP), &db, &meta, 0).unwrap_err();
        assert!(matches!(refused, StorageError::Damaged { .. }), "{refused}");
    }
}
