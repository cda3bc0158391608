//! The keys in use: which one signs, which ones a token may have been signed with, and what each accepts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{DecodingKey, EncodingKey};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{Algorithm, Purpose, SharedSecrets, State, StoredKey, missing};
use crate::error::{Error, Result};

impl Algorithm {
    pub(super) const fn jws(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::ES256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDSA => jsonwebtoken::Algorithm::EdDSA,
            Self::RS256 => jsonwebtoken::Algorithm::RS256,
            Self::HS256 => jsonwebtoken::Algorithm::HS256,
        }
    }

    fn encoding(self, secret: &[u8]) -> EncodingKey {
        match self {
            Self::ES256 => EncodingKey::from_ec_der(secret),
            Self::EdDSA => EncodingKey::from_ed_der(secret),
            Self::RS256 => EncodingKey::from_rsa_der(secret),
            Self::HS256 => EncodingKey::from_secret(secret),
        }
    }
}

/// Which rules a verified token must keep: one row of DESIGN's table each. Nothing of it is inferred from the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Access tokens signed with a key of our own: every claim required, `typ` `at+jwt` (RFC 9068 §2.1).
    Own,
    /// Access tokens under a shared secret, by us or by Flask-JWT-Extended.
    Shared,
    /// Refresh tokens.
    Refresh,
}

/// A key that is ready to sign and verify.
pub(in crate::auth) struct Key {
    pub kid: Option<String>,
    pub algorithm: Algorithm,
    pub profile: Profile,
    encoding: EncodingKey,
    decoding: DecodingKey,
    public: Option<Jwk>,
}

impl Key {
    pub(in crate::auth) fn stored(stored: &StoredKey) -> Result<Self> {
        let secret = Zeroizing::new(
            BASE64URL.decode(&stored.secret).map_err(|source| Error::Crypto { action: "reading a stored key", source: source.into() })?,
        );
        let profile = match stored.purpose {
            Purpose::Access => Profile::Own,
            Purpose::Refresh => Profile::Refresh,
        };
        let kid = Some(stored.kid.clone());
        if stored.algorithm == Algorithm::HS256 {
            return Ok(Self::hmac(kid, profile, &secret));
        }
        let mut jwk = public_jwk(stored.algorithm, &secret)?;
        let decoding = DecodingKey::from_jwk(&jwk).map_err(crypto("reading a public key"))?;
        jwk.common.key_id.clone_from(&kid);
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let encoding = stored.algorithm.encoding(&secret);
        Ok(Self { kid, algorithm: stored.algorithm, profile, encoding, decoding, public: Some(jwk) })
    }

    fn hmac(kid: Option<String>, profile: Profile, secret: &[u8]) -> Self {
        let (encoding, decoding) = (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret));
        Self { kid, algorithm: Algorithm::HS256, profile, encoding, decoding, public: None }
    }

    fn shared(secret: &SecretString) -> Self {
        Self::hmac(None, Profile::Shared, secret.expose_secret().as_bytes())
    }

    /// base64url of the signature over `message`.
    pub(in crate::auth) fn sign(&self, message: &str) -> Result<String> {
        jsonwebtoken::crypto::sign(message.as_bytes(), &self.encoding, self.algorithm.jws()).map_err(crypto("signing"))
    }

    /// Whether `signature` (base64url) is this key's over `message`.
    pub(in crate::auth) fn verifies(&self, signature: &str, message: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.decoding, self.algorithm.jws()).unwrap_or(false)
    }

    /// Signs and verifies once, so that a key that does not fit itself shows before a token depends on it.
    pub(super) fn try_out(&self) -> Result<()> {
        let signature = self.sign("self-test")?;
        let sound = self.verifies(&signature, "self-test") && !self.verifies(&signature, "self-tesT");
        if sound { Ok(()) } else { Err(missing("the self-test of a key")) }
    }
}

/// The public part as a JWK. Never of an HMAC key: the library would give the secret.
fn public_jwk(algorithm: Algorithm, secret: &[u8]) -> Result<Jwk> {
    if algorithm == Algorithm::HS256 {
        return Err(missing("publishing a key"));
    }
    Jwk::from_encoding_key(&algorithm.encoding(secret), algorithm.jws()).map_err(crypto("reading a public key"))
}

/// What names a public key (RFC 7638).
pub(super) fn thumbprint(algorithm: Algorithm, secret: &[u8]) -> Result<String> {
    public_jwk(algorithm, secret)?.thumbprint(ThumbprintHash::SHA256).map_err(crypto("naming a key"))
}

fn crypto(action: &'static str) -> impl Fn(jsonwebtoken::errors::Error) -> Error {
    move |source| Error::Crypto { action, source: source.into() }
}

/// Every key in use. It never changes: another one takes its place.
pub struct Keyring {
    keys: Vec<Key>,
    access: usize,
    refresh: usize,
}

