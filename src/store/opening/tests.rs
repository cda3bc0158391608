//! Directories in every state that a stop, a fault or a mistake leaves behind, and what opening them comes to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

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
async fn what_a_killed_process_leaves_behind_is_all_there() {
    for clean in [false, true] {
        let sample = Sample::new(clean).await;
        assert!(!sample.is_refused(&sample.copy(), "undamaged").await);
    }
}

#[tokio::test]
async fn a_database_that_lost_its_end_is_refused_again_and_again() {
    for clean in [false, true] {
        let sample = Sample::new(clean).await;
        let whole = sample.database();
        // sled fills the segment it writes to with zeros when it opens.
        let end = whole.iter().rposition(|byte| *byte != 0).unwrap() as u64;
        for kept in [end - 1, end - 100, end - 5000, end / 2, 1] {
            let case = format!("clean: {clean}, {kept} of {} bytes, {end} in use", whole.len());
            let cut = sample.copy();
            OpenOptions::new().write(true).open(cut.path().join(DATABASE)).unwrap().set_len(kept).unwrap();
            if !sample.is_refused(&cut, &case).await {
                assert!(kept + 100 >= end, "{case}: opened, and yet it is all there?");
                continue;
            }
            // A copy, because sled lets go of its own lock late, or never after a panic.
            assert!(sample.is_refused(&copy(cut.path()), &case).await, "{case}, second attempt");
        }
    }
}

#[tokio::test]
async fn a_flipped_byte_is_found_or_harmless() {
    for clean in [false, true] {
        let sample = Sample::new(clean).await;
        let (mut random, whole) = (fastrand::Rng::with_seed(11), sample.database());
        let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
        let (mut found, mut flips) = (0, 0);
        // What has been written anew elsewhere may be flipped without harm, and that may be most of it, but not all.
        while flips < 40 || (found <= 5 && flips < 400) {
            flips += 1;
            let at = random.usize(..=used);
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << random.u32(..8);
            let dir = sample.copy();
            fs::write(dir.path().join(DATABASE), &flipped).unwrap();
            found += usize::from(sample.is_refused(&dir, &format!("byte {at} of {used}")).await);
        }
        assert!(found > 5, "only {found} of {flips} flips mattered: the sample is too small to tell");
    }
}

#[tokio::test]
async fn damage_to_the_engines_other_files_is_found_or_harmless() {
    let sample = Sample::new(true).await;
    let names = fs::read_dir(sample.dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let others: Vec<_> = names.filter(|name| name == "conf" || name.starts_with("snap.")).collect();
    assert_eq!(others.len(), 2, "{others:?}");
    for name in others {
        let whole = fs::read(sample.dir.path().join(&name)).unwrap();
        for (case, content) in [("emptied", Vec::new()), ("cut", whole[..10].to_vec()), ("garbage", vec![0xA5; whole.len()])] {
            let dir = sample.copy();
            fs::write(dir.path().join(&name), content).unwrap();
            sample.is_refused(&dir, &format!("{name} {case}")).await;
        }
        let dir = sample.copy();
        fs::remove_file(dir.path().join(&name)).unwrap();
        sample.is_refused(&dir, &format!("{name} removed")).await;
    }
}

#[tokio::test]
async fn an_emptied_database_is_no_new_one() {
    let sample = Sample::new(true).await;
    let emptied = sample.copy();
    fs::write(emptied.path().join(DATABASE), "").unwrap();
    let removed = sample.copy();
    fs::remove_file(removed.path().join(DATABASE)).unwrap();
    let replaced = sample.copy();
    for entry in fs::read_dir(replaced.path()).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != "MARKER") {
        fs::remove_file(entry.path()).unwrap();
    }
    drop(open_sled(replaced.path(), Instant::now()).unwrap());
    for dir in [&emptied, &removed, &replaced] {
        let refusal = refused(copy(dir.path()).path());
        assert!(refusal.contains("is empty, but") && refusal.contains("backup"), "{refusal}");
        assert!(Marker::read(dir.path()).unwrap().unwrap().clean, "a refusal leaves the marker as it was");
    }
}

#[tokio::test]
async fn a_marker_that_is_missing_or_not_its_own_is_noticed() {
    let (sample, other) = (Sample::new(true).await, TempDir::new());
    other.open().close().await.unwrap();
    let missing = sample.copy();
    fs::remove_file(missing.path().join("MARKER")).unwrap();
    assert!(refused(missing.path()).contains("is missing"));
    let swapped = sample.copy();
    fs::copy(other.path().join("MARKER"), swapped.path().join("MARKER")).unwrap();
    assert!(refused(swapped.path()).contains("do not belong together"));
    let ahead = sample.copy();
    Marker::read(ahead.path()).unwrap().unwrap().advance(Reached { sequence: 99_999, ..Reached::default() }).unwrap();
    let refusal = refused(ahead.path());
    assert!(refusal.contains("but 99999 had been acknowledged"), "{refusal}");
}

#[tokio::test]
async fn a_record_that_fell_back_to_an_older_state_is_noticed() {
    let sample = Sample::new(true).await;
    let dir = sample.copy();
    let store = dir.open();
    logged_in(&store, "somebody").await;
    store.close().await.unwrap();
    let db = open_sled(dir.path(), Instant::now() + Duration::from_secs(60)).unwrap();
    let (key, value) = db.scan_prefix(b"s").next().unwrap().unwrap();
    let older = String::from_utf8(value.to_vec()).unwrap().replace("\"counter\":0", "\"counter\":1");
    assert_ne!(older.as_bytes(), &*value);
    db.insert(key, older.as_bytes()).unwrap();
    db.flush().unwrap();
    let refusal = refused(copy(dir.path()).path());
    assert!(refusal.contains("lost, out of date or altered"), "{refusal}");
    let (key, _) = db.scan_prefix(b"u").next().unwrap().unwrap();
    db.remove(key).unwrap();
    db.flush().unwrap();
    let refusal = refused(copy(dir.path()).path());
    assert!(refusal.contains("users") && refusal.contains("but should hold"), "{refusal}");
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
async fn a_snapshot_that_was_never_finished_is_removed() {
    let sample = Sample::new(false).await;
    for content in [&b""[..], b"8 bytes.", &[0xA5; 4096]] {
        let dir = sample.copy();
        let planted = dir.path().join("snap.FFFFFFFFFFFFFFFF.generating");
        fs::write(&planted, content).unwrap();
        assert!(!sample.is_refused(&dir, "planted").await);
        assert!(!planted.exists());
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
