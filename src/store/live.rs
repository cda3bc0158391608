//! What every request needs of the records, in memory: who exists, what they may do, and what is revoked ([`Feed`]).
//!
//! A user costs a few bits; only users about whom there is something to say (a role, disabled, a cut-off) have an entry.
//! The writer updates it when it applies a step, so it may run ahead of durability, never behind an answer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::feed::{Feed, Revoked};
use super::services::Services;
use crate::auth::clock::Timestamp;
use crate::auth::user::{Role, UserId};

/// What there is to say about a user beyond being there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What the user may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// Whether every login and token is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Tokens that name no session are refused when issued (`iat`) before this.
    #[serde(default)]
    pub not_before: Timestamp,
}

impl Standing {
    /// Whether this user counts as an administrator who can act.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        !self.disabled && self.roles.iter().any(Role::is_admin)
    }
}

/// See the module's page.
#[derive(Debug, Default)]
pub struct Live {
    /// See [`Live::cut_off`]; in seconds.
    cut_off: AtomicU64,
    users: RwLock<Users>,
    feed: Feed,
    services: Services,
}

#[derive(Debug, Default)]
struct Users {
    /// Of each 64 ids, who exists, if anybody does. Ids mostly count up, but imported ones may lie anywhere, and a restore jumps.
    present: HashMap<u64, u64>,
    standings: HashMap<UserId, Arc<Standing>>,
    count: u64,
    plain: Arc<Standing>,
}

impl Users {
    fn contains(&self, id: UserId) -> bool {
        let (word, bit) = place(id);
        self.present.get(&word).is_some_and(|bits| bits & bit != 0)
    }
}

fn place(id: UserId) -> (u64, u64) {
    let id = id.get();
    (id / 64, 1 << (id % 64))
}

impl Live {
    /// Of records that hold nothing, where tokens issued before `cut_off` are refused.
    pub(super) fn since(cut_off: Timestamp) -> Self {
        Self { cut_off: AtomicU64::new(cut_off.secs()), ..Self::default() }
    }

    /// Tokens issued (`iat`) before this are refused, whoever signed them: the records were restored then.
    #[must_use]
    pub fn cut_off(&self) -> Timestamp {
        Timestamp::from_secs(self.cut_off.load(Ordering::Relaxed))
    }

    /// Notes that it was earlier.
    pub(super) fn lower_cut_off(&self, to: Timestamp) {
        self.cut_off.fetch_min(to.secs(), Ordering::Relaxed);
    }

    /// What a user may do; `None`: no such user.
    #[must_use]
    pub fn standing(&self, id: UserId) -> Option<Arc<Standing>> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        users.contains(id).then(|| Arc::clone(users.standings.get(&id).unwrap_or(&users.plain)))
    }

    /// Whether a token or session id is revoked.
    #[must_use]
    pub fn is_revoked(&self, id: Uuid) -> bool {
        self.feed.is_revoked(id)
    }

    /// How many administrators can act.
    #[must_use]
    pub fn active_admins(&self) -> usize {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        users.standings.values().filter(|standing| standing.is_active_admin()).count()
    }

    /// The administrators who can act, in order of their ids.
    #[must_use]
    pub fn admins(&self) -> Vec<UserId> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        let mut admins: Vec<_> = users.standings.iter().filter(|(_, standing)| standing.is_active_admin()).map(|(id, _)| *id).collect();
        admins.sort_unstable();
        admins
    }

    /// How many users there are.
    #[must_use]
    pub fn user_count(&self) -> u64 {
        self.users.read().unwrap_or_else(PoisonError::into_inner).count
    }

    /// How many revocations are remembered.
    #[must_use]
    pub fn revocation_count(&self) -> usize {
        self.feed.len()
    }

    /// What is revoked, in the order in which it was.
    #[must_use]
    pub const fn feed(&self) -> &Feed {
        &self.feed
    }

    /// The services that may ask here.
    #[must_use]
    pub const fn services(&self) -> &Services {
        &self.services
    }

    /// Notes that a user exists and what it may do.
    pub(super) fn put_user(&self, id: UserId, standing: &Standing) {
        let mut users = self.users.write().unwrap_or_else(PoisonError::into_inner);
        if !users.contains(id) {
            let (word, bit) = place(id);
            *users.present.entry(word).or_default() |= bit;
            users.count += 1;
        }
        if *standing == Standing::default() {
            users.standings.remove(&id);
        } else {
            users.standings.insert(id, Arc::new(standing.clone()));
        }
        self.feed.cut_off(id, standing.not_before);
    }

    /// Notes that a user is gone, and that its tokens that name no session are refused when issued before `not_before`.
    pub(super) fn remove_user(&self, id: UserId, not_before: Timestamp) {
        let mut users = self.users.write().unwrap_or_else(PoisonError::into_inner);
        if users.contains(id) {
            let (word, bit) = place(id);
            if let Entry::Occupied(mut there) = users.present.entry(word) {
                *there.get_mut() &= !bit;
                if *there.get() == 0 {
                    there.remove();
                }
            }
            users.count -= 1;
        }
        users.standings.remove(&id);
        self.feed.delete_user(id, not_before);
    }

    /// Forgets a deleted user of whom nobody need be told any more.
    pub(super) fn forget_user(&self, id: UserId) {
        self.feed.forget_user(id);
    }

    /// Remembers a revocation until `until`; the later end counts.
    pub(super) fn revoke(&self, id: Uuid, what: Revoked, until: Timestamp) {
        self.feed.revoke(id, what, until);
    }

    /// Until when an id is revoked.
    #[cfg(test)]
    pub(super) fn revoked_until(&self, id: Uuid) -> Option<Timestamp> {
        self.feed.revoked_until(id)
    }

    /// Forgets a revocation that no longer matters.
    pub(super) fn forget(&self, id: Uuid) {
        self.feed.forget(id);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use super::*;

    #[test]
    fn a_user_without_anything_special_has_no_entry_of_its_own() {
        let live = Live::default();
        live.put_user(UserId::new(130), &Standing::default());
        assert_eq!(live.standing(UserId::new(130)).as_deref(), Some(&Standing::default()));
        assert_eq!(live.standing(UserId::new(129)), None);
        assert_eq!(live.standing(UserId::new(u64::MAX)), None);
        assert!(live.users.read().unwrap().standings.is_empty());
        live.remove_user(UserId::new(130), Timestamp::from_secs(1));
        live.remove_user(UserId::new(130), Timestamp::from_secs(1));
        assert_eq!((live.standing(UserId::new(130)), live.user_count()), (None, 0));
    }

    #[test]
    fn ids_far_apart_take_no_more_room_than_their_number() {
        let live = Live::default();
        for id in [1, 1 << 48, u64::MAX] {
            live.put_user(UserId::new(id), &Standing::default());
        }
        assert!(live.standing(UserId::new(1 << 48)).is_some() && live.standing(UserId::new((1 << 48) + 1)).is_none());
        assert_eq!((live.users.read().unwrap().present.len(), live.user_count()), (3, 3));
        live.remove_user(UserId::new(1 << 48), Timestamp::from_secs(1));
        assert_eq!((live.users.read().unwrap().present.len(), live.user_count()), (2, 2));
    }

    #[test]
    fn the_later_end_of_two_revocations_counts() {
        let (live, id) = (Live::default(), Uuid::new_v4());
        live.revoke(id, Revoked::Token, Timestamp::from_secs(20));
        live.revoke(id, Revoked::Token, Timestamp::from_secs(10));
        assert_eq!(live.revoked_until(id), Some(Timestamp::from_secs(20)));
    }
}
