//! Reading a checkpoint, and judging it: every record by itself, the relations between them, and all that the last line says.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use serde::Deserialize;

use super::super::opening::io;
use super::super::sled::check::{Fault, Links};
use super::super::sled::records::{Meta, SCHEMA, VERSION, decode, key, kind};
use super::super::{Standing, StorageError};
use super::{Counts, FORMAT, Head, KINDS, MAX_LINE, Tail, hex, limits, word};
use crate::auth::user::UserId;
use crate::error::chain;

/// After so many records it is told how far the reading has come.
const STEP: u64 = 256;

/// Why a file is not used.
#[derive(Debug)]
pub(super) enum Why {
    /// It never was a checkpoint.
    Foreign,
    /// A later version wrote it: this one.
    Newer(String),
    /// Its records have the form of a version before, and no way leads from there.
    Older(u16),
    /// What does not fit.
    Damaged(String),
    /// The storage failed, or whoever reads does not go on.
    Failed(StorageError),
}

impl Why {
    pub fn of(self, path: &Path) -> StorageError {
        let what = match self {
            Self::Foreign => "is no backup of Doorward; doorward backup makes one. Nothing was changed".to_owned(),
            Self::Newer(version) => format!("was written by a newer Doorward ({version}); run that version. Nothing was changed"),
            Self::Older(schema) => {
                format!(
                    "holds data of version {schema}, which this Doorward does not know any more; run the version that wrote it. Nothing was changed"
                )
            }
            Self::Damaged(what) => format!("is damaged: {what}. Nothing was changed; use another backup"),
            Self::Failed(error) => return error,
        };
        StorageError::Checkpoint { path: path.into(), what }
    }
}

impl From<StorageError> for Why {
    fn from(error: StorageError) -> Self {
        Self::Failed(error)
    }
}

impl From<Fault> for Why {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damage(what) => Self::Damaged(what),
            Fault::TooNew(schema) => Self::Newer(format!("data version {schema}")),
            Fault::Read(error) => Self::Failed(error),
        }
    }
}

/// What was found in a file that is whole.
pub(super) struct Found {
    pub head: Head,
    pub counts: Counts,
    pub sha256: String,
}

/// A record as a line, without its end. `key` is what follows the kind, `json` the value, if there is any.
pub(super) fn line(word: &str, key: &[u8], json: Option<&[u8]>) -> Vec<u8> {
    let start = format!("{{\"kind\":\"{word}\",\"key\":\"{}\"", hex(key)).into_bytes();
    match json {
        Some(json) => [&start, &b",\"record\":"[..], json, b"}"].concat(),
        None => [&start, &b"}"[..]].concat(),
    }
}

/// Key and value of such a line. The value is taken as it stands, not read and written anew: its digest counts.
pub(super) fn record(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let rest = line.strip_prefix(b"{\"kind\":\"")?.strip_suffix(b"}")?;
    let (kind, word) = KINDS.iter().find(|(_, word)| rest.strip_prefix(word.as_bytes()).is_some_and(|rest| rest.starts_with(b"\"")))?;
    let rest = rest[word.len()..].strip_prefix(b"\",\"key\":\"")?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let mut key = vec![*kind];
    for pair in rest[..end].chunks(2) {
        let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
        let [high, low] = *pair else { return None };
        key.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
    }
    let value = match &rest[end + 1..] {
        [] => Vec::new(),
        rest => [&[VERSION], rest.strip_prefix(b",\"record\":")?].concat(),
    };
    Some((key, value))
}

/// The next line, without its end; `None`: there is none.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<Option<()>, Why> {
    line.clear();
    let read = input.take(MAX_LINE as u64).read_until(b'\n', line);
    read.map_err(|source| Why::Damaged(format!("it cannot be read ({source})")))?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(())),
        Some(_) => Err(Why::Damaged("a line has no end: it was cut, or is none of ours".to_owned())),
    }
}

