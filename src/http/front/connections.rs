//! How many connections there are, for whoever watches the server: known to the front while it serves.

use std::sync::{Arc, OnceLock};

use super::caps::{Caps, Refused};

/// By default there are none, and none was refused: nobody serves yet.
#[derive(Debug, Default)]
pub struct Connections(OnceLock<Arc<Caps>>);

impl Connections {
    /// The first front to say so counts them.
    pub(super) fn are_counted_by(&self, caps: &Arc<Caps>) {
        let _ = self.0.set(Arc::clone(caps));
    }

    /// How many are open, those by the local socket and those being refused among them.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.get().map_or(0, |caps| caps.open())
    }

    /// How many were not served.
    #[must_use]
    pub fn refused(&self) -> Refused {
        self.0.get().map(|caps| caps.refused()).unwrap_or_default()
    }
}
