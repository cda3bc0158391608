//! Log lines: warnings, errors and audit events unless more is asked for; on stderr, in UTC.
//!
//! Libraries that use the `log` facade are let through for errors only, and Rocket not at all: its lines hold URIs and
//! guard errors that we have judged and logged already.

use std::io::IsTerminal as _;

use log::{Level, LevelFilter, Log, Metadata, Record};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter as Threshold;
use tracing_subscriber::fmt::format;

use super::Failure;
use super::log_lines::WithRequest;
use crate::config::{ConfigError, Loaded, LogFormat, Settings};

/// Whether the setting is a filter. A bare word that is no level would be taken for a module's name, and silence all others.
///
/// # Errors
/// [`ConfigError`]
pub fn check(loaded: &Loaded) -> Result<(), ConfigError> {
    judge(&loaded.settings.log).map_err(|fault| loaded.refuse("log", &fault))
}

fn judge(filter: &str) -> Result<(), String> {
    const WANTED: &str = "use error, warn, info, debug, trace or off, or a filter such as warn,audit=info";
    let mut words = filter.split(',').filter(|word| !word.contains(['=', '[', ']', '{', '}']));
    if let Some(word) = words.find(|word| word.parse::<Threshold>().is_err()) {
        return Err(format!("{word:?} is not a level; {WANTED}"));
    }
    EnvFilter::try_new(filter).map(drop).map_err(|_| format!("{filter:?} is not a filter; {WANTED}"))
}

/// Installs the log of this process.
pub fn install(settings: &Settings) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&settings.log).map_err(|error| Failure::Refused(format!("setting log: {error}")))?;
    // A line that cannot be written is lost. By default that would be reported on the same stderr, by a call that panics when
    // whoever read it has gone; and so requests would fail that write one.
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    match settings.log_format {
        LogFormat::Text => {
            let colours = std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal();
            let format = WithRequest { lines: format().with_ansi(colours), json: false };
            lines.with_ansi(colours).event_format(format).init();
        }
        LogFormat::Json => lines.json().event_format(WithRequest { lines: format().json().flatten_event(true), json: true }).init(),
    }
    // A logger that is there already keeps Rocket from installing its own.
    if log::set_boxed_logger(Box::new(Libraries)).is_ok() {
        log::set_max_level(LevelFilter::Error);
    }
    Ok(())
}

/// The `log` facade of our libraries.
struct Libraries;

impl Log for Libraries {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Error && !metadata.target().starts_with("rocket") && metadata.target() != "_"
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            tracing::error!(library = record.target(), "{}", record.args());
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn a_filter_is_levels_and_modules_with_levels() {
        for good in ["warn,audit=info", "off", "INFO", "trace", "", "warn,doorward::store=debug,[commit]=trace"] {
            assert_eq!(judge(good), Ok(()), "{good}");
        }
        for bad in ["loud", "warn,loud", "audit", "warn, info", "audit=loud", "[[[", "=", "warn;info"] {
            assert!(judge(bad).is_err(), "{bad}");
        }
    }
}
