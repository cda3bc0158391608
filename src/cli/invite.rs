//! `doorward invite`: who may register where that takes an invite, from a terminal.

use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use super::local::{expect, moment, text};
use super::reach::{Reach, tell};
use super::{Failure, table};
use crate::auth::code::{CodeDigest, INVITE_PREFIX, InviteId};
use crate::config::Span;
use crate::http::client::Client;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an invite; its code is printed, this once
    Make {
        /// How long it can be used, such as 12h or 30d; at most 90d
        #[arg(long, value_name = "TIME", default_value = "7d")]
        expires: Span,
    },
    /// List the invites that can be used
    List,
    /// Take an invite back
    Rm {
        /// Its id, as `invite make` and `invite list` show it, or its code
        #[arg(value_name = "ID or CODE")]
        id: String,
    },
}

/// Runs the command.
pub fn run(reach: &Reach<'_>, command: &Command) -> Result<(), Failure> {
    reach.run(async |client| match command {
        Command::Make { expires: Span(life) } => make(client, *life, reach).await,
        Command::List => list(client, reach.json).await,
        Command::Rm { id } => remove(client, id, reach.json).await,
    })
}

async fn make(client: &Client, life: Duration, reach: &Reach<'_>) -> Result<(), Failure> {
    let made = expect(client.send("POST", "/invites", Some(&json!({"expires": life.as_secs()}))).await, 201)?;
    if reach.json {
        return table::print_json(&made);
    }
    // The code alone on standard output, for a pipe.
    let code = text(&made["code"]);
    table::line(&code)?;
    tell(&format!("somebody can register with it once, until {}; its id is {}", moment(&made["expires"]), text(&made["id"])));
    reach.tell_link("invite", &code);
    Ok(())
}

async fn list(client: &Client, as_json: bool) -> Result<(), Failure> {
    let invites = expect(client.send("GET", "/invites", None).await, 200)?["invites"].take();
    if as_json {
        return table::print_json(&invites);
    }
    let row = |invite: &Value| [text(&invite["id"]), moment(&invite["created"]), moment(&invite["expires"])];
    table::print(["ID", "CREATED", "EXPIRES"], &invites.as_array().into_iter().flatten().map(row).collect::<Vec<_>>())
}

async fn remove(client: &Client, named: &str, as_json: bool) -> Result<(), Failure> {
    // The id of a code follows from it, so that the code stays here. What is neither could be another path.
    let id = match InviteId::parse(named) {
        Some(id) => id,
        None if named.starts_with(INVITE_PREFIX) => CodeDigest::of(named).into(),
        None => return Err(Failure::Refused("There is no such invite.".to_owned())),
    };
    let answer = expect(client.send("DELETE", &format!("/invites/{id}"), None).await, 200)?;
    table::done(as_json, &answer, &format!("took back {id}"))
}
