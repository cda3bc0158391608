//! What a look at all records finds.

use serde::Serialize;

use super::Counts;

/// All records as they were at one moment, judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Scanned {
    /// What does not fit; `None`: everything is as it should be.
    pub fault: Option<String>,
    /// How many changes the database has seen.
    pub sequence: u64,
    /// How many records of the main kinds there should be.
    #[serde(flatten)]
    pub counts: Counts,
    /// Of all keys and values together: what the database would need if nothing of it were waste.
    pub bytes: u64,
}
