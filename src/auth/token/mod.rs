//! Tokens: what makes one acceptable; how they are made is in `issue.rs`. The signature is jsonwebtoken's to check; header and
//! claims are judged in `read.rs`, strictly typed, against the profile of the key that signed (RFC 8725 §3, RFC 9068 §4).
//!
//! What does not change between two requests (signature, structure, claims) is verified once and remembered in a bounded
//! cache, together with the generation of the keys; what does (time, revocation, the user) is the caller's to check every time.

mod issue;
mod read;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::clock::Timestamp;
use super::keys::Keyring;
use super::session::SessionId;
use super::user::{CustomClaims, UserId};
use crate::error::{Result, TokenError};
pub use issue::TokenPair;
use read::{Header, part, split};

/// Longest that an access token may live: `exp - iat`.
pub const MAX_ACCESS_SECS: u64 = 24 * 3600;
/// The verified-token cache holds about this many bytes.
const CACHE_BYTES: u64 = 8 << 20;

/// Names a token: the claim `jti` (RFC 7519 §4.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId(pub(crate) Uuid);

impl TokenId {
    /// A new random one.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id that stands for a `jti` that is no UUID, or for a token without one.
    fn derived(text: &str) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// What a token is for: the claim `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Shown to resources.
    Access,
    /// Exchanged for a new pair.
    Refresh,
}

/// What a verified token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    /// `type`
    pub kind: Kind,
    /// `sub`
    pub user: UserId,
    /// `jti`
    pub token: TokenId,
    /// Signed with the shared secret by another issuer, whose `sid` would be none of ours.
    pub foreign: bool,
    /// `sid`; tokens of another issuer under the shared secret have none.
    pub session: Option<SessionId>,
    /// `ctr` of a refresh token.
    pub counter: u64,
    /// `iat`
    pub issued: Timestamp,
    /// `nbf`
    pub not_before: Timestamp,
    /// `exp`
    pub expires: Timestamp,
    /// Until when it counts as fresh. Ours are fresh for all of their life or not at all; Flask-JWT-Extended also knows a
    /// number here.
    pub fresh_until: Timestamp,
}

impl Claims {
    /// Judges the times (RFC 7519 §4.1.4: not accepted on or after `exp`). No leeway: issuer and verifier share a clock.
    ///
    /// # Errors
    /// [`TokenError::Expired`], [`TokenError::Invalid`]
    pub fn check_times(&self, now: Timestamp) -> Result<(), TokenError> {
        if now >= self.expires {
            return Err(TokenError::Expired);
        }
        if self.issued > now || self.not_before > now {
            return Err(TokenError::Invalid("it is not valid yet"));
        }
        Ok(())
    }

    /// Whether it comes straight from a login.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.fresh_until
    }
}

/// What every token says about where it comes from.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// `iss`
    pub name: String,
    /// `aud`, only when set: libraries refuse one they do not expect.
    pub audience: Option<String>,
    /// Custom claims of every access token; those of the user win.
    pub claims: CustomClaims,
    /// How far back `iat` and `nbf` of access tokens are set, for a verifier whose clock is behind ours.
    pub backdate: Duration,
}

#[derive(Clone)]
struct ByLength;

impl quick_cache::Weighter<Box<str>, Verified> for ByLength {
    fn weight(&self, token: &Box<str>, _: &Verified) -> u64 {
        token.len() as u64 + size_of::<Claims>() as u64
    }
}

/// What a token says, and under which generation of the keys its signature was good.
#[derive(Clone)]
struct Verified {
    generation: u64,
    claims: Arc<Claims>,
}

/// The keys in use. Another ring is another generation.
struct InUse {
    generation: u64,
    keys: Arc<Keyring>,
}

/// Issues and verifies.
pub struct Tokens {
    in_use: RwLock<InUse>,
    /// That of `in_use`, for those who need no key.
    generation: AtomicU64,
    issuer: Issuer,
    /// No token is dated back before this.
    not_before: Timestamp,
    verified: quick_cache::sync::Cache<Box<str>, Verified, ByLength>,
}

impl Tokens {
    /// With these keys, in this name.
    #[must_use]
    pub fn new(keys: Keyring, issuer: Issuer) -> Self {
        let in_use = RwLock::new(InUse { generation: 0, keys: Arc::new(keys) });
        let verified = quick_cache::sync::Cache::with_weighter(8192, CACHE_BYTES, ByLength);
        Self { in_use, generation: AtomicU64::new(0), issuer, not_before: Timestamp::default(), verified }
    }

    /// With none dated back before this: what is cut off there would be refused as soon as it is issued.
    #[must_use]
    pub fn from(self, not_before: Timestamp) -> Self {
        Self { not_before, ..self }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> Arc<Keyring> {
        self.current().1
    }

    /// Puts other keys in place of those in use. What a key that is not among them signed is refused from now on.
    pub fn use_keys(&self, keys: Keyring) {
        let mut in_use = self.in_use.write().unwrap_or_else(PoisonError::into_inner);
        let generation = in_use.generation + 1;
        *in_use = InUse { generation, keys: Arc::new(keys) };
        self.generation.store(generation, Ordering::Release);
    }

    fn current(&self) -> (u64, Arc<Keyring>) {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        (in_use.generation, Arc::clone(&in_use.keys))
    }

    /// What a token says, if its signature and structure are good. Times, revocation and the user are not judged here.
    ///
    /// # Errors
    /// [`TokenError::Invalid`]
    pub fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        if let Some(Verified { generation, claims }) = self.verified.get(token)
            && generation == self.generation.load(Ordering::Acquire)
        {
            return Ok(claims);
        }
        let (generation, keys) = self.current();
        let claims = Arc::new(self.verify_anew(token, &keys)?);
        self.verified.insert(token.into(), Verified { generation, claims: Arc::clone(&claims) });
        Ok(claims)
    }

    /// The claims as they stand in a token that [`Tokens::verify`] accepts; empty for one that is none.
    #[must_use]
    pub fn read(&self, token: &str) -> Map<String, Value> {
        self.verify(token).ok().and_then(|_| part(token.split('.').nth(1)?)).unwrap_or_default()
    }

    fn verify_anew(&self, token: &str, keys: &Keyring) -> Result<Claims, TokenError> {
        let (message, signature) = split(token).ok_or(TokenError::Invalid("it is not three base64url parts"))?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Invalid("it is not three base64url parts"))?;
        let header = part(header).ok_or(TokenError::Invalid("its header is not an object"))?;
        let header = Header::read(&header)?;
        let profile = keys
            .candidates(header.kid)
            .filter(|key| key.algorithm.name() == header.alg && key.profile.accepts_type(header.typ))
            .find(|key| key.verifies(signature, message))
            .map(|key| key.profile)
            .ok_or(TokenError::Invalid("no key of ours made the signature"))?;
        let claims = part(payload).ok_or(TokenError::Invalid("its claims are not an object"))?;
        self.issuer.read(profile, &claims, message).ok_or(TokenError::Invalid("a claim is missing, of another type or of another value"))
    }
}
