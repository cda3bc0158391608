//! Hashing passwords: on threads of its own, in memory they reuse, within a bounded time.
//!
//! Working memory is written over by the next job, wiped when none is waiting, and given back with its thread (`pool.rs`). Unknown
//! users are checked against a dummy hash through the same queue, so that the answer and its time are the same (OWASP
//! Authentication Cheat Sheet).

mod argon2id;
mod pool;
#[cfg(test)]
mod tests;
mod work;

use std::sync::Arc;

use super::password::{Password, PasswordHash, Typed};
use crate::error::Result;
use crate::metrics::Taken;
pub use argon2id::Cost;
pub(super) use argon2id::check_foreign_argon2;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use argon2id::{MAX_ITERATIONS, MAX_LANES, MAX_MEMORY_KIB, is_password, read};
use argon2id::{SALT_BYTES, TAG_BYTES, phc};
use pool::Pool;
use work::{Done, Work, Worker};

/// What checking a password gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not this password.
    Wrong,
    /// This password. The hash to keep instead, when the stored one costs less than today's or was made by another program.
    Right(Option<PasswordHash>),
}

/// How busy the pool is.
#[derive(Debug)]
pub struct Load {
    /// Jobs that wait.
    pub waiting: usize,
    /// Jobs that are worked on.
    pub running: usize,
    /// How many can be, at once.
    pub threads: usize,
    /// Jobs that were refused, because of the time they would have waited or had waited.
    pub shed: u64,
    /// How long jobs took, without the wait.
    pub times: Taken,
}

/// A handle on the pool; the threads end when it is dropped.
pub struct Hasher {
    pool: Arc<Pool>,
    dummy: PasswordHash,
}

impl Hasher {
    /// With at most so many threads, which begin when they are needed.
    ///
    /// # Errors
    /// [`Error::Crypto`](crate::Error::Crypto) when the cost cannot be met.
    pub fn start(threads: usize, cost: Cost) -> Result<Self> {
        cost.argon2()?;
        // Of no password that anybody could find; checking against it costs what any check costs.
        let dummy = phc(cost, &[0; SALT_BYTES], &[0; TAG_BYTES])?;
        Ok(Self { pool: Arc::new(Pool::new(threads, Worker::new(cost))), dummy })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`Error::Overloaded`](crate::Error::Overloaded), [`Error::Crypto`](crate::Error::Crypto)
    pub async fn hash(&self, password: Password) -> Result<PasswordHash> {
        match self.pool.run(Work::Hash(password)).await? {
            Done::Hashed(hash) => Ok(hash),
            Done::Verified(_) => unreachable!("a hash job hashes"),
        }
    }

    /// Checks a password. Without a hash (no such user) or a password (nothing could read so), the same work is done for
    /// a verdict that is always [`Verdict::Wrong`].
    ///
    /// # Errors
    /// [`Error::Overloaded`](crate::Error::Overloaded), [`Error::Crypto`](crate::Error::Crypto)
    pub async fn verify(&self, typed: Option<Typed>, hash: Option<&PasswordHash>) -> Result<Verdict> {
        let readable = |typed: &Typed, hash: &PasswordHash| typed.password().is_some() || hash.as_foreign().is_some();
        let work = match (typed, hash) {
            (Some(typed), Some(hash)) if readable(&typed, hash) => Work::Verify(Some(typed), hash.clone()),
            _ => Work::Verify(None, self.dummy.clone()),
        };
        match self.pool.run(work).await? {
            Done::Verified(verdict) => Ok(verdict),
            Done::Hashed(_) => unreachable!("a verify job verifies"),
        }
    }

    /// How busy it is.
    #[must_use]
    pub fn load(&self) -> Load {
        self.pool.load()
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.pool.close();
    }
}