/// Judges versions before anything else: a later one may have changed all but the first names.
fn parse_head(line: &[u8]) -> Result<Head, Why> {
    #[derive(Deserialize)]
    struct Versions {
        doorward_checkpoint: u64,
        schema: u64,
        #[serde(default)]
        version: String,
    }
    let versions: Versions = serde_json::from_slice(line).map_err(|_| Why::Foreign)?;
    if versions.doorward_checkpoint > u64::from(FORMAT) || versions.schema > u64::from(SCHEMA) {
        return Err(Why::Newer(versions.version.chars().filter(|c| !c.is_control()).take(40).collect()));
    }
    let head: Head = serde_json::from_slice(line).map_err(|error| Why::Damaged(format!("its first line cannot be read ({error})")))?;
    if head.doorward_checkpoint != FORMAT {
        return Err(Why::Foreign);
    }
    limits::check(&head).map_err(Why::Damaged)?;
    Ok(head)
}

/// The first line of a file.
pub(super) fn head(path: &Path) -> Result<Head, StorageError> {
    let file = File::open(path).map_err(io("open", path))?;
    let (mut input, mut line) = (BufReader::new(file), Vec::new());
    let read = next_line(&mut input, &mut line).and_then(|there| there.ok_or(Why::Foreign));
    read.and_then(|()| parse_head(&line)).map_err(|why| why.of(path))
}

/// Whoever is handed the records.
type Hearer<'a> = &'a mut dyn FnMut(&Head, &[u8], &[u8]) -> Result<(), Why>;

/// Reads a whole file and compares what its last line says. Hands over each record with its place; what is wrong with the
/// file as a whole shows only after that.
pub(super) fn records(
    mut input: impl BufRead,
    each: Hearer<'_>,
    step: &mut dyn FnMut(u64) -> Result<(), StorageError>,
) -> Result<Found, Why> {
    let (mut line, mut hash) = (Vec::new(), Context::new(&SHA256));
    let (mut counts, mut bytes, mut read) = (Counts::new(), 0, 0_u64);
    next_line(&mut input, &mut line).ok().flatten().ok_or(Why::Foreign)?;
    let head = parse_head(&line)?;
    let mut sum = Meta::new(head.instance);
    loop {
        for part in [&line[..], b"\n"] {
            hash.update(part);
            bytes += part.len() as u64;
        }
        next_line(&mut input, &mut line)?.ok_or_else(|| Why::Damaged("its end is missing".to_owned()))?;
        if line.starts_with(b"{\"counts\":") {
            break;
        }
        let unreadable = || Why::Damaged(format!("line {} is not a record", read + 2));
        let (key, value) = record(&line).ok_or_else(unreadable)?;
        *counts.entry(word(&key).ok_or_else(unreadable)?.to_owned()).or_default() += 1;
        sum.note(&key, None, Some(&value));
        each(&head, &key, &value)?;
        read += 1;
        if read.is_multiple_of(STEP) {
            step(bytes)?;
        }
    }
    let tail = Tail { counts, digest: sum.digest, sha256: hex(hash.finish().as_ref()) };
    let expected = serde_json::to_vec(&tail).map_err(|error| Why::Damaged(error.to_string()))?;
    if line != expected {
        return Err(Why::Damaged("what it holds is not what its last line says".to_owned()));
    }
    match next_line(&mut input, &mut line) {
        Ok(None) => Ok(Found { head, counts: tail.counts, sha256: tail.sha256 }),
        _ => Err(Why::Damaged("something follows its end".to_owned())),
    }
}

/// What the records met so far say, of one that is to be made a database of.
#[derive(Default)]
struct Judge {
    last: Vec<u8>,
    links: Links,
    standings: HashSet<UserId>,
}

