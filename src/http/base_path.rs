//! Under which path a proxy shows the server: it takes the prefix away before it hands a request on, so only the addresses
//! that answers name need it. The page's own are relative.

use serde::{Deserialize, Serialize};

/// Nothing, or a path such as `/auth`: no slash at its end, nothing that needs an escape.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BasePath(String);

impl BasePath {
    /// A path of this server, as browsers see it.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl TryFrom<String> for BasePath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_segment = |segment: &str| {
            !matches!(segment, "" | "." | "..") && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
        };
        // Two slashes at the start would name another host (RFC 3986 §4.2).
        if text.is_empty() || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment)) {
            Ok(Self(text))
        } else {
            Err(format!("{text:?} is not a path such as /auth, with a slash at its start and none at its end"))
        }
    }
}

impl From<BasePath> for String {
    fn from(path: BasePath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_nothing_or_plain_segments() {
        for good in ["", "/auth", "/a/b-c_d.e~1"] {
            let path = BasePath::try_from(good.to_owned()).unwrap();
            assert_eq!(path.join("/user/1"), format!("{good}/user/1"));
        }
        for bad in ["/", "auth", "/auth/", "//auth", "/a//b", "/..", "/a/./b", "/a b", "/a%2f", "/a\\b", "/a?b", "https://x", "/\u{e4}"] {
            assert!(BasePath::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
