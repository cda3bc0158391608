//! Whether the records are what they should be: read once, in order of their keys, when the database is opened.
//!
//! Every start compares the counts and the digest that each change has kept up, which finds anything lost, old or
//! altered. After an unclean stop every record is decoded, too, and each must be where the others say. Of a database with very
//! many records that was stopped cleanly only what requests need is read first ([`needed`]), and the rest while it serves.

mod links;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::super::{Counts, Live, Standing, StorageError};
use super::reading::engine;
use super::records::{Meta, RevocationRecord, SCHEMA, decode, decode_deleted, key, kind};
use crate::auth::user::UserId;
use crate::error::chain;

pub(in crate::store) use links::Links;

/// What is wrong.
pub(in crate::store) enum Fault {
    /// What does not fit.
    Damage(String),
    /// Written by a later version, with this schema.
    TooNew(u16),
    /// Nobody knows: reading failed.
    Read(StorageError),
}

impl Fault {
    /// As an error about a directory.
    pub fn in_dir(self, dir: &Path) -> StorageError {
        match self {
            Self::Damage(what) => StorageError::Damaged { dir: dir.into(), what, newest: None },
            Self::TooNew(found) => StorageError::TooNew { dir: dir.into(), found, known: SCHEMA },
            Self::Read(error) => error,
        }
    }
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(_) => Self::Read(engine("read")(error)),
            _ => Self::Damage(format!("a record cannot be read ({error})")),
        }
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Self::Damage(chain(&error))
    }
}

fn damage<T>(what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Damage(what.into()))
}

/// The record that describes the others, if it is there. Judges its schema before its form, which a later version may
/// have changed.
pub(in crate::store) fn meta(db: &sled::Db) -> Result<Option<Meta>, Fault> {
    #[derive(Deserialize)]
    struct Version {
        schema: u16,
    }
    let Some(bytes) = db.get(key::META)? else { return Ok(None) };
    match bytes.split_first().map(|(_, json)| serde_json::from_slice(json)) {
        Some(Ok(Version { schema })) if schema > SCHEMA => Err(Fault::TooNew(schema)),
        _ => Ok(Some(decode("meta", &bytes)?)),
    }
}

/// What a check has found of records that are as they should be.
pub(in crate::store) struct Found {
    /// What requests need of them.
    pub live: Live,
    /// What they hold, keys and values; `None`: they have yet to be read.
    pub bytes: Option<u64>,
}

/// Reads every record. `thorough`: also decodes each and follows the indexes.
pub(in crate::store) fn records(db: &sled::Db, meta: &Meta, thorough: bool) -> Result<Found, Fault> {
    let (mut exam, mut bytes) = (Exam::new(meta, thorough), 0);
    for entry in db.iter() {
        let (key, value) = entry?;
        if *key != *key::META {
            bytes += (key.len() + value.len()) as u64;
            exam.hear(&key, &value)?;
        }
    }
    Ok(Found { live: exam.end()?, bytes: Some(bytes) })
}

/// Hears every record but the one that describes them, in order of their keys.
pub(in crate::store) struct Exam<'a> {
    meta: &'a Meta,
    live: Live,
    sum: Meta,
    standings: HashMap<UserId, Standing>,
    links: Option<Links>,
}

impl<'a> Exam<'a> {
    /// Against what `meta` says of them; `thorough` as in [`records`].
    pub fn new(meta: &'a Meta, thorough: bool) -> Self {
        let (live, sum, links) = (Live::since(meta.cut_off), Meta::new(meta.instance), thorough.then(Links::default));
        Self { meta, live, sum, standings: HashMap::new(), links }
    }

    /// Hears one.
    pub fn hear(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.sum.note(key, None, Some(value));
        enlist(&self.live, &mut self.standings, self.meta, key, value)?;
        self.links.as_mut().map_or(Ok(()), |links| links.follow(key, value))
    }

