//! Passwords: what may be chosen, how they are compared (RFC 8265 OpaqueString), and the strings that hold their hashes.
//!
//! The rules are those of NIST SP 800-63B-4 §3.1.1.2: a minimum length in code points, no composition rules, and no
//! password that an attacker tries first. Those are found by folding: a common word, the user's own name or a keyboard
//! run, plain or with a few digits and signs around it, so that 742 words stand for the many thousand forms of them that
//! lists of breached passwords hold. Hashing is the business of [`super::hasher`].

mod common;

use std::fmt;

use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::foreign::{Foreign, Scheme};
use super::user::Username;
use common::{is_about, is_common};

/// Fewest characters (code points) of a password.
pub const MIN_CHARS: usize = 8;
/// Most bytes of a password; longer ones are never hashed.
pub const MAX_BYTES: usize = 1024;

/// A password in the form in which it is hashed. Does not print, is wiped when dropped.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// What someone typed to log in; `None` if no password could read so.
    #[must_use]
    pub fn presented(typed: &str) -> Option<Self> {
        if typed.is_empty() || typed.len() > MAX_BYTES {
            return None;
        }
        let opaque = OpaqueString::enforce(typed).ok()?;
        // Some marks are refused only in the form they are mapped to; what one client maps, another must be able to send.
        if OpaqueString::enforce(opaque.as_ref()).as_deref() != Ok(opaque.as_ref()) {
            return None;
        }
        Some(Self(SecretString::from(opaque.into_owned())))
    }

    /// What someone wants as a password.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub fn chosen(typed: &str, username: Option<&Username>) -> Result<Self, &'static str> {
        if typed.chars().count() < MIN_CHARS {
            return Err("Shorter than minimum length 8.");
        }
        if typed.len() > MAX_BYTES {
            return Err("Longer than maximum length 1024 bytes.");
        }
        let password = Self::presented(typed).ok_or("Control characters are not allowed.")?;
        if password.expose().chars().count() < MIN_CHARS {
            return Err("Shorter than minimum length 8.");
        }
        if username.is_some_and(|name| is_about(password.expose(), name)) {
            return Err("Too much like the username.");
        }
        if is_common(password.expose()) {
            return Err("One of the passwords that are tried first; choose another.");
        }
        Ok(password)
    }

    /// Whether it is the same one, in the form in which they are hashed.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }

    /// The characters that are hashed.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([redacted])")
    }
}

/// What somebody typed to log in: in the form in which ours are hashed, if it has one, and as it came, for imported hashes.
#[derive(Clone)]
pub struct Typed {
    exact: SecretString,
    password: Option<Password>,
}

impl Typed {
    /// `None` if it is no password of anybody: nothing, or longer than any.
    #[must_use]
    pub fn new(typed: &str) -> Option<Self> {
        let possible = !typed.is_empty() && typed.len() <= MAX_BYTES;
        possible.then(|| Self { exact: SecretString::from(typed), password: Password::presented(typed) })
    }

    /// As ours are hashed; `None` if no password could read so.
    #[must_use]
    pub const fn password(&self) -> Option<&Password> {
        self.password.as_ref()
    }

    /// As it came.
    pub(super) fn exact(&self) -> &str {
        self.exact.expose_secret()
    }
}

/// What a stored hash of another program begins with: an imported Argon2 hash, too, is over the exact bytes.
const IMPORTED: &str = "import:";

/// A password's hash as a PHC string, or an imported one. Written only to the store; does not print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// From its string.
    #[must_use]
    pub fn from_phc(phc: String) -> Self {
        Self(phc)
    }

    /// From a hash that another program made ([`super::foreign`]).
    ///
    /// # Errors
    /// Why it cannot be taken, as a sentence.
    pub fn foreign(hash: &str) -> Result<Self, &'static str> {
        Foreign::read(hash).map(|_| Self(format!("{IMPORTED}{hash}")))
    }

    /// The hash of another program, as that wrote it.
    pub(super) fn as_foreign(&self) -> Option<&str> {
        self.0.strip_prefix(IMPORTED)
    }

    /// Which other program made it; `None`: it is ours.
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        self.as_foreign().and_then(Scheme::of)
    }

    /// The string.
    #[must_use]
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(typed: &str) -> Result<Password, &'static str> {
        Password::chosen(typed, Some(&Username::parse("arun").unwrap()))
    }

    #[test]
    fn the_templates_own_example_passes() {
        assert!(chosen("securepassword").is_ok());
    }

    #[test]
    fn the_length_is_counted_in_characters_and_limited_in_bytes() {
        assert!(chosen("vögelchn").is_ok());
        assert!(chosen("vögelch").is_err());
        assert!(chosen(&"pö4x9".repeat(170)).is_ok());
        assert!(chosen(&"x9".repeat(513)).is_err());
    }

    #[test]
    fn no_composition_is_asked_for() {
        assert!(chosen("mydogeatsgrass").is_ok());
        assert!(chosen("8302958317").is_ok());
        assert!(chosen("        x       ").is_ok());
    }

    #[test]
    fn what_is_tried_first_is_refused_plain_and_dressed_up() {
        for typed in [
            "password",
            "Password1!",
            "P@ssw0rd2024",
            "12345678",
            "87654321",
            "qwertyuiop",
            "aaaaaaaa",
            "abcabcabc",
            "Liverpool1",
            "iloveyou",
            "1qaz2wsx",
            "dragondragon",
            "letmein!!",
            "correcthorsebatterystaple",
            "          ",
            "football99",
            "!@#$%^&*",
        ] {
            assert!(chosen(typed).is_err(), "{typed:?} was accepted");
        }
    }

    #[test]
    fn the_username_is_refused_plain_reversed_and_dressed_up() {
        let name = Username::parse("arunkumar@example.com").unwrap();
        for typed in ["arunkumar@example.com", "ArunKumar", "arunkumar123", "moc.elpmaxe@ramuknura", "Doorward1"] {
            assert_eq!(Password::chosen(typed, Some(&name)).map(|_| ()), Err("Too much like the username."), "{typed:?}");
        }
    }

    #[test]
    fn the_same_characters_typed_in_another_unicode_form_are_the_same_password() {
        let of = |typed| Password::presented(typed).unwrap().expose().to_owned();
        assert_eq!(of("caf\u{e9} noir"), of("cafe\u{301}\u{3000}noir"));
        assert_ne!(of("Cafe noir"), of("cafe noir"));
    }

    #[test]
    fn what_would_be_refused_in_the_form_it_is_mapped_to_is_refused_as_typed() {
        assert!(Password::presented("one\u{387}two three").is_none());
        assert!(Password::presented("one\u{b7}two three").is_none());
    }

    #[test]
    fn control_characters_are_refused_and_nothing_prints_the_password() {
        assert!(chosen("abc\0defgh9").is_err());
        assert!(chosen("line\nbreak99").is_err());
        assert!(!format!("{:?}", Password::presented("hunter2hunter2")).contains("hunter"));
    }
}
