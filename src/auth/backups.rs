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
        let now = self.0.clock.now();
        // One of a time to come was made with a clock that has been set back since.
        if last.is_some_and(|last| last <= now && now.since(last) < every) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use std::sync::Arc;

    use super::super::clock::Timestamp;
    use super::*;
    use crate::config::{Flags, Settings};
    use crate::store::{SledStore, StoreOptions};

    #[tokio::test]
    async fn a_checkpoint_of_a_time_to_come_does_not_put_off_the_next() {
        let directory = tempfile::TempDir::new().unwrap();
        let store = SledStore::open(&StoreOptions::new(directory.path().join("data"))).unwrap();
        let settings = Settings::load(None, &std::collections::BTreeMap::new(), &Flags::default()).unwrap().settings;
        let auth = Auth::start(Arc::new(store), settings.policy(false)).await.unwrap();
        let ahead = Order { now: Timestamp::from_secs(4_000_000_000), keys: true, keep: Some(3) };
        auth.0.store.back_up(ahead).await.unwrap();
        let day = Duration::from_secs(86_400);
        assert!(auth.checkpoint_if_due(day, 1).await.unwrap().is_some());
        assert!(auth.checkpoint_if_due(day, 1).await.unwrap().is_none());
    }
}
