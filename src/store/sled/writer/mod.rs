//! The writer thread: the one place where records change.
//!
//! It takes what waits in the queue, up to [`GROUP`] steps, and what comes in the next moment while several write. It applies
//! them, makes them durable together and only then answers. sled's `flush()` alone is no fsync on Linux, hence the sync on a
//! handle of our own. Whatever fails here ends the store: an fsync that failed once may report success the next time without
//! having written anything.

mod job;
mod shared;
mod space;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::super::StorageError;
use super::super::error::panic_message;
use super::super::marker::Marker;
use super::events;
use super::tree::Tree;
use crate::error::chain;
use shared::locked;

pub(super) use job::{Job, Request};
pub(super) use shared::Shared;
pub(super) use space::FreeSpace;

/// Most steps that become durable together.
const GROUP: usize = 256;
/// Where several write at a time, those just answered come again within this, and share the sync with those that waited meanwhile.
const GATHER: Duration = Duration::from_micros(50);
/// A batch is closed when it holds about this much: far less than one of sled's segments (512 KiB).
pub(super) const BATCH_BYTES: usize = 64 * 1024;

/// See the module's page.
pub(super) struct Writer {
    pub queue: mpsc::Receiver<Box<dyn Job>>,
    pub tree: Tree,
    /// sled's own file, to sync.
    pub file: File,
    /// Its path, for messages.
    pub path: PathBuf,
    pub marker: Marker,
    pub space: FreeSpace,
    pub shared: Arc<Shared>,
    /// Held as long as anything could still write.
    pub lock: File,
}

impl Writer {
    /// Works until every sender of the queue is gone.
    pub fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        match catch_unwind(AssertUnwindSafe(|| self.work())) {
            Ok(Ok(())) => self.stop(),
            Ok(Err(failure)) => self.abandon(chain(&failure)),
            Err(panic) => self.abandon(format!("the writer panicked: {}", panic_message(&*panic))),
        }
        shared.end();
    }

    fn work(&mut self) -> Result<(), StorageError> {
        let mut last = 0;
        while let Some(first) = self.queue.blocking_recv() {
            let mut group = vec![first];
            self.fill(&mut group);
            if last > 1 {
                thread::sleep(GATHER);
                self.fill(&mut group);
            }
            last = group.len();
            self.commit(group)?;
        }
        // The events of the last group.
        self.commit(Vec::new())
    }

    /// Takes what waits.
    fn fill(&mut self, group: &mut Vec<Box<dyn Job>>) {
        while group.len() < GROUP
            && let Ok(next) = self.queue.try_recv()
        {
            group.push(next);
        }
    }

    fn commit(&mut self, mut group: Vec<Box<dyn Job>>) -> Result<(), StorageError> {
        let began = Instant::now();
        self.shared.set_committing(Some(began))?;
        let lacking = self.space.lacking()?;
        self.shared.full.store(lacking.is_some(), Ordering::Relaxed);
        if let Some(free) = lacking {
            for mut job in group {
                if job.only_reads() {
                    // All that was taken before is applied and durable.
                    job.run(&mut self.tree, &self.shared.live)?;
                    job.answer();
                } else {
                    job.refuse(self.space.full(free));
                }
            }
            return self.shared.set_committing(None);
        }
        let (mut wrote, before) = (false, self.tree.sequence());
        for job in &mut group {
            job.run(&mut self.tree, &self.shared.live)?;
            if self.tree.pending_bytes() > BATCH_BYTES {
                wrote |= self.tree.apply()?;
            }
        }
        events::keep(&mut self.tree, &self.shared.live, &self.shared.notes.take())?;
        wrote |= self.tree.apply()?;
        if wrote {
            self.make_durable()?;
            let writing = &self.shared.writing;
            writing.commits.record(began.elapsed());
            writing.steps.add(self.tree.sequence() - before);
            writing.sessions.set(self.tree.sessions());
        }
        self.shared.set_committing(None)?;
        group.into_iter().for_each(Job::answer);
        Ok(())
    }

    fn make_durable(&mut self) -> Result<(), StorageError> {
        self.tree.flush()?;
        self.file.sync_data().map_err(|source| StorageError::Io { action: "sync", path: self.path.clone(), source })?;
        // Only now: what the marker says was acknowledged is never more than what is on disk.
        self.marker.advance(self.tree.reached())
    }

    fn stop(mut self) {
        let closing = self.shared.is_closing();
        let marked = if closing { self.make_durable().and_then(|()| self.marker.set_clean(true)) } else { Ok(()) };
        self.shared.db.write().unwrap_or_else(PoisonError::into_inner).take();
        let tree = self.tree;
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(tree)))
            .map_err(|panic| StorageError::Engine { action: "close", source: panic_message(&*panic).into() });
        drop(self.lock);
        *locked(&self.shared.stop_error) = marked.and(dropped).err();
    }

    /// Ends without letting go: sled's threads may still write, and a sync when the last handle is dropped would hide
    /// that one has failed. The lock goes with the process.
    fn abandon(self, reason: String) {
        self.shared.fail(reason);
        std::mem::forget(self.tree);
        std::mem::forget(self.lock);
    }
}
