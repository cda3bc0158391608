//! Use case of a checkup: what only the process that holds the records can say about how they are.

use serde::Serialize;

use super::audit::{Wanted, Word};
use super::clock::Timestamp;
use super::user::{UserId, Username};
use super::{Actor, Auth};
use crate::error::Result;
use crate::store::Scanned;

/// Administrators that are told of, at most.
const MAX_ADMINS: usize = 100;

/// See the module's page.
#[derive(Debug, Serialize)]
pub struct Checkup {
    /// What is kept.
    pub database: Scanned,
    /// What time it is, and seems to be.
    pub clock: Clocks,
    /// Who may do everything, the first hundred.
    pub administrators: Vec<Administrator>,
}

/// What time it is.
#[derive(Debug, Serialize)]
pub struct Clocks {
    /// By the system.
    pub system: Timestamp,
    /// The latest time that is kept: time does not go back behind it.
    pub mark: Timestamp,
}

/// One who may do everything.
#[derive(Debug, Serialize)]
pub struct Administrator {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub username: Username,
    /// When it was last logged in, as far as sessions and the audit trail remember.
    pub last_used: Option<Timestamp>,
}

impl Auth {
    /// Looks at everything that is kept. Takes its time; requests go on meanwhile.
    ///
    /// # Errors
    /// Storage errors: then it is not known how things are. What is wrong with the records is no error.
    pub async fn check_up(&self, _actor: Actor) -> Result<Checkup> {
        let database = self.0.store.scan().await?;
        let clock = Clocks { system: self.0.clock.system(), mark: self.0.clock.mark() };
        let mut administrators = Vec::new();
        for id in self.0.store.live().admins().into_iter().take(MAX_ADMINS) {
            if let Some(user) = self.0.store.user(id).await? {
                administrators.push(Administrator { id, username: user.username, last_used: self.last_login(id).await? });
            }
        }
        Ok(Checkup { database, clock, administrators })
    }

    async fn last_login(&self, id: UserId) -> Result<Option<Timestamp>> {
        let used = self.0.store.sessions(id).await?.into_iter().map(|session| session.last_used).max();
        let wanted = Wanted { before: None, user: Some(id), event: Some(Word::Login), limit: 1 };
        let noted = self.0.store.events(wanted).await?.into_iter().map(|(_, record)| record.time).next();
        Ok(used.max(noted))
    }
}
