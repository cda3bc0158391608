//! `doorward user`: what an administrator does to users, from a terminal.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Subcommand;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::local::{each_user, expect, moment, text, user_named};
use super::{Failure, local, table, throttle};
use crate::config::Settings;
use crate::http::client::LocalClient;

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
    /// Print a code with which the user can set a new password, once, within 24 hours (POST /reset)
    Reset {
        /// The username
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Refuse every login and token of a user; its sessions end
    Disable {
        /// The username
        name: String,
    },
    /// Let a disabled user log in again
    Enable {
        /// The username
        name: String,
    },
    /// Let a user log in again at once that must wait after too many failures
    Unlock {
        /// The username, or the id
        name: String,
    },
    /// List who must wait after too many failures, where, and until when
    Blocked {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a user
    Rm {
        /// The username
        name: String,
    },
    /// Give a user these roles in place of those it has; `admin` is the one the server itself knows
    Role {
        /// The username
        name: String,
        /// The roles
        #[arg(required_unless_present = "none", value_name = "ROLE")]
        roles: Vec<String>,
        /// Take every role away
        #[arg(long, conflicts_with = "roles")]
        none: bool,
    },
}

/// Runs the command on the data directory of the settings.
pub fn run(settings: &Settings, accept_clock: bool, command: &Command) -> Result<(), Failure> {
    let password = match command {
        Command::Add { name, .. } => read_password(name)?,
        _ => Zeroizing::default(),
    };
    local::run(settings, accept_clock, async |client| match command {
        Command::Add { name, admin } => add(client, name, &password, *admin).await,
        Command::List { json } => list(client, *json).await,
        Command::Reset { name, json } => reset(client, name, *json).await,
        Command::Disable { name } => change(client, name, &json!({"disabled": true}), "disabled; its sessions have ended").await,
        Command::Enable { name } => change(client, name, &json!({"disabled": false}), "enabled").await,
        Command::Unlock { name } => throttle::unlock(client, name).await,
        Command::Blocked { json } => throttle::list(client, *json).await,
        Command::Rm { name } => remove(client, name).await,
        Command::Role { name, roles, .. } => {
            let done = if roles.is_empty() { "without a role".to_owned() } else { format!("now {}", roles.join(", ")) };
            change(client, name, &json!({ "roles": roles }), &done).await
        }
    })
}

async fn add(client: &LocalClient, name: &str, password: &str, admin: bool) -> Result<(), Failure> {
    let roles: &[&str] = if admin { &["admin"] } else { &[] };
    let answer = client.send("POST", "/users", Some(&json!({"username": name, "password": password, "roles": roles}))).await;
    let user = expect(answer, 201)?;
    table::line(&format!("added {} with id {}{}", text(&user["username"]), user["id"], if admin { ", an administrator" } else { "" }))
}

async fn list(client: &LocalClient, as_json: bool) -> Result<(), Failure> {
    let mut users = Vec::new();
    each_user(client, |user| {
        users.push(user);
        true
    })
    .await?;
    if as_json {
        table::print_json(&users)?;
    } else {
        let row = |user: &Value| {
            let roles: Vec<_> = user["roles"].as_array().into_iter().flatten().map(text).collect();
            let state = if user["disabled"] == true { "disabled" } else { "" };
            [user["id"].to_string(), text(&user["username"]), roles.join(","), state.to_owned()]
        };
        table::print(["ID", "USERNAME", "ROLES", "STATE"], &users.iter().map(row).collect::<Vec<_>>())?;
    }
    Ok(())
}

async fn reset(client: &LocalClient, name: &str, as_json: bool) -> Result<(), Failure> {
    let user = user_named(client, name).await?;
    let made = expect(client.send("POST", &format!("/user/{}/reset", user["id"]), None).await, 201)?;
    if as_json {
        table::print_json(&made)?;
    } else {
        table::line(&text(&made["code"]))?;
        eprintln!("{} can set a new password with it once, until {}", text(&user["username"]), moment(&made["expires"]));
    }
    Ok(())
}

async fn change(client: &LocalClient, name: &str, change: &Value, done: &str) -> Result<(), Failure> {
    let user = user_named(client, name).await?;
    expect(client.send("PATCH", &format!("/user/{}", user["id"]), Some(change)).await, 200)?;
    table::line(&format!("{} is {done}", text(&user["username"])))
}

async fn remove(client: &LocalClient, name: &str) -> Result<(), Failure> {
    let user = user_named(client, name).await?;
    expect(client.send("DELETE", &format!("/user/{}", user["id"]), None).await, 200)?;
    table::line(&format!("deleted {}", text(&user["username"])))
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
