//! The free space of the data directory: below the floor nothing is written.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::store::StorageError;

/// How long a measurement of the free space is believed.
const SPACE_BELIEVED: Duration = Duration::from_secs(1);

/// The free space of a directory, measured now and then.
pub(in crate::store::sled) struct FreeSpace {
    dir: PathBuf,
    floor: u64,
    measured: Option<(Instant, u64)>,
}

impl FreeSpace {
    pub fn new(dir: PathBuf, floor: u64) -> Self {
        Self { dir, floor, measured: None }
    }

    /// How much there is, if it is too little.
    pub(super) fn lacking(&mut self) -> Result<Option<u64>, StorageError> {
        let free = match self.measured {
            Some((at, free)) if at.elapsed() < SPACE_BELIEVED => free,
            _ => {
                let io = |source: rustix::io::Errno| StorageError::Io { action: "measure", path: self.dir.clone(), source: source.into() };
                let stat = rustix::fs::statvfs(&self.dir).map_err(io)?;
                let free = stat.f_bavail.saturating_mul(stat.f_frsize);
                self.measured = Some((Instant::now(), free));
                free
            }
        };
        Ok((free < self.floor).then_some(free))
    }

    /// What those are told who would write while so little is free.
    pub(super) fn full(&self, free: u64) -> StorageError {
        StorageError::DiskFull { dir: self.dir.clone(), free_mib: free >> 20, floor_mib: self.floor >> 20 }
    }
}
