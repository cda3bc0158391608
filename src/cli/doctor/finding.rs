//! One check and what came of it.

use serde::Serialize;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, and should be looked at.
    Look,
    /// Does not work, or is about to harm somebody.
    Fix,
    /// It could not be looked at.
    Skip,
}

impl Verdict {
    /// All, the good first.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Look, Self::Fix, Self::Skip];

    /// In a word, which programs get, too.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Look => "look",
            Self::Fix => "fix",
            Self::Skip => "skip",
        }
    }

    /// As terminals take it (ECMA-48, SGR).
    pub const fn colour(self) -> &'static str {
        match self {
            Self::Ok => "32",
            Self::Look => "33",
            Self::Fix => "31",
            Self::Skip => "2",
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
    pub fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, what: what.into(), advice: None }
    }

    /// Something to look at.
    pub fn look(check: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Look, what: what.into(), advice: Some(advice.into()) }
    }

    /// Something to mend.
    pub fn fix(check: &'static str, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fix, what: what.into(), advice: Some(advice.into()) }
    }

    /// It could not be looked at.
    pub fn skip(check: &'static str, why: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Skip, what: why.into(), advice: None }
    }
}
