//! Use cases of invites: make, list and delete them, and register with one.

use std::time::Duration;

use super::audit::{By, Event, Word};
use super::clock::Timestamp;
use super::code::{Code, CodeDigest, Invite, InviteId};
use super::password::Password;
use super::throttle::Kind;
use super::user::{UserId, Username};
use super::{Actor, Auth, Origin, Registration};
use crate::error::{Error, Faults, Result};

/// How long an invite can be used unless something else is asked for.
pub const INVITE_LIFE: Duration = Duration::from_secs(7 * 86_400);
/// Longest that one can be asked for.
pub const MAX_INVITE_LIFE: Duration = Duration::from_secs(90 * 86_400);
/// Most invites that wait to be used: the list of them is one answer.
const MAX_INVITES: usize = 1000;

impl Auth {
    /// Registers a user with an invite, which is used up by that and by nothing else.
    ///
    /// # Errors
    /// [`Error::InviteRefused`]; [`Error::RegistrationClosed`] where invites do not count; [`Error::UsernameTaken`],
    /// [`Error::Throttled`] for one of many that are no invites, [`Error::Overloaded`]; storage errors.
    pub async fn register_invited(&self, username: Username, password: Password, invite: &str, origin: Origin) -> Result<UserId> {
        if self.0.registration != Registration::Invite {
            return Err(Error::RegistrationClosed);
        }
        let digest = CodeDigest::of(invite);
        // The writer decides; this spares the work of hashing for whoever has none.
        if !self.0.store.invite(digest.into()).await?.is_some_and(|invite| invite.fits(digest, self.0.clock.now())) {
            self.count_failure(Kind::Code, origin.address)?;
            self.note(Event::new(Word::InviteRefused, By::Anyone));
            return Err(Error::InviteRefused);
        }
        // Not counted: an invite is good once, and so a limit by itself.
        let user = self.new_user(username, password, Vec::new()).await?;
        self.to_the_end(move |auth| async move {
            let user = auth.0.store.insert_invited(user, digest).await?;
            auth.0.throttle.welcome(&user.username, origin.address);
            auth.note(Event::own(Word::Registered, user.id).detail("invite", InviteId::from(digest)));
            Ok(user.id)
        })
        .await
    }

    /// Makes an invite that can be used once within `life`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when too many wait to be used; [`Error::Crypto`]; storage errors.
    pub async fn invite(&self, actor: Actor, life: Duration) -> Result<(Code, Timestamp)> {
        let (code, created) = (Code::invite()?, self.0.clock.now());
        let invite = Invite { digest: code.digest(), created, expires: created + life };
        self.to_the_end(move |auth| async move {
            if !auth.store_under(actor.mandate()).insert_invite(invite, MAX_INVITES).await? {
                let fault = format!("{MAX_INVITES} invites wait to be used; delete some first.");
                return Err(Error::Invalid(Faults::of("_schema", fault)));
            }
            auth.note(Event::new(Word::InviteMade, actor).detail("invite", invite.id()));
            Ok((code, invite.expires))
        })
        .await
    }

    /// The invites that can be used, in order of id.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn invites(&self, _actor: Actor) -> Result<Vec<Invite>> {
        let now = self.0.clock.now();
        let mut invites = self.0.store.invites().await?;
        invites.retain(|invite| now < invite.expires);
        Ok(invites)
    }

    /// Deletes an invite, so that nobody can use it. `None`: not how an id is written.
    ///
    /// # Errors
    /// [`Error::NoSuchInvite`]; storage errors.
    pub async fn delete_invite(&self, actor: Actor, id: Option<InviteId>) -> Result<()> {
        let id = id.ok_or(Error::NoSuchInvite)?;
        self.to_the_end(move |auth| async move {
            if !auth.store_under(actor.mandate()).delete_invite(id).await? {
                return Err(Error::NoSuchInvite);
            }
            auth.note(Event::new(Word::InviteDeleted, actor).detail("invite", id));
            Ok(())
        })
        .await
    }
}
