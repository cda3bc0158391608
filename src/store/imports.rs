//! Users that come from another program, with the ids they had there.

use crate::auth::clock::Timestamp;
use crate::auth::password::PasswordHash;
use crate::auth::user::{UserId, Username};

/// A user of another program.
#[derive(Debug, Clone)]
pub struct ImportedUser {
    /// As there: tokens that were issued name it.
    pub id: UserId,
    /// Unique.
    pub username: Username,
    /// The password's hash as that program made it.
    pub password: PasswordHash,
    /// When it was imported.
    pub created: Timestamp,
}

/// What came of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It is a user now.
    Added,
    /// It was imported before; the user is as it was.
    Present,
    /// Another user has the id.
    IdTaken,
    /// A user who was deleted had the id, which is never used again.
    IdSpent,
    /// This user has the name.
    NameTaken(UserId),
}
