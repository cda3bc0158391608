//! A guess at a password: its place is taken before it is judged, so that however many come at once, only as many are
//! judged as would be one after the other.

use std::time::{Duration, Instant};

use super::count::{Admission, Count, Rule};
use super::{Block, Holder, Place, Scope, Tables, Throttle};
use crate::auth::user::UserId;

/// Who would wait longer for the end of attempts under way is sent away; as long as for the hashing itself.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most who wait for that at once: each end of an attempt wakes them all.
pub(super) const MOST_WAITING: usize = 256;

/// Why a guess is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// This user failed too often at this address, or in this session.
    Pair(Duration),
    /// The address, or the user at addresses where it has not logged in before, failed too often.
    Around(Duration),
    /// Too many attempts are under way at once.
    Busy(Duration),
}

/// An attempt under way. Whoever made it must end it, also when its client has hung up.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Guess(pub(super) At);

/// Where it counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    Place(Place),
    /// By itself, where the user is at home.
    Home(Place),
    /// Beside it, where the user is at home if it is right.
    Holder(Holder, Option<Place>),
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The password was right.
    Right,
    /// It was not, or nobody waited for the verdict.
    Wrong,
    /// It was not judged.
    Void,
}

impl Tables {
    /// Whether a guess may be judged at `now`, wherever its user is at home.
    pub(super) fn admission(&self, at: Place, around: Rule, now: Duration) -> Result<Admission, Refusal> {
        let judge = |count: Option<&Count>, rule| count.copied().unwrap_or_default().admission(rule, now);
        let pair = judge(self.pairs.find(&(at.name, at.network)), Rule::PAIR);
        if let Admission::NotFor(left) = pair {
            return Err(Refusal::Pair(left));
        }
        let address = if at.limited { judge(self.addresses.find(&at.network), around) } else { Admission::Now };
        match pair.max(address).max(judge(self.users.find(&at.name), Rule::USER)) {
            Admission::NotFor(left) => Err(Refusal::Around(left)),
            unclear => Ok(unclear),
        }
    }

    /// Does the same to each count that a guess at this place goes into.
    fn each(&mut self, at: Place, around: Rule, now: Duration, mut change: impl FnMut(Scope, &mut Count, Rule)) {
        change(Scope::UserAtAddress, self.pairs.entry((at.name, at.network), now), Rule::PAIR);
        change(Scope::User, self.users.entry(at.name, now), Rule::USER);
        if at.limited {
            change(Scope::Address, self.addresses.entry(at.network, now), around);
        }
    }

    /// Takes the place of a guess.
    pub(super) fn begin(&mut self, at: Place, around: Rule, now: Duration) {
        self.each(at, around, now, |_, count, _| count.begin());
    }

    /// The user was here.
    pub(super) fn remember(&mut self, at: Place, now: Duration) {
        let seen = self.seen.entry((at.name, at.network), now);
        (seen.logins, seen.last) = (seen.logins.saturating_add(1), now);
    }

    /// Gives the place back; a failure is counted, a success clears what failed there. What begins with it.
    pub(super) fn settle(&mut self, at: Place, around: Rule, outcome: Outcome, user: Option<UserId>, now: Duration) -> Vec<Block> {
        let mut begun = Vec::new();
        self.each(at, around, now, |scope, count, rule| {
            count.end();
            if scope != Scope::Address {
                count.user = user.or(count.user);
            }
            match outcome {
                // Not so those of the address and of the user: one good account of his own would clear an attacker's
                // failures with all others, and the owner's login those of everybody else.
                Outcome::Right if scope == Scope::UserAtAddress => count.forgive(),
                Outcome::Right | Outcome::Void => {}
                Outcome::Wrong => {
                    if count.fail(rule, now)
                        && let Some((failures, left)) = count.block(now)
                    {
                        let network = (scope != Scope::User).then_some(at.network);
                        begun.push(Block { scope, user: count.user, network, failures, left });
                    }
                }
            }
        });
        if outcome == Outcome::Right {
            self.homes.find_mut(&(at.name, at.network)).into_iter().for_each(Count::forgive);
            self.remember(at, now);
        }
        begun
    }
}

impl Throttle {
    const fn around(&self) -> Rule {
        Rule::address(self.limits.failures_per_address)
    }

    /// Takes the place of a guess at a password; it waits while that depends on others that are under way.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing is counted. Where the user is at home see [`Self::guess_at_home`] then.
    pub(in crate::auth) async fn guess(&self, at: Place) -> Result<Guess, Refusal> {
        self.take_place(|tables, now| {
            let admission = tables.admission(at, self.around(), now)?;
            if admission == Admission::Now {
                tables.begin(at, self.around(), now);
            }
            Ok(admission)
        })
        .await?;
        Ok(Guess(At::Place(at)))
    }

    /// Tries to take a place until that does not depend any more on attempts that are under way.
    pub(super) async fn take_place(
        &self,
        mut take: impl FnMut(&mut Tables, Duration) -> Result<Admission, Refusal>,
    ) -> Result<(), Refusal> {
        let patience = tokio::time::Instant::from_std(Instant::now() + PATIENCE);
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            // From here on no end is missed.
            ended.as_mut().enable();
            if take(&mut self.tables(), self.now())? == Admission::Now {
                return Ok(());
            }
            let Ok(_place) = self.waiting.try_acquire() else { return Err(Refusal::Busy(PATIENCE)) };
            if tokio::time::timeout_at(patience, ended).await.is_err() {
                return Err(Refusal::Busy(PATIENCE));
            }
        }
    }

    /// Ends a guess; what begins with it. `user`: whose password it was, if there is such a user.
    pub(in crate::auth) fn settle(&self, guess: Guess, outcome: Outcome, user: Option<UserId>) -> Vec<Block> {
        let (mut tables, now) = (self.tables(), self.now());
        let begun = match guess.0 {
            At::Place(at) => tables.settle(at, self.around(), outcome, user, now),
            At::Home(at) => tables.settle_at_home(at, outcome, user, now).into_iter().collect(),
            At::Holder(holder, home) => {
                if let Some(at) = home.filter(|_| outcome == Outcome::Right) {
                    tables.remember(at, now);
                }
                tables.settle_of(holder, outcome, user, now).into_iter().collect()
            }
        };
        drop(tables);
        self.ended.notify_waiters();
        begun
    }
}
