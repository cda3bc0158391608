//! The writer thread: the one place where records change.
//!
//! It takes what waits in the queue, up to [`GROUP`] steps, applies them, makes them durable together and only then
//! answers. sled's `flush()` alone is no fsync on Linux, hence the sync on a handle of our own. Whatever fails here ends
//! the store: an fsync that failed once may report success the next time without having written anything.

use std::any::Any;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tracing::error;

use super::super::marker::Marker;
use super::super::measured::Writing;
use super::super::{Live, StorageError};
use super::events::{self, Notes};
use super::tree::{Step, Tree};
use crate::error::{Error, Result};

/// Most steps that become durable together.
const GROUP: usize = 256;
/// A batch is closed when it holds about this much: far less than one of sled's segments (512 KiB).
pub(super) const BATCH_BYTES: usize = 64 * 1024;
/// How long a measurement of the free space is believed.
const SPACE_BELIEVED: Duration = Duration::from_secs(1);

/// A step in the queue, with whoever waits for it. Dropping it tells them that the store has stopped.
pub(super) trait Job: Send {
    /// Takes the step; an error is the end of the store.
    fn run(&mut self, tree: &mut Tree, live: &Live) -> Result<(), StorageError>;
    /// Says how it went.
    fn answer(self: Box<Self>);
    /// Says that it was not taken.
    fn refuse(self: Box<Self>, why: StorageError);
    /// Whether it only reads, so that a full disk is no reason to refuse it.
    fn only_reads(&self) -> bool {
        false
    }
}

/// A [`Job`] made of a function.
pub(super) struct Request<T, F> {
    step: Option<F>,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Request<T, F> {
    pub fn new(step: F, reply: oneshot::Sender<Result<T>>) -> Self {
        Self { step: Some(step), outcome: None, reply }
    }
}

impl<T: Send, F: FnOnce(&mut Step<'_>) -> Result<T> + Send> Job for Request<T, F> {
    fn run(&mut self, tree: &mut Tree, live: &Live) -> Result<(), StorageError> {
        let Some(step) = self.step.take() else { return Ok(()) };
        match tree.take(live, step) {
            Err(Error::Storage(fatal @ (StorageError::Engine { .. } | StorageError::Io { .. }))) => Err(fatal),
            outcome => {
                self.outcome = Some(outcome);
                Ok(())
            }
        }
    }

    fn answer(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // Whoever asked may have gone; what it asked for is done all the same.
            let _ = self.reply.send(outcome);
        }
    }

    fn refuse(self: Box<Self>, why: StorageError) {
        let _ = self.reply.send(Err(why.into()));
    }
}

/// What the writer, the watchdog and the callers share.
pub(super) struct Shared {
    pub live: Live,
    /// For reading; gone after the end.
    pub db: RwLock<Option<sled::Db>>,
    pub failed: watch::Sender<Option<String>>,
    /// Whether the last group found too little free space.
    pub full: AtomicBool,
    /// Whether the writer has ended, well or not.
    pub ended: watch::Sender<bool>,
    /// Why a clean stop was not possible.
    pub stop_error: Mutex<Option<StorageError>>,
    /// Audit events that wait to be written.
    pub notes: Notes,
    /// What is counted of the writing.
    pub writing: Writing,
    phase: Mutex<Phase>,
    phase_changed: Condvar,
}

/// What the watchdog watches.
#[derive(Default)]
struct Phase {
    /// Since when a group is on its way to the disk.
    committing: Option<Instant>,
    /// Whether the stop is asked for, and so to be marked as clean.
    closing: bool,
}

