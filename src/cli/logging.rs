//! Log lines: warnings, errors and audit events unless more is asked for; on stderr, in UTC.
//!
//! Libraries that use the `log` facade are let through for errors only, and Rocket not at all: its lines hold URIs and
//! guard errors that we have judged and logged already.

use std::io::IsTerminal as _;

use log::{Level, LevelFilter, Log, Metadata, Record};
use tracing_subscriber::EnvFilter;

use super::Failure;
use crate::config::{LogFormat, Settings};

/// Installs the log of this process.
pub fn install(settings: &Settings) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&settings.log).map_err(|error| Failure::Refused(format!("setting log: {error}")))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => {
            let colours = std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal();
            lines.with_ansi(colours).init();
        }
        LogFormat::Json => lines.json().flatten_event(true).init(),
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
