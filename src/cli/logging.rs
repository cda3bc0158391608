//! Log lines: warnings, errors and audit events unless more is asked for; on stderr, in UTC.
//!
//! Libraries that use the `log` facade are let through for errors only, and Rocket not at all: its lines hold URIs and
//! guard errors that we have judged and logged already.

use log::{Level, LevelFilter, Log, Metadata, Record};
use tracing_subscriber::fmt::{self, format};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::log_lines::WithRequest;
use super::{Failure, terminal};
use crate::config::{ConfigError, Loaded, LogFormat, Settings};
use crate::log_filter::{Filter, LogControl};

/// Whether the setting is a filter.
///
/// # Errors
/// [`ConfigError`]
pub fn check(loaded: &Loaded) -> Result<(), ConfigError> {
    Filter::parse(&loaded.settings.log).map(drop).map_err(|fault| loaded.refuse("log", &fault))
}

/// Installs the log of this process, whose filter can be changed.
pub fn install(settings: &Settings) -> Result<LogControl, Failure> {
    let filter = Filter::parse(&settings.log).map_err(|fault| Failure::Refused(format!("setting log: {fault}")))?;
    let (threshold, handle) = reload::Layer::new(filter.targets());
    // A line that cannot be written is lost. By default that would be reported on the same stderr, by a call that panics when
    // whoever read it has gone; and so requests would fail that write one.
    let lines = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let log = tracing_subscriber::registry().with(threshold);
    match settings.log_format {
        LogFormat::Text => {
            let colours = terminal::takes_colours(&std::io::stderr());
            let format = WithRequest { lines: format().with_ansi(colours), json: false };
            log.with(lines.with_ansi(colours).event_format(format)).init();
        }
        LogFormat::Json => {
            log.with(lines.json().event_format(WithRequest { lines: format().json().flatten_event(true), json: true })).init();
        }
    }
    let control = LogControl::new(&settings.log, move |filter| handle.reload(filter).is_ok());
    // A logger that is there already keeps Rocket from installing its own.
    if log::set_boxed_logger(Box::new(Libraries)).is_ok() {
        log::set_max_level(LevelFilter::Error);
    }
    Ok(control)
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
