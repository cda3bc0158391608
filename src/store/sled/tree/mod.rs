//! The records as the writer sees them: what is in sled, and over it what the steps taken since have changed.
//!
//! Steps of one group end up in one atomic batch, because sled starts two writes to the file per batch, however small.
//! A step that is refused leaves nothing behind: its changes are kept apart until it has ended well.

mod step;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use uuid::Uuid;

use super::super::marker::Reached;
use super::super::{Live, StorageError};
use super::copying::{Before, Copy};
use super::reading::{Records, engine};
use super::records::{Meta, encode, key};
use super::writer::BATCH_BYTES;
use crate::error::Result;

pub(super) use step::Step;

/// Writes the first record of a new database; durable once the file is synced.
pub(in crate::store) fn found(db: &sled::Db, instance: Uuid) -> Result<Meta, StorageError> {
    let mut tree = Tree::begun(db.clone(), Meta { sequence: 1, ..Meta::new(instance) });
    tree.apply()?;
    tree.flush()?;
    Ok(tree.meta)
}

/// Key → its new value, or `None` where it goes.
type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// See the module's page.
pub(in crate::store) struct Tree {
    db: sled::Db,
    meta: Meta,
    /// Of steps that ended well and are not in sled yet.
    pending: Changes,
    pending_bytes: usize,
    changed: bool,
    /// For a copy that is being made.
    before: Weak<Before>,
}

impl Tree {
    /// The records in `db`, of which `meta` is true.
    pub fn new(db: sled::Db, meta: Meta) -> Self {
        Self { db, meta, pending: Changes::new(), pending_bytes: 0, changed: false, before: Weak::new() }
    }

    /// The records that will be in `db`, which is new: `meta` is written also where there is none.
    pub fn begun(db: sled::Db, meta: Meta) -> Self {
        Self { changed: true, ..Self::new(db, meta) }
    }

    /// How many steps changed something so far.
    pub fn sequence(&self) -> u64 {
        self.meta.sequence
    }

    /// How far it got, for the marker.
    pub fn reached(&self) -> Reached {
        self.meta.reached()
    }

    /// How many sessions there are, as of the last [`Tree::apply`].
    pub fn sessions(&self) -> u64 {
        self.meta.counts.sessions
    }

    /// About how many bytes [`Tree::apply`] would write.
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Begins a copy of what was handed to sled so far: all that was acknowledged, and nothing by half.
    ///
    /// # Errors
    /// When the record that describes the others cannot be read.
    pub(super) fn copy(&mut self) -> Result<Copy, StorageError> {
        let meta = self.db.meta()?.ok_or(StorageError::Stopped)?;
        let before = Arc::new(Before::default());
        self.before = Arc::downgrade(&before);
        Ok(Copy::new(self.db.clone(), before, meta))
    }

    /// Takes one step. An error leaves everything as it was.
    pub(super) fn take<T>(&mut self, live: &Live, step: impl FnOnce(&mut Step<'_>) -> Result<T>) -> Result<T> {
        let mut taken = Step { meta: self.meta.clone(), tree: self, live, changes: Changes::new(), effects: Vec::new() };
        let value = step(&mut taken)?;
        let Step { meta, changes, effects, .. } = taken;
        self.keep(meta, changes);
        for effect in effects {
            effect.show(live);
        }
        Ok(value)
    }

    /// Takes over what a step that ended well has changed.
    fn keep(&mut self, meta: Meta, changes: Changes) {
        if changes.is_empty() && meta == self.meta {
            return;
        }
        self.meta = meta;
        self.meta.sequence += 1;
        self.changed = true;
        self.pending_bytes += changes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum::<usize>();
        self.pending.extend(changes);
    }

    /// Takes in a record of another database as it stands, and hands what it has to sled when that is enough for a batch.
    ///
    /// # Errors
    /// sled's.
    pub fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        if let Some(class) = key::as_class(key) {
            self.meta.events.kept[class as usize] += 1;
        }
        self.pending_bytes += key.len() + value.len();
        self.pending.insert(key.to_vec(), Some(value.to_vec()));
        self.changed = true;
        if self.pending_bytes > BATCH_BYTES { self.apply().map(drop) } else { Ok(()) }
    }

    /// Hands what the steps changed to sled, in one batch together with the meta record that fits it. Answers whether
    /// there was anything.
    ///
    /// # Errors
    /// sled's. What is in sled is then uncertain.
    pub fn apply(&mut self) -> Result<bool, StorageError> {
        if !std::mem::take(&mut self.changed) {
            return Ok(false);
        }
        let mut batch = sled::Batch::default();
        let before = self.before.upgrade();
        self.pending_bytes = 0;
        for (key, new) in std::mem::take(&mut self.pending) {
            let old = sled::Tree::get(&self.db, &key).map_err(engine("read"))?;
            if let Some(before) = &before {
                before.keep(&key, old.as_deref());
            }
            self.meta.note(&key, old.as_deref(), new.as_deref());
            match new {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch.insert(key::META, encode("meta", &self.meta)?);
        self.db.apply_batch(batch).map_err(engine("write"))?;
        Ok(true)
    }

    /// Writes what was applied to the file. It is on stable storage only once that was synced.
    ///
    /// # Errors
    /// sled's.
    pub fn flush(&self) -> Result<(), StorageError> {
        self.db.flush().map(drop).map_err(engine("flush"))
    }
}
