//! Codes that are handed to one person, and cookies: how they read, and what is kept of them.
//!
//! A code is a prefix that says what it is (people and secret scanners know it by that; a cookie has its session's id) and 160
//! random bits. Only its SHA-256 digest is kept. That needs no slow hash: nobody guesses that many bits (NIST SP 800-63B-4 §3.1.2.2).

use std::fmt;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::Timestamp;
use super::session::SessionId;
use super::user::UserId;
use crate::error::{Error, Result};

const RESET_PREFIX: &str = "doorward_reset_";
/// What an invite's code begins with.
pub const INVITE_PREFIX: &str = "doorward_invite_";
const SETUP_PREFIX: &str = "doorward_setup_";
const RANDOM_BYTES: usize = 20;
/// How long a reset code can be redeemed.
pub const RESET_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A code as it is handed out. Does not print, is wiped when dropped.
#[derive(Clone)]
pub struct Code(SecretString);

impl Code {
    /// A new one with which `user` can set a password. It names the user, so that it can be looked up.
    ///
    /// # Errors
    /// [`Error::Crypto`]
    pub fn reset(user: UserId) -> Result<Self> {
        Self::random(&format!("{RESET_PREFIX}{user}_"))
    }

    /// A new one with which somebody can register.
    ///
    /// # Errors
    /// [`Error::Crypto`]
    pub fn invite() -> Result<Self> {
        Self::random(INVITE_PREFIX)
    }

    /// A new one with which the first administrator can be made.
    ///
    /// # Errors
    /// [`Error::Crypto`]
    pub fn setup() -> Result<Self> {
        Self::random(SETUP_PREFIX)
    }

    /// A new one that stands for a session in a browser's cookie. It names the session, so that it can be looked up.
    ///
    /// # Errors
    /// [`Error::Crypto`]
    pub fn cookie(session: SessionId) -> Result<Self> {
        Self::random(&format!("{session}."))
    }

    fn random(prefix: &str) -> Result<Self> {
        let mut bytes = [0; RANDOM_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|source| Error::Crypto { action: "making a code", source: source.into() })?;
        let text = bytes.iter().fold(prefix.to_owned(), |text, byte| format!("{text}{byte:02x}"));
        Ok(Self(SecretString::from(text)))
    }

    /// The characters to hand out.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> CodeDigest {
        CodeDigest::of(self.expose())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code([redacted])")
    }
}

/// Whose reset code this claims to be; `None` if none reads so.
#[must_use]
pub fn user_of_reset(code: &str) -> Option<UserId> {
    UserId::parse(code.strip_prefix(RESET_PREFIX)?.split_once('_')?.0)
}

/// Which session's cookie this claims to be; `None` if none reads so.
#[must_use]
pub fn session_of_cookie(cookie: &str) -> Option<SessionId> {
    let (session, secret) = cookie.split_once('.')?;
    SessionId::parse(session).filter(|_| secret.len() == RANDOM_BYTES * 2)
}

/// The SHA-256 of a code: what is kept of it, and what a presented one is compared by.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CodeDigest([u8; 32]);

impl CodeDigest {
    /// Of a code as somebody sent it.
    #[must_use]
    pub fn of(code: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, code.as_bytes()).as_ref());
        Self(bytes)
    }

    /// Whether they are the same, in a time that does not tell where they differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for CodeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeDigest([redacted])")
    }
}

impl From<CodeDigest> for String {
    fn from(digest: CodeDigest) -> Self {
        BASE64URL.encode(digest.0)
    }
}

impl TryFrom<String> for CodeDigest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = BASE64URL.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("not the digest of a code")
    }
}

/// What is kept of a reset code. A user has one at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// Of the code.
    pub digest: CodeDigest,
    /// From then on the code is refused.
    pub expires: Timestamp,
}

impl Reset {
    /// Whether a code with this digest can be redeemed at `now`.
    #[must_use]
    pub fn fits(&self, digest: CodeDigest, now: Timestamp) -> bool {
        // Made so long before it ends.
        self.digest == digest && now < self.expires && self.expires.can_be_past(now + RESET_LIFE)
    }
}

/// Names an invite in lists and paths. It tells nothing about the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InviteId(pub(crate) Uuid);

