//! A session: what one login opened. Owns the rules of refresh rotation; knows no store.
//!
//! The record is O(1) however often the session is refreshed: it holds a counter, the refresh token carries the
//! counter it was made with (RFC 9700 §4.14.2 asks for rotation with reuse detection).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::Timestamp;
use super::code::CodeDigest;
use super::user::UserId;

/// Most sessions one user keeps; opening one more ends the oldest.
pub const SESSIONS_PER_USER: usize = 50;

/// Longest time that a cookie is used without its session being written anew.
const MAX_REST: Duration = Duration::from_secs(3600);

/// Names a session: a random UUID (RFC 9562 §5.4), the claim `sid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub(crate) Uuid);

impl SessionId {
    /// A new random one.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Reads the one way in which an id is written: lower-case hexadecimal with hyphens (RFC 9562 §4).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().filter(|id| id.to_string() == text).map(Self)
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How long tokens and sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// An access token.
    pub access: Duration,
    /// A session that is not refreshed.
    pub idle: Duration,
    /// A session, however often it is refreshed.
    pub absolute: Duration,
    /// How long after a rotation the token before it is answered with the current one.
    pub grace: Duration,
}

impl Lifetimes {
    /// Those that are built in.
    pub const USUAL: Self = Self {
        access: Duration::from_secs(15 * 60),
        idle: Duration::from_secs(30 * 86_400),
        absolute: Duration::from_secs(90 * 86_400),
        grace: Duration::from_secs(30),
    };
}

/// What one login opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// How often it was refreshed; the refresh token in force carries the same number.
    pub counter: u64,
    /// When the counter last moved.
    pub rotated_at: Timestamp,
    /// When the login was.
    pub created: Timestamp,
    /// When a token was last issued in it, or, about hourly, its cookie last used.
    pub last_used: Timestamp,
    /// When it ends unless it is used before; the `exp` of the refresh token in force, or later.
    pub expires: Timestamp,
    /// The latest `exp` of any access token issued in it: until then its revocation must be remembered.
    pub access_expires: Timestamp,
    /// The `User-Agent` of the login, shortened.
    pub user_agent: Option<String>,
    /// The client address of the login.
    pub address: Option<String>,
    /// Of the cookie that stands for the session, if the login asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<CodeDigest>,
}

/// What presenting a refresh token leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// The token in force: the session has moved on to this state.
    Rotated(Session),
    /// The token just before it, within the grace: the token in force is to be answered again.
    Repeated(Session),
    /// An older one: somebody has a copy. The session must end.
    Reused,
    /// Not a token of this session, or the session has expired.
    Unknown,
}

impl Session {
    /// The session a login opens at `now`.
    #[must_use]
    pub fn open(user: UserId, now: Timestamp, lifetimes: &Lifetimes) -> Self {
        let expires = now + lifetimes.idle.min(lifetimes.absolute);
        Self {
            id: SessionId::random(),
            user,
            counter: 0,
            rotated_at: now,
            created: now,
            last_used: now,
            expires,
            access_expires: expires.min(now + lifetimes.access),
            user_agent: None,
            address: None,
            cookie: None,
        }
    }

    /// The session after its cookie was used at `now`; `None`: it has expired, or that is not worth a write yet.
    #[must_use]
    pub fn touched(&self, now: Timestamp, lifetimes: &Lifetimes) -> Option<Self> {
        let rest = MAX_REST.min(lifetimes.idle / 10);
        if now >= self.expires || now < self.last_used + rest {
            return None;
        }
        let expires = (now + lifetimes.idle).min(self.created + lifetimes.absolute);
        Some(Self { last_used: now, expires: expires.max(self.expires), ..self.clone() })
    }

    /// The `exp` of an access token issued at `now`: none outlives its session.
    #[must_use]
    pub fn access_end(&self, now: Timestamp, lifetimes: &Lifetimes) -> Timestamp {
        self.expires.min(now + lifetimes.access)
    }

