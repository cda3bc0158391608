//! `doorward log`: which lines the running server writes to its log, from a terminal.

use clap::Args;
use serde_json::json;

use super::local::{expect, text};
use super::reach::Reach;
use super::{Failure, table};

/// The command.
#[derive(Debug, Args)]
pub struct Command {
    /// Write these from now on, until the server stops: error, warn, info, debug, trace, off, or such as warn,audit=info
    level: Option<String>,
}

/// Runs the command. The log is that of the process that serves.
pub fn run(reach: &Reach<'_>, command: &Command) -> Result<(), Failure> {
    reach.run(async |client| {
        if !client.is_of_a_server() {
            let none = "only a running server has a log to change, and none runs on this directory; --url names one elsewhere";
            return Err(Failure::Refused(none.to_owned()));
        }
        let answer = match &command.level {
            Some(filter) => client.send("PUT", "/log", Some(&json!({"filter": filter}))).await,
            None => client.send("GET", "/log", None).await,
        };
        let answer = expect(answer, 200)?;
        table::done(reach.json, &answer, &text(&answer["filter"]))
    })
}
