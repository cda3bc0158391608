//! The handle that everybody has: opens the store, queues steps, and reads on threads that may block.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::tree::{Step, Tree};
use super::writer::{FreeSpace, Job, Request, Shared, Writer};
use super::{checking, steps};
use crate::auth::clock::Timestamp;
use crate::auth::mandate::Mandate;
use crate::error::Result;
use crate::store::opening::{self, Opened};
use crate::store::{StorageError, StoreOptions, checkpoint};

/// Most steps that wait for the writer.
pub(super) const QUEUE: usize = 4096;
/// Most checkpoints that are asked for at once.
const COPIES: usize = 4;

/// Most entries one round of the sweep looks at, so that other steps get in between.
const SWEEP_ROUND: usize = 100;

/// [`Store`](crate::store::Store) over sled. Cheap to clone. Without [`close`](crate::store::Store::close) the stop counts as unclean.
#[derive(Clone)]
pub struct SledStore {
    pub(super) handle: Arc<Handle>,
    /// What every step is taken under; see [`Store::under`](crate::store::Store::under).
    pub(super) mandate: Option<Mandate>,
}

pub(super) struct Handle {
    pub dir: PathBuf,
    pub free_space_floor: u64,
    /// Held while a checkpoint is made: never two at once.
    pub copying: Arc<tokio::sync::Mutex<()>>,
    /// For those that wait for that, and the one that is made.
    pub copies: Semaphore,
    pub shared: Arc<Shared>,
    pub queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
}

impl SledStore {
    /// Opens the data directory, or makes a new one. Blocks: for as long as the check of the records takes, and up to
    /// [`StoreOptions::lock_wait`] for a predecessor.
    ///
    /// # Errors
    /// Everything in [`StorageError`] that is about a whole directory. A refusal moves and deletes nothing.
    pub fn open(options: &StoreOptions) -> Result<Self, StorageError> {
        let Opened { db, file, path, lock, marker, meta, live, checked } = opening::open(options).map_err(checkpoint::advise)?;
        let shared = Arc::new(Shared::new(live, db.clone()));
        shared.writing.sessions.set(meta.counts.sessions);
        let (sender, queue) = mpsc::channel(QUEUE);
        let space = FreeSpace::new(options.dir.clone(), options.free_space_floor);
        let writer = Writer { queue, tree: Tree::new(db, meta), file, path, marker, space, shared: Arc::clone(&shared), lock };
        let (watched, deadline) = (Arc::clone(&shared), options.commit_deadline);
        let spawned = thread::Builder::new().name("store-writer".to_owned()).spawn(move || writer.run());
        spawned
            .and_then(|_| thread::Builder::new().name("store-watchdog".to_owned()).spawn(move || watched.watch(deadline)))
            .map_err(|source| StorageError::Io { action: "start the writer for", path: options.dir.clone(), source })?;
        let (dir, free_space_floor, copying) = (options.dir.clone(), options.free_space_floor, Arc::default());
        let copies = Semaphore::new(COPIES);
        let handle = Handle { dir, free_space_floor, copying, copies, shared, queue: Mutex::new(Some(sender)) };
        let store = Self { handle: Arc::new(handle), mandate: None };
        if !checked {
            checking::begin(&store)?;
        }
        Ok(store)
    }

    /// Queues a step and waits until it is durable.
    pub(super) async fn write<T, F>(&self, step: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Step<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let mandate = self.mandate;
        let step = move |records: &mut Step<'_>| {
            mandate.map_or(Ok(()), |mandate| steps::judge(records, &mandate))?;
            step(records)
        };
        self.enqueue(Box::new(Request::new(step, reply)))?;
        answer.await.unwrap_or_else(|_| Err(StorageError::Uncertain.into()))
    }

    pub(super) fn enqueue(&self, job: Box<dyn Job>) -> Result<(), StorageError> {
        if self.handle.shared.failed.borrow().is_some() {
            return Err(StorageError::Stopped);
        }
        let queue = self.handle.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = queue.as_ref().ok_or(StorageError::Stopped)?;
        sender.try_send(job).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StorageError::Busy,
            mpsc::error::TrySendError::Closed(_) => StorageError::Stopped,
        })
    }

    /// See [`Store::sweep_expired`](crate::store::Store::sweep_expired).
    pub(super) async fn sweep_in_rounds(&self, before: Timestamp, limit: usize) -> Result<usize> {
        let mut deleted = 0;
        while deleted < limit {
            let round = SWEEP_ROUND.min(limit - deleted);
            let swept = self.write(move |step| steps::sweep(step, before, round)).await?;
            deleted += swept.deleted;
            if swept.seen < round {
                break;
            }
        }
        Ok(deleted)
    }

    /// Reads on a thread that may block.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&sled::Db) -> Result<T, StorageError> + Send + 'static,
    {
        let db = self.handle.shared.db.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StorageError::Stopped)?;
        let (reply, answer) = oneshot::channel();
        // Of one type, as in `task.rs`.
        let task: Box<dyn FnOnce() + Send> = Box::new(move || {
            let _ = reply.send(read(&db));
        });
        let ended = tokio::task::spawn_blocking(task).await;
        ended.map_err(|panic| StorageError::Engine { action: "read", source: Box::new(panic) })?;
        Ok(answer.await.map_err(|_| StorageError::Stopped)??)
    }
}