    /// Judges a refresh token of `user` that carries `counter`, presented at `now`.
    ///
    /// One step behind is what a lost reply or a second browser tab looks like; within [`Lifetimes::grace`] of the
    /// rotation it gets the current token again, never a second branch, and the grace does not start anew.
    #[must_use]
    pub fn present(&self, user: UserId, counter: u64, now: Timestamp, lifetimes: &Lifetimes) -> Presented {
        if self.user != user || now >= self.expires || counter > self.counter {
            return Presented::Unknown;
        }
        let mut next = self.clone();
        let rotates = counter == self.counter;
        if rotates {
            next.counter += 1;
            next.rotated_at = now;
            next.expires = (now + lifetimes.idle).min(self.created + lifetimes.absolute);
        } else if counter + 1 < self.counter || now > self.rotated_at + lifetimes.grace {
            return Presented::Reused;
        }
        next.last_used = now;
        next.access_expires = next.access_expires.max(next.access_end(now, lifetimes));
        if rotates { Presented::Rotated(next) } else { Presented::Repeated(next) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_secs(1_000_000);

    fn lifetimes() -> Lifetimes {
        let day = Duration::from_secs(86_400);
        Lifetimes { access: Duration::from_secs(900), idle: 30 * day, absolute: 90 * day, grace: Duration::from_secs(30) }
    }

    fn opened() -> Session {
        Session::open(UserId::new(7), T0, &lifetimes())
    }

    fn rotated(session: &Session, counter: u64, now: Timestamp) -> Session {
        match session.present(session.user, counter, now, &lifetimes()) {
            Presented::Rotated(next) => next,
            other => panic!("expected a rotation, got {other:?}"),
        }
    }

    #[test]
    fn the_token_in_force_rotates_and_extends_the_session() {
        let later = T0 + Duration::from_secs(3600);
        let next = rotated(&opened(), 0, later);
        assert_eq!((next.counter, next.rotated_at), (1, later));
        assert_eq!(next.expires, later + lifetimes().idle);
    }

    #[test]
    fn no_refresh_extends_a_session_past_its_absolute_end() {
        let mut session = opened();
        let mut now = T0;
        for counter in 0..4 {
            now = now + Duration::from_secs(29 * 86_400);
            if counter < 3 {
                session = rotated(&session, counter, now);
            }
        }
        assert_eq!(session.expires, T0 + lifetimes().absolute);
        assert_eq!(session.present(session.user, 3, session.expires, &lifetimes()), Presented::Unknown);
    }

    #[test]
    fn one_step_behind_within_the_grace_repeats_the_current_state_and_does_not_move_the_grace() {
        let next = rotated(&opened(), 0, T0);
        let at = |secs| next.present(next.user, 0, T0 + Duration::from_secs(secs), &lifetimes());
        match at(30) {
            Presented::Repeated(same) => {
                assert_eq!((same.counter, same.rotated_at, same.expires), (1, T0, next.expires));
                assert_eq!(same.access_expires, T0 + Duration::from_secs(930), "the repeated answer's access token is remembered");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(at(31), Presented::Reused);
    }

    #[test]
    fn two_steps_behind_is_reuse_even_within_the_grace() {
        let next = rotated(&rotated(&opened(), 0, T0), 1, T0);
        assert_eq!(next.present(next.user, 0, T0, &lifetimes()), Presented::Reused);
    }

    #[test]
    fn the_use_of_a_cookie_extends_a_session_about_hourly_and_never_past_its_absolute_end() {
        let (session, hour, lifetimes) = (opened(), Duration::from_secs(3600), lifetimes());
        assert_eq!(session.touched(T0 + Duration::from_secs(3599), &lifetimes), None);
        let touched = session.touched(T0 + hour, &lifetimes).unwrap();
        assert_eq!(touched, Session { last_used: T0 + hour, expires: T0 + hour + lifetimes.idle, ..session.clone() });
        assert_eq!(session.touched(session.expires, &lifetimes), None, "what has expired stays so");
        let late = Session { expires: T0 + lifetimes.absolute, ..session.clone() };
        let near_the_end = T0 + lifetimes.absolute.saturating_sub(hour);
        assert_eq!(late.touched(near_the_end, &lifetimes).unwrap().expires, T0 + lifetimes.absolute);
        let short = Lifetimes { idle: Duration::from_secs(20), ..lifetimes };
        assert_eq!(session.touched(T0 + Duration::from_secs(1), &short), None);
        assert!(session.touched(T0 + Duration::from_secs(2), &short).is_some(), "a tenth of the idle life");
    }

    #[test]
    fn another_users_token_or_a_counter_from_the_future_does_not_end_the_session() {
        let session = opened();
        assert_eq!(session.present(UserId::new(8), 0, T0, &lifetimes()), Presented::Unknown);
        assert_eq!(session.present(session.user, 1, T0, &lifetimes()), Presented::Unknown);
    }
}
