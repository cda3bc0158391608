//! Putting a database in the place of another, which is moved aside, and kept.
//!
//! The marker comes first: whenever that is cut off, the directory is one that a server refuses.

use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::super::StorageError;
use super::super::marker::NAME as MARKER;
use super::super::opening::{CONF, DATABASE, io, sync_dir};
use super::stamp;
use crate::auth::clock::Timestamp;

/// The start of the name of what was there before.
const ASIDE: &str = "replaced-";

/// The files of a database, in the directory, that would be in the way of another.
pub(super) fn database_of(dir: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(io("read", dir))? {
        let entry = entry.map_err(io("read", dir))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if [DATABASE, CONF, "blobs", MARKER].contains(&&*name) || name.starts_with("snap.") {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Puts the new database in place of `before`, which is moved aside.
pub(super) fn put_in_place(dir: &Path, workshop: &Path, before: &[PathBuf], now: Timestamp) -> Result<Option<PathBuf>, StorageError> {
    let aside = if before.is_empty() { None } else { Some(make_aside(dir, now)?) };
    let marker = dir.join(MARKER);
    if let Some(aside) = aside.as_ref().filter(|_| before.contains(&marker)) {
        fs::copy(&marker, aside.join(MARKER)).map_err(io("copy", &marker))?;
        sync_all(aside)?;
    }
    for (from, to) in moves(dir, workshop, before, aside.as_deref().unwrap_or(dir))? {
        fs::rename(&from, &to).map_err(io("move", &from))?;
        // One after the other, also on the disk.
        sync_dir(dir)?;
    }
    aside.iter().try_for_each(|aside| sync_dir(aside))?;
    Ok(aside)
}

/// What is moved where, in this order: from the first to the last but one the directory holds nothing that passes for a
/// database, not even for a new one. The marker comes first, in place of the one before, and the database last.
pub(super) fn moves(dir: &Path, workshop: &Path, before: &[PathBuf], aside: &Path) -> Result<Vec<(PathBuf, PathBuf)>, StorageError> {
    let to = |place: &Path, path: &Path| place.join(path.file_name().unwrap_or_default());
    let (marker, database) = (workshop.join(MARKER), workshop.join(DATABASE));
    let new = database_of(workshop)?;
    let others = new.iter().filter(|path| **path != marker && **path != database);
    let old = before.iter().filter(|path| path.file_name() != marker.file_name());
    let mut moves = vec![(marker.clone(), to(dir, &marker))];
    moves.extend(old.map(|path| (path.clone(), to(aside, path))));
    moves.extend(others.chain([&database]).map(|path| (path.clone(), to(dir, path))));
    Ok(moves)
}

/// A directory for what was there before, named by the time.
fn make_aside(dir: &Path, now: Timestamp) -> Result<PathBuf, StorageError> {
    for number in 0.. {
        let more = if number == 0 { String::new() } else { format!("-{number}") };
        let aside = dir.join(format!("{ASIDE}{}{more}", stamp(now)));
        match DirBuilder::new().mode(0o700).create(&aside) {
            Err(there) if there.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|()| aside.clone()).map_err(io("create", &aside)),
        }
    }
    Err(StorageError::Stopped)
}

/// Syncs all that is in a directory, and the directory.
pub(super) fn sync_all(dir: &Path) -> Result<(), StorageError> {
    for entry in fs::read_dir(dir).map_err(io("read", dir))? {
        let path = entry.map_err(io("read", dir))?.path();
        if path.is_dir() {
            sync_all(&path)?;
        }
        File::open(&path).and_then(|file| file.sync_all()).map_err(io("sync", &path))?;
    }
    sync_dir(dir)
}
