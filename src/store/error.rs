//! What can go wrong with the storage, in words for the operator: what happened, where, and what to do.

use std::any::Any;
use std::path::{Path, PathBuf};

/// What can go wrong with the storage.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// "create", "open", "sync", …
        action: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The database engine failed.
    #[error("the database failed to {action}")]
    Engine {
        /// "read", "write", "open", …
        action: &'static str,
        /// What the engine said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is on disk is not what was acknowledged. Nothing was changed or moved.
    #[error("the data in {} is damaged: {what}. Nothing was moved or deleted. {}", dir.display(), remedy(dir, newest.as_deref()))]
    Damaged {
        /// The data directory.
        dir: PathBuf,
        /// What does not fit.
        what: String,
        /// The newest checkpoint, if there is one.
        newest: Option<PathBuf>,
    },
    /// A checkpoint that cannot be made, or not be used.
    #[error("{} {what}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// A later version wrote it.
    #[error("the data in {} was written by a newer Doorward (data version {found}; this one knows up to {known}). Nothing was changed; run that version, or put back what was backed up before the upgrade: doorward restore FILE --replace", dir.display())]
    TooNew {
        /// The data directory.
        dir: PathBuf,
        /// Its data version.
        found: u16,
        /// The latest this version reads.
        known: u16,
    },
    /// An older version wrote it, and the records cannot be brought to the form of this one. They are as they were.
    #[error(
        "the data in {} (data version {found}) cannot be brought to the form of this Doorward (data version {known}). Nothing of it is lost: \
         mend what follows and start again, or run the version that wrote it", dir.display()
    )]
    Migration {
        /// The data directory.
        dir: PathBuf,
        /// Its data version.
        found: u16,
        /// The one it was to have.
        known: u16,
        /// Why.
        #[source]
        source: Box<StorageError>,
    },
    /// Another process holds the directory.
    #[error("the data directory {} is in use by {}; stop that server first, or name another directory with --data-dir", dir.display(), holder(*pid))]
    Held {
        /// The data directory.
        dir: PathBuf,
        /// Who, if it could be read.
        pid: Option<u32>,
    },
    /// The directory is not ours alone.
    #[error("the data directory {} {what}", dir.display())]
    Unsafe {
        /// The data directory.
        dir: PathBuf,
        /// What is wrong and how to mend it.
        what: String,
    },
    /// A record cannot be read by this version.
    #[error("a {record} record cannot be read")]
    Record {
        /// Which kind.
        record: &'static str,
        /// What the decoder said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Less free space than the floor: nothing was written.
    #[error("the disk of {} is almost full: {free_mib} MiB free, {floor_mib} MiB are kept clear; make room", dir.display())]
    DiskFull {
        /// The data directory.
        dir: PathBuf,
        /// What is free.
        free_mib: u64,
        /// What must stay free.
        floor_mib: u64,
    },
    /// Not enough space for what was asked for, which takes much at once: nothing of it is left.
    #[error("{} has {free_mib} MiB free, and this takes {wanted_mib}; make room, or name a directory on another disk", dir.display())]
    NoRoom {
        /// Where.
        dir: PathBuf,
        /// What is free.
        free_mib: u64,
        /// What it takes, with what is kept clear.
        wanted_mib: u64,
    },
    /// More writes are waiting than the queue holds.
    #[error("the write queue is full")]
    Busy,
    /// The store failed while it kept the change: only a look after the next start can tell.
    #[error("the store failed while it kept the change; it is not known whether it is kept")]
    Uncertain,
    /// The store has stopped; nothing more is written.
    #[error("the store has stopped")]
    Stopped,
}

fn remedy(dir: &Path, newest: Option<&Path>) -> String {
    newest.map_or_else(
        || "Keep a copy of the directory, then put back your newest backup of it: doorward restore FILE --replace".to_owned(),
        |newest| {
            let (newest, dir) = (newest.display(), dir.display());
            format!("To put back the newest backup, {newest}, and keep what is there beside it: doorward --data-dir {dir} restore latest --replace")
        },
    )
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// What a panic said: sled panics at some failures of the disk.
pub(in crate::store) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}
