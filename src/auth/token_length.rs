//! How long an access token may get, and who makes sure of it: the settings are judged at the start, a key when it is added, a
//! user's roles and claims when they are given, and what is left (settings that grew since, a key with longer signatures) at the
//! login, which says so.

use std::sync::atomic::Ordering;

use super::clock::Timestamp;
use super::keys::{Algorithm, Key, StoredKey};
use super::password::PasswordHash;
use super::session::Session;
use super::user::{CustomClaims, Role, USERNAME_CHARS, User, UserId, Username};
use super::{Auth, StartError};
use crate::error::{Error, Faults, Result};

/// An access token is never longer: proxies cut headers at 4 to 8 KiB, cookies at 4.
pub const MAX_ISSUED_TOKEN_BYTES: usize = 3072;

/// Whether a token of this many bytes may be given.
///
/// # Errors
/// [`Error::TokenTooLong`]
fn check_length(bytes: usize) -> Result<()> {
    if bytes > MAX_ISSUED_TOKEN_BYTES { Err(Error::TokenTooLong { bytes }) } else { Ok(()) }
}

impl Auth {
    /// Whether the settings leave room for every name. With a key that is there already they may not, and still be right with one
    /// made here, whose signatures are short: then the server starts, or no command could change the key.
    ///
    /// # Errors
    /// [`StartError::TokensTooLong`]; [`Error::Crypto`].
    pub(super) fn check_settings_fit(&self) -> Result<(), StartError> {
        let bytes = self.longest_plain_token(self.0.tokens.keys().access())?;
        if bytes <= MAX_ISSUED_TOKEN_BYTES {
            return Ok(());
        }
        let short = StoredKey::generate(Algorithm::ES256, self.0.clock.now())?;
        match self.longest_plain_token(&Key::stored(&short)?)? {
            shortest if shortest > MAX_ISSUED_TOKEN_BYTES => Err(StartError::TokensTooLong { bytes }),
            _ => Ok(()),
        }
    }

    /// Whether every name would fit if this key signed; the fault is that of `field`.
    pub(super) fn check_key_fits(&self, key: &StoredKey, field: &str) -> Result<()> {
        let bytes = self.longest_plain_token(&Key::stored(key)?)?;
        if bytes <= MAX_ISSUED_TOKEN_BYTES {
            return Ok(());
        }
        let fault = format!(
            "With this key an access token of the user with the longest name would be {bytes} bytes long; {MAX_ISSUED_TOKEN_BYTES} are \
             allowed. Shorten the settings claims, issuer or audience, or take a key with shorter signatures (ES256, EdDSA)."
        );
        Err(Error::Invalid(Faults::of(field, fault)))
    }

    /// Finds out whether every name fits under the key that signs now, and says so in the log if not.
    pub(super) fn judge_signing_key(&self) -> Result<()> {
        let bytes = self.longest_plain_token(self.0.tokens.keys().access())?;
        let fits = bytes <= MAX_ISSUED_TOKEN_BYTES;
        self.0.every_name_fits.store(fits, Ordering::Relaxed);
        if !fits {
            tracing::warn!(
                "with the key that signs an access token of the user with the longest name would be {bytes} bytes long, but \
                 {MAX_ISSUED_TOKEN_BYTES} are allowed; who gets a longer one is refused at login: let a key with shorter signatures \
                 take over (doorward key rotate --now), or shorten the settings claims, issuer or audience"
            );
        }
        Ok(())
    }

    /// How long the access token is of a user who has the longest name and nothing else: nobody's who has neither roles
    /// nor claims is longer.
    fn longest_plain_token(&self, key: &Key) -> Result<usize> {
        // 64 characters of four bytes each.
        let name = Username::parse(&"\u{20000}".repeat(USERNAME_CHARS)).map_err(|fault| Error::Invalid(Faults::of("username", fault)))?;
        self.token_bytes(key, &user_to_be(name, Vec::new()))
    }

    /// Whether a user's access token may be given. Free for most, who have neither roles nor claims.
    pub(super) fn check_user_fits(&self, user: &User) -> Result<()> {
        if user.roles.is_empty() && user.claims.is_empty() && self.0.every_name_fits.load(Ordering::Relaxed) {
            return Ok(());
        }
        check_length(self.token_bytes(self.0.tokens.keys().access(), user)?)
    }

    /// Whether a user could have these roles from the start.
    pub(super) fn check_new_roles(&self, name: &Username, roles: &[Role]) -> Result<()> {
        self.check_token_length(&user_to_be(name.clone(), roles.to_vec()), "roles")
    }

    /// Whether a user as it would be fits; the fault is that of `field`.
    pub(super) fn check_token_length(&self, user: &User, field: &str) -> Result<()> {
        match self.check_user_fits(user) {
            Err(Error::TokenTooLong { bytes }) => {
                let fault = format!("The access token would be {bytes} bytes long; {MAX_ISSUED_TOKEN_BYTES} are allowed.");
                Err(Error::Invalid(Faults::of(field, fault)))
            }
            judged => judged,
        }
    }

    fn token_bytes(&self, key: &Key, user: &User) -> Result<usize> {
        let now = self.0.clock.now();
        let session = Session::open(user.id, now, &self.0.lifetimes);
        self.0.tokens.access_bytes(key, user, &session, now, &self.0.lifetimes)
    }
}

/// Someone who is not there yet, with the longest id.
fn user_to_be(username: Username, roles: Vec<Role>) -> User {
    User {
        id: UserId::new(u64::MAX),
        username,
        password: PasswordHash::from_phc(String::new()),
        roles,
        claims: CustomClaims::default(),
        disabled: false,
        created: Timestamp::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_is_as_many_bytes_as_any_can_be() {
        assert_eq!(Username::parse(&"\u{20000}".repeat(USERNAME_CHARS)).unwrap().as_str().len(), USERNAME_CHARS * 4);
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        assert!(check_length(MAX_ISSUED_TOKEN_BYTES).is_ok());
        assert!(matches!(check_length(MAX_ISSUED_TOKEN_BYTES + 1), Err(Error::TokenTooLong { bytes: 3073 })));
    }
}
