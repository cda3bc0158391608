//! `doorward session`: where a user is logged in, and ending that, from a terminal.

use clap::Subcommand;
use serde_json::Value;
use uuid::Uuid;

use super::local::{expect, harmless, moment, text, user_named};
use super::reach::Reach;
use super::{Failure, table};
use crate::http::client::Client;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List a user's sessions, the most recently used first
    List {
        /// The username
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// End all of a user's sessions, or one; every token of it is refused from then on
    Revoke {
        /// The username
        #[arg(long, value_name = "NAME")]
        user: String,
        /// Only this one, by its id of the list
        #[arg(value_name = "ID", value_parser = session_id)]
        session: Option<Uuid>,
    },
}

fn session_id(text: &str) -> Result<Uuid, &'static str> {
    text.parse().map_err(|_| "it must be an id from doorward session list --user NAME")
}

/// Runs the command.
pub fn run(reach: &Reach<'_>, command: &Command) -> Result<(), Failure> {
    reach.run(async |client| match command {
        Command::List { user } => list(client, user, reach.json).await,
        Command::Revoke { user, session: None } => revoke(client, user, reach.json).await,
        Command::Revoke { user, session: Some(id) } => revoke_one(client, user, *id, reach.json).await,
    })
}

async fn list(client: &Client, name: &str, as_json: bool) -> Result<(), Failure> {
    let sessions = sessions(client, name).await?;
    if as_json {
        table::print_json(&sessions)?;
    } else {
        let row = |session: &Value| {
            let [created, last_used] = [&session["created"], &session["last_used"]].map(moment);
            [text(&session["id"]), created, last_used, harmless(&session["address"]), harmless(&session["user_agent"])]
        };
        table::print(["ID", "CREATED", "LAST USED", "ADDRESS", "USER AGENT"], &sessions.iter().map(row).collect::<Vec<_>>())?;
    }
    Ok(())
}

async fn revoke(client: &Client, name: &str, as_json: bool) -> Result<(), Failure> {
    let user = user_named(client, name).await?;
    let ended = sessions(client, name).await?.len();
    let answer = expect(client.send("DELETE", &format!("/user/{}/sessions", user["id"]), None).await, 200)?;
    table::done(as_json, &answer, &format!("ended {ended} sessions of {}", text(&user["username"])))
}

async fn revoke_one(client: &Client, name: &str, id: Uuid, as_json: bool) -> Result<(), Failure> {
    let user = user_named(client, name).await?;
    let answer = expect(client.send("DELETE", &format!("/user/{}/sessions/{id}", user["id"]), None).await, 200)?;
    table::done(as_json, &answer, &format!("ended session {id} of {}", text(&user["username"])))
}

async fn sessions(client: &Client, name: &str) -> Result<Vec<Value>, Failure> {
    let user = user_named(client, name).await?;
    let mut body = expect(client.send("GET", &format!("/user/{}/sessions", user["id"]), None).await, 200)?;
    match body["sessions"].take() {
        Value::Array(sessions) => Ok(sessions),
        _ => Ok(Vec::new()),
    }
}
