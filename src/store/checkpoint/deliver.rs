//! Moving a checkpoint out of the folder it was made in, to where its owner wants it.
//!
//! Root does this, too, and the folder may belong to a user who puts links in the way: so nothing is followed below the data
//! directory, and what is removed is what was copied. Nor is anything followed in the place where it is written to ([`Draft`]).

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, unlinkat};

use super::super::StorageError;
use super::super::opening::io;
use super::draft::Draft;
use super::{FOLDER, read};

/// Copies a checkpoint to `target`, for its owner alone; there it is wholly or not at all. `step` is told how many bytes of how
/// many are copied. It is no longer in its folder then, also when the copy failed.
///
/// # Errors
/// Those of the system; [`StorageError::Checkpoint`] if something is at `target`, the copy is damaged, what has its name is no file,
/// or something else was put in the place of the copy.
pub fn deliver(dir: &Path, name: &str, target: &Path, step: &mut dyn FnMut(u64, u64)) -> Result<(), StorageError> {
    let (made, mut from) = Made::open(dir, name)?;
    let delivered = copy(&mut from, &made.path, target, step);
    made.remove()?;
    delivered
}

fn copy(from: &mut File, made: &Path, target: &Path, step: &mut dyn FnMut(u64, u64)) -> Result<(), StorageError> {
    if target.try_exists().map_err(io("open", target))? {
        return Err(StorageError::Checkpoint { path: target.into(), what: "is there already; choose another name".to_owned() });
    }
    let length = from.metadata().map_err(io("open", made))?.len();
    let draft = Draft::new(target)?;
    let mut to = draft.file();
    let (mut buffer, mut done) = (vec![0; 1 << 16], 0);
    loop {
        let read = from.read(&mut buffer).map_err(io("read", made))?;
        if read == 0 {
            break;
        }
        to.write_all(&buffer[..read]).map_err(io("write", draft.path()))?;
        done += read as u64;
        step(done, length);
    }
    read::judge_file(draft.file(), draft.path(), &mut |_, _| Ok(()))?;
    draft.keep_as(target)
}

/// A file in the folder of a data directory.
struct Made {
    folder: OwnedFd,
    name: String,
    /// For messages.
    path: PathBuf,
}

impl Made {
    fn open(dir: &Path, name: &str) -> Result<(Self, File), StorageError> {
        let (place, path) = (dir.join(FOLDER), dir.join(FOLDER).join(name));
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let data = openat(CWD, dir, flags | OFlags::DIRECTORY, Mode::empty()).map_err(|errno| io("open", dir)(errno.into()))?;
        let folder = openat(&data, FOLDER, flags | OFlags::DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
            .map_err(|errno| io("open", &place)(errno.into()))?;
        // A pipe would be waited for.
        let file = openat(&folder, name, flags | OFlags::NOFOLLOW | OFlags::NONBLOCK, Mode::empty())
            .map_err(|errno| io("open", &path)(errno.into()))?;
        let file = File::from(file);
        if !file.metadata().map_err(io("open", &path))?.is_file() {
            return Err(StorageError::Checkpoint { path, what: "is no file; nothing was copied".to_owned() });
        }
        Ok((Self { folder, name: name.to_owned(), path }, file))
    }

    fn remove(self) -> Result<(), StorageError> {
        unlinkat(&self.folder, &self.name, AtFlags::empty()).map_err(|errno| io("remove", &self.path)(errno.into()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use std::fs;
    use std::os::unix::fs::symlink;

    use super::super::super::contract::{T0, TempDir, logged_in};
    use super::super::super::{Order, Store};
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_link_put_in_the_place_of_a_copy_is_refused_and_what_it_leads_to_is_as_it_was() {
        let (dir, shared) = (TempDir::new(), TempDir::new());
        let store = dir.open();
        logged_in(&store, "arun").await;
        let names = [store.back_up(Order { now: T0, keys: true, keep: None }).await.unwrap().name, {
            logged_in(&store, "mira").await;
            store.back_up(Order { now: T0, keys: true, keep: None }).await.unwrap().name
        }];
        // A good checkpoint, too: only that it is another file tells.
        let (victim, target) = (dir.path().join(FOLDER).join(&names[0]), shared.path().join("made.jsonl"));
        let before = fs::read(&victim).unwrap();
        let draft = shared.path().join("made.jsonl.part");
        let swap = |_, _| {
            fs::remove_file(&draft).unwrap();
            symlink(&victim, &draft).unwrap();
        };
        let refused = deliver(dir.path(), &names[1], &target, &mut { swap }).unwrap_err().to_string();
        assert!(refused.contains("made.jsonl.part is not the file that was written"), "{refused}");
        assert_eq!(fs::read(&victim).unwrap(), before);
        assert!(target.symlink_metadata().is_err() && draft.is_symlink());
        store.close().await.unwrap();
    }
}
