//! Use cases of programs that trust our tokens: ask about one (RFC 7662), give one up (RFC 7009), follow what was revoked.

use serde_json::{Map, Value, json};

use super::Auth;
use super::logouts::Scope;
use crate::error::{Error, Result};
use crate::store::{Cursor, News};

/// Most entries of the feed in one answer: well below the longest answer, and quick to make.
const FEED_PAGE: usize = 1000;

/// What a token is shown to be. Nothing of it is said about one that is not good.
#[derive(Debug, Clone, PartialEq)]
pub enum Introspection {
    /// A good access token, and what RFC 7662 §2.2 says about it.
    Active(Map<String, Value>),
    /// Anything else: not ours, expired, revoked, a refresh token.
    Inactive,
}

impl Auth {
    /// Judges a token as a guard would, and says what it is. The name and the roles are those of now.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn introspect(&self, token: &str) -> Result<Introspection> {
        let Ok(claims) = self.check_access(token) else { return Ok(Introspection::Inactive) };
        let Some(user) = self.0.store.user(claims.user).await? else { return Ok(Introspection::Inactive) };
        let said = self.0.tokens.read(token);
        let roles: Vec<_> = user.roles.iter().map(super::user::Role::as_str).collect();
        let all = [
            ("sub", Some(json!(claims.user.to_string()))),
            ("username", Some(json!(user.username))),
            ("iss", said.get("iss").cloned()),
            ("aud", said.get("aud").cloned()),
            ("exp", Some(json!(claims.expires))),
            ("iat", Some(json!(claims.issued))),
            ("nbf", Some(json!(claims.not_before))),
            ("jti", said.get("jti").cloned()),
            ("sid", said.get("sid").cloned()),
            ("token_type", Some(json!("Bearer"))),
            ("scope", Some(json!(roles.join(" ")))),
            ("roles", Some(json!(roles))),
        ];
        // What a token of a Flask app does not say is left out, not null.
        let said = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.filter(|value| !value.is_null())?)));
        Ok(Introspection::Active(said.collect()))
    }

    /// Gives up a token of either kind: a good one ends its session as a logout does. Any other is as good as revoked
    /// (RFC 7009 §2.2).
    ///
    /// # Errors
    /// Storage errors.
    pub async fn revoke(&self, token: &str) -> Result<()> {
        match self.check_any(token).await {
            Ok(claims) => self.logout(&claims, Scope::Local).await,
            Err(Error::Token(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// What was revoked after a cursor; all of it for one that is not known. By the mark: what a clock that is ahead for a moment takes
    /// for expired would be left out, and whoever follows does not ask for it again.
    #[must_use]
    pub fn revocations(&self, after: Option<Cursor>) -> News {
        self.0.store.live().feed().since(after, self.0.clock.mark(), FEED_PAGE)
    }
}
