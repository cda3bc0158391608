//! Use cases of passwords: change one's own, and set a new one with a reset code. Both end the user's sessions.

use zeroize::Zeroizing;

use super::audit::{By, Event, Word};
use super::clock::Timestamp;
use super::code::{Code, CodeDigest, RESET_LIFE, Reset, user_of_reset};
use super::hasher::Verdict;
use super::mandate::Mandate;
use super::password::{Password, Typed};
use super::throttle::{ClientAddress, Kind};
use super::token::Claims;
use super::user::UserId;
use super::{Actor, Auth, Origin};
use crate::error::{Error, Faults, Result, TokenError};

/// The field that a new password comes in.
const FIELD: &str = "new_password";

impl Auth {
    /// Gives a token's user a new password, once it has shown the current one. Every other session ends, and every token
    /// without one that was issued before.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a password that may not be chosen, or is the current one; [`Error::InvalidCredentials`] when the
    /// current one is not right, or no longer; [`Error::Throttled`], [`Error::Overloaded`]; storage errors.
    pub async fn change_password(&self, claims: &Claims, current: &str, new: Zeroizing<String>, origin: Origin) -> Result<()> {
        let user = self.0.store.user(claims.user).await?.ok_or(TokenError::Revoked)?;
        let chosen = Password::chosen(&new, Some(&user.username)).map_err(|fault| Error::Invalid(Faults::of(FIELD, fault)))?;
        let presented = Typed::new(current);
        if presented.as_ref().and_then(Typed::password).is_some_and(|presented| presented.is(&chosen)) {
            return Err(Error::Invalid(Faults::of(FIELD, "The same as the current password.")));
        }
        let attempt = self.attempt_of(&user, claims, origin.address).await?;
        let verdict = self.0.hasher.verify(presented, Some(&user.password)).await;
        attempt.judged(verdict.and_then(|verdict| match verdict {
            Verdict::Right(_) => Ok(()),
            Verdict::Wrong => {
                self.note(Event::own(Word::PasswordRefused, user.id).session(claims.session));
                Err(Error::InvalidCredentials)
            }
        }))?;
        let hash = self.0.hasher.hash(chosen).await?;
        let (kept, mandate) = (claims.session, Mandate::own(claims));
        self.to_the_end(move |auth| async move {
            if !auth.store_under(Some(mandate)).change_password(user.id, user.password, hash, kept, auth.0.clock.now()).await? {
                auth.note(Event::own(Word::PasswordRefused, user.id).session(kept));
                return Err(Error::InvalidCredentials);
            }
            auth.note(Event::own(Word::PasswordChanged, user.id).session(kept));
            Ok(())
        })
        .await
    }

    /// Makes a code with which the user can set a password, once, within 24 hours; one made before is void. `None`:
    /// not how an id is written.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`], [`Error::Crypto`]; storage errors.
    pub async fn issue_reset(&self, actor: Actor, user: Option<UserId>) -> Result<(Code, Timestamp)> {
        let user = user.ok_or(Error::NoSuchUser)?;
        let (code, expires) = (Code::reset(user)?, self.0.clock.now() + RESET_LIFE);
        self.to_the_end(move |auth| async move {
            if !auth.store_under(actor.mandate()).put_reset(user, Reset { digest: code.digest(), expires }).await? {
                return Err(Error::NoSuchUser);
            }
            auth.note(Event::new(Word::ResetIssued, actor).of(user));
            Ok((code, expires))
        })
        .await
    }

    /// Sets a new password with a reset code, which is spent by that. All of the user's sessions end. Of a disabled user
    /// the code is refused, and kept for when it is enabled.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] for a code that is none, or no longer, [`Error::Throttled`] for one of many;
    /// [`Error::Invalid`] for a password that may not be chosen, with the code unspent; [`Error::Overloaded`]; storage errors.
    pub async fn redeem_reset(&self, code: &str, new: Zeroizing<String>, origin: Origin) -> Result<()> {
        let digest = CodeDigest::of(code);
        let address = origin.address;
        let Some(id) = user_of_reset(code) else { return Err(self.reset_refused(None, address)) };
        // The writer decides; this spares the work for codes that cannot be right, and knows the name to judge by.
        let fits = self.0.store.reset(id).await?.is_some_and(|reset| reset.fits(digest, self.0.clock.now()));
        let user = self.0.store.user(id).await?.filter(|user| fits && !user.disabled);
        let Some(user) = user else { return Err(self.reset_refused(None, address)) };
        let chosen = Password::chosen(&new, Some(&user.username)).map_err(|fault| Error::Invalid(Faults::of(FIELD, fault)))?;
        let hash = self.0.hasher.hash(chosen).await?;
        self.to_the_end(move |auth| async move {
            if !auth.0.store.redeem_reset(id, digest, hash, auth.0.clock.now()).await? {
                return Err(auth.reset_refused(Some(id), address));
            }
            // They were guesses at another password.
            auth.0.throttle.forgive(&user.username);
            auth.note(Event::own(Word::PasswordReset, id));
            Ok(())
        })
        .await
    }

    /// The user is named only if the code was right a moment ago: what a client wrote in a code is its text.
    fn reset_refused(&self, user: Option<UserId>, address: Option<ClientAddress>) -> Error {
        if let Err(throttled) = self.count_failure(Kind::Code, address) {
            return throttled;
        }
        self.note(Event::new(Word::ResetRefused, By::Anyone).of(user));
        Error::InvalidCredentials
    }
}
