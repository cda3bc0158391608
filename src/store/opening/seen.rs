//! What can be seen of a data directory while it is not opened: which files are there, and who holds it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::store::marker;

/// The name sled gives its file.
pub(in crate::store) const DATABASE: &str = "db";
/// The file with sled's own settings, written at the first opening and never synced by sled.
pub(in crate::store) const CONF: &str = "conf";

/// The file that is locked while the directory is open, with the number of the process that did so last.
#[must_use]
pub fn lock_file(dir: &Path) -> PathBuf {
    dir.join("LOCK")
}

/// Whether a directory has a database, or has lost it.
#[must_use]
pub fn has_database(dir: &Path) -> bool {
    [marker::NAME, DATABASE].iter().any(|name| dir.join(name).exists())
}

/// Whether a directory has a database, is getting one, or has lost it: all of these are judged by opening it.
#[must_use]
pub fn is_there(dir: &Path) -> bool {
    has_database(dir) || lock_file(dir).exists()
}

/// When the database of a directory was made; `None`: there is none, or it cannot be seen.
#[must_use]
pub fn founded_at(dir: &Path) -> Option<SystemTime> {
    fs::metadata(dir.join(CONF)).and_then(|found| found.modified()).ok()
}

/// The process that has a directory open, if one does and has left its number. Asks without taking the lock, but for a moment in
/// which nobody has it.
#[must_use]
pub fn holder(dir: &Path) -> Option<u32> {
    let path = lock_file(dir);
    let file = File::open(&path).ok()?;
    let is_held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    fs::read_to_string(&path).ok().filter(|_| is_held)?.trim().parse().ok()
}
