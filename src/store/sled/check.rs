//! Whether the records are what they should be: read once, in order of their keys, when the database is opened.
//!
//! Every start compares the counts and the digest that each change has kept up, which finds anything lost, old or
//! altered. After an unclean stop every record is decoded, too, and each must be where the others say.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;
use uuid::Uuid;

use super::super::{Counts, Live, Standing, StorageError};
use super::reading::engine;
use super::records::{Meta, RevocationRecord, SCHEMA, SessionRecord, UserRecord, decode, key, kind};
use super::writer::describe;
use crate::auth::audit::Record;
use crate::auth::clock::Timestamp;
use crate::auth::code::Invite;
use crate::auth::keys::StoredKey;
use crate::auth::service::Service;
use crate::auth::session::SessionId;
use crate::auth::user::UserId;

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
        Self::Damage(describe(&error))
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

/// Reads every record and answers what requests need of them. `thorough`: also decodes each and follows the indexes.
pub(in crate::store) fn records(db: &sled::Db, meta: &Meta, thorough: bool) -> Result<Live, Fault> {
    let mut exam = Exam::new(meta, thorough);
    for entry in db.iter() {
        let (key, value) = entry?;
        if *key != *key::META {
            exam.hear(&key, &value)?;
        }
    }
    exam.end()
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

/// What records met so far say must be met later, in order of their keys. Nothing may be left in the end.
#[derive(Default)]
pub(in crate::store) struct Links {
    /// As bytes: to parse a name is slow.
    names: HashMap<UserId, Vec<u8>>,
    owned: HashSet<(UserId, SessionId)>,
    owners: HashSet<UserId>,
    deleted: HashSet<UserId>,
    due: HashSet<(Timestamp, u8, Uuid)>,
}

impl Links {
    /// Decodes a record, but for a user's restrictions, and compares it with those before.
    pub fn follow(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let fits = match key.first() {
            Some(&kind::STANDING) => true,
            Some(&kind::DELETED) => self.deleted.insert(known(key::as_id(key, kind::DELETED))?),
            Some(&kind::EVENT) => decode::<Record>("event", value).is_ok(),
            Some(&kind::KEY) => key::signing(&decode::<StoredKey>("key", value)?.kid) == key,
            Some(&kind::INVITE) => {
                let invite: Invite = decode("invite", value)?;
                self.due.insert((invite.expires, kind::INVITE, invite.id().0)) && key::invite(invite.id()) == key
            }
            Some(&kind::NAME) => self.names.insert(decode("name", value)?, key[1..].to_vec()).is_none(),
            Some(&kind::OWNED) => self.owned.insert(known(key::as_owned(key))?),
            Some(&kind::REVOCATION) => {
                let id = known(key::as_uuid(key, kind::REVOCATION))?;
                self.due.insert((decode::<RevocationRecord>("revocation", value)?.until, kind::REVOCATION, id))
            }
            Some(&kind::SESSION) => {
                let SessionRecord { session, indexed } = decode("session", value)?;
                self.owners.insert(session.user);
                self.due.insert((indexed, kind::SESSION, session.id.0));
                key::session(session.id) == key && self.owned.remove(&(session.user, session.id))
            }
            Some(&kind::USER) => {
                let id = known(key::as_id(key, kind::USER))?;
                self.owners.remove(&id);
                let user: UserRecord = decode("user", value)?;
                !self.deleted.contains(&id) && self.names.remove(&id).is_some_and(|name| name == user.username.as_str().as_bytes())
            }
            Some(&kind::SERVICE) => key::service(decode::<Service>("service", value)?.id) == key,
            Some(&kind::EXPIRY) => self.due.remove(&known(key::as_expiry(key))?),
            _ => false,
        };
        if fits { Ok(()) } else { damage(format!("{} does not fit the other records", kind::noun(key.first().copied()))) }
    }

    /// Whether all that must be there was.
    pub fn finish(self) -> Result<(), Fault> {
        let left = [
            (self.names.len(), "usernames of no user"),
            (self.owned.len(), "missing sessions"),
            (self.owners.len(), "sessions of no user"),
            (self.due.len(), "missing entries of the expiry index"),
        ];
        match left.into_iter().find(|(count, _)| *count > 0) {
            Some((count, what)) => damage(format!("there are {count} {what}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use std::time::Duration;

    use super::super::reading::Records;
    use super::super::steps;
    use super::super::tree::{Step, Tree, found};
    use super::*;
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
        tree.take(&live, |step| steps::open_session(step, opened, &hash("first"), None)).unwrap();
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
    fn records_that_do_not_fit_each_other_are_named() {
        assert_eq!(said_after(|_, _| Ok(())), "fine");
        let id = UserId::new(1);
        let name = |name: &str| Username::parse(name).unwrap();
        let said = [
            (said_after(|step, _| step.put_name(&name("bina"), UserId::new(2))), "1 usernames of no user"),
            (said_after(|step, _| step.put_name(&name("bina"), id)), "a username does not fit"),
            (said_after(|step, _| step.remove_user(id, &name("arun"))), "1 sessions of no user"),
            (said_after(|step, _| step.remove_user(id, &name("bina"))), "1 usernames of no user"),
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
