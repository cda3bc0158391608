//! Use cases of leaving another program: its users come with the ids and the password hashes that they had there.
//!
//! A user that was imported is not imported again, so an import that broke off, or left rows out that were mended since, is
//! simply run once more. What does not fit is told row by row; the rest goes in.

use std::collections::{BTreeMap, HashSet};

use super::audit::{Event, Word};
use super::foreign::Scheme;
use super::password::PasswordHash;
use super::user::{UserId, Username};
use super::{Actor, Auth};
use crate::error::Result;
use crate::store::{Imported, ImportedUser};

/// Most users of one request.
pub const MAX_ROWS: usize = 100;
/// Highest id that is imported. Later users count on from there, and their ids must stay exact where JSON numbers are floats.
pub const MAX_ID: u64 = 1 << 48;
/// Users that are read at once to count them.
const PAGE: usize = 500;

/// A user as the other program has it.
#[derive(Debug, Clone)]
pub struct Row {
    /// `None`: a number below zero, or larger than any id.
    pub id: Option<u64>,
    /// As it was typed there.
    pub username: String,
    /// As that program wrote it ([`super::foreign`]).
    pub password_hash: String,
}

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which, from 0.
    pub row: usize,
    /// Why, as a sentence.
    pub reason: String,
}

/// What came of an import.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many are users now.
    pub added: usize,
    /// How many were there before.
    pub present: usize,
    /// Which were left out.
    pub refused: Vec<Refusal>,
}

/// How far the users have come.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// All users.
    pub users: usize,
    /// Those whose hash is still another program's: they have not logged in since.
    pub foreign: BTreeMap<Scheme, usize>,
}

impl Auth {
    /// Adds users of another program; with `trial`, says what would come of it. Only the command line gives reserved names.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn import_users(&self, actor: Actor, rows: Vec<Row>, trial: bool) -> Result<Outcome> {
        let (mut outcome, mut users, mut places) = (Outcome::default(), Vec::new(), Vec::new());
        let (mut ids, mut names) = (HashSet::new(), HashSet::new());
        for (place, row) in rows.into_iter().enumerate() {
            let judged = self.judge(actor, &row).and_then(|user| {
                let first = ids.insert(user.id) & names.insert(user.username.clone());
                if first { Ok(user) } else { Err("The id or the name is that of a row before.") }
            });
            match judged {
                Ok(user) => {
                    users.push(user);
                    places.push(place);
                }
                Err(reason) => outcome.refused.push(Refusal { row: place, reason: reason.to_owned() }),
            }
        }
        let added = self.to_the_end(move |auth| async move { auth.add_imported(actor, users, trial).await }).await?;
        for (row, came) in places.into_iter().zip(added) {
            let reason = match came {
                Imported::Added => {
                    outcome.added += 1;
                    continue;
                }
                Imported::Present => {
                    outcome.present += 1;
                    continue;
                }
                Imported::IdTaken => "Another user has this id.".to_owned(),
                Imported::IdSpent => "This id was that of a user who has been deleted.".to_owned(),
                Imported::NameTaken(other) => format!("User {other} has this name."),
            };
            outcome.refused.push(Refusal { row, reason });
        }
        outcome.refused.sort_unstable_by_key(|refusal| refusal.row);
        Ok(outcome)
    }

    fn judge(&self, actor: Actor, row: &Row) -> Result<ImportedUser, &'static str> {
        let id = row.id.filter(|id| (1..=MAX_ID).contains(id)).ok_or("The id is not a number from 1 to 2^48.")?;
        let username = Username::parse(&row.username)?;
        if username.is_reserved() && actor != Actor::Local {
            return Err("This name is reserved; import it on the server's machine.");
        }
        let password = PasswordHash::foreign(&row.password_hash)?;
        Ok(ImportedUser { id: UserId::new(id), username, password, created: self.0.clock.now() })
    }

    async fn add_imported(&self, actor: Actor, users: Vec<ImportedUser>, trial: bool) -> Result<Vec<Imported>> {
        let ids: Vec<_> = users.iter().map(|user| user.id).collect();
        let came = self.store_under(actor.mandate()).import_users(users, !trial).await?;
        let added: Vec<_> = ids.iter().zip(&came).filter(|(_, came)| **came == Imported::Added).map(|(id, _)| *id).collect();
        if let (Some(first), Some(last), false) = (added.iter().min(), added.iter().max(), trial) {
            self.note(Event::new(Word::UsersImported, actor).detail("users", added.len()).detail("first", first).detail("last", last));
        }
        Ok(came)
    }

    /// How many users have not logged in since they were imported, by who made their hash.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn import_progress(&self, _actor: Actor) -> Result<Progress> {
        let (mut progress, mut after) = (Progress::default(), None);
        loop {
            let page = self.0.store.users(after, PAGE).await?;
            progress.users += page.len();
            for scheme in page.iter().filter_map(|user| user.password.scheme()) {
                *progress.foreign.entry(scheme).or_default() += 1;
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.id),
                _ => return Ok(progress),
            }
        }
    }
}
