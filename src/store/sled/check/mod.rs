//! Whether the records are what they should be: read once, in order of their keys, when the database is opened.
//!
//! Every start compares the counts and the digest that each change has kept up, which finds anything lost, old or
//! altered. After an unclean stop every record is decoded, too, and each must be where the others say. Of a database with very
//! many records that was stopped cleanly only what requests need is read first ([`needed`]), and the rest while it serves.

mod links;

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use uuid::Uuid;

    use super::super::reading::Records;
    use super::super::records::encode;
    use super::super::steps;
    use super::super::tree::{Step, Tree, found};
    use super::*;
    use crate::auth::clock::Timestamp;
    use crate::auth::session::Session;
    use crate::auth::token::TokenId;
    use crate::auth::user::Username;
    use crate::store::Which;
    use crate::store::contract::{T0, TempDir, hash, lifetimes, named};

    /// What the check says of a small database after a step that only a mistake of ours could take.
    fn said_after(mistake: impl FnOnce(&mut Step<'_>, &Session) -> Result<(), StorageError>) -> String {
        let dir = TempDir::new();
        let db = sled::Config::new().path(dir.path()).flush_every_ms(None).open().unwrap();
        let (live, mut tree) = (Live::default(), Tree::new(db.clone(), found(&db, Uuid::new_v4()).unwrap()));
        let session = Session::open(UserId::new(1), T0, &lifetimes());
        let (opened, token) = (session.clone(), (TokenId::random(), session.expires));
        tree.take(&live, |step| steps::insert_user(step, named("arun"))).unwrap();
        tree.take(&live, |step| steps::open_session(step, None, opened, &hash("first"), None)).unwrap();
        tree.take(&live, |step| steps::end_sessions(step, UserId::new(1), Which::Others(session.id), Some(token), T0)).unwrap();
        tree.take(&live, |step| Ok(mistake(step, &session)?)).unwrap();
        tree.apply().unwrap();
        let meta = meta(&db).ok().unwrap().unwrap();
        match records(&db, &meta, true) {
            Ok(_) => "fine".to_owned(),
            Err(fault) => fault.in_dir(dir.path()).to_string(),
        }
    }

    #[test]
    fn users_deleted_by_an_earlier_version_are_told_of_as_if_it_were_now() {
        let dir = TempDir::new();
        let db = sled::Config::new().path(dir.path()).flush_every_ms(None).open().unwrap();
        let (live, mut tree) = (Live::default(), Tree::new(db.clone(), found(&db, Uuid::new_v4()).unwrap()));
        tree.load(&key::deleted(UserId::new(7)), &[]).unwrap();
        tree.load(&key::deleted(UserId::new(8)), &encode("deleted user", &None::<Timestamp>).unwrap()).unwrap();
        tree.take(&live, |step| {
            step.set_clock_mark(T0);
            Ok(())
        })
        .unwrap();
        tree.apply().unwrap();
        let meta = meta(&db).ok().unwrap().unwrap();
        for found in [records(&db, &meta, true), needed(&db, &meta)] {
            let news = found.ok().unwrap().live.feed().since(None, T0, 9);
            assert_eq!(news.cut_offs, [(UserId::new(7), T0 + Duration::from_secs(1))]);
        }
    }

    #[test]
    fn records_that_do_not_fit_each_other_are_named() {
        assert_eq!(said_after(|_, _| Ok(())), "fine");
        let id = UserId::new(1);
        let name = |name: &str| Username::parse(name).unwrap();
        let said = [
            (said_after(|step, _| step.put_name(&name("bina"), UserId::new(2))), "1 usernames of no user"),
            (said_after(|step, _| step.put_name(&name("bina"), id)), "a username does not fit"),
            (said_after(|step, _| step.remove_user(id, &name("arun"), T0)), "1 sessions of no user"),
            (said_after(|step, _| step.remove_user(id, &name("bina"), T0)), "1 usernames of no user"),
            (said_after(|step, _| step.put_standing(UserId::new(7), Standing { disabled: true, ..Standing::default() })), "for user 7"),
            (
                said_after(|step, of| {
                    step.insert_session(Session { id: of.id, ..Session::open(id, T0 + Duration::from_secs(1), &lifetimes()) })
                }),
                "an entry of the expiry index does not fit",
            ),
            (
                said_after(|step, of| {
                    let user = step.user_record(of.user)?.ok_or(StorageError::Stopped)?;
                    step.put_user(UserId::new(2), &user)
                }),
                "there is a user 2, but the next is to be 2",
            ),
        ];
        for (said, expected) in said {
            assert!(said.contains(expected), "{said} / {expected}");
        }
    }
}
