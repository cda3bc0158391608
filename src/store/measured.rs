//! What a store counts, for whoever watches it.

use crate::metrics::{Counter, Taken, Times};

/// What was counted up to one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// How long groups of changes took to be on disk, and with that how many there were.
    pub commits: Taken,
    /// How many changes were in them.
    pub steps: u64,
    /// Sessions there are, expired ones that wait to be swept among them.
    pub sessions: u64,
    /// Audit events that were not kept.
    pub events_dropped: u64,
}

/// What the writer counts.
#[derive(Debug, Default)]
pub(super) struct Writing {
    /// Of each group that changed something.
    pub commits: Times,
    /// Of those groups.
    pub steps: Counter,
    /// As of the last group.
    pub sessions: Counter,
}
