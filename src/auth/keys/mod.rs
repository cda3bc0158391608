//! Keys: made here or imported, kept by the store, never printed. Owns what a key is and how one is made; `life.rs` owns
//! when it signs, `ring.rs` which one verifies what, `pem.rs` what may be imported, `published.rs` how others judge a token.
//!
//! | purpose | algorithm | `kid` | made |
//! |---|---|---|---|
//! | access tokens | ES256, `EdDSA` (Ed25519) | RFC 7638 thumbprint | ES256 at the first start, unless a shared secret is set; both by rotation or import |
//! | access tokens | RS256, 3072 to 4096 bit | RFC 7638 thumbprint | imported |
//! | access tokens | HS256, a shared secret (`JWT_SECRET_KEY`) and those before it | none | by the operator; never stored |
//! | refresh tokens | HS256 | random | at the first start |
//!
//! With a shared secret, that one signs access tokens; keys made before go on verifying, so tokens issued earlier live
//! out their minutes. Without it, tokens signed with it are refused at once, unless it is among the previous ones.

mod life;
mod pem;
pub mod published;
mod ring;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::clock::Timestamp;
use super::token::MAX_ACCESS_SECS;
use crate::error::{Error, Faults, Result};
pub use life::{KeyChange, MAX_KEYS, SLACK, State, change};
pub(super) use ring::Key;
pub use ring::{Keyring, Profile};

/// How a key signs (RFC 7518 §3.1, RFC 8037 §3.1). One key, one algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
    /// RSASSA-PKCS1-v1_5 with SHA-256; by import only.
    RS256,
    /// HMAC with SHA-256.
    HS256,
}

impl Algorithm {
    /// Its name in the header parameter `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
            Self::RS256 => "RS256",
            Self::HS256 => "HS256",
        }
    }

    /// One in which keys for access tokens are made here.
    #[must_use]
    pub fn parse_made_here(name: &str) -> Option<Self> {
        [Self::ES256, Self::EdDSA].into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// What a key's tokens are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Access tokens: verified here and by others.
    Access,
    /// Refresh tokens: only for the issuer itself, so no other service can be made to accept one.
    Refresh,
}

/// Secrets shared with other programs; from the settings, never stored.
#[derive(Debug, Clone, Default)]
pub struct SharedSecrets {
    /// Signs access tokens, and verifies them.
    pub current: Option<SecretString>,
    /// Verify only: what other programs signed before the secret changed.
    pub previous: Vec<SecretString>,
}

/// A key as the store keeps it. Does not print its secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKey {
    /// Names it; the header parameter `kid` (RFC 7515 §4.1.4).
    pub kid: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// What its tokens are for.
    pub purpose: Purpose,
    /// When it was made.
    pub created: Timestamp,
    /// Where it stands in its life.
    #[serde(default)]
    pub state: State,
    /// The longest that any access token lives which it signed or will sign, in seconds.
    #[serde(default = "longest")]
    pub token_secs: u64,
    /// base64url of the PKCS#8 document (ES256, `EdDSA`), the PKCS#1 document (RS256) or the secret (HS256).
    pub secret: String,
}

const fn longest() -> u64 {
    MAX_ACCESS_SECS
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredKey").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl StoredKey {
    /// Makes a new key for access tokens: ES256 or `EdDSA`.
    ///
    /// # Errors
    /// [`Error::Crypto`], also for an algorithm in which none are made here.
    pub fn generate(algorithm: Algorithm, now: Timestamp) -> Result<Self> {
        let random = SystemRandom::new();
        let pkcs8 = match algorithm {
            Algorithm::ES256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
            // Version 1: the longer form with the public key in it is not what jsonwebtoken reads.
            Algorithm::EdDSA => Ed25519KeyPair::generate_pkcs8v1(&random),
            Algorithm::RS256 | Algorithm::HS256 => return Err(missing("making a key")),
        };
        let pkcs8 = pkcs8.map_err(|source| Error::Crypto { action: "making a key", source: source.into() })?;
        Self::access(algorithm, pkcs8.as_ref(), now)
    }

    /// Reads a private key in PEM: EC P-256, Ed25519, or RSA of 3072 to 4096 bit, as PKCS#8 (RFC 5958).
    ///
    /// # Errors
    /// [`Error::Invalid`], with what would do.
    pub fn import(pem: &str, now: Timestamp) -> Result<Self> {
        let refused = |why: &str| Error::Invalid(Faults::of("pem", why));
        let (algorithm, der) = pem::read(pem).map_err(|why| refused(&why))?;
        let key = Self::access(algorithm, &der, now).map_err(|_| refused(pem::UNSOUND))?;
        Key::stored(&key).and_then(|key| key.try_out()).map_err(|_| refused(pem::UNSOUND))?;
        Ok(key)
    }

    /// A key for access tokens, named by its thumbprint.
    fn access(algorithm: Algorithm, der: &[u8], now: Timestamp) -> Result<Self> {
        let kid = ring::thumbprint(algorithm, der)?;
        let secret = BASE64URL.encode(der);
        Ok(Self { kid, algorithm, purpose: Purpose::Access, created: now, state: State::Active, token_secs: MAX_ACCESS_SECS, secret })
    }

    /// Makes a new 256-bit secret for refresh tokens. Its `kid` is random: a thumbprint would be a hash of the secret.
    ///
    /// # Errors
    /// [`Error::Crypto`]
    pub fn generate_refresh(now: Timestamp) -> Result<Self> {
        let mut secret = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(secret.as_mut()).map_err(|source| Error::Crypto { action: "making a secret", source: source.into() })?;
        Ok(Self {
            kid: uuid::Uuid::new_v4().simple().to_string(),
            algorithm: Algorithm::HS256,
            purpose: Purpose::Refresh,
            created: now,
            state: State::Active,
            token_secs: MAX_ACCESS_SECS,
            secret: BASE64URL.encode(secret.as_ref()),
        })
    }
}

fn missing(action: &'static str) -> Error {
    Error::Crypto { action, source: "no usable key".into() }
}
