//! `doorward user`: what an administrator does to users, from a terminal.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Subcommand;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Failure, open, runtime, table};
use crate::config::Settings;
use crate::http::client::{Answer, LocalClient};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a user; the password is asked for, or read from standard input
    Add {
        /// The username
        name: String,
        /// Make the user an administrator
        #[arg(long)]
        admin: bool,
    },
    /// List all users
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command on the data directory of the settings.
pub fn run(settings: &Settings, accept_clock: bool, command: Command) -> Result<(), Failure> {
    let password = match &command {
        Command::Add { name, .. } => Some(read_password(name)?),
        Command::List { .. } => None,
    };
    eprintln!("data directory: {}", std::path::absolute(&settings.data_dir).unwrap_or_else(|_| settings.data_dir.clone()).display());
    runtime()?.block_on(async {
        let auth = open(settings, accept_clock).await?;
        let client = LocalClient::new(auth.clone()).await.map_err(Failure::Routes)?;
        let done = match command {
            Command::Add { name, admin } => add(&client, &name, &password.unwrap_or_default(), admin).await,
            Command::List { json } => list(&client, json).await,
        };
        drop(client);
        auth.close().await.map_err(|error| Failure::StorageFailed(error.to_string()))?;
        done
    })
}

async fn add(client: &LocalClient, name: &str, password: &str, admin: bool) -> Result<(), Failure> {
    let roles: &[&str] = if admin { &["admin"] } else { &[] };
    let answer = client.send("POST", "/users", Some(&json!({"username": name, "password": password, "roles": roles}))).await;
    let user = expect(answer, 201)?;
    println!("added {} with id {}{}", text(&user["username"]), user["id"], if admin { ", an administrator" } else { "" });
    Ok(())
}

async fn list(client: &LocalClient, as_json: bool) -> Result<(), Failure> {
    let (mut users, mut after) = (Vec::new(), String::new());
    loop {
        let mut page = expect(client.send("GET", &format!("/users?limit=100{after}"), None).await, 200)?;
        if let Value::Array(some) = page["users"].take() {
            users.extend(some);
        }
        match &page["next"] {
            Value::Null => break,
            next => after = format!("&after={next}"),
        }
    }
    if as_json {
        table::print_json(&users);
    } else {
        let row = |user: &Value| {
            let roles: Vec<_> = user["roles"].as_array().into_iter().flatten().map(text).collect();
            let state = if user["disabled"] == true { "disabled" } else { "" };
            [user["id"].to_string(), text(&user["username"]), roles.join(","), state.to_owned()]
        };
        table::print(["ID", "USERNAME", "ROLES", "STATE"], &users.iter().map(row).collect::<Vec<_>>());
    }
    Ok(())
}

/// The body of an answer that is as it should be; otherwise what the server said, field by field.
pub(super) fn expect(answer: Answer, status: u16) -> Result<Value, Failure> {
    if answer.status == status {
        return Ok(answer.body);
    }
    let faults = answer.body["errors"]["json"].as_object().into_iter().flatten();
    let faults: Vec<_> = faults
        .flat_map(|(field, faults)| faults.as_array().into_iter().flatten().map(move |fault| format!("{field}: {}", text(fault))))
        .collect();
    Err(Failure::Refused(if faults.is_empty() { text(&answer.body["message"]) } else { faults.join(" ") }))
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// From the terminal, twice and unseen; from anything else, the first line. Never from the command line, where other
/// users of the machine can read it.
fn read_password(name: &str) -> Result<Zeroizing<String>, Failure> {
    let failed = |source| Failure::System { action: "read the password", source };
    if std::io::stdin().is_terminal() {
        let ask = |prompt: String| rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(failed);
        let password = ask(format!("Password for {name}: "))?;
        if *ask("The same again: ".to_owned())? != *password {
            return Err(Failure::Refused("the two passwords differ; nothing was added".to_owned()));
        }
        return Ok(password);
    }
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Failure::Refused(
            "no password on standard input; give one line, e.g. `doorward user add NAME < password.txt`".to_owned(),
        ));
    }
    Ok(Zeroizing::new(password.to_owned()))
}
