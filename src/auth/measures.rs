//! What the domain counts, for whoever watches the server. Of a login that fails it is not told whether there is such a user.

use super::Auth;
use super::browsers::LoggedIn;
use super::hasher::Load;
use super::token::TokenPair;
use crate::error::{Error, Result, TokenError};
use crate::metrics::{Counter, Text};
use crate::store::Measured;

/// How logins and refreshes end.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    logins: [Counter; LOGINS.len()],
    refreshes: [Counter; REFRESHES.len()],
}

const LOGINS: [&str; 5] = ["success", "refused", "throttled", "overloaded", "failed"];
const REFRESHES: [&str; 5] = ["success", "refused", "reused", "throttled", "failed"];

impl Outcomes {
    /// One more login.
    pub fn login(&self, result: &Result<LoggedIn>) {
        let outcome = match result {
            Ok(_) => 0,
            Err(Error::InvalidCredentials) => 1,
            Err(Error::Throttled { .. }) => 2,
            Err(Error::Overloaded { .. }) => 3,
            Err(_) => 4,
        };
        self.logins[outcome].count();
    }

    /// One more refresh.
    pub fn refresh(&self, result: &Result<TokenPair>) {
        let outcome = match result {
            Ok(_) => 0,
            Err(Error::Token(TokenError::Reused)) => 2,
            Err(Error::Token(_)) => 1,
            Err(Error::Throttled { .. }) => 3,
            Err(_) => 4,
        };
        self.refreshes[outcome].count();
    }
}

impl Auth {
    /// Writes what the domain and its store have counted.
    pub fn write_measures(&self, text: &mut Text) {
        let outcomes = &self.0.outcomes;
        let mut family = text.counter("doorward_logins_total", "Logins; refused: by the name or the password.");
        for (outcome, count) in LOGINS.iter().zip(&outcomes.logins) {
            family.of(&[("outcome", *outcome)], count.value());
        }
        let mut family = text.counter("doorward_refreshes_total", "Refreshes; reused: a spent token was used again.");
        for (outcome, count) in REFRESHES.iter().zip(&outcomes.refreshes) {
            family.of(&[("outcome", *outcome)], count.value());
        }
        write_load(text, &self.0.hasher.load());
        let live = self.0.store.live();
        write_store(text, &self.0.store.measured());
        text.gauge("doorward_users", "Users there are.").is(live.user_count());
        text.gauge("doorward_revocations", "Tokens and sessions that are refused and have not expired.").is(live.revocation_count());
        text.gauge("doorward_ready", "Whether writes can be kept, as /ready says.").is(u8::from(self.is_ready()));
    }
}

fn write_load(text: &mut Text, load: &Load) {
    text.gauge("doorward_hash_waiting", "Passwords that wait to be hashed.").is(load.waiting);
    text.gauge("doorward_hash_running", "Passwords that are being hashed.").is(load.running);
    text.gauge("doorward_hash_threads", "Passwords that can be hashed at once.").is(load.threads);
    text.counter("doorward_hash_shed_total", "Passwords that were not hashed, for the wait would have been too long.").is(load.shed);
    text.times("doorward_hash_duration_seconds", "How long hashing a password takes.").took(&[], &load.times);
}

fn write_store(text: &mut Text, measured: &Measured) {
    text.times("doorward_commit_duration_seconds", "How long a group of changes takes to be on disk.").took(&[], &measured.commits);
    text.counter("doorward_commit_steps_total", "Changes that were committed, several in one group.").is(measured.steps);
    text.gauge("doorward_sessions", "Sessions that are kept; those that have expired go a little later.").is(measured.sessions);
    text.counter("doorward_audit_events_dropped_total", "Audit events that were not kept, for there were too many.")
        .is(measured.events_dropped);
}
