//! Checkpoints: all records as they were at one moment, in one file of JSON Lines. One format for backups that somebody asks
//! for and for those on a schedule; `write.rs` makes them, `read.rs` judges them, `restore.rs` makes a database of what
//! `sieve.rs` lets through of one, and `replace.rs` puts it in the place of another.
//!
//! ```text
//! {"doorward_checkpoint":1,"schema":1,"instance":"…","sequence":42,"created":1767225600,"version":"0.1.0","keys":true,…}
//! {"kind":"user","key":"0000000000000001","record":{"username":"arun",…}}
//! {"counts":{"user":1,…},"digest":"…","sha256":"…"}
//! ```
//!
//! The records are those of the database, in order of their keys, indexes included: so the digest that the database keeps of
//! itself must come out of the file, too. `sha256` is over all bytes before the last line. It finds what was altered by
//! accident; it is no signature. **A checkpoint holds password hashes and, unless they are left out, the keys that sign.**

mod deliver;
mod draft;
mod limits;
mod read;
mod replace;
mod restore;
mod sieve;
#[cfg(test)]
mod tests;
mod trial;
mod write;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::StorageError;
use super::marker::Marker;
use super::opening::io;
use super::sled::records::{Digest, Events, Meta, SCHEMA, kind};
use crate::auth::clock::Timestamp;

pub use deliver::deliver;
#[cfg(any(test, feature = "fuzzing"))]
pub use read::fuzz;
pub use restore::{Restored, restore};
pub use trial::{Trial, made_on, trial};
pub(super) use write::write;

/// Where they are kept, in the data directory.
pub const FOLDER: &str = "backups";

/// The form of the file. Raised when an older version could no longer read it.
const FORMAT: u16 = 1;
/// The end of the name of one that is being written.
const DRAFT: &str = ".part";
/// Longest line; a record is far shorter.
const MAX_LINE: usize = 1 << 20;

/// What a checkpoint is to be.
#[derive(Debug, Clone)]
pub struct Order {
    /// When it was asked for.
    pub now: Timestamp,
    /// Whether it holds the keys that sign.
    pub keys: bool,
    /// On the schedule: how many such stay. `None`: somebody asked for it, and it stays until somebody deletes it.
    pub keep: Option<usize>,
}

/// A checkpoint that was made and read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// Of its file, in [`FOLDER`].
    pub name: String,
    /// When it was asked for.
    pub created: Timestamp,
    /// How many changes the database had seen.
    pub sequence: u64,
    /// Whether it holds the keys that sign.
    pub keys: bool,
    /// How many records of each kind.
    pub counts: Counts,
    /// Its length.
    pub bytes: u64,
    /// Over all of it but the last line, in hex.
    pub sha256: String,
}

/// How many records of each kind, by the word of the kind.
pub type Counts = BTreeMap<String, u64>;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// [`FORMAT`]
    doorward_checkpoint: u16,
    /// Of the records.
    schema: u16,
    /// Of which database.
    instance: Uuid,
    /// How many changes it had seen.
    sequence: u64,
    created: Timestamp,
    /// The program that wrote it.
    version: String,
    /// Whether the keys that sign are in it.
    keys: bool,
    /// The next user's id.
    next_user: u64,
    clock_mark: Timestamp,
    cut_off: Timestamp,
    /// The last audit event's id.
    last_event: u64,
}

impl Head {
    fn of(meta: &Meta, order: &Order) -> Self {
        Self {
            doorward_checkpoint: FORMAT,
            schema: meta.schema,
            instance: meta.instance,
            sequence: meta.sequence,
            created: order.now,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            keys: order.keys,
            next_user: meta.next_user,
            clock_mark: meta.clock_mark,
            cut_off: meta.cut_off,
            last_event: meta.events.last,
        }
    }

    /// Of its records, but for their counts and digest.
    fn meta(&self) -> Meta {
        Meta {
            schema: self.schema,
            sequence: self.sequence,
            next_user: self.next_user,
            clock_mark: self.clock_mark,
            cut_off: self.cut_off,
            events: Events { last: self.last_event, ..Events::default() },
            ..Meta::new(self.instance)
        }
    }
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    counts: Counts,
    /// As the database sums up its records.
    digest: Digest,
    /// In hex.
    sha256: String,
}

/// The kinds of records and their words, also those that only older schemas have.
pub(super) const KINDS: [(u8, &str); 12] = [
    (kind::DELETED, "deleted"),
    (kind::STANDING, "standing"),
    (kind::EVENT, "event"),
    (kind::INVITE, "invite"),
    (kind::KEY, "key"),
    (kind::NAME, "name"),
    (kind::OWNED, "owned"),
    (kind::REVOCATION, "revocation"),
    (kind::SESSION, "session"),
    (kind::USER, "user"),
    (kind::SERVICE, "service"),
    (kind::EXPIRY, "expiry"),
];

