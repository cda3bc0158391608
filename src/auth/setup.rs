//! The first administrator, by a link: a code that the start of the server printed, good once, until it expires, until there
//! is an administrator, or until the process ends. Nothing of it is kept.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::audit::{By, Event, Word};
use super::clock::Timestamp;
use super::code::{Code, CodeDigest};
use super::password::Password;
use super::throttle::{ClientAddress, Kind};
use super::user::{Role, UserId, Username};
use super::{Auth, Origin};
use crate::error::{Error, Result};

/// How long the code can be used.
const SETUP_LIFE: Duration = Duration::from_secs(30 * 60);

/// The code that can be used, if there is one.
#[derive(Debug, Default)]
pub(super) struct Offer(Mutex<Option<(CodeDigest, Timestamp)>>);

impl Offer {
    fn put(&self, offer: Option<(CodeDigest, Timestamp)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = offer;
    }

    /// Whether a code with this digest can be used at `now`.
    fn fits(&self, digest: CodeDigest, now: Timestamp) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|(offered, expires)| offered == digest && now < expires)
    }
}

impl Auth {
    /// Makes a code with which the first administrator can be made, in place of one before. `None`: there is an
    /// administrator, who makes others.
    ///
    /// # Errors
    /// [`Error::Crypto`]
    pub fn offer_setup(&self) -> Result<Option<(Code, Timestamp)>> {
        if self.0.store.live().active_admins() > 0 {
            return Ok(None);
        }
        let (code, expires) = (Code::setup()?, self.0.clock.now() + SETUP_LIFE);
        self.0.setup.put(Some((code.digest(), expires)));
        Ok(Some((code, expires)))
    }

    /// Makes the first administrator. The code is spent by that, and by nothing else.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] for a code that is none, or no longer, and when there is an administrator by now,
    /// [`Error::Throttled`] for one of many; [`Error::UsernameTaken`], [`Error::Overloaded`]; storage errors.
    pub async fn redeem_setup(&self, code: &str, username: Username, password: Password, origin: Origin) -> Result<UserId> {
        let address = origin.address;
        if !self.0.setup.fits(CodeDigest::of(code), self.0.clock.now()) {
            return Err(self.setup_refused(address));
        }
        let user = self.new_user(username, password, vec![Role::admin()]).await?;
        self.to_the_end(move |auth| async move {
            // Whether there is an administrator is decided where users are made: of two at once, one comes second.
            let made = auth.0.store.insert_first_admin(user).await?;
            auth.0.setup.put(None);
            let Some(user) = made else { return Err(auth.setup_refused(address)) };
            auth.note(Event::own(Word::SetUp, user.id));
            Ok(user.id)
        })
        .await
    }

    fn setup_refused(&self, address: Option<ClientAddress>) -> Error {
        if let Err(throttled) = self.count_failure(Kind::Code, address) {
            return throttled;
        }
        self.note(Event::new(Word::SetupRefused, By::Anyone));
        Error::InvalidCredentials
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_stands_until_it_expires_or_is_withdrawn() {
        let (offer, digest, made) = (Offer::default(), CodeDigest::of("code"), Timestamp::from_secs(1000));
        assert!(!offer.fits(digest, made));
        offer.put(Some((digest, made + SETUP_LIFE)));
        assert!(offer.fits(digest, made) && offer.fits(digest, Timestamp::from_secs(1000 + 30 * 60 - 1)));
        assert!(!offer.fits(digest, Timestamp::from_secs(1000 + 30 * 60)));
        assert!(!offer.fits(CodeDigest::of("another"), made));
        offer.put(None);
        assert!(!offer.fits(digest, made));
    }
}
