//! How long who must wait: a count of failures, and the rules by which it makes wait. Times are lengths since the start of
//! the process, on a clock that nobody sets.

use std::time::Duration;

use super::guess::Outcome;
use super::table::Entry;
use crate::auth::user::UserId;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// The longest wait after one failure more.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// How many failures are free, for how long they count, and what follows on one more.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    free: u32,
    /// Of [`Pace::Doubling`] from the last failure, else from the first.
    counts_for: Duration,
    pace: Pace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// 1 s, then twice as long each time.
    Doubling,
    /// 1 s, then 1 s longer each time.
    Growing,
    /// Until the failures count no more.
    ToTheEnd,
}

impl Rule {
    /// For one user at one address. That the count lasts a day makes it no way around to wait until it is forgotten.
    pub const PAIR: Self = Self { free: 5, counts_for: Duration::from_secs(86_400), pace: Pace::Doubling };
    /// For one user wherever it is tried.
    pub const USER: Self = Self { free: 100, counts_for: HOUR, pace: Pace::Growing };

    /// For one address.
    pub const fn address(free: u32) -> Self {
        Self { free, counts_for: Duration::from_secs(600), pace: Pace::ToTheEnd }
    }

    /// For the users registered from one address.
    pub const fn registrations(free: u32) -> Self {
        Self { free, counts_for: HOUR, pace: Pace::ToTheEnd }
    }
}

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admission {
    /// Now.
    Now,
    /// That depends on attempts that are under way.
    Unclear,
    /// Not for so long.
    NotFor(Duration),
}

/// Failures of one kind in one place, and the attempts under way, each of which may become one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count {
    failures: u32,
    pending: u32,
    /// When the failures count no more.
    ends: Duration,
    blocked_until: Duration,
    /// The user it is about, once it is known that there is one.
    pub user: Option<UserId>,
}

impl Count {
    fn failures_at(&self, now: Duration) -> u32 {
        if now < self.ends || now < self.blocked_until { self.failures } else { 0 }
    }

    /// Whether one more attempt may be made at `now`. Of the free ones several may be under way at once; after them one at
    /// a time, so that however many come at once, no more are judged than if they came one after the other.
    pub fn admission(&self, rule: Rule, now: Duration) -> Admission {
        let failures = self.failures_at(now);
        if let Some((_, left)) = self.block(now) {
            Admission::NotFor(left)
        } else if failures.saturating_add(self.pending) < rule.free || self.pending == 0 {
            Admission::Now
        } else {
            Admission::Unclear
        }
    }

    /// An attempt is under way.
    pub fn begin(&mut self) {
        self.pending = self.pending.saturating_add(1);
    }

    /// An attempt has come to an end that says nothing.
    pub fn end(&mut self) {
        self.pending = self.pending.saturating_sub(1);
    }

    /// An attempt has come to an end: a failure counts, a success clears what failed before. How often it has failed, and for how
    /// long nobody may try, if a wait begins with it.
    pub fn settle(&mut self, rule: Rule, outcome: Outcome, user: Option<UserId>, now: Duration) -> Option<(u32, Duration)> {
        self.end();
        self.user = user.or(self.user);
        match outcome {
            Outcome::Right => self.forgive(),
            Outcome::Void => {}
            Outcome::Wrong => return self.fail(rule, now).then(|| self.block(now)).flatten(),
        }
        None
    }

    /// A failure at `now`, of an attempt that has ended. Whether it is the one after the free ones, with which waiting begins.
    pub fn fail(&mut self, rule: Rule, now: Duration) -> bool {
        self.failures = self.failures_at(now).saturating_add(1);
        if self.failures == 1 || rule.pace == Pace::Doubling {
            self.ends = now + rule.counts_for;
        }
        let Some(over) = self.failures.checked_sub(rule.free) else { return false };
        self.blocked_until = match rule.pace {
            Pace::Doubling => now + SECOND.saturating_mul(1_u32.checked_shl(over).unwrap_or(u32::MAX)).min(LONGEST),
            Pace::Growing => now + SECOND.saturating_mul(over.saturating_add(1)).min(LONGEST),
            Pace::ToTheEnd => self.ends,
        };
        over == 0
    }

    /// Takes a failure back that was none, after all.
    pub fn unfail(&mut self, rule: Rule) {
        self.failures = self.failures.saturating_sub(1);
        if self.failures < rule.free {
            self.blocked_until = Duration::ZERO;
        }
    }

    /// Forgets the failures; attempts under way may still become some.
    pub fn forgive(&mut self) {
        *self = Self { pending: self.pending, user: self.user, ..Self::default() };
    }

    /// How many failures led to the block at `now`, and how long that still lasts; `None`: there is none.
    pub fn block(&self, now: Duration) -> Option<(u32, Duration)> {
        let left = self.blocked_until.saturating_sub(now);
        (!left.is_zero()).then_some((self.failures, left))
    }
}

impl Entry for Count {
    /// What is over goes first, then who failed least, then the oldest.
    type Worth = (bool, u32, Duration);

