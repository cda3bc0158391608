//! Lengths of time as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time: `90s`, `15m`, `12h`, `30d`, or a bare number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

const WANTED: &str = "not a length of time such as 90s, 15m, 12h or 30d";

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

impl Span {
    fn parse(text: &str) -> Option<Self> {
        let (number, factor) = match UNITS.iter().find(|(unit, _)| text.ends_with(*unit)) {
            Some((unit, factor)) => (text.trim_end_matches(*unit), *factor),
            None => (text, 1),
        };
        let seconds = number.trim().parse::<u64>().ok()?.checked_mul(factor)?;
        Some(Self(Duration::from_secs(seconds)))
    }
}

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or(WANTED)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (unit, factor) =
            UNITS.into_iter().find(|(_, factor)| seconds >= *factor && seconds.is_multiple_of(*factor)).unwrap_or(('s', 1));
        write!(f, "{}{unit}", seconds / factor)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Seconds(u64),
            Text(String),
        }
        let span = match Written::deserialize(deserializer) {
            Ok(Written::Seconds(seconds)) => Some(Self(Duration::from_secs(seconds))),
            Ok(Written::Text(text)) => Self::parse(&text),
            Err(_) => None,
        };
        span.ok_or_else(|| serde::de::Error::custom(WANTED))
    }
}
