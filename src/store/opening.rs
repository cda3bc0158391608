//! Opening a data directory: in an order in which nothing that was acknowledged can get lost, and nothing that does not
//! fit is served.
//!
//! 1. files of ours are for us alone: umask 077, the directory 0700;
//! 2. the file `LOCK`, held while the store is open, with the process id in it;
//! 3. a half-written snapshot of sled's goes: sled would take it for a damaged one;
//! 4. what the page cache still holds of the database from a process that was killed is synced before it is believed;
//! 5. the marker; made before the first change, so data without one is data that lost it;
//! 6. sled, which panics on some damage, and may hold its own lock for a while after a predecessor. Its settings file is
//!    synced before anything is acknowledged, and half of one from before that is no damage;
//! 7. the checks ([`check`]), of which those of a very large database go on while it serves, and, if the database takes far
//!    more than its records, a smaller copy ([`compaction`]). Only then the marker is told that it runs.
//!
//! A refusal moves and deletes nothing. But sled itself, when it opens a damaged file, clears what it cannot read after
//! the last sound change.

use std::any::Any;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self as std_io, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::Mode;
use tracing::warn;

use super::checkpoint::ahead;
use super::compaction;
use super::error::panic_message;
use super::marker::Marker;
use super::sled::check::{self, Found};
use super::sled::reading::engine;
use super::sled::records::Meta;
use super::sled::tree;
use super::{Counts, Live, StorageError, StoreOptions};

/// The name sled gives its file.
pub(super) const DATABASE: &str = "db";
/// The file with sled's own settings, written at the first opening and never synced by sled.
const CONF: &str = "conf";
/// How long to wait before asking again for a lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// A soft bound on what sled keeps in memory.
const CACHE_BYTES: u64 = 64 << 20;
/// More than the file usually has for a user, a session or a revocation: about 900 bytes were seen.
const USUAL_BYTES: u64 = 2048;

/// A directory that passed, and is ours.
pub(super) struct Opened {
    pub db: ::sled::Db,
    /// A handle on sled's file, to sync it.
    pub file: File,
    /// Where that is.
    pub path: PathBuf,
    /// Ours as long as it is open.
    pub lock: File,
    pub marker: Marker,
    pub meta: Meta,
    pub live: Live,
    /// Whether every record was read and found in order.
    pub checked: bool,
}

/// An error about a path.
pub(super) fn io(action: &'static str, path: &Path) -> impl Fn(std_io::Error) -> StorageError {
    move |source| StorageError::Io { action, path: path.into(), source }
}

/// Makes what was created or renamed in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StorageError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io("sync", dir))
}

/// See the module's page.
pub(super) fn open(options: &StoreOptions) -> Result<Opened, StorageError> {
    let dir = options.dir.as_path();
    let until = Instant::now() + options.lock_wait;
    make_private(dir)?;
    let lock = lock(dir, until)?;
    remove_half_snapshots(dir)?;
    let path = dir.join(DATABASE);
    let length = sync_if_there(&path)?;
    sync_dir(dir)?;
    let mut marker = marker(dir, length)?;
    let conf = dir.join(CONF);
    if marker.reached.sequence == 0 {
        // Nothing was acknowledged yet, and a power loss may have left half of it. sled writes it anew.
        remove_if_there(&conf)?;
    }
    let db = open_sled(dir, until)?;
    sync_if_there(&conf)?;
    sync_dir(dir)?;
    sync_dir(&parent(dir)?)?;
    let open_file = || File::open(&path).map_err(io("open", &path));
    let (db, file, meta, live, checked) = if let Some((meta, Found { live, bytes })) = examine(options, &db, &marker, length)? {
        let db = compaction::if_worthwhile(options, db, &meta, bytes)?;
        (db, open_file()?, meta, live, bytes.is_some())
    } else {
        let file = open_file()?;
        let meta = start(&db, &file, &path, &mut marker)?;
        (db, file, meta, Live::default(), true)
    };
    let mut marker = marker.renewed(dir)?;
    marker.set_clean(false)?;
    Ok(Opened { db, file, path, lock, marker, meta, live, checked })
}

/// The first change of a new database.
fn start(db: &::sled::Db, file: &File, path: &Path, marker: &mut Marker) -> Result<Meta, StorageError> {
    let meta = tree::found(db, marker.instance)?;
    file.sync_data().map_err(io("sync", path))?;
    marker.advance(meta.reached())?;
    Ok(meta)
}

pub(super) fn make_private(dir: &Path) -> Result<(), StorageError> {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    if !dir.try_exists().map_err(io("open", dir))? {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io("create", dir))?;
    }
    let found = fs::metadata(dir).map_err(io("open", dir))?;
    let unsuitable = |what| Err(StorageError::Unsafe { dir: dir.into(), what });
    if !found.is_dir() {
        return unsuitable("is not a directory; name another one with --data-dir".to_owned());
    }
    let us = rustix::process::geteuid().as_raw();
    if found.uid() != us {
        return unsuitable(format!("belongs to user {}, but this is run by user {us}; run it as that user", found.uid()));
    }
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        return unsuitable(format!("is open to other users (mode {mode:04o}); run: chmod 700 {}", dir.display()));
    }
    Ok(())
}

