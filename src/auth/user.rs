//! Users: ids, names, roles, custom claims. Owns the grammar of each; knows no store and no HTTP.
//!
//! What comes from outside goes through `parse` or `TryFrom`. Deserialising trusts: only records are read so, which were
//! judged when they were written, and must stay readable when a grammar grows stricter.

use std::fmt;

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use unicode_security::{MixedScript, skeleton};

use super::clock::Timestamp;
use super::password::PasswordHash;

/// Names a user for ever: counts up from 1, is never used again. As a string it is the claim `sub`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(u64);

impl UserId {
    /// The user with this number.
    #[must_use]
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads the one way in which an id is written: decimal digits without a sign or leading zeros.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        if canonical { text.parse().ok().map(Self) } else { None }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names only the command line can give: people would take their owner for the server itself.
const RESERVED: &[&str] = &[
    "admin",
    "administrator",
    "anonymous",
    "api",
    "doorward",
    "everyone",
    "guest",
    "help",
    "info",
    "me",
    "moderator",
    "nobody",
    "null",
    "owner",
    "postmaster",
    "root",
    "security",
    "self",
    "service",
    "staff",
    "superuser",
    "support",
    "system",
    "undefined",
    "user",
    "webmaster",
];

/// Most characters of a name.
pub const USERNAME_CHARS: usize = 64;

const CHARACTERS: &str = "Only letters, digits, and . _ - @ + are allowed.";

/// A user's name as it is kept and compared: RFC 8265 UsernameCaseMapped (width-mapped, lower case, NFC), then our
/// grammar: 1–64 letters, digits and marks of one script, `.`, `_`, `-`, `@` and `+`, at least one letter, not starting
/// with `-` or `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Username(String);

impl Username {
    /// Maps and checks what someone typed.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub fn parse(typed: &str) -> Result<Self, &'static str> {
        if typed.is_empty() {
            return Err("Shorter than minimum length 1.");
        }
        // The longest name that can map to 64 characters; spares the Unicode tables 16 KiB of anything.
        if typed.len() > USERNAME_CHARS * 4 {
            return Err("Longer than maximum length 64.");
        }
        let name = UsernameCaseMapped::enforce(typed).map_err(|_| CHARACTERS)?;
        // Mapping must be stable: what was stored is what is looked up.
        if UsernameCaseMapped::enforce(name.as_ref()).as_deref() != Ok(name.as_ref()) {
            return Err(CHARACTERS);
        }
        if name.chars().count() > USERNAME_CHARS {
            return Err("Longer than maximum length 64.");
        }
        let mark = |c: char| unicode_security::GeneralSecurityProfile::identifier_allowed(c) && !c.is_ascii();
        if !name.chars().all(|c| c.is_alphanumeric() || "._-@+".contains(c) || mark(c)) {
            return Err(CHARACTERS);
        }
        if !name.chars().any(char::is_alphabetic) {
            return Err("At least one letter is needed.");
        }
        if name.starts_with(['-', '.']) {
            return Err("Must not start with - or a full stop.");
        }
        if !name.as_ref().is_single_script() {
            return Err("All letters must be of one script.");
        }
        Ok(Self(name.into_owned()))
    }

    /// Whether only the command line may give this name: it is a reserved one, or looks like one.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        RESERVED.iter().any(|name| looks(name).eq(looks(&self.0)))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a name looks like (the skeleton of UTS #39 §4), without accents: they are easily overlooked.
fn looks(name: &str) -> impl Iterator<Item = char> + '_ {
    skeleton(name).filter(|c| !('\u{300}'..='\u{36f}').contains(c))
}

/// Something a user may do: 1–32 lower-case ASCII letters, digits, `-`, `_`, `:` and `.`, starting with a letter. `admin` is the
/// one the server itself knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Role(String);

impl Role {
    /// The role that may do everything here.
    #[must_use]
    pub fn admin() -> Self {
        Self("admin".to_owned())
    }

    /// Whether it is [`Role::admin`].
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.0 == "admin"
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Role {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let fits = (1..=32).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_:.".contains(&b));
        if fits { Ok(Self(name)) } else { Err("A role is 1-32 lower-case letters, digits, and - _ : . and starts with a letter.") }
    }
}

/// Most roles of one user.
pub const MAX_ROLES: usize = 32;

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

/// A user, as the server knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// For ever.
    pub id: UserId,
    /// Unique.
    pub username: Username,
    /// The password's hash.
    pub password: PasswordHash,
    /// What the user may do.
    pub roles: Vec<Role>,
    /// Goes into the user's access tokens.
    pub claims: CustomClaims,
    /// Whether every login and token is refused.
    pub disabled: bool,
    /// When it was registered.
    pub created: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(typed: &str) -> String {
        Username::parse(typed).unwrap_or_else(|fault| panic!("{typed:?} refused: {fault}")).0
    }

    #[test]
    fn names_that_differ_only_in_case_or_width_are_one_name() {
        for typed in ["Alice", "ALICE", "alice", "ａｌｉｃｅ"] {
            assert_eq!(accepted(typed), "alice");
        }
        assert_eq!(accepted("Jose\u{301}"), accepted("JOSÉ"));
    }

    #[test]
    fn the_grammar_accepts_what_people_are_called_and_refuses_what_misleads() {
        for typed in ["arun", "x", "user@example.com", "j.r-r_t+2", "7of9", "Мария", "राम", "李小龍", "ひらがな漢字", &"a".repeat(64)]
        {
            accepted(typed);
        }
        for typed in [
            "",
            " ",
            "a b",
            " alice",
            "alice\u{a0}",
            "аdmin",
            "adm\u{200b}in",
            "a\u{202e}b",
            "a/b",
            "..",
            ".a",
            "-rf",
            "1",
            "123",
            "😀",
            "a\0",
            "a\u{1b}[31m",
            "a\u{ad}b",
            "\u{feff}a",
            "' or 1=1--",
            "<script>",
            "=cmd()",
            &"a".repeat(65),
            &"a".repeat(15_000),
            "K\u{2126}\u{430}",
        ] {
            assert!(Username::parse(typed).is_err(), "{typed:?} was accepted");
        }
    }

    #[test]
    fn a_name_that_looks_like_a_reserved_one_is_reserved() {
        for typed in ["admin", "Root", "adm\u{131}n", "ADM\u{130}N", "ádmin", "adrnin", "nu11"] {
            assert!(Username::parse(typed).unwrap().is_reserved(), "{typed}");
        }
        for typed in ["arun", "admins", "roots", "мария", "mel"] {
            assert!(!Username::parse(typed).unwrap().is_reserved(), "{typed}");
        }
    }

    #[test]
    fn a_claim_of_the_servers_own_or_too_many_bytes_are_refused() {
        let claims = |json: Value| CustomClaims::try_from(json.as_object().unwrap().clone());
        assert!(claims(serde_json::json!({"department": "support", "level": 3})).is_ok());
        assert!(claims(serde_json::json!({"sub": "1"})).unwrap_err().contains("reserved"));
        assert!(claims(serde_json::json!({"note": "x".repeat(1100)})).unwrap_err().contains("1024"));
    }

    #[test]
    fn an_id_is_written_in_one_way_only() {
        assert_eq!(UserId::parse("18446744073709551615"), Some(UserId(u64::MAX)));
        for text in ["", "0", "01", "+1", "-1", "1.0", "１", "18446744073709551616", " 1", "abc"] {
            assert_eq!(UserId::parse(text), None, "{text:?}");
        }
    }
}
