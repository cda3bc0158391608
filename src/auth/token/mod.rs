//! Tokens: how they are issued, and what makes one acceptable. The signature is jsonwebtoken's to check; header and claims
//! are judged in `read.rs`, strictly typed, against the profile of the key that signed (RFC 8725 §3, RFC 9068 §4).
//!
//! What does not change between two requests (signature, structure, claims) is verified once and remembered in a bounded
//! cache; what does (time, revocation, the user) is the caller's to check every time.

mod read;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::clock::Timestamp;
use super::keys::{Key, Keyring};
use super::session::{Lifetimes, Session, SessionId};
use super::user::{CustomClaims, User, UserId};
use crate::error::{Result, TokenError};
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `type`
    pub kind: Kind,
    /// `sub`
    pub user: UserId,
    /// `jti`
    pub token: TokenId,
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

/// What a login or a refresh is answered with (RFC 6749 §5.1).
#[derive(Clone)]
pub struct TokenPair {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// How many seconds the access token is good for.
    pub expires_in: u64,
}

impl std::fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenPair([redacted])")
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
}

#[derive(Clone)]
struct ByLength;

impl quick_cache::Weighter<Box<str>, Arc<Claims>> for ByLength {
    fn weight(&self, token: &Box<str>, _: &Arc<Claims>) -> u64 {
        token.len() as u64 + size_of::<Claims>() as u64
    }
}

/// Issues and verifies.
pub struct Tokens {
    keys: Keyring,
    issuer: Issuer,
    verified: quick_cache::sync::Cache<Box<str>, Arc<Claims>, ByLength>,
}

impl Tokens {
    /// With these keys, in this name.
    #[must_use]
    pub fn new(keys: Keyring, issuer: Issuer) -> Self {
        Self { keys, issuer, verified: quick_cache::sync::Cache::with_weighter(8192, CACHE_BYTES, ByLength) }
    }

    /// The keys.
    #[must_use]
    pub const fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// The pair that stands for a session's present state. The refresh token is the same however often it is asked for.
    ///
    /// # Errors
    /// [`crate::Error::Crypto`]
    pub fn issue(&self, user: &User, session: &Session, fresh: bool, now: Timestamp, lifetimes: &Lifetimes) -> Result<TokenPair> {
        let expires = session.access_end(now, lifetimes);
        let access = self.access_claims(user, session, fresh, now, expires);
        let refresh = json!({
            "iss": self.issuer.name,
            "iat": session.rotated_at.secs(),
            "exp": session.expires.secs(),
            "sub": user.id.to_string(),
            "type": "refresh",
            "sid": session.id.to_string(),
            "ctr": session.counter,
        });
        Ok(TokenPair {
            access: sign(self.keys.access(), "at+jwt", &Value::Object(access))?,
            refresh: sign(self.keys.refresh(), "refresh", &refresh)?,
            expires_in: expires.since(now).as_secs(),
        })
    }

    fn access_claims(&self, user: &User, session: &Session, fresh: bool, now: Timestamp, expires: Timestamp) -> Map<String, Value> {
        let Value::Object(mut claims) = json!({
            "iss": self.issuer.name,
            "iat": now.secs(),
            "nbf": now.secs(),
            "exp": expires.secs(),
            "sub": user.id.to_string(),
            "jti": Uuid::new_v4().to_string(),
            "type": "access",
            "fresh": fresh,
            "sid": session.id.to_string(),
            "username": user.username,
            "roles": user.roles,
        }) else {
            unreachable!("the macro was given an object")
        };
        claims.extend(self.issuer.audience.clone().map(|audience| ("aud".to_owned(), audience.into())));
        // Reserved names cannot be among the custom ones.
        claims.extend(self.issuer.claims.as_map().clone());
        claims.extend(user.claims.as_map().clone());
        claims
    }

    /// What a token says, if its signature and structure are good. Times, revocation and the user are not judged here.
    ///
    /// # Errors
    /// [`TokenError::Invalid`]
    pub fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        if let Some(claims) = self.verified.get(token) {
            return Ok(claims);
        }
        let claims = Arc::new(self.verify_anew(token)?);
        self.verified.insert(token.into(), Arc::clone(&claims));
        Ok(claims)
    }

    fn verify_anew(&self, token: &str) -> Result<Claims, TokenError> {
        let (message, signature) = split(token).ok_or(TokenError::Invalid("it is not three base64url parts"))?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Invalid("it is not three base64url parts"))?;
        let header = part(header).ok_or(TokenError::Invalid("its header is not an object"))?;
        let header = Header::read(&header)?;
        let profile = self
            .keys
            .candidates(header.kid)
            .filter(|key| key.algorithm.name() == header.alg && key.profile.accepts_type(header.typ))
            .find(|key| key.verifies(signature, message))
            .map(|key| key.profile)
            .ok_or(TokenError::Invalid("no key of ours made the signature"))?;
        let claims = part(payload).ok_or(TokenError::Invalid("its claims are not an object"))?;
        self.issuer.read(profile, &claims, message).ok_or(TokenError::Invalid("a claim is missing, of another type or of another value"))
    }
}

fn sign(key: &Key, typ: &str, claims: &Value) -> Result<String> {
    let header = match &key.kid {
        Some(kid) => json!({"alg": key.algorithm.name(), "typ": typ, "kid": kid}),
        None => json!({"alg": key.algorithm.name(), "typ": typ}),
    };
    let message = format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(claims.to_string()));
    let signature = key.sign(&message)?;
    Ok(format!("{message}.{signature}"))
}
