//! Time that never runs back.
//!
//! [`Clock::now`] is the system time or the *mark*, whichever is later. The mark is the latest time seen and is kept by the
//! store, so a token that has expired stays expired when the clock steps back, also across a restart. Deletion goes by
//! a second, slower mark, [`Clock::settled`]. After a big step forward (a wrong clock, or a machine that slept) the first
//! waits a minute and the second an hour: a clock that was wrong for less than that moves neither, and deletes nothing.
//! [`Clock::now`] follows it at once: what is made meanwhile is dated ahead, and refused when the clock is right again
//! ([`Timestamp::can_be_past`]).

use std::fmt;
use std::ops::Add;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Whole seconds since 1970-01-01T00:00:00Z: a NumericDate (RFC 7519 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From seconds since 1970.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// Seconds since 1970.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.0
    }

    /// Whether something that says it was made at this moment can have been, as seen at `now`. What is dated further ahead than a
    /// clock may step was made while the clock was wrong, and would outlive its limits by as much: it is good for nothing.
    #[must_use]
    pub fn can_be_past(self, now: Self) -> bool {
        self <= now + BIG_STEP
    }

    /// The later of this moment, as it was kept, and `now`. One that cannot be past does not count.
    #[must_use]
    pub fn or_later(self, now: Self) -> Self {
        if self.can_be_past(now) { self.max(now) } else { now }
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }
}

/// As people read it: UTC, RFC 3339.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / 86_400, self.0 % 86_400);
        // Days since 0000-03-01 in eras of 400 years (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
    }
}

/// How far ahead of the expected time the system clock may be before the marks wait.
const BIG_STEP: Duration = Duration::from_secs(3600);
/// How long a big step must last before the mark follows.
const NOTICING: Duration = Duration::from_secs(60);
/// How long it must last before it is believed altogether.
const SETTLING: Duration = Duration::from_secs(3600);
/// A start with the clock further behind the mark than this is refused.
const FAR_BEHIND: Duration = Duration::from_secs(24 * 3600);

/// The system clock is far behind the time already seen.
#[derive(Debug, thiserror::Error)]
#[error(
    "the system clock says {system} s since 1970, {} h behind what this data directory has already seen; set the clock, or accept it with --accept-clock (tokens that had expired may be accepted again)",
    behind.as_secs() / 3600
)]
pub struct ClockBehind {
    system: u64,
    behind: Duration,
}

/// See the module's page.
#[derive(Debug)]
pub struct Clock {
    state: Mutex<State>,
    system: fn() -> Timestamp,
}

#[derive(Debug)]
struct State {
    mark: Timestamp,
    settled: Timestamp,
    /// The system time that was last believed, and when that was on the monotonic clock.
    believed: (Timestamp, Instant),
    /// When the system time was first seen too far ahead of that.
    ahead_since: Option<Instant>,
}

impl Clock {
    /// A clock that goes on from a kept mark (zero: none was kept).
    ///
    /// # Errors
    /// [`ClockBehind`]
    pub fn start(mark: Timestamp) -> Result<Self, ClockBehind> {
        Self::with_system(mark, system_time)
    }

    fn with_system(mark: Timestamp, system: fn() -> Timestamp) -> Result<Self, ClockBehind> {
        let now = system();
        let behind = mark.since(now);
        if behind > FAR_BEHIND {
            return Err(ClockBehind { system: now.secs(), behind });
        }
        let first = if mark == Timestamp::default() { now } else { mark };
        let state = State { mark: first, settled: first, believed: (first, Instant::now()), ahead_since: None };
        Ok(Self { state: Mutex::new(state), system })
    }

