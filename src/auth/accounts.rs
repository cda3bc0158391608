//! Use cases of users: register, see, change, delete.

use super::audit::{Event, Word};
use super::password::Password;
use super::token::Claims;
use super::user::{CustomClaims, Role, User, UserId, Username};
use super::{Actor, Auth, Caller, Origin, Registration};
use crate::error::{Error, Faults, Result, TokenError};
use crate::store::{NewUser, UserChange};

impl Auth {
    /// Registers a user where anyone may. See [`Auth::register_invited`] for the other way.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`], [`Error::UsernameTaken`], [`Error::Throttled`], [`Error::Overloaded`]; storage errors.
    pub async fn register(&self, username: Username, password: Password, origin: Origin) -> Result<UserId> {
        match self.0.registration {
            Registration::Open => {}
            Registration::Invite | Registration::Closed => return Err(Error::RegistrationClosed),
        }
        self.registering(username.clone(), origin.address, async {
            let user = self.new_user(username, password, Vec::new()).await?;
            self.to_the_end(|auth| async move {
                let user = auth.0.store.insert_user(user).await?;
                auth.note(Event::own(Word::Registered, user.id));
                Ok(user.id)
            })
            .await
        })
        .await
    }

    /// Adds a user with roles. Only the command line gives reserved names.
    ///
    /// # Errors
    /// As [`Auth::register`], but not closed; [`Error::Invalid`] for a reserved name, and for roles that make the user's tokens
    /// too long.
    pub async fn add_user(&self, actor: Actor, username: Username, password: Password, roles: Vec<Role>) -> Result<User> {
        if username.is_reserved() && actor != Actor::Local {
            return Err(Error::Invalid(Faults::of("username", "This name is reserved.")));
        }
        self.check_new_roles(&username, &roles)?;
        let user = self.new_user(username, password, roles).await?;
        self.to_the_end(move |auth| async move {
            let user = auth.store_under(actor.mandate()).insert_user(user).await?;
            auth.note(Event::new(Word::UserAdded, actor).of(user.id).detail("roles", &user.roles));
            Ok(user)
        })
        .await
    }

    /// A user to be, its password hashed.
    pub(super) async fn new_user(&self, username: Username, password: Password, roles: Vec<Role>) -> Result<NewUser> {
        let password = self.0.hasher.hash(password).await?;
        Ok(NewUser { username, password, roles, claims: CustomClaims::default(), created: self.0.clock.now() })
    }

    /// Whether the user is an administrator now: roles that decide come from the store, not from the token.
    #[must_use]
    pub fn is_admin(&self, user: UserId) -> bool {
        self.0.store.live().standing(user).is_some_and(|standing| standing.is_active_admin())
    }

    /// The user a token belongs to.
    ///
    /// # Errors
    /// [`TokenError::Revoked`] when it was deleted this very moment; storage errors.
    pub async fn me(&self, claims: &Claims) -> Result<User> {
        Ok(self.0.store.user(claims.user).await?.ok_or(TokenError::Revoked)?)
    }

    /// One user, for the user itself, an administrator, or anyone where the routes are open. `None`: not an id.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for another's, whether it is there or not; [`Error::NoSuchUser`].
    pub async fn user(&self, caller: &Caller, id: Option<UserId>) -> Result<User> {
        self.may_touch(caller, id)?;
        match id {
            Some(id) => self.0.store.user(id).await?.ok_or(Error::NoSuchUser),
            None => Err(Error::NoSuchUser),
        }
    }

    /// Deletes a user and ends all of its sessions before it returns.
    ///
    /// # Errors
    /// As [`Auth::user`]; [`TokenError::NotFresh`] for oneself without a fresh token; [`Error::LastAdmin`].
    pub async fn delete_user(&self, caller: &Caller, id: Option<UserId>) -> Result<()> {
        self.may_touch(caller, id)?;
        let id = id.ok_or(Error::NoSuchUser)?;
        if let Caller::Holder(claims) = caller
            && claims.user == id
            && !self.is_fresh(claims)
        {
            return Err(TokenError::NotFresh.into());
        }
        let (event, mandate) = (Event::new(Word::UserDeleted, caller).of(id), caller.mandate(id));
        self.to_the_end(move |auth| async move {
            let user = auth.0.store.user(id).await?.ok_or(Error::NoSuchUser)?;
            if !auth.store_under(mandate).delete_user(id, auth.0.clock.now()).await? {
                return Err(Error::NoSuchUser);
            }
            auth.0.throttle.forget(&user.username);
            auth.note(event);
            Ok(())
        })
        .await
    }

    fn may_touch(&self, caller: &Caller, id: Option<UserId>) -> Result<()> {
        let may = match caller {
            Caller::Anyone | Caller::Operator(_) => true,
            Caller::Holder(claims) => id == Some(claims.user) || self.is_admin(claims.user),
        };
        if may { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// The user of this name.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn user_named(&self, _actor: Actor, name: &Username) -> Result<Option<User>> {
        self.0.store.user_named(name).await
    }

    /// Up to `limit` users with ids above `after`.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn users(&self, _actor: Actor, after: Option<UserId>, limit: usize) -> Result<Vec<User>> {
        self.0.store.users(after, limit).await
    }

    /// Changes roles, custom claims or whether a user is disabled; disabling ends all sessions before it returns.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`], [`Error::LastAdmin`], [`Error::Invalid`] when the user's tokens would grow too long.
    pub async fn change_user(&self, actor: Actor, id: UserId, change: UserChange) -> Result<User> {
        self.to_the_end(move |auth| async move {
            let _alone = auth.0.changing.lock().await;
            let before = auth.0.store.user(id).await?.ok_or(Error::NoSuchUser)?;
            let mut user = before.clone();
            user.roles = change.roles.clone().unwrap_or(user.roles);
            user.claims = change.claims.clone().unwrap_or(user.claims);
            auth.check_token_length(&user, if change.claims.is_some() { "claims" } else { "roles" })?;
            let user = auth.store_under(actor.mandate()).change_user(id, change, auth.0.clock.now()).await?.ok_or(Error::NoSuchUser)?;
            changes(actor, &before, &user).for_each(|event| auth.note(event));
            Ok(user)
        })
        .await
    }
}

/// An event for each thing that is not as it was before. Of claims, which may be confidential, only the names are told.
fn changes(actor: Actor, before: &User, after: &User) -> impl Iterator<Item = Event> {
    let event = |word| Event::new(word, actor).of(after.id);
    let roles = (before.roles != after.roles).then(|| event(Word::RolesChanged).detail("from", &before.roles).detail("to", &after.roles));
    let claims = (before.claims != after.claims).then(|| {
        let (old, new) = (before.claims.as_map(), after.claims.as_map());
        let set: Vec<_> = new.iter().filter(|(name, value)| old.get(*name) != Some(value)).map(|(name, _)| name).collect();
        let removed: Vec<_> = old.keys().filter(|name| !new.contains_key(*name)).collect();
        event(Word::ClaimsChanged).detail("set", set).detail("removed", removed)
    });
    let standing = if after.disabled { Word::UserDisabled } else { Word::UserEnabled };
    let standing = (before.disabled != after.disabled).then(|| event(standing));
    [roles, claims, standing].into_iter().flatten()
}
