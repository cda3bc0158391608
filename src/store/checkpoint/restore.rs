//! Making a database of a checkpoint, so that nothing that was issued before is good any more.
//!
//! A checkpoint knows nothing of what came after it: what was revoked, changed or used up since would be good again. So
//! nothing that could be is taken over: sessions end (their tokens are revoked, as by a logout), signing keys are made anew,
//! tokens issued before are refused whoever signed them ([`Meta::cut_off`]), reset codes and invites are void, and the ids
//! of users go on far after the last. Users, with their passwords, roles and claims, revocations, services with
//! their keys, and audit events are as they were.
//!
//! Records of an older schema get the form of today first, in a database of their own, so that what is taken over is known.
//!
//! The file is judged before anything is touched. The new database is made beside the old, read back from the disk, and then
//! put in its place ([`super::replace`]).

use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use super::super::error::panic_message;
use super::super::marker::Marker;
use super::super::migration;
use super::super::opening::{DATABASE, io, lock, make_private, open_sled};
use super::super::sled::copying::Copy;
use super::super::sled::records::{Events, Meta, SCHEMA};
use super::super::sled::tree::Tree;
use super::super::sled::{check, events};
use super::super::{Live, StorageError, StoreOptions};
use super::read::{self, Found, Why};
use super::replace::{database_of, put_in_place, sync_all};
use super::sieve::Sieve;
use super::{Head, all, newest, room};
use crate::auth::audit::{By, Event, Word};
use crate::auth::clock::Timestamp;
use crate::trace::Trace;

/// How far the ids of users jump: after those that the checkpoint, the others and the marker know of, so many may have been given.
const IDS_SKIPPED: u64 = 1_000_000;
/// How often the highest time is kept.
const KEPT_EVERY: Duration = Duration::from_secs(60);
/// Where the new database is made, in the data directory.
const WORKSHOP: &str = "restoring";
/// In there, where records of an older schema get the form of today.
const OLDER: &str = "older";
/// So much room it takes for each byte of the checkpoint, at the most.
const ROOM: u64 = 3;
/// The same of one that is brought to the form of today first: two databases more, one at a time of which takes the other's place.
const ROOM_OF_OLDER: u64 = 3 * ROOM;

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// The checkpoint.
    pub from: PathBuf,
    /// When it was made.
    pub created: Timestamp,
    /// How many users there are.
    pub users: u64,
    /// How many services, whose keys are good as they were then.
    pub services: u64,
    /// The next user's id.
    pub next_user: u64,
    /// Where the database before is.
    pub replaced: Option<PathBuf>,
}

/// Makes the database of a data directory out of a checkpoint, or of the newest in it. What is there is moved aside, and kept,
/// if `replace` says so. `step` is told how many bytes of how many were read, twice.
///
/// # Errors
/// [`StorageError::Checkpoint`] for a file that is no good, [`StorageError::Held`] while a server runs,
/// [`StorageError::Unsafe`] for a directory that holds a database; those of the system. Nothing was changed then.
pub fn restore(
    options: &StoreOptions,
    from: Option<&Path>,
    replace: bool,
    now: Timestamp,
    step: &mut dyn FnMut(u64, u64),
) -> Result<Restored, StorageError> {
    let dir = options.dir.as_path();
    let none = || StorageError::Checkpoint { path: dir.join(super::FOLDER), what: "holds no backup; name a file".to_owned() };
    let path = from.map_or_else(|| newest(dir)?.ok_or_else(none), |file| Ok(file.to_owned()))?;
    let mut tell = |done, of| {
        step(done, of);
        Ok(())
    };
    let (found, length) = read::judge(&path, &mut |done, of| tell(done, 2 * of))?;
    make_private(dir)?;
    let _lock = lock(dir, Instant::now())?;
    let before = database_of(dir)?;
    if !before.is_empty() && !replace {
        let what = "holds a database; --replace moves it aside and keeps it".to_owned();
        return Err(StorageError::Unsafe { dir: dir.into(), what });
    }
    let older = found.head.schema < SCHEMA;
    if older && migration::way(options, found.head.schema).is_none() {
        return Err(Why::Older(found.head.schema).of(&path));
    }
    room(dir, options.free_space_floor + if older { ROOM_OF_OLDER } else { ROOM } * length)?;
    let plan = Plan::new(dir, &found.head, now);
    let workshop = Workshop::new(dir)?;
    let built = || build(options, &workshop.0, &path, &found, &plan, &mut |done| tell(length + done, 2 * length));
    // sled panics on some failures of the disk.
    catch_unwind(AssertUnwindSafe(built))
        .map_err(|panic| StorageError::Engine { action: "be made", source: panic_message(&*panic).into() })??;
    let replaced = put_in_place(dir, &workshop.0, &before, now)?;
    let count = |word: &str| found.counts.get(word).copied().unwrap_or_default();
    let (users, services, next_user) = (count("user"), count("service"), plan.next_user);
    Ok(Restored { from: path, created: found.head.created, users, services, next_user, replaced })
}