impl Phase {
    fn is_late(&self, now: Instant, deadline: Duration) -> bool {
        self.committing.is_some_and(|since| now.saturating_duration_since(since) > deadline)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(live: Live, db: sled::Db) -> Self {
        Self {
            live,
            db: RwLock::new(Some(db)),
            failed: watch::Sender::new(None),
            full: AtomicBool::new(false),
            ended: watch::Sender::new(false),
            stop_error: Mutex::new(None),
            notes: Notes::default(),
            writing: Writing::default(),
            phase: Mutex::default(),
            phase_changed: Condvar::new(),
        }
    }

    /// From now on the end of the queue is a clean stop.
    pub fn close(&self) {
        locked(&self.phase).closing = true;
    }

    /// Whether the end is asked for.
    pub fn is_closing(&self) -> bool {
        locked(&self.phase).closing
    }

    pub(super) fn fail(&self, reason: String) {
        self.failed.send_if_modified(|failed| {
            if failed.is_some() {
                return false;
            }
            error!(reason, "the store has failed: nothing more is written");
            *failed = Some(reason);
            true
        });
    }

    /// Under the phase's lock, so that a group is either judged late or answered, never both.
    fn set_committing(&self, since: Option<Instant>) -> Result<(), StorageError> {
        let mut phase = locked(&self.phase);
        phase.committing = since;
        if self.failed.borrow().is_some() { Err(StorageError::Stopped) } else { Ok(()) }
    }

    fn end(&self) {
        self.ended.send_replace(true);
        let _phase = locked(&self.phase);
        self.phase_changed.notify_all();
    }

    /// The watchdog: declares the store failed when a commit takes longer than `deadline`. sled waits for its own
    /// threads without an end, so the writer cannot notice this itself.
    pub fn watch(&self, deadline: Duration) {
        let pause = (deadline / 4).clamp(Duration::from_millis(5), Duration::from_secs(5));
        let mut phase = locked(&self.phase);
        while !*self.ended.borrow() {
            if phase.is_late(Instant::now(), deadline) {
                self.fail(format!("a write was not on disk after {} s", deadline.as_secs_f32()));
                return;
            }
            phase = self.phase_changed.wait_timeout(phase, pause).map_or_else(|poisoned| poisoned.into_inner().0, |(phase, _)| phase);
        }
    }
}

/// The free space of a directory, measured now and then.
pub(super) struct FreeSpace {
    dir: PathBuf,
    floor: u64,
    measured: Option<(Instant, u64)>,
}

impl FreeSpace {
    pub fn new(dir: PathBuf, floor: u64) -> Self {
        Self { dir, floor, measured: None }
    }

    /// How much there is, if it is too little.
    fn lacking(&mut self) -> Result<Option<u64>, StorageError> {
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
}

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
            Ok(Err(failure)) => self.abandon(describe(&failure)),
            Err(panic) => self.abandon(format!("the writer panicked: {}", panic_message(&*panic))),
        }
        shared.end();
    }

    fn work(&mut self) -> Result<(), StorageError> {
        while let Some(first) = self.queue.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(next) = self.queue.try_recv()
            {
                group.push(next);
            }
            self.commit(group)?;
        }
        // The events of the last group.
        self.commit(Vec::new())
    }

    fn commit(&mut self, mut group: Vec<Box<dyn Job>>) -> Result<(), StorageError> {
        let began = Instant::now();
        self.shared.set_committing(Some(began))?;
        let lacking = self.space.lacking()?;
        self.shared.full.store(lacking.is_some(), Ordering::Relaxed);
        if let Some(free) = lacking {
            let full = || StorageError::DiskFull { free_mib: free >> 20, floor_mib: self.space.floor >> 20 };
            for mut job in group {
                if job.only_reads() {
                    // All that was taken before is applied and durable.
                    job.run(&mut self.tree, &self.shared.live)?;
                    job.answer();
                } else {
                    job.refuse(full());
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
        let closing = locked(&self.shared.phase).closing;
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

/// An error and its causes, in one line.
pub(in crate::store) fn describe(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}

/// What a panic said.
pub(in crate::store) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_commit_that_is_under_way_can_be_late() {
        let (start, deadline) = (Instant::now(), Duration::from_secs(10));
        let phase = |committing| Phase { committing, closing: false };
        assert!(!phase(None).is_late(start + 2 * deadline, deadline));
        assert!(!phase(Some(start)).is_late(start + deadline, deadline));
        assert!(phase(Some(start)).is_late(start + deadline + Duration::from_millis(1), deadline));
    }
}
