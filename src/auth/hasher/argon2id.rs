//! Argon2id (RFC 9106): what it costs, the memory it works in, and stored hashes as PHC strings.

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::time::Duration;
use zeroize::Zeroize;

use super::super::foreign::{Foreign, MALFORMED, TOO_DEAR};
use super::super::password::PasswordHash;
use crate::error::{Error, Result};

/// A stored hash that costs more than this is refused, not computed (only imported ones could).
pub(in crate::auth) const MAX_MEMORY_KIB: u32 = 256 * 1024;
pub(in crate::auth) const MAX_ITERATIONS: u32 = 16;
pub(in crate::auth) const MAX_LANES: u32 = 16;
/// What an imported one may write in all, in KiB: about a second.
const MAX_FOREIGN_WORK_KIB: u64 = 1 << 20;
/// More than the 32 MiB up to which glibc learns to keep freed memory for itself: so this is given back to the system.
/// What is reserved and not used costs nothing.
pub(super) const ALWAYS_MAPPED_BLOCKS: usize = 33 * 1024;
pub(super) const SALT_BYTES: usize = 16;
pub(super) const TAG_BYTES: usize = 32;

/// What one hash costs (RFC 9106 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// m, in KiB.
    pub memory_kib: u32,
    /// t
    pub iterations: u32,
    /// p
    pub lanes: u32,
}

impl Cost {
    /// OWASP Password Storage Cheat Sheet; the floor.
    pub const OWASP: Self = Self { memory_kib: 19_456, iterations: 2, lanes: 1 };

    pub(super) fn argon2(self) -> Result<Argon2<'static>> {
        let params = Params::new(self.memory_kib, self.iterations, self.lanes, Some(TAG_BYTES)).map_err(hashing)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    /// In KiB written.
    pub(super) fn work(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.iterations)
    }

    pub(super) fn is_weaker_than(self, other: Self) -> bool {
        self.work() < other.work()
    }

    /// What a hash of this cost lacks to one of the other, as a cost of its own; `None`: nothing to speak of.
    pub(super) fn lacks(self, other: Self) -> Option<Self> {
        let work = other.work().checked_sub(self.work())?;
        let memory_kib = u32::try_from(work / u64::from(other.iterations)).ok()?;
        // RFC 9106 §3.1: at least 8 KiB for each lane.
        (memory_kib >= 8).then_some(Self { memory_kib, lanes: 1, ..other })
    }

    /// What can still be done of a hash of this cost, which takes `whole`, when `spent` is gone; `None`: nothing to speak of.
    pub(super) fn share(self, spent: Duration, whole: Duration) -> Option<Self> {
        let left = whole.checked_sub(spent)?.as_micros();
        let memory_kib = u32::try_from(u128::from(self.memory_kib) * left / whole.as_micros().max(1)).ok()?;
        (memory_kib >= 8).then_some(Self { memory_kib, lanes: 1, ..self })
    }
}

/// One thread's working memory.
#[derive(Default)]
pub(super) struct Memory(pub(super) Vec<Block>);

impl Memory {
    fn of(&mut self, blocks: usize) -> &mut [Block] {
        if self.0.len() < blocks {
            self.0 = Vec::with_capacity(blocks.max(ALWAYS_MAPPED_BLOCKS));
            self.0.resize(blocks, Block::new());
        }
        &mut self.0[..blocks]
    }

    pub(super) fn wipe(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }

    fn free(&mut self) {
        self.0 = Vec::new();
    }

    /// Gives back what a dearer hash took, also where the next job comes at once.
    pub(super) fn shrink_to(&mut self, blocks: usize) {
        if self.0.len() > blocks {
            self.wipe();
            self.free();
        }
    }
}

pub(super) fn hash_with(argon2: &Argon2<'_>, cost: Cost, password: &str, salt: &[u8], memory: &mut Memory) -> Result<PasswordHash> {
    let mut tag = [0; TAG_BYTES];
    let blocks = memory.of(argon2.params().block_count());
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut tag, blocks).map_err(hashing)?;
    phc(cost, salt, &tag)
}

pub(super) fn phc(cost: Cost, salt: &[u8], tag: &[u8]) -> Result<PasswordHash> {
    let (salt, tag) = (phc::Salt::new(salt).map_err(hashing)?, phc::Output::new(tag).map_err(hashing)?);
    let Cost { memory_kib, iterations, lanes } = cost;
    Ok(PasswordHash::from_phc(format!("$argon2id$v=19$m={memory_kib},t={iterations},p={lanes}${salt}${tag}")))
}

