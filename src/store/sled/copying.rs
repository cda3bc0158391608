//! A copy of all records as they were at one moment, taken while the writer goes on.
//!
//! An iteration over sled is no snapshot: it shows some of what changes meanwhile. So the writer keeps the value that each
//! key had before its first change ([`Before`]), of keys that were not read yet; what was read is corrected by it. The
//! writer waits for nothing but a lock around a map, and what is kept goes as soon as the reading has passed it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::super::{Live, StorageError};
use super::reading::engine;
use super::records::{Meta, key};
use super::tree::Tree;
use super::writer::Job;

/// How many records are read before they are compared with what was kept.
const CHUNK: usize = 512;

/// What keys held before they were changed; `None`: they were not there.
#[derive(Default)]
pub(super) struct Before(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Where the reading has got to: keys before it do not matter any more.
    from: Vec<u8>,
    values: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Before {
    /// Notes what a key holds that is about to change. The first counts.
    pub fn keep(&self, key: &[u8], old: Option<&[u8]>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *key >= *kept.from && !kept.values.contains_key(key) {
            kept.values.insert(key.to_vec(), old.map(<[u8]>::to_vec));
        }
    }

    /// What was kept of keys before `next`, or of all; from now on these do not matter.
    fn passed(&self, next: Option<&[u8]>) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(next) = next else { return std::mem::take(&mut kept.values) };
        let later = kept.values.split_off(next);
        next.clone_into(&mut kept.from);
        std::mem::replace(&mut kept.values, later)
    }
}

/// See the module's page.
pub(in crate::store) struct Copy {
    db: sled::Db,
    before: Arc<Before>,
    /// Of the moment; its record is not among the others.
    pub meta: Meta,
}

impl Copy {
    pub(super) fn new(db: sled::Db, before: Arc<Before>, meta: Meta) -> Self {
        Self { db, before, meta }
    }

    /// Of a database that nobody writes to.
    pub fn still(db: sled::Db, meta: Meta) -> Self {
        Self::new(db, Arc::default(), meta)
    }

    /// Hands every record over, in order of the keys.
    ///
    /// # Errors
    /// sled's, and those of `each`.
    pub fn read(self, mut each: impl FnMut(&[u8], &[u8]) -> Result<(), StorageError>) -> Result<(), StorageError> {
        let mut from = Vec::new();
        loop {
            let mut chunk = BTreeMap::new();
            for entry in self.db.range::<&[u8], _>((Bound::Included(&*from), Bound::Unbounded)).take(CHUNK) {
                let (key, value) = entry.map_err(engine("read"))?;
                chunk.insert(key.to_vec(), value.to_vec());
            }
            // What follows the last key at once.
            let next = (chunk.len() == CHUNK).then(|| chunk.keys().next_back().map(|last| [last, &[0][..]].concat())).flatten();
            for (key, old) in self.before.passed(next.as_deref()) {
                match old {
                    Some(value) => chunk.insert(key, value),
                    None => chunk.remove(&key),
                };
            }
            chunk.remove(key::META);
            chunk.iter().try_for_each(|(key, value)| each(key, value))?;
            match next {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
    }
}

/// Begins a copy, at its turn among the steps.
pub(super) struct Begin {
    begun: Option<Copy>,
    reply: oneshot::Sender<Result<Copy, StorageError>>,
}

impl Begin {
    pub fn new(reply: oneshot::Sender<Result<Copy, StorageError>>) -> Self {
        Self { begun: None, reply }
    }
}

impl Job for Begin {
    fn run(&mut self, tree: &mut Tree, _: &Live) -> Result<(), StorageError> {
        self.begun = Some(tree.copy()?);
        Ok(())
    }

    /// Only now: what is in the copy is durable.
    fn answer(self: Box<Self>) {
        if let Some(copy) = self.begun {
            // Whoever asked may have gone.
            let _ = self.reply.send(Ok(copy));
        }
    }

    fn refuse(self: Box<Self>, why: StorageError) {
        let _ = self.reply.send(Err(why));
    }

    fn only_reads(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_of_a_key_counts_and_none_of_what_was_passed() {
        let before = Before::default();
        before.keep(b"a", Some(b"1"));
        before.keep(b"a", Some(b"2"));
        before.keep(b"c", None);
        assert_eq!(before.passed(Some(b"b")), BTreeMap::from([(b"a".to_vec(), Some(b"1".to_vec()))]));
        before.keep(b"a", Some(b"3"));
        before.keep(b"b", Some(b"4"));
        assert_eq!(before.passed(None), BTreeMap::from([(b"b".to_vec(), Some(b"4".to_vec())), (b"c".to_vec(), None)]));
    }
}
