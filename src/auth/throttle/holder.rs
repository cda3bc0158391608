//! A guess at the current password by who holds a token of the user. It is counted by session, wherever it comes from: a
//! thief has as many addresses as he likes, but no second session. It does not count against the user, whom a thief would
//! lock out with that.

use std::time::Duration;

use uuid::Uuid;

use super::count::{Admission, Rule};
use super::guess::{At, Guess, Outcome, Refusal};
use super::{Block, Name, Place, Scope, Tables, Throttle};
use crate::auth::token::Claims;
use crate::auth::user::{UserId, Username};

/// Whose guesses are counted together: those of one session, or of one token that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder {
    pub(super) name: Name,
    id: Uuid,
}

#[cfg(test)]
impl Holder {
    pub(super) fn new(name: Name, id: u128) -> Self {
        Self { name, id: Uuid::from_u128(id) }
    }
}

impl Tables {
    pub(super) fn admission_of(&self, holder: Holder, now: Duration) -> Result<Admission, Refusal> {
        match self.holders.find(&holder).copied().unwrap_or_default().admission(Rule::PAIR, now) {
            Admission::NotFor(left) => Err(Refusal::Pair(left)),
            unclear => Ok(unclear),
        }
    }

    pub(super) fn settle_of(&mut self, holder: Holder, outcome: Outcome, user: Option<UserId>, now: Duration) -> Option<Block> {
        let count = self.holders.entry(holder, now);
        let (failures, left) = count.settle(Rule::PAIR, outcome, user, now)?;
        Some(Block { scope: Scope::Session, user: count.user, network: None, failures, left })
    }
}

impl Throttle {
    /// Who asks with this token; `None` if nobody ever waits.
    pub(in crate::auth) fn holder(&self, username: &Username, claims: &Claims) -> Option<Holder> {
        let id = claims.session.map_or(claims.token.0, |session| session.0);
        self.limits.on.then(|| Holder { name: self.name(username.as_str()), id })
    }

    /// Takes the place of a guess at the current password; it waits while that depends on others that are under way. `home`:
    /// where the user is at home if it is right.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing is counted.
    pub(in crate::auth) async fn guess_of(&self, holder: Holder, home: Option<Place>) -> Result<Guess, Refusal> {
        self.take_place(|tables, now| {
            let admission = tables.admission_of(holder, now)?;
            if admission == Admission::Now {
                tables.holders.entry(holder, now).begin();
            }
            Ok(admission)
        })
        .await?;
        Ok(Guess(At::Holder(holder, home)))
    }
}
