//! What an administrator is told: who must wait, for what, from where, and how long.

use std::time::Duration;

use super::Network;
use crate::auth::user::UserId;

/// What is counted where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Passwords of one user at one address.
    UserAtAddress,
    /// Passwords at one address.
    Address,
    /// Passwords of one user.
    User,
    /// The current password, asked of who holds a token of one session.
    Session,
    /// New users from one address.
    Registrations,
    /// Reset codes and invites at one address.
    Codes,
    /// Refresh tokens at one address.
    RefreshTokens,
    /// Service keys at one address.
    ServiceKeys,
}

/// Who must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// For what.
    pub scope: Scope,
    /// As which user, if it is about one that exists.
    pub user: Option<UserId>,
    /// From where, if it is about an address.
    pub network: Option<Network>,
    /// How often it failed.
    pub failures: u32,
    /// How long it still lasts.
    pub left: Duration,
}
