//! What the model does about codes: those that reset a password, and invites.

use super::records::Records;
use crate::auth::clock::Timestamp;
use crate::auth::code::{CodeDigest, Invite, Reset};
use crate::auth::password::PasswordHash;
use crate::auth::user::{User, UserId};
use crate::error::{Error, Result};
use crate::store::{Live, NewUser};

impl Records {
    pub fn put_reset(&mut self, user: UserId, reset: Reset) -> bool {
        let there = self.users.contains_key(&user);
        if there {
            self.resets.insert(user, reset);
        }
        there
    }

    pub fn redeem_reset(&mut self, live: &Live, user: UserId, digest: CodeDigest, new: PasswordHash, now: Timestamp) -> bool {
        let good = self.resets.get(&user).is_some_and(|reset| reset.fits(digest, now));
        let Some((found, _)) = self.users.get_mut(&user).filter(|(user, _)| good && !user.disabled) else { return false };
        found.password = new;
        self.resets.remove(&user);
        self.end_all(live, user, now);
        true
    }

    pub fn insert_invite(&mut self, invite: Invite, limit: usize) -> bool {
        let room = self.invites.len() < limit;
        if room {
            self.invites.insert(invite.id(), invite);
        }
        room
    }

    pub fn insert_invited(&mut self, live: &Live, user: NewUser, invite: CodeDigest) -> Result<User> {
        let found = self.invites.values().find(|there| there.fits(invite, user.created)).copied();
        let found = found.ok_or(Error::InviteRefused)?;
        let user = self.insert_user(live, user)?;
        self.invites.remove(&found.id());
        Ok(user)
    }
}