    /// The time by which tokens are issued and judged.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let system = (self.system)();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.observe(system, Instant::now());
        state.mark.max(system)
    }

    /// What the system's clock says, right or wrong.
    #[must_use]
    pub fn system(&self) -> Timestamp {
        (self.system)()
    }

    /// The latest time seen: what the store keeps.
    #[must_use]
    pub fn mark(&self) -> Timestamp {
        self.observed().mark
    }

    /// The latest time that is certain: what deletion goes by.
    #[must_use]
    pub fn settled(&self) -> Timestamp {
        self.observed().settled
    }

    fn observed(&self) -> std::sync::MutexGuard<'_, State> {
        let system = (self.system)();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.observe(system, Instant::now());
        state
    }
}

impl State {
    fn observe(&mut self, system: Timestamp, at: Instant) {
        let (believed, believed_at) = self.believed;
        let expected = believed + at.saturating_duration_since(believed_at);
        if system.since(expected) > BIG_STEP {
            let lasted = at.saturating_duration_since(*self.ahead_since.get_or_insert(at));
            if lasted >= NOTICING {
                self.mark = self.mark.max(system);
            }
            if lasted < SETTLING {
                return;
            }
        }
        self.ahead_since = None;
        self.believed = (system, at);
        self.mark = self.mark.max(system);
        self.settled = self.settled.max(system);
    }
}

/// The system time; 1970 if the clock is set before it.
pub(crate) fn system_time() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_secs(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn state() -> (State, Instant) {
        let at = Instant::now();
        (State { mark: T0, settled: T0, believed: (T0, at), ahead_since: None }, at)
    }

    #[test]
    fn a_moment_is_the_right_day_also_around_leap_days() {
        for (secs, reads) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::from_secs(secs).to_string(), reads);
        }
    }

    #[test]
    fn a_step_back_leaves_the_mark_where_it_was() {
        let (mut state, at) = state();
        state.observe(T0 + HOUR, at + HOUR);
        state.observe(T0, at + HOUR);
        assert_eq!(state.mark, T0 + HOUR);
    }

    #[test]
    fn a_step_of_ten_years_that_is_taken_back_within_a_minute_leaves_no_trace() {
        let (mut state, at) = state();
        let ten_years = HOUR * 24 * 3650;
        state.observe(T0 + ten_years, at + HOUR / 120);
        state.observe(T0 + HOUR / 60, at + HOUR / 60);
        assert_eq!((state.mark, state.settled, state.ahead_since), (T0 + HOUR / 60, T0 + HOUR / 60, None));
    }

    #[test]
    fn a_step_forward_is_noticed_after_a_minute_and_deletes_after_an_hour() {
        let (mut state, at) = state();
        let week = HOUR * 24 * 7;
        state.observe(T0 + week, at);
        assert_eq!(state.mark, T0);
        state.observe(T0 + week + HOUR / 60, at + HOUR / 60);
        assert_eq!((state.mark, state.settled), (T0 + week + HOUR / 60, T0));
        state.observe(T0 + week + HOUR, at + HOUR);
        assert_eq!((state.mark, state.settled), (T0 + week + HOUR, T0 + week + HOUR));
    }

    #[test]
    fn what_expired_after_a_long_stop_stays_expired_when_the_clock_steps_back() {
        let (mut state, at) = state();
        let after_the_stop = T0 + HOUR * 3;
        state.observe(after_the_stop, at);
        state.observe(after_the_stop + HOUR / 50, at + HOUR / 50);
        state.observe(after_the_stop, at + HOUR / 50);
        assert_eq!(state.mark, after_the_stop + HOUR / 50);
    }

    #[test]
    fn a_start_far_behind_the_mark_is_refused_and_one_a_little_behind_goes_on_from_it() {
        let refused = Clock::with_system(T0 + HOUR * 25, || T0).unwrap_err();
        assert!(refused.to_string().contains("--accept-clock"), "{refused}");
        let clock = Clock::with_system(T0 + HOUR, || T0).unwrap();
        assert_eq!((clock.now(), clock.mark()), (T0 + HOUR, T0 + HOUR));
    }

    #[test]
    fn a_time_before_1970_does_not_panic() {
        assert_eq!(Clock::with_system(Timestamp::default(), || Timestamp(0)).unwrap().now(), Timestamp(0));
    }
}
