//! Hashes that other programs made: read when they are imported, checked until their user logs in and they are replaced.
//!
//! | Scheme | Looks like |
//! |---|---|
//! | passlib | `$pbkdf2-sha256$29000$<salt>$<sum>`, also `-sha512` and `$pbkdf2$` (SHA-1); base64 with `.` for `+` |
//! | werkzeug | `scrypt:32768:8:1$<salt>$<hex>`, `pbkdf2:sha256:1000000$<salt>$<hex>`; the salt is text |
//! | Django | `pbkdf2_sha256$1000000$<salt>$<base64>`, also `pbkdf2_sha1`; the salt is text |
//! | bcrypt | `$2b$12$<salt and sum>`, also `2a` and `2y`; the first 72 bytes of a password count |
//! | argon2 | a PHC string, as argon2-cffi and passlib write it; computed in [`super::hasher`] |
//!
//! All are over the exact bytes that were typed: none of these programs maps a password as RFC 8265 does. What one check may
//! cost is limited, since anybody can ask for one; a dearer hash is refused when it is imported.

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use aws_lc_rs::{constant_time, pbkdf2};
use base64::Engine as _;
use base64::alphabet::{self, Alphabet};
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, NO_PAD, STANDARD};
use serde::Serialize;

use super::hasher;

/// Longest hash that is read, in bytes.
const MAX_BYTES: usize = 512;
/// Django's default doubled: about half a second, and one with SHA-512.
const MAX_PBKDF2_ITERATIONS: u32 = 2_000_000;
/// What scrypt may hold, in bytes: twice werkzeug's default. RFC 7914 §6: 128·N·r, and 128·r·p.
const MAX_SCRYPT_MEMORY: u64 = 64 << 20;
/// What it may read and write, in bytes: 128·N·r·p.
const MAX_SCRYPT_WORK: u64 = 256 << 20;
/// 2^14 rounds: about a second.
const MAX_BCRYPT_COST: u32 = 14;
const MIN_BCRYPT_COST: u32 = 4;
/// More of a password bcrypt does not see.
const BCRYPT_BYTES: usize = 72;

const UNKNOWN: &str = "The hash is of no kind that is known here.";
pub(super) const MALFORMED: &str = "The hash is damaged: it does not read as its beginning says.";
pub(super) const TOO_DEAR: &str = "To check the hash would cost more than is allowed.";

/// Passlib's base64, and that of bcrypt, whose last letters may hold bits that mean nothing.
const PASSLIB: GeneralPurpose = match Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./") {
    Ok(letters) => GeneralPurpose::new(&letters, NO_PAD),
    Err(_) => panic!("64 letters, each once"),
};
const BCRYPT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
);

/// Who made a hash, and how. As text, what `import status` counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is its name; the table above says the rest")]
pub enum Scheme {
    PasslibPbkdf2,
    WerkzeugScrypt,
    WerkzeugPbkdf2,
    DjangoPbkdf2,
    Bcrypt,
    Argon2,
}

impl Scheme {
    /// By how it begins.
    pub(super) fn of(hash: &str) -> Option<Self> {
        let beginnings = [
            ("$pbkdf2", Self::PasslibPbkdf2),
            ("scrypt:", Self::WerkzeugScrypt),
            ("pbkdf2:", Self::WerkzeugPbkdf2),
            ("pbkdf2_", Self::DjangoPbkdf2),
            ("$2a$", Self::Bcrypt),
            ("$2b$", Self::Bcrypt),
            ("$2y$", Self::Bcrypt),
            ("$argon2", Self::Argon2),
        ];
        beginnings.into_iter().find(|(beginning, _)| hash.starts_with(beginning)).map(|(_, scheme)| scheme)
    }
}

/// A hash of another program, within the limits. Does not print.
pub(super) enum Foreign {
    Pbkdf2 {
        digest: pbkdf2::Algorithm,
        iterations: NonZeroU32,
        salt: Vec<u8>,
        sum: Vec<u8>,
    },
    Scrypt {
        params: scrypt::Params,
        salt: Vec<u8>,
        sum: Vec<u8>,
    },
    Bcrypt {
        cost: u32,
        salt: [u8; 16],
        sum: [u8; 23],
    },
    /// A PHC string: for [`super::hasher`].
    Argon2,
}