impl Judge {
    fn hear(&mut self, head: &Head, key: &[u8], value: &[u8]) -> Result<(), Why> {
        let damaged = |what: String| Err(Why::Damaged(what));
        if *key <= *self.last {
            return damaged(format!("{} is there twice, or not in its place", kind::noun(key.first().copied())));
        }
        key.clone_into(&mut self.last);
        if head.schema < SCHEMA {
            // What the records say, and to each other, shows when they have the form of today.
            return Ok(());
        }
        self.links.follow(key, value)?;
        match key.first() {
            Some(&kind::KEY) if !head.keys => return damaged("it has a key, but is to have none".to_owned()),
            Some(&kind::STANDING) => {
                decode::<Standing>("standing", value).map_err(|error| Why::Damaged(chain(&error)))?;
                self.standings.extend(key::as_id(key, kind::STANDING));
            }
            Some(&kind::EVENT) if key::as_event(key).is_none_or(|id| id > head.last_event) => {
                return damaged(format!("it has an event after the last, {}", head.last_event));
            }
            Some(&kind::USER) => {
                let id = key::as_id(key, kind::USER).unwrap_or(UserId::new(u64::MAX));
                self.standings.remove(&id);
                if id.get() >= head.next_user {
                    return damaged(format!("it has a user {id}, but the next is to be {}", head.next_user));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(self) -> Result<(), Why> {
        if let Some(id) = self.standings.iter().next() {
            return Err(Why::Damaged(format!("there are restrictions for user {id}, who does not exist")));
        }
        Ok(self.links.finish()?)
    }
}

/// Reads and judges everything.
pub(super) fn judged(input: impl BufRead, step: &mut dyn FnMut(u64) -> Result<(), StorageError>) -> Result<Found, Why> {
    let mut judge = Judge::default();
    let found = records(input, &mut |head, key, value| judge.hear(head, key, value), step)?;
    judge.end()?;
    Ok(found)
}

/// The same of a file, and its length. `step` is told how many bytes of how many were read.
///
/// # Errors
/// [`StorageError::Checkpoint`] with what is wrong; those of the system and of `step`.
pub(super) fn judge(path: &Path, step: &mut dyn FnMut(u64, u64) -> Result<(), StorageError>) -> Result<(Found, u64), StorageError> {
    judge_file(&File::open(path).map_err(io("open", path))?, path, step)
}

/// The same of a file that is open, from its start; `path` is for messages.
///
/// # Errors
/// Those of [`judge`].
pub(super) fn judge_file(
    mut file: &File,
    path: &Path,
    step: &mut dyn FnMut(u64, u64) -> Result<(), StorageError>,
) -> Result<(Found, u64), StorageError> {
    let length = length(file, path)?;
    file.rewind().map_err(io("read", path))?;
    let found = judged(BufReader::with_capacity(1 << 16, file), &mut |done| step(done, length)).map_err(|why| why.of(path))?;
    Ok((found, length))
}

/// A file to read.
pub(super) fn open(path: &Path) -> Result<BufReader<File>, StorageError> {
    let file = File::open(path).map_err(io("open", path))?;
    length(&file, path)?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

/// How many bytes it has; what is no file is no checkpoint.
fn length(file: &File, path: &Path) -> Result<u64, StorageError> {
    let found = file.metadata().map_err(io("open", path))?;
    if found.is_file() { Ok(found.len()) } else { Err(Why::Foreign.of(path)) }
}

/// A file as a fuzzer makes it: one that is taken has in its last line the SHA-256 of all before, and is refused with any one
/// bit of it flipped.
///
/// # Panics
/// When that is not so.
#[cfg(any(test, feature = "fuzzing"))]
pub fn fuzz(input: &[u8]) {
    let Ok(found) = judged(input, &mut |_| Ok(())) else { return };
    let body = input[..input.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    assert_eq!(found.sha256, hex(aws_lc_rs::digest::digest(&SHA256, &input[..body]).as_ref()));
    let at = body % input.len();
    for bit in 0..8 {
        let mut flipped = input.to_vec();
        flipped[at] ^= 1 << bit;
        assert!(judged(&flipped[..], &mut |_| Ok(())).is_err(), "bit {bit} of byte {at}");
    }
}
