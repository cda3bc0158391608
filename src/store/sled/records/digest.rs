//! What is in all the records, in sixteen bytes.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// A sum over the hashes of records: it does not depend on their order, so it follows every change without a look at
/// the rest, and it differs when any record is lost, old or altered. It is no defence against someone who writes the
/// file on purpose.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(in crate::store) struct Digest(u128);

impl Digest {
    fn of(key: &[u8], value: &[u8]) -> u128 {
        let mut context = Context::new(&SHA256);
        context.update(&(key.len() as u64).to_be_bytes());
        context.update(key);
        context.update(value);
        let mut half = [0; 16];
        half.copy_from_slice(&context.finish().as_ref()[..16]);
        u128::from_be_bytes(half)
    }

    /// Takes a record in.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.0 = self.0.wrapping_add(Self::of(key, value));
    }

    /// Of the records of both.
    pub fn with(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// Takes a record out.
    pub fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.0 = self.0.wrapping_sub(Self::of(key, value));
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        format!("{digest:?}")
    }
}

impl TryFrom<String> for Digest {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u128::from_str_radix(&text, 16).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_forgets_what_was_taken_out_and_knows_a_value_by_its_key() {
        let mut digest = Digest::default();
        digest.add(b"a", b"1");
        digest.add(b"b", b"2");
        digest.remove(b"a", b"1");
        let mut other = Digest::default();
        other.add(b"b", b"2");
        assert_eq!(digest, other);
        other.remove(b"b", b"2");
        other.add(b"b2", b"");
        assert_ne!(digest, other);
        assert_eq!(Digest::try_from(String::from(digest)), Ok(digest));
    }
}
