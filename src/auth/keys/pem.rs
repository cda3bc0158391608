//! What may be imported: one private key in PEM (RFC 7468), as PKCS#8 (RFC 5958). A refusal says what is wrong with the
//! key and, where it is only its wrapping, how to change that.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::Algorithm;

/// For a key whose parts do not fit together.
pub(super) const UNSOUND: &str = "The key is not sound: its parts do not fit together.";
const MALFORMED: &str = "Not a private key in PEM: -----BEGIN PRIVATE KEY-----, base64, -----END PRIVATE KEY-----.";
const CONVERT: &str = "Convert it with: openssl pkcs8 -topk8 -nocrypt -in KEY.pem -out PKCS8.pem";
/// NIST SP 800-57 part 1: 3072 bit for use beyond 2030. More than 4096 makes tokens too long for a header.
const RSA_BITS: std::ops::RangeInclusive<usize> = 3072..=4096;

/// DER tags.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// What the key signs with, and its DER as [`super::StoredKey::secret`] holds it.
///
/// # Errors
/// A sentence for whoever sent it.
pub(super) fn read(pem: &str) -> Result<(Algorithm, Zeroizing<Vec<u8>>), String> {
    let der = unwrap(pem)?;
    let Parts { kind, parameters, key } = parts(&der).ok_or(MALFORMED)?;
    match (kind, parameters) {
        (RSA, _) => {
            check_rsa(key)?;
            RsaKeyPair::from_pkcs8(&der).map_err(|_| UNSOUND)?;
            Ok((Algorithm::RS256, Zeroizing::new(key.to_vec())))
        }
        (EC, Some(P256)) => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).map_err(|_| UNSOUND)?;
            Ok((Algorithm::ES256, Zeroizing::new(pair.to_pkcs8v1().map_err(|_| UNSOUND)?.as_ref().to_vec())))
        }
        (ED25519, None) => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| UNSOUND)?;
            Ok((Algorithm::EdDSA, Zeroizing::new(pair.to_pkcs8v1().map_err(|_| UNSOUND)?.as_ref().to_vec())))
        }
        _ => Err("The key is of another kind; EC P-256, Ed25519 and RSA can be used.".to_owned()),
    }
}

/// The DER inside the PEM.
fn unwrap(pem: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let begin = |line: &str| line.trim().strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----")).map(str::to_owned);
    // `openssl ecparam -genkey` writes the curve first, in a block of its own.
    let labels: Vec<_> = pem.lines().filter_map(begin).filter(|label| label != "EC PARAMETERS").collect();
    let [label] = labels.as_slice() else {
        return Err(if labels.is_empty() { MALFORMED } else { "There is more than one key." }.to_owned());
    };
    match label.as_str() {
        "PRIVATE KEY" => {}
        "EC PRIVATE KEY" => return Err(format!("This is a SEC1 key; PKCS#8 is needed. {CONVERT}")),
        "RSA PRIVATE KEY" => return Err(format!("This is a PKCS#1 key; PKCS#8 is needed. {CONVERT}")),
        "ENCRYPTED PRIVATE KEY" => return Err(format!("The key is encrypted. {CONVERT}")),
        "OPENSSH PRIVATE KEY" => return Err("This is an OpenSSH key; make one with: openssl genpkey -algorithm ed25519".to_owned()),
        "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE" => {
            return Err("This is the public half; the private key is needed to sign.".to_owned());
        }
        _ => return Err(MALFORMED.to_owned()),
    }
    let body = pem.split_once("-----BEGIN PRIVATE KEY-----").and_then(|(_, rest)| rest.split_once("-----END PRIVATE KEY-----"));
    let letters: Zeroizing<String> = Zeroizing::new(body.ok_or(MALFORMED)?.0.split_ascii_whitespace().collect());
    Ok(Zeroizing::new(BASE64.decode(letters.as_bytes()).map_err(|_| MALFORMED)?))
}

/// Of a PKCS#8 document: which kind of key, its parameters if they name something, and the key itself.
struct Parts<'a> {
    kind: &'a [u8],
    parameters: Option<&'a [u8]>,
    key: &'a [u8],
}

