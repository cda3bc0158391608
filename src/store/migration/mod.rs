//! Bringing the records of an older version to the form of today, when their database is opened or a checkpoint of them restored.
//!
//! The meta record says of which schema the records are ([`SCHEMA`]). Of an older one no more can be judged here than counts and
//! digest. If these are right, a checkpoint is written that holds the records as they are, for whoever goes back to the version
//! before. Then each [`Migration`] in turn makes a new database beside the old one, which is read back, judged, and put in its
//! place in one rename, as in [`compaction`]. So a stop at any moment leaves one of the two, whole, and the next opening goes on.
//!
//! What schemas have in common, so that records of any can be counted and written to a checkpoint: keys begin with the byte of
//! their kind, values with that of their version, and the meta record keeps its form, but for fields that may be missing.

#[cfg(test)]
mod tests;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use tracing::warn;

use super::checkpoint::{self, FOLDER, Order};
use super::compaction::{self, LETTING_GO, WORKSHOP};
use super::error::panic_message;
use super::opening::{io, open_sled};
use super::sled::check::{self, Fault};
use super::sled::copying::Copy;
use super::sled::records::{Meta, SCHEMA, key};
use super::sled::tree::Tree;
use super::{StorageError, StoreOptions};
use crate::auth::clock::system_time;

/// From one schema to the next.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The schema it begins with.
    from: u16,
    /// Loads what is to stand for all records of a database into a new one. Nothing of the old one may change.
    change: fn(&::sled::Db, &mut Tree) -> Result<(), StorageError>,
}

/// Those of this version, in order. None yet: there has been one schema so far.
pub(super) const ALL: &[Migration] = &[];

/// The migrations that lead from a schema to that of today, if they do.
pub(super) fn way(options: &StoreOptions, from: u16) -> Option<&'static [Migration]> {
    let first = options.migrations.iter().position(|migration| migration.from == from)?;
    let way = &options.migrations[first..];
    (way.iter().map(|migration| migration.from).eq(from..SCHEMA)).then_some(way)
}

/// Brings a database to the schema of today, after a checkpoint of it as it is.
///
/// # Errors
/// [`StorageError::Damaged`] if the records are not those its meta record describes, or its schema is unknown;
/// [`StorageError::Migration`] with the reason for all else. It is as it was then, or whole at a schema on the way.
pub(super) fn run(options: &StoreOptions, db: ::sled::Db, meta: Meta) -> Result<(::sled::Db, Meta), StorageError> {
    let (dir, found) = (options.dir.as_path(), meta.schema);
    let unknown = || Fault::Damage(format!("its data version is {found}, which this Doorward does not know")).in_dir(dir);
    let way = way(options, found).ok_or_else(unknown)?;
    let bytes = sums(&db, &meta).map_err(|fault| fault.in_dir(dir))?;
    let in_vain = |source| StorageError::Migration { dir: dir.into(), found, known: SCHEMA, source: Box::new(source) };
    let kept = back_up(options, &db, &meta).map_err(in_vain)?;
    warn!(from = found, to = SCHEMA, backup = %kept.display(), "an older version wrote the data: bringing it to the form of this one");
    bring(options, way, db, meta, bytes).map_err(in_vain)
}

/// What the records hold, keys and values, if they are those the meta record describes.
fn sums(db: &::sled::Db, meta: &Meta) -> Result<u64, Fault> {
    let (mut sum, mut bytes) = (Meta::new(meta.instance), 0);
    for entry in db.iter() {
        let (key, value) = entry?;
        if *key != *key::META {
            bytes += (key.len() + value.len()) as u64;
            sum.note(&key, None, Some(&value));
        }
    }
    if sum.counts == meta.counts && sum.digest == meta.digest {
        return Ok(bytes);
    }
    Err(Fault::Damage("a record is lost, out of date or altered".to_owned()))
}