    fn worth(&self, now: Duration) -> Self::Worth {
        let failures = self.failures_at(now).saturating_add(self.pending);
        (failures > 0, failures, self.ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// A failure at once.
    fn fail(count: &mut Count, rule: Rule, now: Duration) {
        assert_eq!(count.admission(rule, now), Admission::Now, "at {now:?}");
        count.begin();
        count.end();
        count.fail(rule, now);
    }

    #[test]
    fn five_failures_are_free_then_each_doubles_the_wait_up_to_a_quarter_of_an_hour() {
        let (mut count, mut now) = (Count::default(), secs(7));
        (0..5).for_each(|_| fail(&mut count, Rule::PAIR, now));
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900] {
            assert_eq!(count.admission(Rule::PAIR, now), Admission::NotFor(secs(wait)));
            now += secs(wait - 1);
            assert_eq!(count.admission(Rule::PAIR, now), Admission::NotFor(secs(1)));
            now += secs(1);
            fail(&mut count, Rule::PAIR, now);
        }
    }

    #[test]
    fn the_failures_of_a_pair_are_forgotten_a_day_after_the_last() {
        let mut count = Count::default();
        (0..5).for_each(|_| fail(&mut count, Rule::PAIR, secs(0)));
        fail(&mut count, Rule::PAIR, secs(86_399));
        assert_eq!(count.block(secs(86_399)), Some((6, secs(2))));
        let later = secs(2 * 86_399 + 1);
        (0..4).for_each(|_| fail(&mut count, Rule::PAIR, later));
        assert_eq!(count.admission(Rule::PAIR, later), Admission::Now);
    }

    #[test]
    fn an_address_waits_until_ten_minutes_after_its_first_failure_and_begins_anew() {
        let (rule, mut count) = (Rule::address(50), Count::default());
        fail(&mut count, rule, secs(10));
        (1..50).for_each(|_| fail(&mut count, rule, secs(300)));
        assert_eq!(count.admission(rule, secs(300)), Admission::NotFor(secs(310)));
        (0..50).for_each(|_| fail(&mut count, rule, secs(610)));
        assert_eq!(count.admission(rule, secs(610)), Admission::NotFor(secs(600)));
    }

    #[test]
    fn after_a_hundred_failures_of_a_user_each_waits_a_second_longer_until_the_hour_is_over() {
        let (mut count, mut now) = (Count::default(), secs(0));
        (0..100).for_each(|_| fail(&mut count, Rule::USER, now));
        let mut judged = 100;
        while now < HOUR {
            judged += 1;
            assert_eq!(count.admission(Rule::USER, now), Admission::NotFor(secs(judged - 100)));
            now += secs(judged - 100);
            fail(&mut count, Rule::USER, now);
        }
        assert!((180..190).contains(&judged), "{judged} failures in an hour");
    }

    #[test]
    fn attempts_under_way_take_the_free_places_and_after_those_one_is_made_at_a_time() {
        let mut count = Count::default();
        (0..5).for_each(|_| count.begin());
        assert_eq!(count.admission(Rule::PAIR, secs(0)), Admission::Unclear);
        count.end();
        assert_eq!(count.admission(Rule::PAIR, secs(0)), Admission::Now, "one was right");
        (0..4).for_each(|_| count.end());
        (0..5).for_each(|_| _ = count.fail(Rule::PAIR, secs(0)));
        assert_eq!(count.admission(Rule::PAIR, secs(1)), Admission::Now);
        count.begin();
        assert_eq!(count.admission(Rule::PAIR, secs(1)), Admission::Unclear);
    }

    #[test]
    fn waiting_begins_once_and_what_is_forgiven_or_taken_back_ends_it() {
        let (rule, mut count) = (Rule::registrations(2), Count::default());
        assert_eq!([0, 0, 0].map(|_| count.fail(rule, secs(1))), [false, true, false]);
        count.unfail(rule);
        assert!(count.block(secs(1)).is_some());
        count.unfail(rule);
        assert_eq!((count.block(secs(1)), count.admission(rule, secs(1))), (None, Admission::Now));
        (0..9).for_each(|_| _ = count.fail(rule, secs(1)));
        count.begin();
        count.forgive();
        assert_eq!((count.block(secs(1)), count.pending, count.failures), (None, 1, 0));
    }

    #[test]
    fn what_is_over_is_worth_least_then_who_failed_least_then_the_oldest() {
        let failed = |times: u32, now| {
            let mut count = Count::default();
            (0..times).for_each(|_| _ = count.fail(Rule::address(50), now));
            count
        };
        let (over, once, later, twice) = (failed(9, secs(0)), failed(1, secs(601)), failed(1, secs(602)), failed(2, secs(601)));
        let worths = [over, once, later, twice].map(|count| count.worth(secs(700)));
        assert!(worths.is_sorted_by(|a, b| a < b), "{worths:?}");
    }

    #[test]
    fn no_number_of_failures_is_too_large_to_count() {
        for rule in [Rule::PAIR, Rule::USER, Rule::address(0)] {
            let mut count = Count { failures: u32::MAX, ends: secs(9), ..Count::default() };
            count.fail(rule, secs(1));
            assert!(count.block(secs(1)).is_some_and(|(failures, left)| failures == u32::MAX && left <= LONGEST));
        }
    }
}
