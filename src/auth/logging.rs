//! Use case of the log: an administrator changes which lines are written, and that is noted.

use super::audit::{Event, Word};
use super::{Actor, Auth};
use crate::error::{Error, Faults, Result};
use crate::log_filter::{Filter, LogControl};

impl Auth {
    /// Which lines are written.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no log.
    pub fn log_filter(&self, _actor: Actor, log: &LogControl) -> Result<String> {
        log.filter().ok_or_else(no_log)
    }

    /// Writes other lines, until the process ends or the next change.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no log.
    pub fn change_log(&self, actor: Actor, log: &LogControl, filter: &Filter) -> Result<()> {
        let before = log.filter().ok_or_else(no_log)?;
        // First: a log that is switched off still says by whom.
        self.note(Event::new(Word::LogChanged, actor).detail("from", before).detail("to", filter.as_str()));
        if log.change(filter) { Ok(()) } else { Err(no_log()) }
    }
}

fn no_log() -> Error {
    Error::Invalid(Faults::of("filter", "This process writes no log."))
}
