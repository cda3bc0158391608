//! stub
use super::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// A key as the store keeps it. Does not print its secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKey {
    /// Names it; the header parameter `kid` (RFC 7515 §4.1.4).
    pub kid: String,
    /// When it was made.
    pub created: Timestamp,
    /// base64url of the PKCS#8 document or of the HMAC secret.
    pub secret: String,
}
impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
