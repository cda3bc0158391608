//! Making a checkpoint of a store that is at work.

use std::sync::Arc;

use tokio::sync::{OwnedMutexGuard, oneshot};

use super::super::StorageError;
use super::super::checkpoint::{self, Checkpoint, Order};
use super::SledStore;
use super::copying::Begin;
use crate::error::Result;

/// The moment is the writer's turn; all else is done beside it. `turn` is held to the end, also if nobody waits for it.
pub(super) async fn back_up(store: &SledStore, order: Order, turn: OwnedMutexGuard<()>) -> Result<Checkpoint> {
    let (reply, begun) = oneshot::channel();
    store.enqueue(Box::new(Begin::new(reply)))?;
    let copy = begun.await.map_err(|_| StorageError::Stopped)??;
    let (dir, floor, shared) = (store.handle.dir.clone(), store.handle.free_space_floor, Arc::clone(&store.handle.shared));
    let made = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let goes_on = || {
            if shared.is_closing() {
                return Err(StorageError::Stopped);
            }
            // Ends before the writer would have to: what is written meanwhile has its room, too.
            checkpoint::room(&dir, 2 * floor)
        };
        checkpoint::write(&dir, copy, &order, &goes_on)
    });
    Ok(made.await.map_err(|panic| StorageError::Engine { action: "be copied", source: Box::new(panic) })??)
}
