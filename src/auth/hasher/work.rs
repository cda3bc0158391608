//! What a thread of the pool does: hashing a password, or checking one.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use super::super::password::{Password, PasswordHash, Typed};
use super::Verdict;
use super::argon2id::{Cost, Memory, SALT_BYTES, hash_with, is_foreign_of, verify_with};
use crate::error::{Error, Result};

/// What is to be done.
pub(super) enum Work {
    Hash(Password),
    Verify(Option<Typed>, PasswordHash),
}

/// What came of it.
pub(super) enum Done {
    Hashed(PasswordHash),
    Verified(Verdict),
}

/// Whoever does it, in anybody's memory.
pub(super) struct Worker {
    cost: Cost,
    /// A moving average of what a hash of today's cost takes, once one was made.
    pub(super) hash_time: Mutex<Option<Duration>>,
}

impl Worker {
    /// Makes hashes of this cost.
    pub fn new(cost: Cost) -> Self {
        Self { cost, hash_time: Mutex::default() }
    }

    pub fn work(&self, work: Work, memory: &mut Memory) -> Result<Done> {
        match work {
            Work::Hash(password) => self.hash(&password, memory).map(Done::Hashed),
            Work::Verify(Some(typed), hash) if hash.as_foreign().is_some() => {
                self.verify_foreign(&typed, &hash, memory).map(Done::Verified)
            }
            Work::Verify(typed, hash) => {
                let password = typed.as_ref().and_then(Typed::password);
                let typed = password.map_or("", Password::expose);
                let started = Instant::now();
                let (matches, cost) = verify_with(&hash, typed, memory)?;
                if cost == self.cost {
                    self.took(started.elapsed());
                }
                let Some(password) = password.filter(|_| matches) else {
                    // Of a hash made when one cost less, too, the answer takes as long as of a user that is not there.
                    if let Some(rest) = cost.lacks(self.cost) {
                        hash_with(&rest.argon2()?, rest, typed, &[0; SALT_BYTES], memory)?;
                    }
                    return Ok(Done::Verified(Verdict::Wrong));
                };
                let better = if cost.is_weaker_than(self.cost) { Some(self.hash(password, memory)?) } else { None };
                Ok(Done::Verified(Verdict::Right(better)))
            }
        }
    }

    /// Checks the exact bytes. What another program hashed is hashed anew, as ours are, if it has that form.
    pub fn verify_foreign(&self, typed: &Typed, hash: &PasswordHash, memory: &mut Memory) -> Result<Verdict> {
        let started = Instant::now();
        let is_right = is_foreign_of(hash, typed.exact(), memory);
        memory.shrink_to(self.cost.argon2()?.params().block_count());
        if is_right? {
            return typed.password().map(|password| self.hash(password, memory)).transpose().map(Verdict::Right);
        }
        // Of a user that is not there, the answer takes the time of one hash of ours; of a dearer hash it takes longer.
        let usual = *self.hash_time.lock().unwrap_or_else(PoisonError::into_inner);
        // How long that is nobody knows before one was made: then it is a whole one.
        if let Some(rest) = usual.map_or(Some(self.cost), |usual| self.cost.share(started.elapsed(), usual)) {
            hash_with(&rest.argon2()?, rest, typed.exact(), &[0; SALT_BYTES], memory)?;
        }
        Ok(Verdict::Wrong)
    }

    fn hash(&self, password: &Password, memory: &mut Memory) -> Result<PasswordHash> {
        let mut salt = [0; SALT_BYTES];
        SystemRandom::new().fill(&mut salt).map_err(|source| Error::Crypto { action: "making a salt", source: source.into() })?;
        let started = Instant::now();
        let hash = hash_with(&self.cost.argon2()?, self.cost, password.expose(), &salt, memory)?;
        self.took(started.elapsed());
        Ok(hash)
    }

    /// A hash of today's cost was made in this time.
    fn took(&self, time: Duration) {
        let mut usual = self.hash_time.lock().unwrap_or_else(PoisonError::into_inner);
        *usual = Some(usual.map_or(time, |usual| (usual * 7 + time) / 8));
    }
}
