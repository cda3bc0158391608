//! Making a checkpoint: into a draft, read back from there, and only then under its name.

use std::fs::{self, DirBuilder, File};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use super::super::StorageError;
use super::super::opening::{io, sync_dir};
use super::super::sled::copying::Copy;
use super::super::sled::records::{Meta, VERSION, kind};
use super::draft::Draft;
use super::read;
use super::{Checkpoint, Counts, DRAFT, FOLDER, Head, Order, Tail, all, hex, is_scheduled, name, word};

/// After so many bytes it is looked whether to go on.
const LOOK: u64 = 1 << 20;

/// Writes what `copy` holds into the folder of a data directory. `goes_on` is asked now and then, and its error ends it.
///
/// # Errors
/// Those of the system and of `goes_on`; [`StorageError::Checkpoint`] if what was written does not read back as the records
/// it was made of. Nothing is left behind then, and no other checkpoint is deleted.
pub(in crate::store) fn write(
    dir: &Path,
    copy: Copy,
    order: &Order,
    goes_on: &dyn Fn() -> Result<(), StorageError>,
) -> Result<Checkpoint, StorageError> {
    let folder = dir.join(FOLDER);
    make_folder(dir, &folder)?;
    let path = unused(&folder, order, &copy.meta)?;
    let draft = Draft::new(&path)?;
    let (mut out, meta) = (Out::new(&draft, goes_on), copy.meta.clone());
    out.line(&serde_json::to_vec(&Head::of(&meta, order)).map_err(unwritable)?)?;
    let mut sum = Meta::new(meta.instance);
    let (mut counts, mut left_out) = (Counts::new(), Meta::new(meta.instance));
    copy.read(|key, value| {
        if key.first() == Some(&kind::KEY) && !order.keys {
            left_out.note(key, None, Some(value));
            return Ok(());
        }
        sum.note(key, None, Some(value));
        let (line, word) = line(key, value)?;
        *counts.entry(word.to_owned()).or_default() += 1;
        out.line(&line)
    })?;
    if sum.counts != meta.counts || sum.digest.with(left_out.digest) != meta.digest {
        return Err(StorageError::Checkpoint { path, what: "does not hold what the database does; it was not kept".to_owned() });
    }
    let sha256 = out.end(&Tail { counts, digest: sum.digest, sha256: String::new() })?;
    let (found, bytes) = read::judge_file(draft.file(), draft.path(), &mut |_, _| goes_on())?;
    if found.sha256 != sha256 {
        return Err(StorageError::Checkpoint { path, what: "does not read back as it was written; it was not kept".to_owned() });
    }
    draft.keep_as(&path)?;
    if let Some(keep) = order.keep {
        prune(dir, keep, &path)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Checkpoint { name, created: order.now, sequence: meta.sequence, keys: order.keys, counts: found.counts, bytes, sha256 })
}

fn unwritable(source: serde_json::Error) -> StorageError {
    StorageError::Record { record: "checkpoint", source: source.into() }
}

/// Makes the folder, and clears it of drafts that a killed process left: two are never made at once.
fn make_folder(dir: &Path, folder: &Path) -> Result<(), StorageError> {
    if !folder.try_exists().map_err(io("open", folder))? {
        DirBuilder::new().mode(0o700).create(folder).map_err(io("create", folder))?;
        sync_dir(dir)?;
    }
    for entry in fs::read_dir(folder).map_err(io("read", folder))? {
        let path = entry.map_err(io("read", folder))?.path();
        if path.to_string_lossy().ends_with(DRAFT) {
            fs::remove_file(&path).map_err(io("remove", &path))?;
        }
    }
    Ok(())
}

/// A record as a line, and the word of its kind.
fn line(key: &[u8], value: &[u8]) -> Result<(Vec<u8>, &'static str), StorageError> {
    let json = match value.split_first() {
        None => None,
        Some((&VERSION, json)) => Some(json),
        Some((version, _)) => {
            let source = format!("it has version {version}").into();
            return Err(StorageError::Record { record: kind::noun(key.first().copied()), source });
        }
    };
    let word = word(key).ok_or_else(|| StorageError::Record { record: kind::noun(None), source: "its key has no meaning".into() })?;
    Ok((read::line(word, &key[1..], json), word))
}

/// A place for it where none is: somebody was told that that one stays.
fn unused(folder: &Path, order: &Order, meta: &Meta) -> Result<PathBuf, StorageError> {
    for number in 0.. {
        let path = folder.join(name(order, meta, number));
        if !path.try_exists().map_err(io("open", &path))? {
            return Ok(path);
        }
    }
    Err(StorageError::Stopped)
}

/// Deletes the oldest checkpoints of the schedule until `keep` are left, `made` among them.
fn prune(dir: &Path, keep: usize, made: &Path) -> Result<(), StorageError> {
    let mut scheduled: Vec<_> = all(dir)?.into_iter().filter(|path| is_scheduled(path)).collect();
    // What is dated later was made before, with a clock that has been set back since.
    scheduled.sort_by_key(|path| path.as_path() <= made);
    let excess = scheduled.len().saturating_sub(keep.max(1));
    for old in &scheduled[..excess] {
        fs::remove_file(old).map_err(io("remove", old))?;
    }
    Ok(())
}

/// The draft while it is written: what went into it so far is hashed.
struct Out<'a> {
    file: BufWriter<&'a File>,
    path: &'a Path,
    hash: Context,
    since_look: u64,
    goes_on: &'a dyn Fn() -> Result<(), StorageError>,
}

impl<'a> Out<'a> {
    fn new(draft: &'a Draft, goes_on: &'a dyn Fn() -> Result<(), StorageError>) -> Self {
        // Asked before the first record, too.
        Self { file: BufWriter::new(draft.file()), path: draft.path(), hash: Context::new(&SHA256), since_look: LOOK, goes_on }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), StorageError> {
        self.since_look += line.len() as u64;
        if self.since_look >= LOOK {
            self.since_look = 0;
            (self.goes_on)()?;
        }
        for part in [line, b"\n"] {
            self.hash.update(part);
            self.file.write_all(part).map_err(io("write", self.path))?;
        }
        Ok(())
    }

    /// Writes the last line; answers the hash of all before.
    fn end(mut self, tail: &Tail) -> Result<String, StorageError> {
        let sha256 = hex(self.hash.finish().as_ref());
        let tail = Tail { sha256: sha256.clone(), ..tail.clone() };
        let mut line = serde_json::to_vec(&tail).map_err(unwritable)?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.flush()).map_err(io("write", self.path))?;
        Ok(sha256)
    }
}
