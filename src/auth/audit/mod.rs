//! The events worth keeping: who did what to whom, when, from where. Each goes to the log, target `audit`, and into the store.
//!
//! An event is a [`Word`] of a closed list and a set of fields that is the same for all, so a new one is a line in the table.
//! It never holds a secret, and users are named by id. The only text in it that a person chose is an administrator's: roles
//! and the names of claims.

mod words;

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::clock::Timestamp;
use super::session::SessionId;
use super::user::UserId;
use super::{Actor, Auth, Caller};
use crate::error::Result;
use crate::trace::Trace;

pub use words::{Class, Word};

/// How many events of each [`Class`] are kept; of more, the oldest goes.
pub const KEPT_OF_EACH: u64 = 10_000;

/// Who did it. Reads `anyone`, `user:7`, `local`, `server`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Whoever sent the request: it proved nothing, or what it proved did not count.
    Anyone,
    /// A user, by a token or a login.
    User(UserId),
    /// The command line on this machine.
    Local,
    /// The server itself, when it was time.
    Server,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("anyone"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Local => f.write_str("local"),
            Self::Server => f.write_str("server"),
        }
    }
}

impl From<UserId> for By {
    fn from(id: UserId) -> Self {
        Self::User(id)
    }
}

impl From<Actor> for By {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::Admin(token) => Self::User(token.user),
            Actor::Local => Self::Local,
        }
    }
}

impl From<&Caller> for By {
    fn from(caller: &Caller) -> Self {
        match caller {
            Caller::Anyone => Self::Anyone,
            Caller::Holder(claims) => Self::User(claims.user),
            Caller::Operator(actor) => (*actor).into(),
        }
    }
}

/// Something that has happened.
#[derive(Debug, Clone)]
pub struct Event {
    word: Word,
    by: By,
    user: Option<UserId>,
    session: Option<SessionId>,
    details: Map<String, Value>,
}

impl Event {
    /// What happened, and who did it.
    pub fn new(word: Word, by: impl Into<By>) -> Self {
        Self { word, by: by.into(), user: None, session: None, details: Map::new() }
    }

    /// What a user did to itself.
    #[must_use]
    pub fn own(word: Word, user: UserId) -> Self {
        Self::new(word, user).of(user)
    }

    /// To whom.
    #[must_use]
    pub fn of(self, user: impl Into<Option<UserId>>) -> Self {
        Self { user: user.into(), ..self }
    }

    /// To or by which session.
    #[must_use]
    pub fn session(self, session: impl Into<Option<SessionId>>) -> Self {
        Self { session: session.into(), ..self }
    }

    /// What else there is to say. No secret, no text of a client.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Serialize) -> Self {
        self.details.insert(name.to_owned(), json!(value));
        self
    }

    /// How it is kept.
    #[must_use]
    pub fn class(&self) -> Class {
        let is_own = match self.by {
            By::User(by) => self.user == Some(by),
            // By the template's open route, where nobody proves to be another.
            By::Anyone => true,
            By::Local | By::Server => false,
        };
        if self.word == Word::UserDeleted && is_own { Class::Own } else { self.word.class() }
    }

    /// As it is kept.
    #[must_use]
    pub fn at(self, time: Timestamp, trace: Trace) -> Record {
        let Self { word, by, user, session, mut details } = self;
        if let (By::Local, Some(uid)) = (by, trace.uid) {
            details.insert("uid".to_owned(), json!(uid));
        }
        let request = trace.request.map(|id| id.to_string());
        Record { time, event: word.as_str().to_owned(), actor: by.to_string(), user, session, address: trace.address, request, details }
    }
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When.
    pub time: Timestamp,
    /// A [`Word`]; as text, for another version may have another list.
    pub event: String,
    /// Who did it ([`By`]).
    pub actor: String,
    /// To whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// To or by which session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The client's address; none for what no client asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// As in the `X-Request-Id` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

