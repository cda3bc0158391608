//! `doorward service`: the keys of other programs, from a terminal.

use clap::Subcommand;
use serde_json::{Value, json};

use super::local::{expect, moment, text};
use super::reach::{Reach, tell};
use super::{Failure, table};
use crate::http::client::Client;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a service; its key is printed, this once
    Add {
        /// What you call it; it need not be unique
        name: String,
        /// What it may ask, comma-separated: introspect (POST /introspect), revocations (GET /revocations)
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', required = true)]
        scope: Vec<String>,
    },
    /// List all services, and when each was last here
    List,
    /// Remove a service; its key is refused from then on
    Rm {
        /// Its id, as `service list` shows it
        id: String,
    },
}

/// Runs the command.
pub fn run(reach: &Reach<'_>, command: &Command) -> Result<(), Failure> {
    reach.run(async |client| match command {
        Command::Add { name, scope } => add(client, name, scope, reach.json).await,
        Command::List => list(client, reach.json).await,
        Command::Rm { id } => remove(client, id, reach.json).await,
    })
}

async fn add(client: &Client, name: &str, scopes: &[String], as_json: bool) -> Result<(), Failure> {
    let service = expect(client.send("POST", "/services", Some(&json!({"name": name, "scopes": scopes}))).await, 201)?;
    if as_json {
        table::print_json(&service)?;
    } else {
        // The key alone on standard output, for a pipe.
        tell(&format!("added {} with id {}; its key, shown only now:", text(&service["name"]), text(&service["id"])));
        table::line(&text(&service["key"]))?;
    }
    Ok(())
}

async fn list(client: &Client, as_json: bool) -> Result<(), Failure> {
    let services = expect(client.send("GET", "/services", None).await, 200)?["services"].take();
    if as_json {
        return table::print_json(&services);
    }
    let row = |service: &Value| {
        let scopes: Vec<_> = service["scopes"].as_array().into_iter().flatten().map(text).collect();
        let used = if service["last_used"].is_null() { "never".to_owned() } else { moment(&service["last_used"]) };
        [text(&service["id"]), text(&service["name"]), scopes.join(","), used]
    };
    let rows: Vec<_> = services.as_array().into_iter().flatten().map(row).collect();
    table::print(["ID", "NAME", "SCOPES", "LAST USED"], &rows)
}

async fn remove(client: &Client, id: &str, as_json: bool) -> Result<(), Failure> {
    // An id is hexadecimal digits and hyphens; anything else could be another path.
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
        return Err(Failure::Refused("There is no such service.".to_owned()));
    }
    let answer = expect(client.send("DELETE", &format!("/services/{id}"), None).await, 200)?;
    table::done(as_json, &answer, &format!("removed {id}"))
}