/// Whether the password is the one of the hash, and what the hash cost.
pub(super) fn verify_with(hash: &PasswordHash, password: &str, memory: &mut Memory) -> Result<(bool, Cost)> {
    let (parsed, params, cost) = parse(hash)?;
    let (Some(salt), Some(expected)) = (parsed.salt, parsed.hash) else { return Err(hashing("the stored hash is incomplete")) };
    let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).map_err(hashing)?;
    let version = parsed.version.map_or(Ok(Version::V0x10), Version::try_from).map_err(hashing)?;
    let argon2 = Argon2::new(algorithm, version, params);
    let mut tag = vec![0; expected.len()];
    let blocks = memory.of(argon2.params().block_count());
    argon2.hash_password_into_with_memory(password.as_bytes(), &salt, &mut tag, blocks).map_err(hashing)?;
    // `Output` compares in constant time.
    Ok((phc::Output::new(&tag).map_err(hashing)? == expected, cost))
}

/// A stored hash that does not cost more than is allowed.
pub(super) fn parse(hash: &PasswordHash) -> Result<(phc::PasswordHash, Params, Cost)> {
    let parsed = phc::PasswordHash::new(hash.as_phc()).map_err(hashing)?;
    let params = Params::try_from(&parsed).map_err(hashing)?;
    let cost = Cost { memory_kib: params.m_cost(), iterations: params.t_cost(), lanes: params.p_cost() };
    if cost.memory_kib > MAX_MEMORY_KIB || cost.iterations > MAX_ITERATIONS || cost.lanes > MAX_LANES {
        return Err(hashing("the stored hash costs more than is allowed"));
    }
    Ok((parsed, params, cost))
}

/// Whether the password is the one of an imported hash.
pub(super) fn is_foreign_of(hash: &PasswordHash, password: &str, memory: &mut Memory) -> Result<bool> {
    let text = hash.as_foreign().unwrap_or_default();
    match Foreign::read(text).map_err(hashing)?.is_of(password.as_bytes()) {
        Some(verdict) => Ok(verdict),
        None => Ok(verify_with(&PasswordHash::from_phc(text.to_owned()), password, memory)?.0),
    }
}

/// Whether an Argon2 hash of another program can be checked here.
///
/// # Errors
/// Why not, as a sentence.
pub(in crate::auth) fn check_foreign_argon2(hash: &str) -> Result<(), &'static str> {
    let parsed = phc::PasswordHash::new(hash).map_err(|_| MALFORMED)?;
    let params = Params::try_from(&parsed).map_err(|_| MALFORMED)?;
    let cost = Cost { memory_kib: params.m_cost(), iterations: params.t_cost(), lanes: params.p_cost() };
    let known =
        Algorithm::try_from(parsed.algorithm.as_str()).is_ok() && parsed.version.is_none_or(|version| Version::try_from(version).is_ok());
    // RFC 9106 §4: of fewer than 128 bits more than one password would be right.
    if !known || parsed.hash.is_none_or(|sum| sum.len() < 16) || parsed.salt.is_none_or(|salt| salt.len() < argon2::MIN_SALT_LEN) {
        return Err(MALFORMED);
    }
    let dear = cost.memory_kib > MAX_MEMORY_KIB || cost.iterations > MAX_ITERATIONS || cost.lanes > MAX_LANES;
    if dear || cost.work() > MAX_FOREIGN_WORK_KIB { Err(TOO_DEAR) } else { Ok(()) }
}

/// For the fuzz target: how a stored hash reads when it is printed again, and what it costs.
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::auth) fn read(hash: &PasswordHash) -> Option<(String, Cost)> {
    parse(hash).ok().map(|(parsed, _, cost)| (parsed.to_string(), cost))
}

/// For the fuzz target: whether the password is the one of the hash.
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::auth) fn is_password(hash: &PasswordHash, password: &str) -> Result<bool> {
    if hash.as_foreign().is_some() {
        return is_foreign_of(hash, password, &mut Memory::default());
    }
    verify_with(hash, password, &mut Memory::default()).map(|(matches, _)| matches)
}

pub(super) fn hashing(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Crypto { action: "hashing a password", source: source.into() }
}
