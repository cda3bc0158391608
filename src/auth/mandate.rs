//! By what right somebody acts, for the step that decides what comes of it.
//!
//! A guard judges a token when the request comes. Until the step is taken that it asks for, the right may be gone: while it waited for its
//! turn or a hash, its user was demoted, its session ended, and that was acknowledged. So whoever acts by a token takes its mandate along, and
//! [`Store::under`](crate::store::Store::under) judges it once more where nothing comes in between.

use uuid::Uuid;

use super::token::Claims;
use super::user::UserId;
use super::{Actor, Caller};
use crate::error::{Error, Result, TokenError};
use crate::store::Standing;

/// What an access token permits, as long as it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mandate {
    token: Claims,
    /// The user must be an administrator.
    as_admin: bool,
}

impl Mandate {
    /// What a token's holder may do to itself.
    #[must_use]
    pub fn own(token: &Claims) -> Self {
        Self { token: *token, as_admin: false }
    }

    /// What a token's holder may do as an administrator.
    #[must_use]
    pub fn admin(token: &Claims) -> Self {
        Self { token: *token, as_admin: true }
    }

    /// The ids of which none may be revoked: the token's and its session's.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> {
        [Some(self.token.token.0), self.token.session.map(|session| session.0)].into_iter().flatten()
    }

    /// The token's user.
    pub(crate) fn user(&self) -> UserId {
        self.token.user
    }

    /// Judges it. `standing`: the user's, if it is there; `revoked`: whether one of the [ids](Self::ids) is.
    ///
    /// # Errors
    /// [`TokenError::Revoked`]; [`Error::Forbidden`] when the role is gone.
    pub(crate) fn judge(&self, standing: Option<&Standing>, revoked: bool) -> Result<()> {
        let standing = self.token.stands(standing, revoked)?;
        if self.as_admin && !standing.is_active_admin() { Err(Error::Forbidden) } else { Ok(()) }
    }
}

impl Claims {
    /// Whether they count for this user; answers its standing. `standing`: if it is there; `revoked`: the token or its session.
    ///
    /// # Errors
    /// [`TokenError::Revoked`]
    pub(crate) fn stands<'s>(&self, standing: Option<&'s Standing>, revoked: bool) -> Result<&'s Standing, TokenError> {
        let standing = standing.filter(|standing| !standing.disabled && !revoked).ok_or(TokenError::Revoked)?;
        // A token without a session of ours can only be cut off by its time of issue.
        if self.foreign && self.issued < standing.not_before { Err(TokenError::Revoked) } else { Ok(standing) }
    }
}

impl Actor {
    /// Local has none, and needs none.
    pub(crate) fn mandate(self) -> Option<Mandate> {
        match self {
            Self::Admin(token) => Some(Mandate::admin(&token)),
            Self::Local => None,
        }
    }
}

impl Caller {
    /// What lets it at this user.
    pub(crate) fn mandate(&self, user: UserId) -> Option<Mandate> {
        match self {
            Self::Anyone => None,
            Self::Holder(token) if token.user == user => Some(Mandate::own(token)),
            Self::Holder(token) => Some(Mandate::admin(token)),
            Self::Operator(actor) => actor.mandate(),
        }
    }
}
