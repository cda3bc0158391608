//! What the writer, the watchdog and the callers share: how the writing goes, and that it has failed.

use std::sync::atomic::AtomicBool;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::error;

use crate::store::measured::Writing;
use crate::store::sled::events::Notes;
use crate::store::{Live, StorageError};

/// See the module's page.
pub(in crate::store::sled) struct Shared {
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

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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

    /// Declares the store failed; the first reason counts.
    pub fn fail(&self, reason: String) {
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
    pub(super) fn set_committing(&self, since: Option<Instant>) -> Result<(), StorageError> {
        let mut phase = locked(&self.phase);
        phase.committing = since;
        if self.failed.borrow().is_some() { Err(StorageError::Stopped) } else { Ok(()) }
    }

    pub(super) fn end(&self) {
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