impl Keyring {
    /// From the stored keys and the shared secrets, if there are any. Each key signs and verifies once, so that a missing
    /// or doubled crypto backend shows at the start and not at the first login.
    ///
    /// # Errors
    /// [`Error::Crypto`] when a key cannot be used, or one that is needed is missing.
    pub fn load(stored: &[StoredKey], shared: &SharedSecrets) -> Result<Self> {
        let mut keys = stored.iter().map(Key::stored).collect::<Result<Vec<_>>>()?;
        let active = |purpose| stored.iter().rposition(|key| key.purpose == purpose && key.state == State::Active);
        let current = shared.current.as_ref().map(|_| keys.len());
        keys.extend(shared.current.iter().chain(&shared.previous).map(Key::shared));
        keys.iter().try_for_each(Key::try_out)?;
        let access = current.or(active(Purpose::Access)).ok_or_else(|| missing("finding a key for access tokens"))?;
        let refresh = active(Purpose::Refresh).ok_or_else(|| missing("finding the key for refresh tokens"))?;
        Ok(Self { keys, access, refresh })
    }

    /// The key that signs access tokens.
    pub(in crate::auth) fn access(&self) -> &Key {
        &self.keys[self.access]
    }

    /// The key that signs refresh tokens.
    pub(in crate::auth) fn refresh(&self) -> &Key {
        &self.keys[self.refresh]
    }

    /// The keys a header may mean: the one it names or, when it names none, those without a name.
    pub(in crate::auth) fn candidates(&self, kid: Option<&str>) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| key.kid.as_deref() == kid)
    }

    /// The public keys (RFC 7517 §5): next, active and verifying. Symmetric keys are never in it.
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

#[cfg(test)]
mod tests {
    use super::super::super::clock::Timestamp;
    use super::*;

    fn stored() -> Vec<StoredKey> {
        let made = |algorithm| StoredKey::generate(algorithm, Timestamp::default()).unwrap();
        let next = StoredKey { state: State::Next { from: Timestamp::default() }, ..made(Algorithm::EdDSA) };
        vec![made(Algorithm::ES256), StoredKey::generate_refresh(Timestamp::default()).unwrap(), next]
    }

    fn shared(current: Option<&str>, previous: &[&str]) -> SharedSecrets {
        SharedSecrets { current: current.map(SecretString::from), previous: previous.iter().map(|&one| SecretString::from(one)).collect() }
    }

    fn members(key: &serde_json::Value) -> Vec<&str> {
        let mut names: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_published_set_holds_public_members_only() {
        let ring = Keyring::load(&stored(), &shared(Some("shared secret"), &["before"])).unwrap();
        let jwks = serde_json::to_value(ring.jwks()).unwrap();
        let keys = jwks["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(members(&keys[0]), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!(members(&keys[1]), ["alg", "crv", "kid", "kty", "use", "x"]);
        assert_eq!((&keys[0]["alg"], &keys[0]["use"]), (&"ES256".into(), &"sig".into()));
        assert_eq!((&keys[1]["alg"], &keys[1]["crv"]), (&"EdDSA".into(), &"Ed25519".into()));
    }

    #[test]
    fn a_shared_secret_signs_and_the_own_key_goes_on_verifying() {
        let stored = stored();
        let ring = Keyring::load(&stored, &shared(Some("s"), &[])).unwrap();
        assert_eq!((ring.access().profile, ring.candidates(Some(&stored[0].kid)).count()), (Profile::Shared, 1));
        assert_eq!(Keyring::load(&stored, &shared(None, &[])).unwrap().access().profile, Profile::Own);
    }

    #[test]
    fn a_previous_secret_verifies_and_does_not_sign() {
        let ring = Keyring::load(&stored(), &shared(Some("now"), &["before"])).unwrap();
        assert_eq!(ring.candidates(None).count(), 2);
        let before = Key::shared(&SecretString::from("before")).sign("m").unwrap();
        assert!(ring.candidates(None).any(|key| key.verifies(&before, "m")) && !ring.access().verifies(&before, "m"));
        assert_eq!(Keyring::load(&stored(), &shared(None, &["before"])).unwrap().access().profile, Profile::Own);
    }

    #[test]
    fn a_key_that_comes_next_does_not_sign_yet() {
        let stored = stored();
        assert_eq!(Keyring::load(&stored, &shared(None, &[])).unwrap().access().kid.as_ref(), Some(&stored[0].kid));
    }

    #[test]
    fn a_ring_without_the_keys_it_needs_is_refused() {
        assert!(Keyring::load(&[], &shared(None, &[])).is_err());
        assert!(Keyring::load(&stored()[..1], &shared(None, &[])).is_err());
        assert!(Keyring::load(&stored()[1..], &shared(None, &[])).is_err());
    }

    #[test]
    fn no_debug_output_shows_a_secret() {
        let stored = stored();
        let secrets = shared(Some("hunter2"), &["hunter3"]);
        let shown = format!("{stored:?} {:?} {secrets:?}", Keyring::load(&stored, &secrets).unwrap());
        assert!(!shown.contains("hunter") && stored.iter().all(|key| !shown.contains(&key.secret)));
    }
}
