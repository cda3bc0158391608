//! Which log lines are written, and changing that while the process runs. Who does it is `auth`'s business.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::filter::{LevelFilter, Targets};

/// Longest filter, in bytes; it is kept in the audit trail.
const MAX_BYTES: usize = 1000;
const WANTED: &str = "use error, warn, info, debug, trace or off, or a filter such as warn,audit=info";

/// `warn`, or `warn,audit=info`: a level, or modules with levels. Has been read once, so it can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    text: String,
    targets: Targets,
}

impl Filter {
    /// Levels, and modules with levels.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("it is longer than {MAX_BYTES} bytes; {WANTED}"));
        }
        if let Some(word) = text.split(',').find(|word| !word.is_empty() && !is_directive(word)) {
            return Err(format!("{word:?} is not a level; {WANTED}"));
        }
        let targets = text.parse().map_err(|_| format!("{text:?} is not a filter; {WANTED}"))?;
        Ok(Self { text: text.to_owned(), targets })
    }

    /// As the log takes it.
    #[must_use]
    pub fn targets(&self) -> Targets {
        self.targets.clone()
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// `info`, or `audit=info`. A bare name, which would mean all of its lines, is more likely a level misspelt.
fn is_directive(word: &str) -> bool {
    let level = match word.split_once('=') {
        Some((module, level)) => {
            let is_module = !module.is_empty() && module.chars().all(|c| c.is_ascii_alphanumeric() || "_:".contains(c));
            if is_module { level } else { return false }
        }
        None => word,
    };
    level.parse::<LevelFilter>().is_ok()
}

/// The log of this process, where it can be changed. Cheap to clone. By default there is none to change.
#[derive(Clone, Default)]
pub struct LogControl(Option<Arc<Inner>>);

struct Inner {
    filter: Mutex<String>,
    apply: Box<dyn Fn(Targets) -> bool + Send + Sync>,
}

impl LogControl {
    /// Of a log that has this filter; `apply` gives it another, and says whether it did.
    pub fn new(filter: &str, apply: impl Fn(Targets) -> bool + Send + Sync + 'static) -> Self {
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
        let applied = (inner.apply)(filter.targets());
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
        for good in ["warn,audit=info", "off", "INFO", "trace", "", "warn,doorward::store=debug"] {
            assert!(Filter::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "loud",
            "warn,loud",
            "audit",
            "warn, info",
            "audit=loud",
            "[[[",
            "warn,[commit]=trace",
            "=",
            "warn;info",
            &"a=info,".repeat(200),
        ] {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_process_without_a_log_has_none_to_change() {
        let none = LogControl::default();
        assert!(none.filter().is_none() && !Filter::parse("debug").is_ok_and(|filter| none.change(&filter)));
    }
}