/// What the new database begins with.
struct Plan {
    next_user: u64,
    /// Tokens from before are refused; time goes on from here.
    cut_off: Timestamp,
}

impl Plan {
    fn new(dir: &Path, head: &Head, now: Timestamp) -> Self {
        // What was there before may know more, also that of another restore of the same checkpoint.
        let marked = Marker::read(dir).ok().flatten().map(|marker| marker.reached).unwrap_or_default();
        let heads = all(dir).unwrap_or_default().into_iter().filter_map(|path| read::head(&path).ok());
        let next_user = heads.map(|head| head.next_user).chain([head.next_user, marked.next_user]).max().unwrap_or_default();
        // Tokens are dated with the highest time, although the clock was set back since.
        let marked = if marked.clock_mark > now { marked.clock_mark + KEPT_EVERY } else { now };
        // The next second: a token may have been issued in this one.
        let cut_off = now.max(head.clock_mark).max(head.created).max(marked) + Duration::from_secs(1);
        Self { next_user: next_user + IDS_SKIPPED, cut_off }
    }
}

/// A directory that goes when it is dropped.
struct Workshop(PathBuf);

impl Workshop {
    fn new(dir: &Path) -> Result<Self, StorageError> {
        let workshop = dir.join(WORKSHOP);
        match fs::remove_dir_all(&workshop) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io("remove", &workshop)(error)),
            _ => DirBuilder::new().mode(0o700).create(&workshop).map_err(io("create", &workshop))?,
        }
        Ok(Self(workshop))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // Another restore clears it, too.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes the database, durably, and reads it back.
fn build(
    options: &StoreOptions,
    workshop: &Path,
    path: &Path,
    found: &Found,
    plan: &Plan,
    step: &mut dyn FnMut(u64) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let mut marker = Marker::create(workshop)?;
    let (head, until) = (&found.head, Instant::now() + Duration::from_secs(30));
    let meta = Meta {
        sequence: head.sequence + 1,
        next_user: plan.next_user,
        clock_mark: plan.cut_off,
        cut_off: plan.cut_off,
        events: Events { last: head.last_event, ..Events::default() },
        ..Meta::new(marker.instance)
    };
    let mut tree = Tree::new(open_sled(workshop, until)?, meta);
    let mut sieve = Sieve::new(plan.cut_off);
    let again = take_over(options, workshop, path, head, &mut |key, value| sieve.pass(&mut tree, key, value), step)?;
    if again.sha256 != found.sha256 {
        return Err(Why::Damaged("it changed while it was read".to_owned()).of(path));
    }
    sieve.end(&mut tree)?;
    note(&mut tree, head, plan.cut_off)?;
    tree.apply()?;
    tree.flush()?;
    let database = workshop.join(DATABASE);
    File::open(&database).and_then(|file| file.sync_all()).map_err(io("sync", &database))?;
    marker.advance(tree.reached())?;
    marker.set_clean(true)?;
    drop(tree);
    let db = open_sled(workshop, until)?;
    let judge = || check::records(&db, &check::meta(&db)?.ok_or_else(|| check::Fault::Damage("it is empty".to_owned()))?, true);
    judge().map(drop).map_err(|fault| fault.in_dir(workshop))?;
    drop(db);
    sync_all(workshop)
}

/// Whoever is handed the records.
type Take<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<(), StorageError>;

/// Hands every record of a checkpoint to `take`, in the form of today.
fn take_over(
    options: &StoreOptions,
    workshop: &Path,
    path: &Path,
    head: &Head,
    take: Take<'_>,
    step: &mut dyn FnMut(u64) -> Result<(), StorageError>,
) -> Result<Found, StorageError> {
    let input = read::open(path)?;
    if head.schema == SCHEMA {
        return read::records(input, &mut |_, key, value| Ok(take(key, value)?), step).map_err(|why| why.of(path));
    }
    let (folder, meta) = (workshop.join(OLDER), head.meta());
    let (db, again) = migration::of_checkpoint(options, &folder, meta.clone(), |tree| {
        read::records(input, &mut |_, key, value| Ok(tree.load(key, value)?), step).map_err(|why| why.of(path))
    })?;
    Copy::still(db, meta).read(take)?;
    fs::remove_dir_all(&folder).map_err(io("remove", &folder))?;
    Ok(again)
}

/// That it was restored is the first event of the new database.
fn note(tree: &mut Tree, head: &Head, now: Timestamp) -> Result<(), StorageError> {
    let event = Event::new(Word::Restored, By::Local).detail("created", head.created).detail("sequence", head.sequence);
    let (class, trace) = (event.class(), Trace { uid: Some(rustix::process::getuid().as_raw()), ..Trace::default() });
    events::keep(tree, &Live::default(), &[(class, event.at(now, trace))])
}

/// For the log of a server and for scripts: what a person should know of it.
impl Restored {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "from": self.from,
            "created": self.created,
            "users": self.users,
            "services": self.services,
            "next_user": self.next_user,
            "replaced": self.replaced,
        })
    }
}
