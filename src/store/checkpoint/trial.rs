//! Whether a checkpoint could be restored: by restoring it, into a directory that goes again.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};

use super::super::StoreOptions;
use super::super::opening::{io, make_private};
use super::restore::restore;
use super::{StorageError, newest, read};
use crate::auth::clock::Timestamp;

/// The start of the directory's name, in the data directory; the process's id follows.
const TRIAL: &str = "trial-";

/// A restore that would have worked.
#[derive(Debug)]
pub struct Trial {
    /// Users that came back.
    pub users: u64,
    /// The checkpoint's length.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
}

/// When the newest checkpoint of a data directory was made; `None`: there is none.
///
/// # Errors
/// That it cannot be read, or is none.
pub fn made_on(dir: &Path) -> Result<Option<(PathBuf, Timestamp)>, StorageError> {
    newest(dir)?.map(|path| read::head(&path).map(|head| (path, head.created))).transpose()
}

/// Restores a checkpoint into a directory beside the database, for this alone: everything is read, made anew, read back and
/// deleted. `step` is told how many bytes of how many were read.
///
/// # Errors
/// Those of a restore; [`StorageError::Unsafe`] for a directory of another user, who could put a link in the place of what root makes
/// there, and so let root write wherever it may.
pub fn trial(options: &StoreOptions, from: &Path, now: Timestamp, step: &mut dyn FnMut(u64, u64)) -> Result<Trial, StorageError> {
    let began = Instant::now();
    make_private(&options.dir)?;
    let bytes = fs::metadata(from).map_err(io("look at", from))?.len();
    sweep(&options.dir)?;
    let place = Place::new(&options.dir)?;
    let inside = StoreOptions { dir: place.0.clone(), ..options.clone() };
    let restored = restore(&inside, Some(from), false, now, step).map_err(|error| match error {
        // The place is gone when this is read.
        StorageError::NoRoom { free_mib, wanted_mib, .. } => StorageError::NoRoom { dir: options.dir.clone(), free_mib, wanted_mib },
        other => other,
    })?;
    Ok(Trial { users: restored.users, bytes, took: began.elapsed() })
}

/// A directory for us alone, that goes when it is dropped.
struct Place(PathBuf);

impl Place {
    fn new(dir: &Path) -> Result<Self, StorageError> {
        let place = dir.join(format!("{TRIAL}{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&place).map_err(io("create", &place))?;
        Ok(Self(place))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What stays is swept by the next.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Deletes what one left behind that was killed: it holds password hashes.
fn sweep(dir: &Path) -> Result<(), StorageError> {
    for entry in fs::read_dir(dir).map_err(io("read", dir))? {
        let path = entry.map_err(io("read", dir))?.path();
        let owner = path.file_name().and_then(|name| name.to_str()?.strip_prefix(TRIAL)?.parse().ok());
        let Some(owner) = owner.and_then(Pid::from_raw) else { continue };
        if owner == rustix::process::getpid() || test_kill_process(owner) == Err(rustix::io::Errno::SRCH) {
            fs::remove_dir_all(&path).map_err(io("remove", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use super::super::super::contract::{T0, TempDir, logged_in};
    use super::super::super::{Order, Store};
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_trial_leaves_nothing_behind_and_sweeps_what_another_left() {
        let dir = TempDir::new();
        let store = dir.open();
        logged_in(&store, "arun").await;
        let name = store.back_up(Order { now: T0, keys: true, keep: None }).await.unwrap().name;
        let path = dir.path().join(super::super::FOLDER).join(name);
        assert_eq!(made_on(dir.path()).unwrap(), Some((path.clone(), T0)));
        let places =
            || fs::read_dir(dir.path()).unwrap().flatten().filter(|one| one.file_name().to_string_lossy().starts_with(TRIAL)).count();
        // No process has so high a number (proc(5)); the first of all lives.
        for owner in ["4194305", "1"] {
            fs::create_dir(dir.path().join(format!("{TRIAL}{owner}"))).unwrap();
        }
        let done = trial(&dir.options(), &path, T0, &mut |_, _| {}).unwrap();
        assert_eq!((done.users, places()), (1, 1));
        let none_so_large = StoreOptions { free_space_floor: 1 << 60, ..dir.options() };
        let refused = trial(&none_so_large, &path, T0, &mut |_, _| {}).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("{} has ", dir.path().display())) && places() == 1, "{refused}");
        fs::write(&path, "no checkpoint").unwrap();
        assert!(trial(&dir.options(), &path, T0, &mut |_, _| {}).is_err());
        assert_eq!(places(), 1);
        store.close().await.unwrap();
    }
}
