//! stub
use serde::{Deserialize, Serialize};
use uuid::Uuid;
/// Names a token: the claim `jti` (RFC 7519 §4.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(pub(crate) Uuid);