impl InviteId {
    /// Reads the one way in which an id is written: lower-case hexadecimal with hyphens (RFC 9562 §4).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().filter(|id| id.to_string() == text).map(Self)
    }
}

impl From<CodeDigest> for InviteId {
    fn from(digest: CodeDigest) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&digest.0[..16]);
        Self(uuid::Builder::from_custom_bytes(half).into_uuid())
    }
}

impl fmt::Display for InviteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is kept of an invite. It is gone once it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Of the code.
    pub digest: CodeDigest,
    /// When it was made.
    pub created: Timestamp,
    /// From then on the code is refused.
    pub expires: Timestamp,
}

impl Invite {
    /// Its name, which follows from the code.
    #[must_use]
    pub fn id(&self) -> InviteId {
        self.digest.into()
    }

    /// Whether a code with this digest can be used at `now`.
    #[must_use]
    pub fn fits(&self, digest: CodeDigest, now: Timestamp) -> bool {
        self.digest == digest && now < self.expires && self.created.can_be_past(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_codes_are_the_same_and_each_says_what_it_is() {
        let (first, second) = (Code::reset(UserId::new(7)).unwrap(), Code::reset(UserId::new(7)).unwrap());
        assert_ne!(first.digest(), second.digest());
        assert!(first.expose().starts_with("doorward_reset_7_"));
        assert!(Code::invite().unwrap().expose().starts_with("doorward_invite_"));
        assert_eq!(first.expose().len(), "doorward_reset_7_".len() + 40);
        assert!(!format!("{first:?} {:?}", first.digest()).contains(first.expose()));
    }

    #[test]
    fn a_reset_code_names_its_user_and_other_texts_name_nobody() {
        assert_eq!(user_of_reset(Code::reset(UserId::new(12)).unwrap().expose()), Some(UserId::new(12)));
        for text in ["", "doorward_reset_", "doorward_reset_12", "doorward_reset_012_ab", "doorward_reset__ab", "doorward_invite_1_ab", "x"]
        {
            assert_eq!(user_of_reset(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_cookie_names_its_session_and_other_texts_name_none() {
        let session = SessionId::random();
        let cookie = Code::cookie(session).unwrap();
        assert_eq!(session_of_cookie(cookie.expose()), Some(session));
        assert!(cookie.digest().is(&CodeDigest::of(cookie.expose())) && !cookie.digest().is(&CodeDigest::of("x")));
        let secret = "a".repeat(40);
        for text in
            [String::new(), ".".into(), secret.clone(), format!("{session}."), format!("x.{secret}"), format!("{session}.{secret}a")]
        {
            assert_eq!(session_of_cookie(&text), None, "{text:?}");
        }
    }

    #[test]
    fn a_digest_reads_back_and_the_id_of_an_invite_is_written_in_one_way() {
        let digest = CodeDigest::of("x");
        assert_eq!(CodeDigest::try_from(String::from(digest)), Ok(digest));
        assert!(CodeDigest::try_from("AAAA".to_owned()).is_err());
        let id = InviteId::from(digest);
        assert_eq!(InviteId::parse(&id.to_string()), Some(id));
        for text in [id.to_string().to_uppercase(), id.0.simple().to_string(), format!("{{{id}}}"), String::new()] {
            assert_eq!(InviteId::parse(&text), None, "{text:?}");
        }
    }

    #[test]
    fn a_code_is_refused_from_the_second_of_its_end_on_and_if_it_was_made_ahead_of_time() {
        let (digest, end) = (CodeDigest::of("x"), Timestamp::from_secs(100));
        let reset = Reset { digest, expires: end };
        assert!(reset.fits(digest, Timestamp::from_secs(99)));
        let ahead = Timestamp::from_secs(100_000);
        let made_then = Reset { digest, expires: ahead + RESET_LIFE };
        let invite = Invite { digest, created: ahead, expires: ahead + RESET_LIFE };
        for (now, is_good) in [(100, false), (96_399, false), (96_400, true), (100_000, true), (186_400, false)] {
            let now = Timestamp::from_secs(now);
            assert_eq!((made_then.fits(digest, now), invite.fits(digest, now)), (is_good, is_good), "{now}");
        }
        assert!(!reset.fits(digest, end) && !reset.fits(CodeDigest::of("y"), Timestamp::from_secs(99)));
    }
}
