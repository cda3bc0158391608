//! Tokens judged from outside: with nothing but the published keys, as other programs judge them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::Algorithm;

/// The header of a token (RFC 7515 §4); `None` when it has none.
fn header(token: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&BASE64URL.decode(token.split('.').next()?).ok()?).ok()
}

/// Whether a token is signed with a secret that verifiers must share: no published key tells anything about it.
#[must_use]
pub fn is_by_secret(token: &str) -> bool {
    header(token).is_some_and(|header| header.get("alg").is_some_and(|alg| alg == Algorithm::HS256.name()))
}

/// Whether a token's signature is by the key of this JWK Set (RFC 7517 §5) that its header names.
#[must_use]
pub fn is_signed_by_one_of(jwks: &Value, token: &str) -> bool {
    verify(jwks, token).unwrap_or(false)
}

fn verify(jwks: &Value, token: &str) -> Option<bool> {
    let header = header(token)?;
    let (kid, alg) = (header.get("kid")?, header.get("alg")?);
    let published = jwks["keys"].as_array()?.iter().find(|key| key["kid"] == *kid && key["alg"] == *alg)?;
    let part = |name: &str| published[name].as_str();
    let algorithm = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256].into_iter().find(|one| alg == one.name())?;
    // Its members by hand: jsonwebtoken's JWK has every kind of key there is, 40 KB of code to read them.
    let key = match algorithm {
        Algorithm::ES256 => DecodingKey::from_ec_components(part("x")?, part("y")?),
        Algorithm::EdDSA => DecodingKey::from_ed_components(part("x")?),
        Algorithm::RS256 => DecodingKey::from_rsa_components(part("n")?, part("e")?),
        Algorithm::HS256 => return None,
    };
    let (message, signature) = token.rsplit_once('.')?;
    jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.ok()?, algorithm.jws()).ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use base64::engine::general_purpose::STANDARD as BASE64;

    use super::super::super::clock::Timestamp;
    use super::super::{Keyring, SharedSecrets, StoredKey};
    use super::*;

    fn key(algorithm: Algorithm) -> StoredKey {
        if algorithm != Algorithm::RS256 {
            return StoredKey::generate(algorithm, Timestamp::default()).unwrap();
        }
        let made = KeyPair::generate(KeySize::Rsa3072).unwrap();
        let der: Pkcs8V1Der = made.as_der().unwrap();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64.encode(der.as_ref()));
        StoredKey::import(&pem, Timestamp::default()).unwrap()
    }

    /// A ring whose key has this algorithm, and a token of it.
    fn signed(algorithm: Algorithm) -> (Value, String) {
        let stored = [key(algorithm), StoredKey::generate_refresh(Timestamp::default()).unwrap()];
        let ring = Keyring::load(&stored, &SharedSecrets::default()).unwrap();
        let header = serde_json::json!({"alg": algorithm.name(), "kid": stored[0].kid});
        let message = format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode("{}"));
        let signature = ring.access().sign(&message).unwrap();
        (serde_json::to_value(ring.jwks()).unwrap(), format!("{message}.{signature}"))
    }

    #[test]
    fn a_token_is_judged_with_the_published_key_that_it_names() {
        for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256] {
            let (jwks, token) = signed(algorithm);
            let (others, _) = signed(algorithm);
            assert!(is_signed_by_one_of(&jwks, &token) && !is_by_secret(&token), "{algorithm:?}");
            assert!(!is_signed_by_one_of(&others, &token), "{algorithm:?}");
            assert!(!is_signed_by_one_of(&jwks, &token.replacen(".e", ".f", 1)), "{algorithm:?}");
        }
    }

    #[test]
    fn what_is_no_token_or_no_set_is_not_signed() {
        let (jwks, token) = signed(Algorithm::ES256);
        for (jwks, token) in
            [(&Value::Null, token.as_str()), (&jwks, ""), (&jwks, "a.b.c"), (&jwks, "e30.e30."), (&jwks, token.trim_end_matches(|_| true))]
        {
            assert!(!is_signed_by_one_of(jwks, token), "{token}");
        }
        let without_alg = serde_json::json!({"kid": jwks["keys"][0]["kid"]}).to_string();
        assert!(!is_signed_by_one_of(&jwks, &format!("{}.e30.x", BASE64URL.encode(without_alg))));
        assert!(is_by_secret(&format!("{}.e30.x", BASE64URL.encode(r#"{"alg":"HS256"}"#))) && !is_by_secret("x"));
    }
}