/// The checkpoint of the records as they are. One that an opening made which was then cut off is good enough.
fn back_up(options: &StoreOptions, db: &::sled::Db, meta: &Meta) -> Result<PathBuf, StorageError> {
    let dir = options.dir.as_path();
    if let Some(made) = checkpoint::already_of(dir, meta) {
        return Ok(made);
    }
    let order = Order { now: system_time().max(meta.clock_mark), keys: true, keep: None };
    let goes_on = || checkpoint::room(dir, 2 * options.free_space_floor);
    let made = checkpoint::write(dir, Copy::still(db.clone(), meta.clone()), &order, &goes_on)?;
    Ok(dir.join(FOLDER).join(made.name))
}

/// Takes one migration after the other; `bytes` is what the records hold.
fn bring(
    options: &StoreOptions,
    way: &[Migration],
    mut db: ::sled::Db,
    mut meta: Meta,
    bytes: u64,
) -> Result<(::sled::Db, Meta), StorageError> {
    let workshop = options.dir.join(WORKSHOP);
    for migration in way {
        compaction::remove_workshop(&options.dir)?;
        // sled panics on some failures of the disk.
        let made = catch_unwind(AssertUnwindSafe(|| make(options, migration, &db, &meta, bytes)));
        let made = made.unwrap_or_else(|panic| Err(misfit(panic_message(&*panic))));
        if made.is_err() {
            // It may be what fills the disk.
            compaction::remove_workshop(&options.dir)?;
        }
        meta = made?;
        drop(db);
        db = compaction::put_in_place(&options.dir, &workshop)?;
    }
    Ok((db, meta))
}

/// That what was made is not what should have come of it.
fn misfit(what: String) -> StorageError {
    StorageError::Engine { action: "take its new form", source: what.into() }
}

fn of_fault(fault: Fault) -> StorageError {
    match fault {
        Fault::Read(error) => error,
        Fault::Damage(what) => misfit(what),
        Fault::TooNew(schema) => misfit(format!("it is of data version {schema}")),
    }
}

/// Makes the database that follows, durably, and judges it: before that the one there is stays.
fn make(options: &StoreOptions, migration: &Migration, db: &::sled::Db, meta: &Meta, bytes: u64) -> Result<Meta, StorageError> {
    let workshop = options.dir.join(WORKSHOP);
    // Ahead of the marker, so that the opening looks at everything.
    let next = Meta { schema: migration.from + 1, sequence: meta.sequence + 1, ..meta.clone() };
    let copy = compaction::build(options, &workshop, &next, bytes, |tree| (migration.change)(db, tree))?;
    let judge = || -> Result<Meta, Fault> {
        let meta = check::meta(&copy)?.ok_or_else(|| Fault::Damage("it is empty".to_owned()))?;
        if meta.schema == SCHEMA { check::records(&copy, &meta, true).map(drop) } else { sums(&copy, &meta).map(drop) }?;
        Ok(meta)
    };
    let meta = judge().map_err(of_fault)?;
    compaction::settle(&workshop, copy)?;
    Ok(meta)
}

/// A database, in a directory made for it, of records that `load` takes from a checkpoint of an older schema, in the form of
/// today. Answers what `load` does, too. `meta` describes them, but for counts and digest.
///
/// # Errors
/// Those of `load` and of the system; damage that shows only now.
pub(super) fn of_checkpoint<T>(
    options: &StoreOptions,
    dir: &Path,
    meta: Meta,
    load: impl FnOnce(&mut Tree) -> Result<T, StorageError>,
) -> Result<(::sled::Db, T), StorageError> {
    let way = way(options, meta.schema).ok_or_else(|| of_fault(Fault::TooNew(meta.schema)))?;
    DirBuilder::new().mode(0o700).create(dir).map_err(io("create", dir))?;
    let options = StoreOptions { dir: dir.into(), ..options.clone() };
    let mut tree = Tree::begun(open_sled(dir, Instant::now())?, meta);
    let loaded = load(&mut tree)?;
    tree.apply()?;
    tree.flush()?;
    drop(tree);
    let db = open_sled(dir, Instant::now() + LETTING_GO)?;
    let read = || -> Result<(u64, Meta), Fault> {
        let meta = check::meta(&db)?.ok_or_else(|| Fault::Damage("it is empty".to_owned()))?;
        Ok((sums(&db, &meta)?, meta))
    };
    let (bytes, meta) = read().map_err(of_fault)?;
    bring(&options, way, db, meta, bytes).map(|(db, _)| (db, loaded))
}