fn parts(der: &[u8]) -> Option<Parts<'_>> {
    let (info, rest) = value(SEQUENCE, der)?;
    let (_version, info) = value(INTEGER, info)?;
    let (algorithm, info) = value(SEQUENCE, info)?;
    let (key, _) = value(OCTET_STRING, info)?;
    let (kind, parameters) = value(OBJECT_ID, algorithm)?;
    let parameters = value(OBJECT_ID, parameters).map(|(name, _)| name);
    rest.is_empty().then_some(Parts { kind, parameters, key })
}

/// What a DER value of this tag holds, and what follows it (ITU-T X.690 §8.1).
fn value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    if found == tag { rest.split_at_checked(length) } else { None }
}

fn check_rsa(pkcs1: &[u8]) -> Result<(), String> {
    let numbers = value(SEQUENCE, pkcs1).and_then(|(key, _)| value(INTEGER, key)).and_then(|(_version, key)| {
        let (modulus, key) = value(INTEGER, key)?;
        Some((significant(modulus), significant(value(INTEGER, key)?.0)))
    });
    let (modulus, exponent) = numbers.ok_or(MALFORMED)?;
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(format!("The RSA key has {bits} bit; {} to {} can be used.", RSA_BITS.start(), RSA_BITS.end()));
    }
    // Three bytes or more: at least 65536, and odd. What every tool makes is 65537 (NIST FIPS 186-5 §A.1.1).
    if exponent.len() < 3 || exponent.last().is_none_or(|byte| byte % 2 == 0) {
        return Err("The RSA key has a public exponent below 65537.".to_owned());
    }
    if is_roca(modulus) {
        return Err("The RSA key was made by a faulty chip and can be broken (ROCA, CVE-2017-15361); make another.".to_owned());
    }
    Ok(())
}

fn significant(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

/// The fingerprint of the faulty generator (Nemec et al. 2017, §3.3): modulo each of these primes the modulus is a power of
/// 65537. For any other key the odds are below 2⁻¹⁰⁰.
fn is_roca(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131,
        137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest << 8 | u32::from(*byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * (65537 % prime) % prime));
        powers.take(*prime as usize).any(|power| power == rest)
    })
}

#[cfg(test)]
mod tests {
    use super::super::StoredKey;
    use super::*;
    use crate::auth::clock::Timestamp;

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der))
    }

    #[test]
    fn a_key_made_here_comes_back_as_itself_whatever_stands_around_it() {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
        for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
            let made = StoredKey::generate(algorithm, Timestamp::default()).unwrap();
            let text = pem("PRIVATE KEY", &BASE64URL.decode(&made.secret).unwrap());
            for text in [text.clone(), text.replace('\n', "\r\n"), format!("Bag Attributes\n  friendlyName: x\n{text}\n\n")] {
                let read = StoredKey::import(&text, Timestamp::default()).unwrap();
                assert_eq!((read.kid, read.algorithm), (made.kid.clone(), algorithm));
            }
        }
    }

    #[test]
    fn what_is_no_private_key_in_pkcs8_is_refused_with_what_would_do() {
        let says = |text: &str| read(text).unwrap_err();
        for label in ["EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
            assert!(says(&pem(label, b"x")).contains("openssl pkcs8 -topk8 -nocrypt"), "{label}");
        }
        assert!(says(&pem("PUBLIC KEY", b"x")).contains("private key is needed"));
        assert!(says(&(pem("PRIVATE KEY", b"x") + &pem("PRIVATE KEY", b"y"))).contains("more than one"));
        for text in ["", "x", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----"] {
            assert_eq!(says(text), MALFORMED, "{text}");
        }
    }

    #[test]
    fn no_bytes_in_place_of_a_key_do_harm() {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
        let made = StoredKey::generate(Algorithm::EdDSA, Timestamp::default()).unwrap();
        let der = BASE64URL.decode(made.secret).unwrap();
        for end in 0..der.len() {
            assert!(read(&pem("PRIVATE KEY", &der[..end])).is_err(), "the first {end} bytes");
            let mut bent = der.clone();
            bent[end] ^= 0x80;
            let _ = read(&pem("PRIVATE KEY", &bent));
        }
    }

    #[test]
    fn a_modulus_of_the_faulty_generator_is_known() {
        // 65537 to any power is one; so is its product with another.
        assert!(is_roca(&65537_u32.pow(1).to_be_bytes()) && is_roca(&(65537_u64 * 65537 * 65537).to_be_bytes()));
        assert!(!is_roca(&65539_u32.to_be_bytes()));
    }
}
