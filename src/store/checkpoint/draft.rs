//! A checkpoint while it is written: under a name of its own, until it is whole.
//!
//! Whoever else may write to the directory can put another file, or a link, in the draft's place. So all that is written to it and
//! read back from it goes through the file that was made, and it gets its name only while it is still that file.

use std::fs::{self, File, Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::super::StorageError;
use super::super::opening::{io, sync_dir};
use super::DRAFT;

/// A file that goes when it is dropped, unless it was kept.
pub(super) struct Draft {
    file: File,
    path: PathBuf,
    is_kept: bool,
}

impl Draft {
    /// Beside `target`, for the owner alone.
    pub fn new(target: &Path) -> Result<Self, StorageError> {
        let mut name = target.as_os_str().to_owned();
        name.push(DRAFT);
        let path = PathBuf::from(name);
        let options = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).clone();
        let file = options.open(&path).map_err(io("create", &path))?;
        Ok(Self { file, path, is_kept: false })
    }

    /// For messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// To write to, and to read back from.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Puts it under its name, on stable storage when this returns.
    ///
    /// # Errors
    /// [`StorageError::Checkpoint`] when something else is in its place by now, which stays as it is; those of the system.
    pub fn keep_as(mut self, target: &Path) -> Result<(), StorageError> {
        self.file.sync_all().map_err(io("sync", &self.path))?;
        self.must_be_at(&self.path)?;
        fs::rename(&self.path, target).map_err(io("create", target))?;
        self.is_kept = true;
        // In between somebody was quick, perhaps.
        self.must_be_at(target)?;
        sync_dir(target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
    }

    fn must_be_at(&self, path: &Path) -> Result<(), StorageError> {
        if self.is_at(path).map_err(io("look at", path))? {
            return Ok(());
        }
        let what = "is not the file that was written: another user put it there. Choose a directory to which you alone can write";
        Err(StorageError::Checkpoint { path: path.into(), what: what.to_owned() })
    }

    fn is_at(&self, path: &Path) -> std::io::Result<bool> {
        let place = |found: Metadata| (found.dev(), found.ino());
        // A link is not followed.
        Ok(place(fs::symlink_metadata(path)?) == place(self.file.metadata()?))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept && self.is_at(&self.path).unwrap_or_default() {
            // The next checkpoint removes what could not be.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use super::super::super::contract::TempDir;
    use super::*;

    #[test]
    fn what_is_put_in_a_drafts_place_is_neither_written_to_nor_renamed_nor_removed() {
        let dir = TempDir::new();
        let (victim, target) = (dir.path().join("victim"), dir.path().join("target"));
        for is_link in [true, false] {
            fs::write(&victim, "as it was").unwrap();
            let draft = Draft::new(&target).unwrap();
            let place = draft.path().to_owned();
            fs::remove_file(&place).unwrap();
            if is_link {
                symlink(&victim, &place).unwrap();
            } else {
                fs::hard_link(&victim, &place).unwrap();
            }
            draft.file().write_all(b"a checkpoint").unwrap();
            let refused = draft.keep_as(&target).unwrap_err().to_string();
            assert!(refused.contains("Choose a directory"), "{refused}");
            assert_eq!(fs::read_to_string(&victim).unwrap(), "as it was");
            assert!(place.symlink_metadata().is_ok() && target.symlink_metadata().is_err());
            fs::remove_file(&place).unwrap();
        }
    }
}
