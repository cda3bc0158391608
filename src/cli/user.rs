//! `doorward user`: what an administrator does to users, from a terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::Subcommand;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::local::{each_user, expect, harmless, moment, text, user_named};
use super::reach::{Reach, tell};
use super::{Failure, table, throttle};
use crate::auth::throttle::Network;
use crate::auth::user::Username;
use crate::http::client::Client;

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
    List,
    /// Show one user: roles, custom claims, sessions
    Show {
        /// The username
        name: String,
    },
    /// Print a code with which the user can set a new password, once, within 24 hours (POST /reset)
    Reset {
        /// The username
        name: String,
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
    /// Let a user, or everybody at an address, go on at once after too many failures
    Unlock {
        /// The username, or the id
        #[arg(required_unless_present = "at")]
        name: Option<String>,
        /// An IP address, or a network as user blocked shows it
        #[arg(long, conflicts_with = "name", value_name = "ADDRESS")]
        at: Option<Network>,
    },
    /// List who must wait after too many failures, where, and until when
    Blocked,
    /// Delete a user
    Rm {
        /// The username
        name: String,
        /// Do not ask; nor is it asked where standard input is no terminal
        #[arg(long)]
        yes: bool,
    },
    /// Give a user a new password, asked for or read from standard input; its sessions end
    Password {
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
    /// Give a user these custom claims in place of those it has; they go into its access tokens
    Claims {
        /// The username
        name: String,
        /// The claims; a VALUE that is JSON (7, true, a list) counts as such, any other as text
        #[arg(required_unless_present = "none", value_name = "CLAIM=VALUE", value_parser = claim)]
        claims: Vec<(String, Value)>,
        /// Take every custom claim away
        #[arg(long, conflicts_with = "claims")]
        none: bool,
    },
}

/// Names that people take for an administrator's; it is the role that counts.
const LIKE_ADMINISTRATORS: [&str; 4] = ["admin", "administrator", "root", "superuser"];

fn claim(text: &str) -> Result<(String, Value), &'static str> {
    let (name, value) = text.split_once('=').ok_or("a claim is written NAME=VALUE")?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into())))
}

/// Runs the command.
pub fn run(reach: &Reach<'_>, command: &Command) -> Result<(), Failure> {
    let password = match command {
        Command::Add { name, .. } => {
            // Before somebody has thought of a password for nothing.
            Username::parse(name).map_err(|fault| Failure::Refused(format!("username: {fault}")))?;
            read_password(name)?
        }
        Command::Password { name } => read_password(name)?,
        Command::Rm { name, yes: false } if std::io::stdin().is_terminal() => {
            confirm(&format!("Delete {}, with all that is known of it, for good?", harmless(&name.as_str().into())))?;
            Zeroizing::default()
        }
        _ => Zeroizing::default(),
    };
    let json = reach.json;
    reach.run(async |client| match command {
        Command::Add { name, admin } => add(client, name, &password, *admin, json).await,
        Command::List => list(client, json).await,
        Command::Show { name } => show(client, name, json).await,
        Command::Reset { name } => reset(client, name, reach).await,
        Command::Disable { name } => change(client, name, &json!({"disabled": true}), "disabled; its sessions have ended", json).await,
        Command::Enable { name } => change(client, name, &json!({"disabled": false}), "enabled", json).await,
        Command::Unlock { name, at } => throttle::unlock(client, name.as_deref(), *at, json).await,
        Command::Blocked => throttle::list(client, json).await,
        Command::Rm { name, .. } => remove(client, name, json).await,
        Command::Password { name } => set_password(client, name, &password, json).await,
        Command::Role { name, roles, .. } => {
            let done = if roles.is_empty() { "without a role".to_owned() } else { format!("now {}", roles.join(", ")) };
            change(client, name, &json!({ "roles": roles }), &done, json).await
        }
        Command::Claims { name, claims, .. } => {
            let claims: Map<_, _> = claims.iter().cloned().collect();
            let names: Vec<_> = claims.keys().cloned().collect();
            let done = if names.is_empty() { "without a custom claim".to_owned() } else { format!("now with {}", names.join(", ")) };
            change(client, name, &json!({ "claims": claims }), &done, json).await
        }
    })
}

async fn add(client: &Client, name: &str, password: &str, admin: bool, json: bool) -> Result<(), Failure> {
    let roles: &[&str] = if admin { &["admin"] } else { &[] };
    let answer = client.send("POST", "/users", Some(&json!({"username": name, "password": password, "roles": roles}))).await;
    let user = expect(answer, 201)?;
    let name = text(&user["username"]);
    table::done(json, &user, &format!("added {name} with id {}{}", user["id"], if admin { ", an administrator" } else { "" }))?;
    if !admin && LIKE_ADMINISTRATORS.contains(&name.as_str()) {
        tell(&format!("{name} is no administrator: --admin was not given; make it one with: doorward user role {name} admin"));
    }
    Ok(())
}