pub(super) fn lock(dir: &Path, until: Instant) -> Result<File, StorageError> {
    let path = dir.join("LOCK");
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io("open", &path))?;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path).map_err(io("read", &path))?.trim().parse().ok();
                return Err(StorageError::Held { dir: dir.into(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(io("lock", &path)(source)),
        }
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(io("write", &path))?;
    Ok(file)
}

fn remove_half_snapshots(dir: &Path) -> Result<(), StorageError> {
    for entry in fs::read_dir(dir).map_err(io("read", dir))? {
        let path = entry.map_err(io("read", dir))?.path();
        let half =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating"));
        if half {
            warn!(file = %path.display(), "removing a snapshot that was never finished");
            fs::remove_file(&path).map_err(io("remove", &path))?;
        }
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Syncs a file and answers its length; 0 if there is none.
fn sync_if_there(path: &Path) -> Result<u64, StorageError> {
    match File::open(path) {
        Ok(file) => file.sync_all().and_then(|()| file.metadata()).map(|found| found.len()).map_err(io("sync", path)),
        Err(missing) if missing.kind() == ErrorKind::NotFound => Ok(0),
        Err(source) => Err(io("open", path)(source)),
    }
}

fn damaged(dir: &Path, what: impl Into<String>) -> StorageError {
    StorageError::Damaged { dir: dir.into(), what: what.into(), newest: None }
}

fn emptied(dir: &Path, sequence: u64) -> StorageError {
    damaged(dir, format!("the database is empty, but {sequence} changes had been acknowledged"))
}

/// The marker of a database file that is `length` bytes long.
fn marker(dir: &Path, length: u64) -> Result<Marker, StorageError> {
    match (Marker::read(dir)?, length) {
        (None, 0) => Marker::create(dir),
        (None, _) => Err(damaged(dir, "the file MARKER, which says how far the database got, is missing")),
        (Some(marker), 0) if marker.reached.sequence > 0 => Err(emptied(dir, marker.reached.sequence)),
        (Some(marker), _) => Ok(marker),
    }
}

fn parent(dir: &Path) -> Result<PathBuf, StorageError> {
    let dir = dir.canonicalize().map_err(io("open", dir))?;
    Ok(dir.parent().unwrap_or(&dir).to_owned())
}

pub(super) fn open_sled(dir: &Path, until: Instant) -> Result<::sled::Db, StorageError> {
    let config = ::sled::Config::new()
        .path(dir)
        .mode(::sled::Mode::LowSpace)
        .cache_capacity(CACHE_BYTES)
        // Our writer flushes; sled's own thread would swallow errors.
        .flush_every_ms(None);
    loop {
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(::sled::Error::Io(busy))) if busy.to_string().contains("could not acquire lock") => {
                if Instant::now() >= until {
                    return Err(StorageError::Held { dir: dir.into(), pid: None });
                }
                thread::sleep(LOCK_PAUSE);
            }
            Ok(Err(error @ ::sled::Error::Io(_))) => return Err(engine("open")(error)),
            Ok(Err(error)) => return Err(damaged(dir, format!("the database cannot be opened ({error})"))),
            Err(panic) => return Err(damaged(dir, format!("the database cannot be opened ({})", panic_message(&*panic)))),
        }
    }
}

/// Compares the database with its marker and with itself. `None`: nothing is in it, and nothing should be.
fn examine(options: &StoreOptions, db: &::sled::Db, marker: &Marker, length: u64) -> Result<Option<(Meta, Found)>, StorageError> {
    let dir = options.dir.as_path();
    let unreadable = |panic: Box<dyn Any + Send>| damaged(dir, format!("a record cannot be read ({})", panic_message(&*panic)));
    catch_unwind(AssertUnwindSafe(|| compare(options, db, marker, length))).map_err(unreadable)?
}

fn compare(options: &StoreOptions, db: &::sled::Db, marker: &Marker, length: u64) -> Result<Option<(Meta, Found)>, StorageError> {
    let dir = options.dir.as_path();
    let acknowledged = marker.reached.sequence;
    let Some(meta) = check::meta(db).map_err(|fault| fault.in_dir(dir))? else {
        if acknowledged > 0 {
            return Err(emptied(dir, acknowledged));
        }
        return if db.is_empty() { Ok(None) } else { Err(damaged(dir, "the record that describes the others is missing")) };
    };
    if meta.instance != marker.instance {
        return Err(damaged(dir, "the database and the file MARKER do not belong together"));
    }
    if meta.sequence < acknowledged {
        return Err(damaged(dir, format!("the database ends at change {}, but {acknowledged} had been acknowledged", meta.sequence)));
    }
    if let Some((checkpoint, sequence)) = ahead(dir, &meta) {
        let what = format!("the database ends at change {}, but {} has all up to {sequence}", meta.sequence, checkpoint.display());
        return Err(damaged(dir, what));
    }
    let thorough = !marker.clean || meta.sequence != acknowledged;
    let Counts { users, sessions, revocations } = meta.counts;
    let many = users + sessions + revocations;
    // A file that is long for its records may be worth a copy, and for that they are read anyway.
    let later = !thorough && many > options.check_later_above && length <= options.compact_above.max(USUAL_BYTES * many);
    let found = if later { check::needed(db, &meta) } else { check::records(db, &meta, thorough) };
    let found = found.map_err(|fault| fault.in_dir(dir))?;
    Ok(Some((meta, found)))
}

#[cfg(test)]
pub(super) mod tests {
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
            let mut found = 0;
            for _ in 0..40 {
                let at = random.usize(..=used);
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << random.u32(..8);
                let dir = sample.copy();
                fs::write(dir.path().join(DATABASE), &flipped).unwrap();
                found += usize::from(sample.is_refused(&dir, &format!("byte {at} of {used}")).await);
            }
            assert!(found > 5, "only {found} of 40 flips mattered: the sample is too small to tell");
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
        let db = open_sled(dir.path(), Instant::now() + Duration::from_secs(5)).unwrap();
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
        let (dir, until) = (sample.copy(), Instant::now() + Duration::from_secs(5));
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
}
