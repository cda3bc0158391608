//! Users: ids, names, roles, custom claims. Owns the grammar of each; knows no store and no HTTP.
//!
//! What comes from outside goes through `parse` or `TryFrom`. Deserialising trusts: only records are read so, which were
//! judged when they were written, and must stay readable when a grammar grows stricter.

mod claims;
mod username;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::password::PasswordHash;

pub use claims::{CUSTOM_CLAIMS_BYTES, CustomClaims};
pub use username::{USERNAME_CHARS, Username};

/// Names a user for ever: counts up from 1, is never used again. As a string it is the claim `sub`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(u64);

impl UserId {
    /// The user with this number.
    #[must_use]
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads the one way in which an id is written: decimal digits without a sign or leading zeros.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        if canonical { text.parse().ok().map(Self) } else { None }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Something a user may do: 1–32 lower-case ASCII letters, digits, `-`, `_`, `:` and `.`, starting with a letter. `admin` is the
/// one the server itself knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Role(String);

impl Role {
    /// The role that may do everything here.
    #[must_use]
    pub fn admin() -> Self {
        Self("admin".to_owned())
    }

    /// Whether it is [`Role::admin`].
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.0 == "admin"
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Role {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let fits = (1..=32).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_:.".contains(&b));
        if fits { Ok(Self(name)) } else { Err("A role is 1-32 lower-case letters, digits, and - _ : . and starts with a letter.") }
    }
}

/// Most roles of one user.
pub const MAX_ROLES: usize = 32;

/// A user, as the server knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// For ever.
    pub id: UserId,
    /// Unique.
    pub username: Username,
    /// The password's hash.
    pub password: PasswordHash,
    /// What the user may do.
    pub roles: Vec<Role>,
    /// Goes into the user's access tokens.
    pub claims: CustomClaims,
    /// Whether every login and token is refused.
    pub disabled: bool,
    /// When it was registered.
    pub created: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_in_one_way_only() {
        assert_eq!(UserId::parse("18446744073709551615"), Some(UserId(u64::MAX)));
        for text in ["", "0", "01", "+1", "-1", "1.0", "１", "18446744073709551616", " 1", "abc"] {
            assert_eq!(UserId::parse(text), None, "{text:?}");
        }
    }
}