fn roles(user: &Value) -> String {
    user["roles"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(",")
}

async fn list(client: &Client, json: bool) -> Result<(), Failure> {
    let mut users = Vec::new();
    each_user(client, |user| users.push(user)).await?;
    if json {
        return table::print_json(&users);
    }
    let row = |user: &Value| {
        let state = if user["disabled"] == true { "disabled" } else { "" };
        [user["id"].to_string(), text(&user["username"]), roles(user), state.to_owned()]
    };
    table::print(["ID", "USERNAME", "ROLES", "STATE"], &users.iter().map(row).collect::<Vec<_>>())
}

async fn show(client: &Client, name: &str, json: bool) -> Result<(), Failure> {
    let mut user = user_named(client, name).await?;
    let sessions = expect(client.send("GET", &format!("/user/{}/sessions", user["id"]), None).await, 200)?["sessions"].take();
    if json {
        user["sessions"] = sessions;
        return table::print_json(&user);
    }
    let claims = user["claims"].as_object().into_iter().flatten().map(|(name, value)| format!("{name}={value}"));
    let rows = [
        ["id", &user["id"].to_string()],
        ["username", &text(&user["username"])],
        ["roles", &roles(&user)],
        ["claims", &harmless(&claims.collect::<Vec<_>>().join(" ").into())],
        ["state", if user["disabled"] == true { "disabled" } else { "enabled" }],
        ["created", &moment(&user["created"])],
        ["sessions", &sessions.as_array().map_or(0, Vec::len).to_string()],
    ]
    .map(|row| row.map(str::to_owned));
    table::print(["WHAT", "VALUE"], &rows)
}

async fn reset(client: &Client, name: &str, reach: &Reach<'_>) -> Result<(), Failure> {
    let user = user_named(client, name).await?;
    let made = expect(client.send("POST", &format!("/user/{}/reset", user["id"]), None).await, 201)?;
    if reach.json {
        return table::print_json(&made);
    }
    let code = text(&made["code"]);
    table::line(&code)?;
    tell(&format!("{} can set a new password with it once, until {}", text(&user["username"]), moment(&made["expires"])));
    reach.tell_link("reset", &code);
    Ok(())
}

async fn change(client: &Client, name: &str, change: &Value, done: &str, json: bool) -> Result<(), Failure> {
    let user = user_named(client, name).await?;
    let changed = expect(client.send("PATCH", &format!("/user/{}", user["id"]), Some(change)).await, 200)?;
    table::done(json, &changed, &format!("{} is {done}", text(&user["username"])))
}

async fn remove(client: &Client, name: &str, json: bool) -> Result<(), Failure> {
    let user = user_named(client, name).await?;
    let answer = expect(client.send("DELETE", &format!("/user/{}", user["id"]), None).await, 200)?;
    table::done(json, &answer, &format!("deleted {}", text(&user["username"])))
}

/// By a reset code, which is made and used at once: one way for a new password, whoever sets it.
async fn set_password(client: &Client, name: &str, password: &str, json: bool) -> Result<(), Failure> {
    let user = user_named(client, name).await?;
    let name = text(&user["username"]);
    if user["disabled"] == true {
        return Err(Failure::Refused(format!("{name} is disabled; enable it first: doorward user enable {name}")));
    }
    let made = expect(client.send("POST", &format!("/user/{}/reset", user["id"]), None).await, 201)?;
    let answer = client.send("POST", "/reset", Some(&json!({"code": made["code"], "new_password": password}))).await;
    table::done(json, &expect(answer, 200)?, &format!("{name} has a new password; its sessions have ended"))
}

/// Asks whether to go on.
fn confirm(question: &str) -> Result<(), Failure> {
    // Who closed it gives no answer, either.
    let _ = write!(std::io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|source| Failure::System { action: "read the answer", source })?;
    let is_yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    if is_yes { Ok(()) } else { Err(Failure::Refused("nothing was deleted".to_owned())) }
}

/// A new password: from the terminal, twice and unseen; from anything else, the first line. Never from the command line,
/// where other users of the machine can read it.
fn read_password(name: &str) -> Result<Zeroizing<String>, Failure> {
    let password = ask_password(name)?;
    if std::io::stdin().is_terminal() && *prompt("The same again: ")? != *password {
        return Err(Failure::Refused("the two passwords differ; nothing was changed".to_owned()));
    }
    Ok(password)
}

/// A password that is there already: asked for once.
pub(super) fn ask_password(name: &str) -> Result<Zeroizing<String>, Failure> {
    if std::io::stdin().is_terminal() {
        return prompt(&format!("Password for {name}: "));
    }
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line).map_err(unread)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Failure::Refused(
            "no password on standard input; give one line, e.g. `doorward user add NAME < password.txt`".to_owned(),
        ));
    }
    Ok(Zeroizing::new(password.to_owned()))
}

fn prompt(text: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(text).map(Zeroizing::new).map_err(unread)
}

const fn unread(source: std::io::Error) -> Failure {
    Failure::System { action: "read the password", source }
}
