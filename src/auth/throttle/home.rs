//! Where a user is at home, what others did does not keep it out: a guess that is refused for their sake is judged all the same.
//! To whoever guesses wrong that must not show, or a refusal would tell which names have logged in there. So it is answered
//! with the refusal, and counted by itself: in the other counts it would make a user wait, later or elsewhere, where a
//! name that nobody has need not.

use std::time::Duration;

use super::count::{Admission, Count, Rule};
use super::guess::{At, Guess, Outcome};
use super::{Block, Place, Scope, Tables, Throttle};
use crate::auth::user::UserId;

impl Tables {
    /// Takes the place of a guess at home, unless it must wait there, too.
    pub(super) fn begin_at_home(&mut self, at: Place, now: Duration) -> bool {
        let pair = (at.name, at.network);
        let admits = |count: Option<&Count>| count.copied().unwrap_or_default().admission(Rule::PAIR, now) == Admission::Now;
        let admitted = admits(self.pairs.find(&pair)) && admits(self.homes.find(&pair));
        if admitted {
            self.homes.entry(pair, now).begin();
        }
        admitted
    }

    /// Gives the place back; a failure is counted here alone, a success clears what failed at this address. What begins with it.
    pub(super) fn settle_at_home(&mut self, at: Place, outcome: Outcome, user: Option<UserId>, now: Duration) -> Option<Block> {
        let pair = (at.name, at.network);
        if outcome == Outcome::Right {
            self.pairs.find_mut(&pair).into_iter().for_each(Count::forgive);
            self.remember(at, now);
        }
        let count = self.homes.entry(pair, now);
        let (failures, left) = count.settle(Rule::PAIR, outcome, user, now)?;
        Some(Block { scope: Scope::UserAtAddress, user: count.user, network: Some(at.network), failures, left })
    }
}

impl Throttle {
    /// Whether the user was here, as far as that is remembered.
    pub(in crate::auth) fn remembers(&self, at: Place) -> bool {
        self.tables().seen.find(&(at.name, at.network)).is_some()
    }

    /// Takes the place of a guess that was refused, where its user is at home; `None` if it stays refused. Unless it is right, it is to be
    /// answered as it was refused.
    pub(in crate::auth) fn guess_at_home(&self, at: Place) -> Option<Guess> {
        self.tables().begin_at_home(at, self.now()).then_some(Guess(At::Home(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{guess, ip, nth, secs, throttle, wrong};
    use super::*;

    /// How many guesses at each of two names are judged at an address.
    fn judged(throttle: &Throttle, address: u32, now: Duration) -> [usize; 2] {
        ["arun", "nobody"].map(|name| wrong(throttle, name, nth(address), 9, now))
    }

    #[test]
    fn guesses_made_while_all_had_to_wait_at_home_do_not_make_their_user_wait_later_or_elsewhere() {
        let throttle = throttle();
        assert!(guess(&throttle, "arun", nth(1), Outcome::Right, secs(0)));
        (0..50).for_each(|user| _ = wrong(&throttle, &format!("user{user}"), nth(1), 1, secs(0)));
        assert_eq!(judged(&throttle, 1, secs(0)), [5, 0], "at home they are judged, if no more than five");
        assert_eq!(judged(&throttle, 1, secs(600)), [5, 5], "later");
        for number in 100..119 {
            assert_eq!(judged(&throttle, number, secs(600)), [5; 2]);
        }
        assert_eq!(judged(&throttle, 200, secs(600)), [0; 2], "elsewhere, after a hundred");
        assert_eq!(judged(&throttle, 1, secs(601)), [1, 1], "after a wait of a second");
        assert_eq!([602, 603].map(|now| judged(&throttle, 200, secs(now))), [[0; 2], [1; 2]], "and then of two");
    }

    #[test]
    fn what_failed_at_home_is_listed_and_forgotten_with_the_rest() {
        let throttle = throttle();
        let arun = crate::auth::user::Username::parse("arun").unwrap();
        let fail = || {
            assert!(guess(&throttle, "arun", ip("192.0.2.1"), Outcome::Right, secs(0)));
            (0..50).for_each(|user| _ = wrong(&throttle, &format!("user{user}"), ip("192.0.2.1"), 1, secs(0)));
            assert_eq!(wrong(&throttle, "arun", ip("192.0.2.1"), 9, secs(0)), 5);
            let listed = throttle.blocks(secs(0)).iter().filter(|block| block.scope == Scope::UserAtAddress).count();
            assert_eq!(listed, 1);
        };
        let forgiven: [&dyn Fn(); 3] =
            [&|| throttle.forgive(&arun), &|| throttle.forgive_at(ip("192.0.2.1").ip.into()), &|| throttle.forget(&arun)];
        for forgive in forgiven {
            fail();
            forgive();
            assert_eq!(throttle.tables().homes.iter().count(), 0);
        }
    }
}
