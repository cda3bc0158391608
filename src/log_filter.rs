//! Which log lines are written, and changing that while the process runs. Who does it is `auth`'s business.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Longest filter, in bytes; it is kept in the audit trail.
const MAX_BYTES: usize = 1000;
const WANTED: &str = "use error, warn, info, debug, trace or off, or a filter such as warn,audit=info";

/// `warn`, or `warn,audit=info`: a level, or modules with levels. Has been read once, so it can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// A bare word that is no level would be taken for a module's name, and silence all others.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("it is longer than {MAX_BYTES} bytes; {WANTED}"));
        }
        let mut words = text.split(',').filter(|word| !word.contains(['=', '[', ']', '{', '}']));
        if let Some(word) = words.find(|word| word.parse::<LevelFilter>().is_err()) {
            return Err(format!("{word:?} is not a level; {WANTED}"));
        }
        let read = EnvFilter::try_new(text).map(|_| Self(text.to_owned()));
        read.map_err(|_| format!("{text:?} is not a filter; {WANTED}"))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The log of this process, where it can be changed. Cheap to clone. By default there is none to change.
#[derive(Clone, Default)]
pub struct LogControl(Option<Arc<Inner>>);

struct Inner {
    filter: Mutex<String>,
    apply: Box<dyn Fn(EnvFilter) -> bool + Send + Sync>,
}

impl LogControl {
    /// Of a log that has this filter; `apply` gives it another, and says whether it did.
    pub fn new(filter: &str, apply: impl Fn(EnvFilter) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Inner { filter: Mutex::new(filter.to_owned()), apply: Box::new(apply) })))
    }

    /// The filter in use; `None`: this process has no log that could be changed.
    #[must_use]
    pub fn filter(&self) -> Option<String> {
        Some(self.0.as_ref()?.filter.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Uses another filter until the process ends or the next change. `false`: there is no log that could be changed.
    #[must_use]
    pub fn change(&self, filter: &Filter) -> bool {
        let Some(inner) = &self.0 else { return false };
        let mut current = inner.filter.lock().unwrap_or_else(PoisonError::into_inner);
        let applied = EnvFilter::try_new(filter.as_str()).is_ok_and(|filter| (inner.apply)(filter));
        if applied {
            filter.as_str().clone_into(&mut current);
        }
        applied
    }
}

impl fmt::Debug for LogControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogControl").field(&self.filter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_levels_and_modules_with_levels() {
        for good in ["warn,audit=info", "off", "INFO", "trace", "", "warn,doorward::store=debug,[commit]=trace"] {
            assert!(Filter::parse(good).is_ok(), "{good}");
        }
        for bad in ["loud", "warn,loud", "audit", "warn, info", "audit=loud", "[[[", "=", "warn;info", &"a=info,".repeat(200)] {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_process_without_a_log_has_none_to_change() {
        let none = LogControl::default();
        assert!(none.filter().is_none() && !Filter::parse("debug").is_ok_and(|filter| none.change(&filter)));
    }
}