fn word(key: &[u8]) -> Option<&'static str> {
    KINDS.iter().find(|(kind, _)| key.first() == Some(kind)).map(|(_, word)| *word)
}

/// A SHA-256 as it is written.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The name of a checkpoint's file; sorted, such names are in order of time. `number` tells those of one second and one state
/// of the records apart.
fn name(order: &Order, meta: &Meta, number: u32) -> String {
    let (stamp, sequence) = (stamp(order.now), meta.sequence);
    let occasion = match order.keep {
        Some(_) => ".scheduled",
        None if meta.schema < SCHEMA => ".before-upgrade",
        None => "",
    };
    let number = if number == 0 { String::new() } else { format!("-{number}") };
    format!("doorward-{stamp}-{sequence:012}{number}{occasion}.jsonl")
}

/// Whether a checkpoint's file may be called so. It then names nothing outside of its folder.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.starts_with("doorward-") && Path::new(name).extension().is_some_and(|end| end == "jsonl") && !name.contains('/')
}

/// A moment as names have it.
fn stamp(at: Timestamp) -> String {
    at.to_string().replace(['-', ':'], "")
}

/// The checkpoints of a data directory, the oldest first. None, if there is no such folder.
fn all(dir: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let folder = dir.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Err(missing) if missing.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(io("read", &folder))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(io("read", &folder))?.path();
        if path.file_name().and_then(|name| name.to_str()).is_some_and(is_name) {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn is_scheduled(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".scheduled.jsonl")
}

/// The newest checkpoint of a data directory: the one that has most of the database there, or, of others, the last by date. Dates
/// lie when the clock was ahead and has been set back.
///
/// # Errors
/// When its folder cannot be read.
pub fn newest(dir: &Path) -> Result<Option<PathBuf>, StorageError> {
    let instance = Marker::read(dir).ok().flatten().map(|marker| marker.instance);
    let has = |path: &Path| read::head(path).ok().filter(|head| Some(head.instance) == instance).map(|head| head.sequence);
    let dated = all(dir)?.into_iter().enumerate();
    Ok(dated.max_by_key(|(date, path)| (has(path), *date)).map(|(_, path)| path))
}

/// A whole checkpoint of a database as it is now that stays until somebody deletes it, if there is one.
pub(super) fn already_of(dir: &Path, meta: &Meta) -> Option<PathBuf> {
    let is_of = |path: &PathBuf| {
        let head = read::head(path).ok().filter(|head| head.keys && !is_scheduled(path));
        head.is_some_and(|head| (head.instance, head.sequence, head.schema) == (meta.instance, meta.sequence, meta.schema))
    };
    all(dir).ok()?.into_iter().find(|path| is_of(path) && read::judge(path, &mut |_, _| Ok(())).is_ok())
}

/// When the newest checkpoint on the schedule was made. One whose first line cannot be read does not count.
pub(super) fn last_scheduled(dir: &Path) -> Result<Option<Timestamp>, StorageError> {
    let scheduled = all(dir)?.into_iter().rev().filter(|path| is_scheduled(path));
    Ok(scheduled.filter_map(|path| read::head(&path).ok()).map(|head| head.created).next())
}

/// Whether so many bytes are free where a path is; [`StorageError::NoRoom`] if not.
pub(super) fn room(path: &Path, wanted: u64) -> Result<(), StorageError> {
    let stat = rustix::fs::statvfs(path).map_err(|source| io("measure", path)(source.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let lacking = || StorageError::NoRoom { dir: path.into(), free_mib: free >> 20, wanted_mib: wanted.div_ceil(1 << 20) };
    if free < wanted { Err(lacking()) } else { Ok(()) }
}

/// Says of a database that was found damaged how to put the newest checkpoint in its place, if there is one.
pub(super) fn advise(damage: StorageError) -> StorageError {
    match damage {
        StorageError::Damaged { dir, what, .. } => {
            let newest = newest(&dir).ok().flatten();
            StorageError::Damaged { dir, what, newest }
        }
        other => other,
    }
}

/// That a database has lost something which the newest checkpoint of it has: how far that got.
pub(super) fn ahead(dir: &Path, meta: &Meta) -> Option<(PathBuf, u64)> {
    let path = newest(dir).ok().flatten()?;
    // One that cannot be read says nothing about the database.
    let head = read::head(&path).ok()?;
    (head.instance == meta.instance && head.sequence > meta.sequence).then_some((path, head.sequence))
}
