//! `doorward session`: where a user is logged in, and ending that, from a terminal.

use clap::Subcommand;
use serde_json::Value;

use super::local::{expect, moment, text, user_named};
use super::{Failure, local, table};
use crate::config::Settings;
use crate::http::client::LocalClient;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List a user's sessions, the most recently used first
    List {
        /// The username
        #[arg(long, value_name = "NAME")]
        user: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End all of a user's sessions; every token of it is refused from then on
    Revoke {
        /// The username
        #[arg(long, value_name = "NAME")]
        user: String,
    },
}

/// Runs the command on the data directory of the settings.
pub fn run(settings: &Settings, accept_clock: bool, command: &Command) -> Result<(), Failure> {
    local::run(settings, accept_clock, async |client| match command {
        Command::List { user, json } => list(client, user, *json).await,
        Command::Revoke { user } => revoke(client, user).await,
    })
}

async fn list(client: &LocalClient, name: &str, as_json: bool) -> Result<(), Failure> {
    let sessions = sessions(client, name).await?;
    if as_json {
        table::print_json(&sessions)?;
    } else {
        // A client chose its User-Agent; what would steer the terminal does not get there.
        let harmless = |text: String| text.replace(char::is_control, "?");
        let or_dash = |value: &Value| if value.is_null() { "-".to_owned() } else { harmless(text(value)) };
        let row = |session: &Value| {
            let [created, last_used] = [&session["created"], &session["last_used"]].map(moment);
            [text(&session["id"]), created, last_used, or_dash(&session["address"]), or_dash(&session["user_agent"])]
        };
        table::print(["ID", "CREATED", "LAST USED", "ADDRESS", "USER AGENT"], &sessions.iter().map(row).collect::<Vec<_>>())?;
    }
    Ok(())
}

async fn revoke(client: &LocalClient, name: &str) -> Result<(), Failure> {
    let user = user_named(client, name).await?;
    let ended = sessions(client, name).await?.len();
    expect(client.send("DELETE", &format!("/user/{}/sessions", user["id"]), None).await, 200)?;
    table::line(&format!("ended {ended} sessions of {}", text(&user["username"])))
}

async fn sessions(client: &LocalClient, name: &str) -> Result<Vec<Value>, Failure> {
    let user = user_named(client, name).await?;
    let mut body = expect(client.send("GET", &format!("/user/{}/sessions", user["id"]), None).await, 200)?;
    match body["sessions"].take() {
        Value::Array(sessions) => Ok(sessions),
        _ => Ok(Vec::new()),
    }
}
