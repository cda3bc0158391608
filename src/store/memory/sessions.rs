//! What the model does about sessions, and about what has ended.

use std::time::Duration;

use super::records::Records;
use crate::auth::clock::Timestamp;
use crate::auth::code::InviteId;
use crate::auth::password::PasswordHash;
use crate::auth::session::{Lifetimes, Presented, SESSIONS_PER_USER, Session, SessionId};
use crate::auth::token::{MAX_ACCESS_SECS, TokenId};
use crate::auth::user::UserId;
use crate::store::feed::TOLD_OF_DELETED;
use crate::store::{Live, Revoked, Which};

impl Records {
    pub fn open_session(
        &mut self,
        live: &Live,
        replaced: Option<SessionId>,
        session: Session,
        verified: PasswordHash,
        rehashed: Option<PasswordHash>,
    ) -> bool {
        let Some((user, _)) = self.users.get_mut(&session.user) else { return false };
        if user.disabled || user.password != verified {
            return false;
        }
        user.password = rehashed.unwrap_or(verified);
        self.sessions.remove(&session.id);
        if let Some(before) = replaced.and_then(|id| self.sessions.get(&id).cloned()) {
            self.end(live, &before, session.created);
        }
        while self.of(session.user).len() >= SESSIONS_PER_USER {
            let oldest = self.of(session.user).pop().unwrap();
            self.end(live, &oldest, session.created);
        }
        self.sessions.insert(session.id, session);
        true
    }

    pub fn rotate_refresh(
        &mut self,
        live: &Live,
        id: SessionId,
        user: UserId,
        counter: u64,
        now: Timestamp,
        lifetimes: &Lifetimes,
    ) -> Presented {
        let Some(session) = self.sessions.get(&id).cloned() else { return Presented::Unknown };
        let presented = session.present(user, counter, now, lifetimes);
        match &presented {
            Presented::Rotated(next) | Presented::Repeated(next) => drop(self.sessions.insert(id, next.clone())),
            Presented::Reused => self.end(live, &session, now),
            Presented::Unknown => {}
        }
        presented
    }

    pub fn end_sessions(&mut self, live: &Live, user: UserId, which: Which, token: Option<(TokenId, Timestamp)>, now: Timestamp) -> usize {
        let is_known = matches!(which, Which::One(id) if self.revoked.contains_key(&id.0));
        if let Some((id, until)) = token {
            self.revoke(live, (id.0, Revoked::Token), until, now);
        }
        let ending = match which {
            Which::None => Vec::new(),
            Which::All => return self.end_all(live, user, now),
            Which::Others(kept) => return self.end_all_but(live, user, Some(kept), now),
            Which::One(id) => {
                if let (false, Some((_, until))) = (self.sessions.contains_key(&id), token) {
                    let until = if is_known { until } else { until.max(now + Duration::from_secs(MAX_ACCESS_SECS)) };
                    self.revoke(live, (id.0, Revoked::Session), until, now);
                }
                self.of(user).into_iter().filter(|session| session.id == id).collect::<Vec<_>>()
            }
        };
        for session in &ending {
            self.end(live, session, now);
        }
        ending.len()
    }

    pub fn sweep(&mut self, live: &Live, before: Timestamp, limit: usize) -> usize {
        let mut ended: Vec<_> = self.sessions.values().map(|session| (session.expires, session.id.0, 's')).collect();
        ended.extend(self.revoked.iter().map(|(id, until)| (*until, *id, 'r')));
        ended.extend(self.invites.values().map(|invite| (invite.expires, invite.id().0, 'i')));
        ended.retain(|(at, ..)| *at < before);
        ended.sort_unstable();
        ended.truncate(limit);
        for (_, id, kind) in &ended {
            match kind {
                's' => drop(self.sessions.remove(&SessionId(*id))),
                'i' => drop(self.invites.remove(&InviteId(*id))),
                _ => {
                    self.revoked.remove(id);
                    live.forget(*id);
                }
            }
        }
        let mut told: Vec<_> = self.deleted.iter().filter_map(|(id, since)| Some(((*since)? + TOLD_OF_DELETED, *id))).collect();
        told.retain(|(until, _)| *until < before);
        told.sort_unstable();
        told.truncate(limit - ended.len());
        for (_, id) in &told {
            self.deleted.insert(*id, None);
            live.forget_user(*id);
        }
        ended.len() + told.len()
    }
}
