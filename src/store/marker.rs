//! The file `MARKER` beside the database: how far it got, kept where damage to the database does not reach.
//!
//! An emptied database opens as a new one, and one that lost its end opens without it; only something outside can tell.
//! The file is made before the first change. Its number follows each commit once that is on disk, so it never says more
//! than what was acknowledged; it is not synced each time, so after a power failure it may say less.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::StorageError;
use super::opening::{io, sync_dir};

const NAME: &str = "MARKER";
const HEAD: &str = "Doorward compares its database with this file to notice lost data. Do not edit, move or delete it.\ninstance ";
const UUID_CHARS: usize = 36;
const SEQUENCE_AT: usize = HEAD.len() + UUID_CHARS + "\nsequence ".len();
const SEQUENCE_CHARS: usize = 20;
const STOPPED_AT: usize = SEQUENCE_AT + SEQUENCE_CHARS + "\nstopped ".len();

/// See the module's page.
#[derive(Debug)]
pub(super) struct Marker {
    file: File,
    path: PathBuf,
    /// Of the database it belongs to.
    pub instance: Uuid,
    /// The last change that is known to be durable.
    pub sequence: u64,
    /// Whether the last stop was clean.
    pub clean: bool,
}

impl Marker {
    /// The one in `dir`.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] if it does not read as one.
    pub fn read(dir: &Path) -> Result<Option<Self>, StorageError> {
        let path = dir.join(NAME);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(missing) if missing.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io("open", &path)(source)),
        };
        let text = fs::read(&path).map_err(io("read", &path))?;
        let damaged = || StorageError::Damaged { dir: dir.into(), what: format!("the file {NAME} in it was altered"), newest: None };
        let (instance, sequence, clean) = parse(&text).ok_or_else(damaged)?;
        Ok(Some(Self { file, path, instance, sequence, clean }))
    }

    /// A new one, on stable storage when this returns. Under its name it is there wholly or not at all.
    ///
    /// # Errors
    /// [`StorageError::Io`]
    pub fn create(dir: &Path) -> Result<Self, StorageError> {
        let (path, draft) = (dir.join(NAME), dir.join("MARKER.new"));
        let instance = Uuid::new_v4();
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).clone();
        let mut file = options.open(&draft).map_err(io("create", &draft))?;
        file.write_all(render(instance, 0, false).as_bytes()).map_err(io("write", &draft))?;
        file.sync_all().map_err(io("sync", &draft))?;
        fs::rename(&draft, &path).map_err(io("create", &path))?;
        sync_dir(dir)?;
        Ok(Self { file, path, instance, sequence: 0, clean: false })
    }

    /// Notes that everything up to `sequence` is durable.
    ///
    /// # Errors
    /// [`StorageError::Io`]
    pub fn advance(&mut self, sequence: u64) -> Result<(), StorageError> {
        self.sequence = sequence;
        self.write_at(&digits(sequence), SEQUENCE_AT)
    }

    /// Notes whether the stop was clean, on stable storage when this returns.
    ///
    /// # Errors
    /// [`StorageError::Io`]
    pub fn set_clean(&mut self, clean: bool) -> Result<(), StorageError> {
        self.clean = clean;
        self.write_at(stopped(clean), STOPPED_AT)?;
        self.file.sync_all().map_err(io("sync", &self.path))
    }

    fn write_at(&self, text: &str, at: usize) -> Result<(), StorageError> {
        self.file.write_all_at(text.as_bytes(), at as u64).map_err(io("write", &self.path))
    }
}

/// Of one width, so that it can be overwritten in place.
fn digits(sequence: u64) -> String {
    format!("{sequence:0SEQUENCE_CHARS$}")
}

fn stopped(clean: bool) -> &'static str {
    if clean { "cleanly" } else { "not yet" }
}

fn render(instance: Uuid, sequence: u64, clean: bool) -> String {
    format!("{HEAD}{instance}\nsequence {}\nstopped {}\n", digits(sequence), stopped(clean))
}

fn parse(text: &[u8]) -> Option<(Uuid, u64, bool)> {
    let text = str::from_utf8(text).ok()?;
    let instance = text.get(HEAD.len()..HEAD.len() + UUID_CHARS)?.parse().ok()?;
    let sequence = text.get(SEQUENCE_AT..SEQUENCE_AT + SEQUENCE_CHARS)?.parse().ok()?;
    let clean = text.get(STOPPED_AT..)? == "cleanly\n";
    (text == render(instance, sequence, clean)).then_some((instance, sequence, clean))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use super::super::contract::TempDir;
    use super::*;

    #[test]
    fn it_reads_back_what_was_noted_last() {
        let dir = TempDir::new();
        assert!(Marker::read(dir.path()).unwrap().is_none());
        let mut marker = Marker::create(dir.path()).unwrap();
        for (sequence, clean) in [(1, false), (u64::MAX, true), (12, true), (13, false)] {
            marker.advance(sequence).unwrap();
            marker.set_clean(clean).unwrap();
            let read = Marker::read(dir.path()).unwrap().unwrap();
            assert_eq!((read.instance, read.sequence, read.clean), (marker.instance, sequence, clean));
        }
    }

    #[test]
    fn one_that_was_cut_or_edited_is_refused() {
        let whole = render(Uuid::new_v4(), 1234, true);
        assert!(parse(whole.as_bytes()).is_some());
        for cut in 0..whole.len() {
            assert_eq!(parse(&whole.as_bytes()[..cut]), None, "cut to {cut} bytes");
        }
        for other in [whole.replace("1234", "12 4"), whole.replace("cleanly", "quickly"), whole.replace("Doorward", "Doorword")] {
            assert_eq!(parse(other.as_bytes()), None, "{other}");
        }
    }
}
