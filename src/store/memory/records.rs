//! What the model holds, and what more than one step does with it.

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use crate::auth::audit::{Class, Record};
use crate::auth::clock::Timestamp;
use crate::auth::code::{Invite, InviteId, Reset};
use crate::auth::keys::StoredKey;
use crate::auth::service::{Service, ServiceId};
use crate::auth::session::{Session, SessionId};
use crate::auth::user::{User, UserId};
use crate::store::{Checkpoint, Live, Order, Revoked, Standing};

/// Everything that the model keeps.
#[derive(Default)]
pub(super) struct Records {
    pub users: BTreeMap<UserId, (User, Timestamp)>,
    pub last_user: u64,
    /// Since when their tokens are refused, while that is told.
    pub deleted: BTreeMap<UserId, Option<Timestamp>>,
    pub sessions: BTreeMap<SessionId, Session>,
    pub revoked: BTreeMap<Uuid, Timestamp>,
    pub resets: BTreeMap<UserId, Reset>,
    pub invites: BTreeMap<InviteId, Invite>,
    pub keys: BTreeMap<String, StoredKey>,
    pub services: BTreeMap<ServiceId, Service>,
    pub mark: Timestamp,
    pub events: BTreeMap<Class, VecDeque<(u64, Record)>>,
    pub last_event: u64,
    pub last_scheduled: Option<Timestamp>,
}

impl Records {
    /// A user's sessions, the most recently used first.
    pub fn of(&self, user: UserId) -> Vec<Session> {
        let mut sessions: Vec<_> = self.sessions.values().filter(|session| session.user == user).cloned().collect();
        sessions.sort_by_key(|session| (session.last_used, session.created, session.id));
        sessions.reverse();
        sessions
    }

    /// Revokes an id; the later end counts. Nothing, if that lies before `now` and before the mark.
    pub fn revoke(&mut self, live: &Live, (id, what): (Uuid, Revoked), until: Timestamp, now: Timestamp) {
        if until > now.min(self.mark) {
            let end = self.revoked.entry(id).or_insert(until);
            *end = until.max(*end);
            live.revoke(id, what, until);
        }
    }

    /// Ends one session, whose access tokens may still be out.
    pub fn end(&mut self, live: &Live, session: &Session, now: Timestamp) {
        self.sessions.remove(&session.id);
        self.revoke(live, (session.id.0, Revoked::Session), session.access_expires, now);
    }

    pub fn end_all(&mut self, live: &Live, user: UserId, now: Timestamp) -> usize {
        self.end_all_but(live, user, None, now)
    }

    /// Ends all but one, and every token without a session.
    pub fn end_all_but(&mut self, live: &Live, user: UserId, kept: Option<SessionId>, now: Timestamp) -> usize {
        let ending: Vec<_> = self.of(user).into_iter().filter(|session| Some(session.id) != kept).collect();
        for session in &ending {
            self.end(live, session, now);
        }
        if let Some((_, not_before)) = self.users.get_mut(&user) {
            *not_before = not_before.or_later(now);
        }
        self.show(live, user);
        ending.len()
    }

    /// Lets requests see a user as it is now.
    pub fn show(&self, live: &Live, id: UserId) {
        if let Some((user, not_before)) = self.users.get(&id) {
            live.put_user(id, &Standing { roles: user.roles.clone(), disabled: user.disabled, not_before: *not_before });
        }
    }

    /// What one would say of itself: nothing is kept on disk.
    pub fn checkpoint(&mut self, order: &Order) -> Checkpoint {
        let counts = [
            ("user", self.users.len()),
            ("session", self.sessions.len()),
            ("revocation", self.revoked.len()),
            ("key", if order.keys { self.keys.len() } else { 0 }),
            ("invite", self.invites.len()),
            ("service", self.services.len()),
        ];
        let counts = counts.into_iter().map(|(word, count)| (word.to_owned(), count as u64)).collect();
        if order.keep.is_some() {
            self.last_scheduled = Some(order.now);
        }
        let (created, keys) = (order.now, order.keys);
        let sha256 = Uuid::new_v4().simple().to_string();
        Checkpoint { name: String::new(), created, sequence: 0, keys, counts, bytes: 0, sha256 }
    }
}
