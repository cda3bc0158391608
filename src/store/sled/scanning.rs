//! Judging all records of a store that is at work: a copy of one moment, as for a backup, so that nothing that changes
//! meanwhile looks like damage.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{OwnedMutexGuard, oneshot};

use super::super::error::panic_message;
use super::super::marker::Marker;
use super::super::{Scanned, StorageError};
use super::SledStore;
use super::check::{Exam, Fault};
use super::copying::{Begin, Copy};
use super::records::Meta;
use super::writer::Shared;
use crate::error::{Result, chain};

/// The marker is written in place: who reads it meanwhile may see half of a number, hardly twice.
const MARKER_READINGS: usize = 3;

/// `turn` is held to the end, also if nobody waits for it.
pub(super) async fn scan(store: &SledStore, turn: OwnedMutexGuard<()>) -> Result<Scanned> {
    let dir = store.handle.dir.clone();
    // Before the copy: what it says was durable by then, so it must be in there.
    let marker = tokio::task::spawn_blocking(move || read_marker(&dir)).await.map_err(panicked)??;
    let (reply, begun) = oneshot::channel();
    store.enqueue(Box::new(Begin::new(reply)))?;
    let copy = begun.await.map_err(|_| StorageError::Stopped)??;
    let shared = Arc::clone(&store.handle.shared);
    let scanned = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        judge(copy, marker, &shared)
    });
    Ok(scanned.await.map_err(panicked)??)
}

fn panicked(panic: tokio::task::JoinError) -> StorageError {
    StorageError::Engine { action: "be read", source: Box::new(panic) }
}

/// The marker, or what is wrong with it.
fn read_marker(dir: &Path) -> Result<Result<Marker, String>, StorageError> {
    let mut fault = String::new();
    for _ in 0..MARKER_READINGS {
        match Marker::read(dir) {
            Ok(Some(marker)) => return Ok(Ok(marker)),
            Ok(None) => return Ok(Err("the file MARKER, which says how far the database got, is missing".to_owned())),
            Err(StorageError::Damaged { what, .. }) => fault = what,
            Err(other) => return Err(other),
        }
    }
    Ok(Err(fault))
}

/// Reads everything; the first fault counts.
fn judge(copy: Copy, marker: Result<Marker, String>, shared: &Shared) -> Result<Scanned, StorageError> {
    let meta = copy.meta.clone();
    let mut bytes = 0;
    let heard = catch_unwind(AssertUnwindSafe(|| hear(copy, &meta, shared, &mut bytes)));
    let fault = match heard {
        Ok(Ok(())) => marker.map_or_else(Some, |marker| compare(&marker, &meta)),
        Ok(Err(Fault::Damage(what))) => Some(what),
        Ok(Err(Fault::TooNew(schema))) => Some(format!("records are of data version {schema}")),
        // The engine's own words for damage come as errors of its, too.
        Ok(Err(Fault::Read(error @ StorageError::Engine { .. }))) => Some(chain(&error)),
        Ok(Err(Fault::Read(error))) => return Err(error),
        Err(panic) => Some(format!("a record cannot be read ({})", panic_message(&*panic))),
    };
    Ok(Scanned { fault, sequence: meta.sequence, counts: meta.counts, bytes })
}

fn hear(copy: Copy, meta: &Meta, shared: &Shared, bytes: &mut u64) -> Result<(), Fault> {
    let (mut exam, mut fault) = (Exam::new(meta, true), None);
    let read = copy.read(|key, value| {
        if shared.is_closing() {
            return Err(StorageError::Stopped);
        }
        *bytes += (key.len() + value.len()) as u64;
        if fault.is_none() {
            fault = exam.hear(key, value).err();
        }
        Ok(())
    });
    read.map_err(Fault::Read)?;
    fault.map_or_else(|| exam.end().map(drop), Err)
}

fn compare(marker: &Marker, meta: &Meta) -> Option<String> {
    if marker.instance != meta.instance {
        return Some("the database and the file MARKER do not belong together".to_owned());
    }
    (marker.reached.sequence > meta.sequence)
        .then(|| format!("the database ends at change {}, but {} had been acknowledged", meta.sequence, marker.reached.sequence))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use super::super::super::contract::{TempDir, logged_in};
    use super::super::super::marker::Reached;
    use super::super::super::{Store, opening};
    use super::super::records::key;
    use super::*;
    use crate::auth::user::Username;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_record_that_was_changed_behind_the_stores_back_is_found_while_it_works() {
        let dir = TempDir::new();
        let store = dir.open();
        logged_in(&store, "arun").await;
        assert_eq!(store.scan().await.unwrap().fault, None);
        let db = store.handle.shared.db.read().unwrap().clone().unwrap();
        let name = key::name(&Username::parse("arun").unwrap());
        let kept = db.remove(&name).unwrap().unwrap();
        let fault = store.scan().await.unwrap().fault.unwrap();
        assert!(fault.contains("a user does not fit the other records"), "{fault}");
        db.insert(&name, kept).unwrap();
        assert_eq!(store.scan().await.unwrap().fault, None);
        std::fs::remove_file(dir.path().join("MARKER")).unwrap();
        let fault = store.scan().await.unwrap().fault.unwrap();
        assert!(fault.contains("MARKER"), "{fault}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_marker_that_is_ahead_or_of_another_database_is_found() {
        let (dir, other) = (TempDir::new(), TempDir::new());
        let store = dir.open();
        let mut marker = Marker::read(dir.path()).unwrap().unwrap();
        let sequence = marker.reached.sequence;
        marker.advance(Reached { sequence: sequence + 7, ..marker.reached }).unwrap();
        let fault = store.scan().await.unwrap().fault.unwrap();
        assert!(fault.contains(&format!("{} had been acknowledged", sequence + 7)), "{fault}");
        drop(other.open());
        std::fs::copy(other.path().join("MARKER"), dir.path().join("MARKER")).unwrap();
        let fault = store.scan().await.unwrap().fault.unwrap();
        assert!(fault.contains("do not belong together"), "{fault}");
        assert!(dir.path().join(opening::DATABASE).exists());
    }
}