    /// Whether that was all, and what requests need of it.
    pub fn end(self) -> Result<Live, Fault> {
        let Self { meta, live, sum, standings, links } = self;
        if sum.counts != meta.counts {
            return damage(format!("it holds {}, but should hold {}", counted(sum.counts), counted(meta.counts)));
        }
        if sum.digest != meta.digest {
            return damage("a record is lost, out of date or altered");
        }
        if let Some(id) = standings.keys().next() {
            return damage(format!("there are restrictions for user {id}, who does not exist"));
        }
        links.map_or(Ok(()), Links::finish)?;
        Ok(live)
    }
}

/// Reads what requests need of the records, and only that.
pub(in crate::store) fn needed(db: &sled::Db, meta: &Meta) -> Result<Found, Fault> {
    let live = Live::since(meta.cut_off);
    let mut standings = HashMap::new();
    for kind in [kind::STANDING, kind::DELETED, kind::REVOCATION, kind::SERVICE] {
        for entry in db.range(key::all(kind).0..key::all(kind).1) {
            let (key, value) = entry?;
            enlist(&live, &mut standings, meta, &key, &value)?;
        }
    }
    for id in users(db, meta)? {
        live.put_user(id, &standings.remove(&id).unwrap_or_default());
    }
    let found = Counts { users: live.user_count(), revocations: live.revocation_count() as u64, ..meta.counts };
    if found != meta.counts {
        return damage(format!("it holds {}, but should hold {}", counted(found), counted(meta.counts)));
    }
    if let Some(id) = standings.keys().next() {
        return damage(format!("there are restrictions for user {id}, who does not exist"));
    }
    Ok(Found { live, bytes: None })
}

/// Who exists. Where every id that was given has its user or is known to be deleted, that is known without a look at the users.
fn users(db: &sled::Db, meta: &Meta) -> Result<Vec<UserId>, Fault> {
    let ids = |of: u8| -> Result<Vec<UserId>, Fault> {
        db.range(key::all(of).0..key::all(of).1).keys().map(|key| known(key::as_id(&key?, of))).collect()
    };
    let deleted: HashSet<UserId> = ids(kind::DELETED)?.into_iter().collect();
    if meta.next_user - 1 == meta.counts.users + deleted.len() as u64 {
        return Ok((1..meta.next_user).map(UserId::new).filter(|id| !deleted.contains(id)).collect());
    }
    ids(kind::USER)
}

fn counted(counts: Counts) -> String {
    format!("{} users, {} sessions and {} revocations", counts.users, counts.sessions, counts.revocations)
}

/// Puts what requests need of a record into `live`. Standings come before their users.
fn enlist(live: &Live, standings: &mut HashMap<UserId, Standing>, meta: &Meta, key: &[u8], value: &[u8]) -> Result<(), Fault> {
    match key.first() {
        Some(&kind::STANDING) => {
            let id = known(key::as_id(key, kind::STANDING))?;
            standings.insert(id, decode("standing", value)?);
        }
        Some(&kind::DELETED) => {
            let id = known(key::as_id(key, kind::DELETED))?;
            // Not zero, which would cut off nothing.
            if let Some(not_before) = decode_deleted(value, meta.clock_mark + Duration::from_secs(1))? {
                live.remove_user(id, not_before);
            }
        }
        Some(&kind::REVOCATION) => {
            let RevocationRecord { until, what } = decode("revocation", value)?;
            live.revoke(known(key::as_uuid(key, kind::REVOCATION))?, what, until);
        }
        Some(&kind::SERVICE) => live.services().put(decode("service", value)?),
        Some(&kind::EVENT) => {
            let id = known(key::as_event(key))?;
            if id > meta.events.last {
                return damage(format!("there is an event {id}, but the last is to be {}", meta.events.last));
            }
        }
        Some(&kind::USER) => {
            let id = known(key::as_id(key, kind::USER))?;
            if id.get() >= meta.next_user {
                return damage(format!("there is a user {id}, but the next is to be {}", meta.next_user));
            }
            live.put_user(id, &standings.remove(&id).unwrap_or_default());
        }
        _ => {}
    }
    Ok(())
}

fn known<T>(key: Option<T>) -> Result<T, Fault> {
    key.ok_or_else(|| Fault::Damage("a key has no meaning".to_owned()))
}
