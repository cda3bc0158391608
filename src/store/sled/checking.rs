//! Checking the records while they are served already: of a very large database, after a clean stop.
//!
//! A copy of one moment is read, on a thread that steps back behind the others, and its counts and digest must be those the database keeps of
//! itself. If they are not, or a record cannot be read, the store fails: the process stops, and the next start, which is then after an
//! unclean stop, looks at everything first and says what to restore.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;
use tracing::debug;

use super::super::StorageError;
use super::super::error::panic_message;
use super::SledStore;
use super::copying::{Begin, Copy};
use super::records::Meta;
use crate::error::chain;
use crate::priority::give_way;

/// Begins to check what was opened.
///
/// # Errors
/// When there is no thread to be had.
pub(super) fn begin(store: &SledStore) -> Result<(), StorageError> {
    // The writer keeps what keys held for one copy at a time: a backup waits until the check has ended.
    let turn = Arc::clone(&store.handle.copying).try_lock_owned().map_err(|_| StorageError::Busy)?;
    let (reply, copy) = oneshot::channel();
    store.enqueue(Box::new(Begin::new(reply)))?;
    let shared = Arc::clone(&store.handle.shared);
    let check = move || {
        let _turn = turn;
        give_way();
        let began = Instant::now();
        // An error of the store's own is told by whoever it befell.
        let Ok(Ok(copy)) = copy.blocking_recv() else { return };
        let outcome = catch_unwind(AssertUnwindSafe(|| compare(copy, &|| shared.is_closing())));
        match outcome {
            Ok(Ok(())) => debug!(seconds = began.elapsed().as_secs_f32(), "every record is as it should be"),
            Ok(Err(StorageError::Stopped)) => {}
            Ok(Err(error)) => shared.fail(format!("the records are damaged: {}", chain(&error))),
            Err(panic) => shared.fail(format!("a record cannot be read: {}", panic_message(&*panic))),
        }
    };
    let spawned = thread::Builder::new().name("store-check".to_owned()).spawn(check);
    spawned.map(drop).map_err(|source| StorageError::Io { action: "start the check of", path: store.handle.dir.clone(), source })
}

/// Whether the records are those their meta record describes. Ends with [`StorageError::Stopped`] when `over` says so.
fn compare(copy: Copy, over: &dyn Fn() -> bool) -> Result<(), StorageError> {
    let meta = copy.meta.clone();
    let mut sum = Meta::new(meta.instance);
    copy.read(|key, value| {
        sum.note(key, None, Some(value));
        if over() { Err(StorageError::Stopped) } else { Ok(()) }
    })?;
    if sum.counts == meta.counts && sum.digest == meta.digest {
        return Ok(());
    }
    Err(StorageError::Engine { action: "keep what it was given", source: "a record is lost, out of date or altered".into() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use std::time::Duration;

    use super::super::super::contract::{TempDir, logged_in};
    use super::super::super::machine::{Cast, contents, history};
    use super::super::super::opening::open_sled;
    use super::super::super::{Store, StoreOptions};
    use super::super::records::key;
    use super::*;

    /// Takes every database for a very large one.
    fn hasty(dir: &TempDir) -> StoreOptions {
        StoreOptions { check_later_above: 0, compact_above: u64::MAX, lock_wait: Duration::from_secs(30), ..dir.options() }
    }

    #[tokio::test]
    async fn what_is_served_before_the_check_is_what_is_served_after_it() {
        for seed in 0..12 {
            let (dir, mut cast) = (TempDir::new(), Cast::default());
            let store = dir.open();
            for step in history(seed, 200) {
                cast.call(step).run(&store).await;
            }
            let before = contents(&store, &cast.ids).await;
            store.close().await.unwrap();
            let store = SledStore::open(&hasty(&dir)).unwrap();
            assert_eq!(contents(&store, &cast.ids).await, before, "seed {seed}");
            // The check of the opening has its turn first.
            let _turn = store.handle.copying.lock().await;
            let (reply, copy) = oneshot::channel();
            store.enqueue(Box::new(Begin::new(reply))).unwrap();
            compare(copy.await.unwrap().unwrap(), &|| false).unwrap();
            store.close().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_record_that_is_lost_ends_the_store_soon_and_the_next_opening_refuses_it() {
        let dir = TempDir::new();
        let store = dir.open();
        let (_, session) = logged_in(&store, "arun").await;
        store.close().await.unwrap();
        let db = open_sled(dir.path(), Instant::now() + Duration::from_secs(30)).unwrap();
        db.remove(key::session(session.id)).unwrap().unwrap();
        db.flush().unwrap();
        drop(db);
        let store = SledStore::open(&hasty(&dir)).unwrap();
        let mut failed = store.failed();
        let reason = failed.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        assert!(reason.contains("damaged"), "{reason}");
        assert!(store.close().await.is_err(), "the stop is not clean");
    }
}
