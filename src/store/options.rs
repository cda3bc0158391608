//! How a store is opened: where, how long it waits, and when it refuses or puts off.

use std::path::PathBuf;
use std::time::Duration;

use super::migration::{self, Migration};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The data directory; made if it is not there.
    pub dir: PathBuf,
    /// How long to wait for a predecessor to let go of the directory.
    pub lock_wait: Duration,
    /// Writes are refused when less space is free, in bytes.
    pub free_space_floor: u64,
    /// A commit that takes longer than this is a failure.
    pub commit_deadline: Duration,
    /// A database of fewer bytes is never copied into a smaller one when it is opened.
    pub compact_above: u64,
    /// After a clean stop, a database of more users, sessions and revocations serves at once and is checked meanwhile.
    pub check_later_above: u64,
    /// How records of older versions get the form of today.
    #[doc(hidden)]
    pub migrations: &'static [Migration],
}

impl StoreOptions {
    /// The usual ones.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            lock_wait: Duration::from_secs(5),
            free_space_floor: 32 * 1024 * 1024,
            commit_deadline: Duration::from_secs(10),
            compact_above: 64 * 1024 * 1024,
            check_later_above: 100_000,
            migrations: migration::ALL,
        }
    }
}
