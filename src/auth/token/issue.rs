//! Making tokens: what stands in them, and the signature below it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Tokens;
use crate::auth::clock::Timestamp;
use crate::auth::keys::Key;
use crate::auth::session::{Lifetimes, Session};
use crate::auth::user::User;
use crate::error::Result;

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

impl Tokens {
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
        let keys = self.keys();
        Ok(TokenPair {
            access: sign(keys.access(), "at+jwt", &Value::Object(access))?,
            refresh: sign(keys.refresh(), "refresh", &refresh)?,
            expires_in: expires.since(now).as_secs(),
        })
    }

    fn access_claims(&self, user: &User, session: &Session, fresh: bool, now: Timestamp, expires: Timestamp) -> Map<String, Value> {
        let issued = now.secs().saturating_sub(self.issuer.backdate.as_secs()).max(self.not_before.secs().min(now.secs()));
        let Value::Object(mut claims) = json!({
            "iss": self.issuer.name,
            "iat": issued,
            "nbf": issued,
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

    /// How many bytes the access token has that `key` would sign for a session's present state.
    ///
    /// # Errors
    /// [`crate::Error::Crypto`]
    pub(in crate::auth) fn access_bytes(
        &self,
        key: &Key,
        user: &User,
        session: &Session,
        now: Timestamp,
        lifetimes: &Lifetimes,
    ) -> Result<usize> {
        let claims = self.access_claims(user, session, true, now, session.access_end(now, lifetimes));
        Ok(sign(key, "at+jwt", &Value::Object(claims))?.len())
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
