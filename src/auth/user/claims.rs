//! The claims that an operator adds to access tokens.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Claims that belong to the server: RFC 7519 §4.1, ours, and those other libraries give a meaning.
const RESERVED_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "type",
    "fresh",
    "sid",
    "ctr",
    "username",
    "roles",
    "csrf",
    "scope",
    "scp",
    "client_id",
    "cnf",
    "act",
    "may_act",
    "azp",
    "amr",
    "acr",
    "auth_time",
    "nonce",
];

/// Most bytes of custom claims as JSON: a token of 3 KiB fits the headers and cookies proxies accept.
pub const CUSTOM_CLAIMS_BYTES: usize = 1024;

/// Claims that an operator adds to access tokens: a JSON object without the names the server uses itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomClaims(Map<String, Value>);

impl CustomClaims {
    /// The claims.
    #[must_use]
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Map<String, Value>> for CustomClaims {
    type Error = String;

    fn try_from(claims: Map<String, Value>) -> Result<Self, Self::Error> {
        if let Some(name) = claims.keys().find(|name| RESERVED_CLAIMS.contains(&name.as_str())) {
            return Err(format!("The claim name {name:?} is reserved."));
        }
        let bytes = serde_json::to_string(&claims).map_or(usize::MAX, |json| json.len());
        if bytes > CUSTOM_CLAIMS_BYTES {
            return Err(format!("Longer than {CUSTOM_CLAIMS_BYTES} bytes as JSON; every token carries them."));
        }
        Ok(Self(claims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_of_the_servers_own_or_too_many_bytes_are_refused() {
        let claims = |json: Value| CustomClaims::try_from(json.as_object().unwrap().clone());
        assert!(claims(serde_json::json!({"department": "support", "level": 3})).is_ok());
        assert!(claims(serde_json::json!({"sub": "1"})).unwrap_err().contains("reserved"));
        assert!(claims(serde_json::json!({"note": "x".repeat(1100)})).unwrap_err().contains("1024"));
    }
}
