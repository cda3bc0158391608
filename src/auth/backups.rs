//! Use cases of backups: one that is asked for, and those on the schedule. What is in one is [`crate::store::checkpoint`]'s.

use std::time::Duration;

use super::audit::{By, Event, Word};
use super::{Actor, Auth};
use crate::error::Result;
use crate::store::{Checkpoint, Order};

impl Auth {
    /// Makes a checkpoint that stays until somebody deletes it; with the keys that sign, or without.
    ///
    /// # Errors
    /// Storage errors; then nothing is left behind.
    pub async fn back_up(&self, actor: Actor, keys: bool) -> Result<Checkpoint> {
        self.checkpoint(actor.into(), keys, None).await
    }

    /// Makes a checkpoint on the schedule, if the last one is older than `every`, and deletes the oldest beyond `keep`.
    ///
    /// # Errors
    /// Storage errors; then every other checkpoint is still there.
    pub async fn checkpoint_if_due(&self, every: Duration, keep: usize) -> Result<Option<Checkpoint>> {
        let last = self.0.store.last_scheduled_checkpoint().await?;
        if last.is_some_and(|last| self.0.clock.now().since(last) < every) {
            return Ok(None);
        }
        self.checkpoint(By::Server, true, Some(keep)).await.map(Some)
    }

    async fn checkpoint(&self, by: By, keys: bool, keep: Option<usize>) -> Result<Checkpoint> {
        let order = Order { now: self.0.clock.now(), keys, keep };
        self.to_the_end(move |auth| async move {
            let made = auth.0.store.back_up(order).await?;
            auth.note(Event::new(Word::BackedUp, by).detail("name", &made.name).detail("keys", keys));
            Ok(made)
        })
        .await
    }
}
