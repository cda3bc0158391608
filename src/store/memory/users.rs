//! What the model does about users, and about their passwords.

use std::time::Duration;

use super::records::Records;
use crate::auth::clock::Timestamp;
use crate::auth::password::PasswordHash;
use crate::auth::session::SessionId;
use crate::auth::user::{CustomClaims, Role, User, UserId};
use crate::error::{Error, Result};
use crate::store::{Imported, ImportedUser, Live, NewUser, UserChange};

/// Whether it is an administrator who can act.
pub(super) fn is_acting_admin(user: &User) -> bool {
    !user.disabled && user.roles.iter().any(Role::is_admin)
}

impl Records {
    pub fn insert_user(&mut self, live: &Live, new: NewUser) -> Result<User> {
        if self.users.values().any(|(user, _)| user.username == new.username) {
            return Err(Error::UsernameTaken);
        }
        self.last_user += 1;
        let id = UserId::new(self.last_user);
        let NewUser { username, password, roles, claims, created } = new;
        let user = User { id, username, password, roles, claims, disabled: false, created };
        self.users.insert(id, (user.clone(), Timestamp::default()));
        self.show(live, id);
        Ok(user)
    }

    pub fn import_user(&mut self, live: &Live, user: ImportedUser, keep: bool) -> Imported {
        let ImportedUser { id, username, password, created } = user;
        let named = self.users.values().find(|(user, _)| user.username == username).map(|(user, _)| user.id);
        match (self.users.contains_key(&id), named) {
            (true, Some(same)) if same == id => return Imported::Present,
            (true, _) => return Imported::IdTaken,
            (false, Some(other)) => return Imported::NameTaken(other),
            (false, None) if self.deleted.contains_key(&id) => return Imported::IdSpent,
            (false, None) => {}
        }
        if keep {
            self.last_user = self.last_user.max(id.get());
            let user = User { id, username, password, roles: Vec::new(), claims: CustomClaims::default(), disabled: false, created };
            self.users.insert(id, (user, Timestamp::default()));
            self.show(live, id);
        }
        Imported::Added
    }

    pub fn change_user(&mut self, live: &Live, id: UserId, change: UserChange, now: Timestamp) -> Result<Option<User>> {
        let Some((before, _)) = self.users.get(&id) else { return Ok(None) };
        let mut after = before.clone();
        let UserChange { roles, claims, disabled } = change;
        after.roles = roles.unwrap_or(after.roles);
        after.claims = claims.unwrap_or(after.claims);
        after.disabled = disabled.unwrap_or(after.disabled);
        if self.is_last_admin(before) && !is_acting_admin(&after) {
            return Err(Error::LastAdmin);
        }
        self.users.get_mut(&id).unwrap().0 = after.clone();
        self.show(live, id);
        if disabled == Some(true) {
            self.end_all(live, id, now);
        }
        Ok(Some(after))
    }

    pub fn delete_user(&mut self, live: &Live, id: UserId, now: Timestamp) -> Result<bool> {
        let Some((user, _)) = self.users.get(&id) else { return Ok(false) };
        if self.is_last_admin(user) {
            return Err(Error::LastAdmin);
        }
        let before = self.users[&id].1;
        self.end_all(live, id, now);
        self.users.remove(&id);
        let not_before = before.max(now + Duration::from_secs(1));
        self.deleted.insert(id, Some(not_before));
        self.resets.remove(&id);
        live.remove_user(id, not_before);
        Ok(true)
    }

    pub fn change_password(
        &mut self,
        live: &Live,
        user: UserId,
        verified: &PasswordHash,
        new: PasswordHash,
        kept: Option<SessionId>,
        now: Timestamp,
    ) -> bool {
        let fits = |user: &User| !user.disabled && user.password == *verified;
        let Some((found, _)) = self.users.get_mut(&user).filter(|(user, _)| fits(user)) else { return false };
        found.password = new;
        self.resets.remove(&user);
        self.end_all_but(live, user, kept, now);
        true
    }

    fn is_last_admin(&self, user: &User) -> bool {
        is_acting_admin(user) && self.users.values().filter(|(user, _)| is_acting_admin(user)).count() == 1
    }
}
