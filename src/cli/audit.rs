//! `doorward audit`: what has happened, from a terminal.

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::Value;

use super::local::{expect, harmless, id_of, text};
use super::reach::Reach;
use super::{Failure, table};
use crate::auth::audit::Word;
use crate::http::client::Client;

#[derive(Debug, Args)]
pub struct Command {
    /// Only what this user caused or met: the username, or the id, also of one that is gone
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only these events
    #[arg(long, value_name = "WORD", value_parser = PossibleValuesParser::new(Word::ALL.iter().map(|word| word.as_str())))]
    event: Option<String>,
    /// How many, the newest first
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Runs the command.
pub fn run(reach: &Reach<'_>, command: &Command) -> Result<(), Failure> {
    reach.run(async |client| {
        let events = events(client, command).await?;
        if reach.json { table::print_json(&events) } else { print(&events) }
    })
}

/// Page by page, until there are enough.
async fn events(client: &Client, command: &Command) -> Result<Vec<Value>, Failure> {
    let user = match &command.user {
        Some(name) => format!("&user={}", id_of(client, name).await?),
        None => String::new(),
    };
    let event = command.event.as_ref().map(|event| format!("&event={event}")).unwrap_or_default();
    let (mut events, mut before) = (Vec::new(), String::new());
    while events.len() < command.limit {
        let limit = (command.limit - events.len()).min(100);
        let mut page = expect(client.send("GET", &format!("/audit?limit={limit}{user}{event}{before}"), None).await, 200)?;
        if let Value::Array(found) = page["events"].take() {
            events.extend(found);
        }
        match &page["next"] {
            Value::Null => break,
            next => before = format!("&before={next}"),
        }
    }
    Ok(events)
}

fn print(events: &[Value]) -> Result<(), Failure> {
    let row = |event: &Value| {
        let details =
            if event["details"] == serde_json::json!({}) { String::new() } else { harmless(&event["details"].to_string().into()) };
        [text(&event["time"]), text(&event["event"]), text(&event["actor"]), harmless(&event["user"]), harmless(&event["address"]), details]
    };
    table::print(["TIME", "EVENT", "ACTOR", "USER", "ADDRESS", "DETAILS"], &events.iter().map(row).collect::<Vec<_>>())
}