impl Record {
    /// Writes it to the log, which adds the request's id itself.
    fn log(&self, word: Word) {
        let (event, _, message) = word.row();
        let user = self.user.map(UserId::get);
        let [session, address] = [self.session.map(|id| id.to_string()), self.address.map(|address| address.to_string())];
        let details = (!self.details.is_empty()).then(|| printable(&Value::from(self.details.clone()).to_string()));
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(target: "audit", event, actor = %self.actor, user, session, address, details, "{message}")
            };
        }
        if word == Word::RefreshReused { line!(warn) } else { line!(info) }
    }

    /// Who caused it alone: a user, to itself.
    #[must_use]
    pub fn causer(&self) -> Option<UserId> {
        self.user.filter(|user| [By::User(*user), By::Anyone].iter().any(|by| self.actor == by.to_string()))
    }

    /// Whether the user did it, or it was done to the user.
    #[must_use]
    pub fn is_about(&self, user: UserId) -> bool {
        self.user == Some(user) || self.actor == By::User(user).to_string()
    }
}

/// JSON in which nothing steers a terminal or misleads the eye: all but ASCII is escaped, too.
fn printable(json: &str) -> String {
    let mut units = [0; 2];
    json.chars().fold(String::with_capacity(json.len()), |mut text, c| {
        match c {
            ' '..='~' => text.push(c),
            _ => text.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}"))),
        }
        text
    })
}

/// Which events are asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only those before the one with this id.
    pub before: Option<u64>,
    /// Only those that this user caused or met.
    pub user: Option<UserId>,
    /// Only these.
    pub event: Option<Word>,
    /// Not more than this.
    pub limit: usize,
}

impl Wanted {
    /// Whether it is one, but for `before` and `limit`.
    #[must_use]
    pub fn fits(&self, record: &Record) -> bool {
        self.user.is_none_or(|user| record.is_about(user)) && self.event.is_none_or(|word| record.event == word.as_str())
    }
}

impl Auth {
    /// Notes what has happened, in the log and, soon, in the store. For what changes records, from within
    /// [`Auth::to_the_end`].
    pub(super) fn note(&self, event: Event) {
        let (word, class) = (event.word, event.class());
        let record = event.at(self.0.clock.now(), Trace::current());
        record.log(word);
        self.0.store.note(class, record);
    }

    /// Events with their ids, the newest first.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn events(&self, _actor: Actor, wanted: Wanted) -> Result<Vec<(u64, Record)>> {
        self.0.store.events(wanted).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use super::*;

    #[test]
    fn a_record_says_only_what_there_is_and_reads_back() {
        let plain = Event::new(Word::LoginFailed, By::Anyone).at(Timestamp::from_secs(7), Trace::default());
        let json = serde_json::to_value(&plain).unwrap();
        assert_eq!(json, json!({"time": 7, "event": "login_failed", "actor": "anyone"}));
        let full = Event::own(Word::Login, UserId::new(7)).session(SessionId::random()).detail("roles", ["a\"\n"]);
        let full = full.at(Timestamp::from_secs(7), Trace { address: Some([127, 0, 0, 1].into()), ..Trace::default() });
        for record in [plain, full] {
            assert_eq!(serde_json::from_str::<Record>(&serde_json::to_string(&record).unwrap()).unwrap(), record);
        }
    }

    #[test]
    fn what_users_do_to_themselves_is_not_kept_with_what_administrators_do() {
        let (arun, boss) = (UserId::new(7), UserId::new(1));
        for word in [Word::PasswordChanged, Word::PasswordReset, Word::UserDeleted] {
            assert_eq!(Event::own(word, arun).class(), Class::Own, "{word:?}");
        }
        for word in [Word::RefreshReused, Word::UserDeleted] {
            assert_eq!(Event::new(word, By::Anyone).of(arun).class(), Class::Own, "{word:?}");
        }
        for by in [By::User(boss), By::Local] {
            assert_eq!(Event::new(Word::UserDeleted, by).of(arun).class(), Class::Act, "{by}");
        }
        assert_eq!(Event::own(Word::RolesChanged, boss).class(), Class::Act);
    }

    #[test]
    fn details_in_the_log_are_ascii_and_still_the_same_json() {
        let json = json!({"set": ["a\u{9b}31m", "\u{202e}x", "\n", "ä😀", "\""]});
        let line = printable(&json.to_string());
        assert!(line.bytes().all(|b| (b' '..=b'~').contains(&b)), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), json);
    }
}
