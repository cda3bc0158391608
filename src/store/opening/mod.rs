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
//! 7. records of an older version are brought to the form of today ([`migration`]), with a checkpoint of them before;
//! 8. the checks ([`check`]), of which those of a very large database go on while it serves, and, if the database takes far
//!    more than its records, a smaller copy ([`compaction`]). Only then the marker is told that it runs.
//!
//! A refusal moves and deletes nothing. But sled itself, when it opens a damaged file, clears what it cannot read after
//! the last sound change.

mod seen;
#[cfg(test)]
pub(super) mod tests;

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
use super::migration;
use super::sled::check::{self, Found};
use super::sled::reading::engine;
use super::sled::records::{Meta, SCHEMA};
use super::sled::tree;
use super::{Counts, Live, StorageError, StoreOptions};
pub(super) use seen::{CONF, DATABASE};
pub use seen::{founded_at, has_database, holder, is_there, lock_file};

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
    let mut db = open_sled(dir, until)?;
    sync_if_there(&conf)?;
    sync_dir(dir)?;
    sync_dir(&parent(dir)?)?;
    let open_file = || File::open(&path).map_err(io("open", &path));
    let mut meta = guarded(dir, || described(dir, &db, &marker))?;
    if let Some(older) = meta.take_if(|meta| meta.schema < SCHEMA) {
        let (migrated, of_today) = guarded(dir, || migration::run(options, db, older))?;
        (db, meta) = (migrated, Some(of_today));
    }
    let (db, file, meta, live, checked) = if let Some(meta) = meta {
        let Found { live, bytes } = guarded(dir, || examine(options, &db, &meta, &marker, length))?;
        let db = compaction::if_worthwhile(options, db, &meta, bytes)?;
        (db, open_file()?, meta, live, bytes.is_some())
    } else {
        let file = open_file()?;
        let meta = start(&db, &file, &path, &mut marker)?;
        (db, file, meta, Live::default(), true)
    };
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
    let path = lock_file(dir);
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

/// sled panics on some damage.
fn guarded<T>(dir: &Path, look: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
    let unreadable = |panic: Box<dyn Any + Send>| damaged(dir, format!("a record cannot be read ({})", panic_message(&*panic)));
    catch_unwind(AssertUnwindSafe(look)).map_err(unreadable)?
}

/// Compares the database with its marker. `None`: nothing is in it, and nothing should be.
fn described(dir: &Path, db: &::sled::Db, marker: &Marker) -> Result<Option<Meta>, StorageError> {
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
    Ok(Some(meta))
}

/// Compares the records with themselves. `length` is that of the file when it was opened.
fn examine(options: &StoreOptions, db: &::sled::Db, meta: &Meta, marker: &Marker, length: u64) -> Result<Found, StorageError> {
    // What was migrated is ahead of its marker.
    let thorough = !marker.clean || meta.sequence != marker.reached.sequence;
    let Counts { users, sessions, revocations } = meta.counts;
    let many = users + sessions + revocations;
    // A file that is long for its records may be worth a copy, and for that they are read anyway.
    let later = !thorough && many > options.check_later_above && length <= options.compact_above.max(USUAL_BYTES * many);
    let found = if later { check::needed(db, meta) } else { check::records(db, meta, thorough) };
    found.map_err(|fault| fault.in_dir(&options.dir))
}
