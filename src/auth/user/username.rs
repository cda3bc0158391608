//! The grammar of names: which may be chosen, which are one name, and which only the command line may give.

use std::fmt;

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use serde::{Deserialize, Serialize};
use unicode_security::{MixedScript, skeleton};

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
}
