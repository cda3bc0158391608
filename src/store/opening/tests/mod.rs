//! Directories in every state that a stop, a fault or a mistake leaves behind, and what opening them comes to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod damage;

use std::os::unix::fs::PermissionsExt;

use super::super::contract::{T0, TempDir, logged_in, named};
use super::super::machine::{Cast, Contents, contents, history};
use super::super::marker::Reached;
use super::super::{SledStore, Store, StoreOptions};
use super::*;
use uuid::Uuid;

/// As if the last stop had not been clean, so that the next opening checks everything.
pub fn forget_clean_stop(dir: &Path) {
    Marker::read(dir).unwrap().unwrap().set_clean(false).unwrap();
}

/// A directory with a history, and what is in it.
struct Sample {
    dir: TempDir,
    ids: Vec<Uuid>,
    contents: Contents,
}

impl Sample {
    /// `clean`: stopped so. Otherwise what a killed process would have left behind, with a restart in its past.
    async fn new(clean: bool) -> Self {
        let (live, mut cast, mut steps) = (TempDir::new(), Cast::default(), history(7, 300).into_iter());
        let store = live.open();
        for step in steps.by_ref().take(150) {
            cast.call(step).run(&store).await;
        }
        store.close().await.unwrap();
        let store = live.open();
        for step in steps {
            cast.call(step).run(&store).await;
        }
        let contents = contents(&store, &cast.ids).await;
        if clean {
            store.close().await.unwrap();
        }
        Self { dir: copy(live.path()), ids: cast.ids, contents }
    }

    /// The same directory again, for another kind of damage.
    fn copy(&self) -> TempDir {
        copy(self.dir.path())
    }

    /// Whether what is in `dir` is refused as damaged; if it is not, it must be all there.
    async fn is_refused(&self, dir: &TempDir, case: &str) -> bool {
        match SledStore::open(&StoreOptions { lock_wait: Duration::ZERO, ..dir.options() }) {
            Ok(store) => {
                assert_eq!(contents(&store, &self.ids).await, self.contents, "{case}: opened, but with other contents");
                store.close().await.unwrap();
                false
            }
            Err(StorageError::Damaged { .. }) => true,
            Err(other) => panic!("{case}: {other:?}"),
        }
    }

    fn database(&self) -> Vec<u8> {
        fs::read(self.dir.path().join(DATABASE)).unwrap()
    }
}

pub fn copy(from: &Path) -> TempDir {
    let to = TempDir::new();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file()) {
        fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

/// The refusal as a person reads it.
fn refused(dir: &Path) -> String {
    match SledStore::open(&StoreOptions { lock_wait: Duration::ZERO, ..StoreOptions::new(dir) }) {
        Err(refused) => refused.to_string(),
        Ok(_) => panic!("it opened"),
    }
}

#[tokio::test]
async fn a_later_versions_data_is_left_alone() {
    let sample = Sample::new(true).await;
    let (dir, until) = (sample.copy(), Instant::now() + Duration::from_secs(60));
    let db = open_sled(dir.path(), until).unwrap();
    db.insert(b"m", b"\x09{\"schema\":2,\"and\":\"all is new\"}").unwrap();
    db.flush().unwrap();
    let dir = copy(dir.path());
    let refusal = refused(dir.path());
    assert!(refusal.contains("newer Doorward (data version 2; this one knows up to 1)"), "{refusal}");
    assert!(Marker::read(dir.path()).unwrap().unwrap().clean);
}

#[tokio::test]
async fn a_first_start_that_was_interrupted_anywhere_goes_on() {
    let nothing = TempDir::new();
    let empty_file = TempDir::new();
    fs::write(empty_file.path().join(DATABASE), "").unwrap();
    let half_a_marker = TempDir::new();
    fs::write(half_a_marker.path().join("MARKER.new"), "Doorw").unwrap();
    let only_a_marker = TempDir::new();
    Marker::create(only_a_marker.path()).unwrap();
    let before_the_first_change = TempDir::new();
    Marker::create(before_the_first_change.path()).unwrap();
    drop(open_sled(before_the_first_change.path(), Instant::now()).unwrap());
    let half_a_conf = TempDir::new();
    Marker::create(half_a_conf.path()).unwrap();
    fs::write(half_a_conf.path().join(CONF), "segment_size: 524288").unwrap();
    for dir in [nothing, empty_file, half_a_marker, only_a_marker, before_the_first_change, half_a_conf] {
        let store = dir.open();
        assert_eq!(store.insert_user(named("arun")).await.unwrap().id.get(), 1);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_second_open_is_refused_and_names_the_process_and_the_first_is_unharmed() {
    let dir = TempDir::new();
    let store = dir.open();
    let refusal = refused(dir.path());
    assert!(refusal.contains(&format!("in use by process {}", std::process::id())), "{refusal}");
    store.insert_user(named("arun")).await.unwrap();
}

#[tokio::test]
async fn an_open_waits_for_a_predecessor_to_let_go() {
    let dir = TempDir::new();
    let first = dir.open();
    let options = StoreOptions { lock_wait: Duration::from_secs(30), ..dir.options() };
    let second = tokio::task::spawn_blocking(move || SledStore::open(&options));
    first.insert_user(named("arun")).await.unwrap();
    first.close().await.unwrap();
    assert_eq!(second.await.unwrap().unwrap().users(None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn stops_and_starts_may_follow_each_other_at_once() {
    let dir = TempDir::new();
    for round in 0..20 {
        let store = dir.open();
        store.set_clock_mark(T0 + Duration::from_secs(round)).await.unwrap();
        if round % 2 == 0 {
            store.close().await.unwrap();
        }
    }
    assert_eq!(dir.open().clock_mark().await.unwrap(), T0 + Duration::from_secs(19));
}

#[tokio::test]
async fn what_is_made_is_for_its_owner_alone() {
    let outer = TempDir::new();
    let dir = outer.path().join("a/b");
    SledStore::open(&StoreOptions::new(&dir)).unwrap().close().await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for entry in fs::read_dir(&dir).unwrap().map(Result::unwrap) {
        assert_eq!(mode(&entry.path()) & 0o077, 0, "{:?}", entry.path());
    }
}

#[test]
fn a_directory_others_can_look_into_is_refused_with_the_way_to_mend_it() {
    let dir = TempDir::new();
    for mode in [0o777, 0o750, 0o701] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        let refusal = refused(dir.path());
        assert!(refusal.contains(&format!("(mode {mode:04o}); run: chmod 700 /")), "{refusal}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made in it");
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    assert!(refused(&dir.path().join("file")).contains("is not a directory"));
}
