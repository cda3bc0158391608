//! Keys: made at the first start, kept by the store, never printed. Owns which key signs, which verifies, and what each
//! accepts; the claims themselves are [`super::token`]'s.
//!
//! | purpose | algorithm | `kid` | made |
//! |---|---|---|---|
//! | access tokens | ES256 | RFC 7638 thumbprint | at the first start, unless a shared secret is set |
//! | access tokens | HS256, a shared secret (`JWT_SECRET_KEY`) | none | by the operator; never stored |
//! | refresh tokens | HS256 | random | at the first start |
//!
//! With a shared secret, that one signs access tokens; keys made before go on verifying, so tokens issued earlier live
//! out their minutes. Without it, tokens signed with it are refused at once.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{DecodingKey, EncodingKey};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::clock::Timestamp;
use crate::error::{Error, Result};

/// How a key signs (RFC 7518 §3.1). One key, one algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// HMAC with SHA-256.
    HS256,
}

impl Algorithm {
    /// Its name in the header parameter `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::HS256 => "HS256",
        }
    }

    const fn jws(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::ES256 => jsonwebtoken::Algorithm::ES256,
            Self::HS256 => jsonwebtoken::Algorithm::HS256,
        }
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
    /// base64url of the PKCS#8 document (ES256) or of the secret (HS256).
    pub secret: String,
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredKey").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl StoredKey {
    /// Makes a new P-256 key for access tokens.
    ///
    /// # Errors
    /// [`Error::Crypto`]
    pub fn generate_es256(now: Timestamp) -> Result<Self> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|source| Error::Crypto { action: "making a key", source: source.into() })?;
        let encoding = EncodingKey::from_ec_der(pkcs8.as_ref());
        let kid = public_jwk(&encoding)?.thumbprint(ThumbprintHash::SHA256).map_err(crypto("naming a key"))?;
        let secret = BASE64URL.encode(pkcs8.as_ref());
        Ok(Self { kid, algorithm: Algorithm::ES256, purpose: Purpose::Access, created: now, secret })
    }

    /// Makes a new 256-bit secret for refresh tokens. Its `kid` is random: a thumbprint would be a hash of the secret.
    ///
    /// # Errors
    /// [`Error::Crypto`]
    pub fn generate_refresh(now: Timestamp) -> Result<Self> {
        let mut secret = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(secret.as_mut()).map_err(|source| Error::Crypto { action: "making a secret", source: source.into() })?;
        let kid = uuid::Uuid::new_v4().simple().to_string();
        let secret = BASE64URL.encode(secret.as_ref());
        Ok(Self { kid, algorithm: Algorithm::HS256, purpose: Purpose::Refresh, created: now, secret })
    }
}

/// Which rules a verified token must keep: one row of DESIGN's table each. Nothing of it is inferred from the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Access tokens signed with a key of our own: every claim required, `typ` `at+jwt` (RFC 9068 §2.1).
    Own,
    /// Access tokens under the shared secret, by us or by Flask-JWT-Extended.
    Shared,
    /// Refresh tokens.
    Refresh,
}

/// A key that is ready to sign and verify.
pub(super) struct Key {
    pub kid: Option<String>,
    pub algorithm: Algorithm,
    pub profile: Profile,
    encoding: EncodingKey,
    decoding: DecodingKey,
    public: Option<Jwk>,
}

impl Key {
    fn stored(stored: &StoredKey) -> Result<Self> {
        let secret = Zeroizing::new(
            BASE64URL.decode(&stored.secret).map_err(|source| Error::Crypto { action: "reading a stored key", source: source.into() })?,
        );
        let profile = match stored.purpose {
            Purpose::Access => Profile::Own,
            Purpose::Refresh => Profile::Refresh,
        };
        let kid = Some(stored.kid.clone());
        match stored.algorithm {
            Algorithm::HS256 => Ok(Self::hmac(kid, profile, &secret)),
            Algorithm::ES256 => {
                let encoding = EncodingKey::from_ec_der(&secret);
                let mut jwk = public_jwk(&encoding)?;
                let decoding = DecodingKey::from_jwk(&jwk).map_err(crypto("reading a public key"))?;
                jwk.common.key_id.clone_from(&kid);
                jwk.common.public_key_use = Some(PublicKeyUse::Signature);
                Ok(Self { kid, algorithm: Algorithm::ES256, profile, encoding, decoding, public: Some(jwk) })
            }
        }
    }

