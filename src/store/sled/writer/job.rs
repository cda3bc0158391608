//! What is in the writer's queue.

use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::store::sled::tree::{Step, Tree};
use crate::store::{Live, StorageError};

/// A step in the queue, with whoever waits for it. Dropping it tells them that the store has stopped.
pub(in crate::store::sled) trait Job: Send {
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
pub(in crate::store::sled) struct Request<T, F> {
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