impl Foreign {
    /// Reads it.
    ///
    /// # Errors
    /// Why it cannot be taken, as a sentence.
    pub fn read(hash: &str) -> Result<Self, &'static str> {
        let scheme = Scheme::of(hash).filter(|_| hash.len() <= MAX_BYTES).ok_or(UNKNOWN)?;
        let parts: Vec<&str> = hash.split('$').collect();
        match (scheme, parts.as_slice()) {
            (Scheme::PasslibPbkdf2, ["", kind, iterations, salt, sum]) => {
                let decode = |text: &str| PASSLIB.decode(text).map_err(|_| MALFORMED);
                pbkdf2(kind.strip_prefix("pbkdf2").unwrap_or_default().trim_start_matches('-'), iterations, decode(salt)?, decode(sum)?)
            }
            (Scheme::WerkzeugPbkdf2, [method, salt, sum]) => {
                let (digest, iterations) = method.strip_prefix("pbkdf2:").and_then(|rest| rest.split_once(':')).ok_or(MALFORMED)?;
                pbkdf2(digest, iterations, salt.as_bytes().to_vec(), hex(sum)?)
            }
            (Scheme::DjangoPbkdf2, [method, iterations, salt, sum]) => {
                let digest = method.strip_prefix("pbkdf2_").ok_or(MALFORMED)?;
                pbkdf2(digest, iterations, salt.as_bytes().to_vec(), STANDARD.decode(sum).map_err(|_| MALFORMED)?)
            }
            (Scheme::WerkzeugScrypt, [method, salt, sum]) => scrypt(method, salt.as_bytes().to_vec(), hex(sum)?),
            (Scheme::Bcrypt, ["", _, cost, rest]) => bcrypt(cost, rest),
            (Scheme::Argon2, _) => hasher::check_foreign_argon2(hash).map(|()| Self::Argon2),
            _ => Err(MALFORMED),
        }
    }

    /// Whether the password is the one of the hash; `None` for an Argon2 hash.
    pub fn is_of(&self, password: &[u8]) -> Option<bool> {
        match self {
            Self::Pbkdf2 { digest, iterations, salt, sum } => Some(pbkdf2::verify(*digest, *iterations, salt, password, sum).is_ok()),
            Self::Scrypt { params, salt, sum } => {
                let mut found = vec![0; sum.len()];
                scrypt::scrypt(password, salt, params, &mut found).ok()?;
                Some(constant_time::verify_slices_are_equal(&found, sum).is_ok())
            }
            Self::Bcrypt { cost, salt, sum } => {
                // As C wrote strings: a zero byte ends it, if there is room.
                let mut ended = zeroize::Zeroizing::new([password, &[0]].concat());
                ended.truncate(BCRYPT_BYTES);
                let found = bcrypt::bcrypt(*cost, *salt, &ended);
                Some(constant_time::verify_slices_are_equal(&found[..sum.len()], sum).is_ok())
            }
            Self::Argon2 => None,
        }
    }
}

fn number(text: &str) -> Result<u32, &'static str> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| canonical).ok_or(MALFORMED)
}

fn hex(text: &str) -> Result<Vec<u8>, &'static str> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(MALFORMED);
    }
    let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16));
    bytes.collect::<Result<_, _>>().map_err(|_| MALFORMED)
}

fn pbkdf2(digest: &str, iterations: &str, salt: Vec<u8>, sum: Vec<u8>) -> Result<Foreign, &'static str> {
    let (digest, bytes) = match digest {
        "sha256" => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
        "sha512" => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
        "sha1" | "" => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
        _ => return Err(UNKNOWN),
    };
    let iterations = NonZeroU32::new(number(iterations)?).ok_or(MALFORMED)?;
    if iterations.get() > MAX_PBKDF2_ITERATIONS {
        return Err(TOO_DEAR);
    }
    // Of a shorter sum more than one password would be right.
    if sum.len() != bytes {
        return Err(MALFORMED);
    }
    Ok(Foreign::Pbkdf2 { digest, iterations, salt, sum })
}

fn scrypt(method: &str, salt: Vec<u8>, sum: Vec<u8>) -> Result<Foreign, &'static str> {
    let numbers = method.split(':').skip(1).map(number).collect::<Result<Vec<_>, _>>()?;
    let [n, r, p] = numbers[..] else { return Err(MALFORMED) };
    if !n.is_power_of_two() || n < 2 || r == 0 || p == 0 || sum.len() != 64 {
        return Err(MALFORMED);
    }
    let block = 128 * u64::from(r);
    // What each lane begins and ends with is held, too.
    let memory = block.saturating_mul(n.max(p).into());
    let work = block.saturating_mul(n.into()).saturating_mul(p.into());
    if memory > MAX_SCRYPT_MEMORY || work > MAX_SCRYPT_WORK {
        return Err(TOO_DEAR);
    }
    let log_n = u8::try_from(n.trailing_zeros()).map_err(|_| MALFORMED)?;
    let params = scrypt::Params::new(log_n, r, p).map_err(|_| MALFORMED)?;
    Ok(Foreign::Scrypt { params, salt, sum })
}

fn bcrypt(cost: &str, rest: &str) -> Result<Foreign, &'static str> {
    let (salt, sum) = rest.split_at_checked(22).ok_or(MALFORMED)?;
    let decode = |text: &str| BCRYPT.decode(text).map_err(|_| MALFORMED);
    let salt = decode(salt)?.try_into().map_err(|_| MALFORMED)?;
    let sum = decode(sum)?.try_into().map_err(|_| MALFORMED)?;
    match number(cost)? {
        ..MIN_BCRYPT_COST => Err(MALFORMED),
        cost if cost > MAX_BCRYPT_COST => Err(TOO_DEAR),
        cost => Ok(Foreign::Bcrypt { cost, salt, sum }),
    }
}