    fn hmac(kid: Option<String>, profile: Profile, secret: &[u8]) -> Self {
        let (encoding, decoding) = (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret));
        Self { kid, algorithm: Algorithm::HS256, profile, encoding, decoding, public: None }
    }

    /// base64url of the signature over `message`.
    pub(super) fn sign(&self, message: &str) -> Result<String> {
        jsonwebtoken::crypto::sign(message.as_bytes(), &self.encoding, self.algorithm.jws()).map_err(crypto("signing"))
    }

    /// Whether `signature` (base64url) is this key's over `message`.
    pub(super) fn verifies(&self, signature: &str, message: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.decoding, self.algorithm.jws()).unwrap_or(false)
    }
}

/// The public part as a JWK. Only ever called with elliptic-curve keys: of an HMAC key the library would give the secret.
fn public_jwk(encoding: &EncodingKey) -> Result<Jwk> {
    Jwk::from_encoding_key(encoding, jsonwebtoken::Algorithm::ES256).map_err(crypto("reading a public key"))
}

fn crypto(action: &'static str) -> impl Fn(jsonwebtoken::errors::Error) -> Error {
    move |source| Error::Crypto { action, source: source.into() }
}

/// Every key in use.
pub struct Keyring {
    keys: Vec<Key>,
    access: usize,
    refresh: usize,
}

impl Keyring {
    /// From the stored keys and the shared secret, if there is one. Each key signs and verifies once, so that a missing
    /// or doubled crypto backend shows at the start and not at the first login.
    ///
    /// # Errors
    /// [`Error::Crypto`] when a key cannot be used, or one that is needed is missing.
    pub fn load(stored: &[StoredKey], shared: Option<&SecretString>) -> Result<Self> {
        let mut keys = stored.iter().map(Key::stored).collect::<Result<Vec<_>>>()?;
        keys.extend(shared.map(|secret| Key::hmac(None, Profile::Shared, secret.expose_secret().as_bytes())));
        for key in &keys {
            let signature = key.sign("self-test")?;
            if !key.verifies(&signature, "self-test") || key.verifies(&signature, "self-tesT") {
                return Err(missing("the self-test of a key"));
            }
        }
        let newest = |profile| keys.iter().rposition(|key| key.profile == profile);
        let access = newest(Profile::Shared).or(newest(Profile::Own)).ok_or_else(|| missing("finding a key for access tokens"))?;
        let refresh = newest(Profile::Refresh).ok_or_else(|| missing("finding the key for refresh tokens"))?;
        Ok(Self { keys, access, refresh })
    }

    /// The key that signs access tokens.
    pub(super) fn access(&self) -> &Key {
        &self.keys[self.access]
    }

    /// The key that signs refresh tokens.
    pub(super) fn refresh(&self) -> &Key {
        &self.keys[self.refresh]
    }

    /// The keys a header may mean: the one it names or, when it names none, those without a name.
    pub(super) fn candidates(&self, kid: Option<&str>) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| key.kid.as_deref() == kid)
    }

    /// The public keys (RFC 7517 §5). Symmetric keys are never in it.
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        JwkSet { keys: self.keys.iter().filter_map(|key| key.public.clone()).collect() }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| (&key.kid, key.algorithm))).finish()
    }
}

fn missing(action: &'static str) -> Error {
    Error::Crypto { action, source: "no usable key".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> Vec<StoredKey> {
        vec![StoredKey::generate_es256(Timestamp::default()).unwrap(), StoredKey::generate_refresh(Timestamp::default()).unwrap()]
    }

    #[test]
    fn the_published_set_holds_public_members_only() {
        let ring = Keyring::load(&stored(), Some(&SecretString::from("shared secret"))).unwrap();
        let jwks = serde_json::to_value(ring.jwks()).unwrap();
        let keys = jwks["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 1);
        let mut names: Vec<_> = keys[0].as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!((&keys[0]["alg"], &keys[0]["use"]), (&"ES256".into(), &"sig".into()));
    }

    #[test]
    fn a_shared_secret_signs_and_the_own_key_goes_on_verifying() {
        let stored = stored();
        let ring = Keyring::load(&stored, Some(&SecretString::from("s"))).unwrap();
        assert_eq!((ring.access().profile, ring.candidates(Some(&stored[0].kid)).count()), (Profile::Shared, 1));
        assert_eq!(Keyring::load(&stored, None).unwrap().access().profile, Profile::Own);
    }

    #[test]
    fn a_ring_without_the_keys_it_needs_is_refused() {
        assert!(Keyring::load(&[], None).is_err());
        assert!(Keyring::load(&stored()[..1], None).is_err());
    }

    #[test]
    fn no_debug_output_shows_a_secret() {
        let stored = stored();
        let shown = format!("{stored:?} {:?}", Keyring::load(&stored, None).unwrap());
        assert!(stored.iter().all(|key| !shown.contains(&key.secret)));
    }
}
