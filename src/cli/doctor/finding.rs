//! One check and what came of it.

use serde::Serialize;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Green,
    /// Works, and should be looked at.
    Yellow,
    /// Does not work, or is about to harm somebody.
    Red,
    /// It could not be looked at.
    Skipped,
}

impl Verdict {
    /// All, the good first.
    pub const ALL: [Self; 4] = [Self::Green, Self::Yellow, Self::Red, Self::Skipped];

    /// The same in a word, for who sees no colours.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Green => "ok",
            Self::Yellow => "look",
            Self::Red => "fix",
            Self::Skipped => "skip",
        }
    }

    /// As terminals take it (ECMA-48, SGR).
    pub const fn colour(self) -> &'static str {
        match self {
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Red => "31",
            Self::Skipped => "2",
        }
    }
}

/// What a check found. Holds no secret, and no text of a client but names of users and services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub check: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub what: String,
    /// What to do; nothing, where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn green(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Green, what: what.into(), advice: None }
    }

    /// Something to look at.
    pub fn yellow(check: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Yellow, what: what.into(), advice: Some(advice.into()) }
    }

    /// Something to mend.
    pub fn red(check: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Red, what: what.into(), advice: Some(advice.into()) }
    }

    /// It could not be looked at.
    pub fn skipped(check: &'static str, why: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Skipped, what: why.into(), advice: None }
    }
}
