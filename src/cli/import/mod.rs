//! `doorward import`: the users of another program, with the ids and the password hashes that they have there.

mod secret;
mod source;
mod sqlite;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::local::{expect, harmless, text};
use super::progress::Progress;
use super::reach::Reach;
use super::{Failure, table};
use crate::auth::imports::MAX_ROWS;
use crate::config::Settings;
use crate::http::body::MAX_BODY_BYTES;
use crate::http::client::Client;
use secret::Secret;
use source::{Format, Row};

/// Bytes of a request beside its rows.
const AROUND: usize = 64;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take in the users of a Flask app: ids, names and password hashes; may be run again, and adds nobody twice
    Flask(Flask),
    /// How many users have not logged in since, by what their passwords are hashed with
    Status,
}

#[derive(Debug, Args)]
pub struct Flask {
    /// The app's database, such as instance/data.db; it is only read. Stop the app first
    file: PathBuf,
    /// What kind of file it is; of lines, the columns are id, username and password, too
    #[arg(long, value_name = "FORMAT", default_value = "sqlite")]
    from: Format,
    /// The table, with the columns id, username and password
    #[arg(long, default_value = "users")]
    table: String,
    /// A file with the app's `JWT_SECRET_KEY`: see whether the tokens it issued will be good; it is not copied
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Only say what would come of it
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub fn run(reach: &Reach<'_>, settings: &Settings, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Status => reach.run(async |client| status(client, reach.json).await),
        Command::Flask(flask) => {
            // Of a server elsewhere nobody here knows the settings.
            let secret_file = flask.secret_file.as_ref().filter(|_| !reach.is_remote());
            let secret = secret_file.map(|file| Secret::of(file, settings)).transpose()?;
            let rows = source::read(&flask.file, flask.from, &flask.table)?;
            if secret.is_none() && !reach.is_quiet() {
                eprintln!("whether the tokens that the app issued will be good is not looked at; {}", unknown(reach));
            }
            reach.run(async move |client| {
                let progress = Progress::new("importing", reach.is_quiet());
                let report = import(client, rows, flask.dry_run, progress).await?;
                report.print(reach.json, flask, secret)
            })
        }
    }
}

/// Why nothing is said of the secret.
fn unknown(reach: &Reach<'_>) -> &'static str {
    if reach.is_remote() { "only that server knows its secret" } else { "--secret-file names the file with its secret" }
}

/// What came of all rows.
#[derive(Default)]
struct Report {
    read: usize,
    added: u64,
    present: u64,
    refused: Vec<(Row, String)>,
}

/// Sends the rows, as many at once as a body holds. What was added stays, whatever comes after.
async fn import(client: &Client, rows: Vec<Row>, dry_run: bool, mut progress: Progress) -> Result<Report, Failure> {
    let mut report = Report { read: rows.len(), ..Report::default() };
    let mut rows = rows.into_iter().peekable();
    let mut done = 0;
    while rows.peek().is_some() {
        let (mut batch, mut users, mut bytes) = (Vec::new(), Vec::new(), AROUND);
        while let Some(row) = rows.next_if(|row| {
            let more = row.user.as_ref().map_or(0, |user| user.to_string().len() + 1);
            users.len() < MAX_ROWS && (users.is_empty() || (bytes + more) as u64 <= MAX_BODY_BYTES)
        }) {
            done += 1;
            match &row.user {
                Ok(user) => {
                    bytes += user.to_string().len() + 1;
                    users.push(user.clone());
                    batch.push(Some(row));
                }
                Err(reason) => {
                    let reason = reason.clone();
                    report.refused.push((row, reason));
                }
            }
        }
        report.send(client, users, batch, dry_run).await?;
        progress.show(done, report.read as u64);
    }
    report.refused.sort_by_key(|(row, _)| row.place);
    Ok(report)
}

impl Report {
    async fn send(&mut self, client: &Client, users: Vec<Value>, mut batch: Vec<Option<Row>>, dry_run: bool) -> Result<(), Failure> {
        if users.is_empty() {
            return Ok(());
        }
        let body = json!({"users": users, "dry_run": dry_run});
        let answer = expect(client.send("POST", "/import", Some(&body)).await, 200).map_err(|failure| {
            let (added, why) = (self.added, crate::error::chain(&failure));
            if added == 0 || dry_run {
                failure
            } else {
                Failure::Refused(format!("{why}; {added} users were added and stay; run it again for the rest"))
            }
        })?;
        self.added += answer["added"].as_u64().unwrap_or_default();
        self.present += answer["present"].as_u64().unwrap_or_default();
        for refusal in answer["refused"].as_array().into_iter().flatten() {
            let place = refusal["row"].as_u64().and_then(|row| usize::try_from(row).ok());
            let row = place.and_then(|place| batch.get_mut(place)).and_then(Option::take);
            self.refused.extend(row.map(|row| (row, text(&refusal["reason"]))));
        }
        Ok(())
    }

    fn print(self, as_json: bool, flask: &Flask, secret: Option<Secret>) -> Result<(), Failure> {
        let refused = self.refused.len();
        if as_json {
            let row = |(row, reason): &(Row, String)| json!({"row": row.place, "id": row.id, "username": row.username, "reason": reason});
            table::print_json(&json!({
                "dry_run": flask.dry_run, "read": self.read, "added": self.added, "present": self.present,
                "refused": self.refused.iter().map(row).collect::<Vec<_>>(), "secret": secret.map(Secret::word),
            }))?;
        } else {
            let row = |(row, reason): &(Row, String)| [row.place.to_string(), harmless(&row.id), harmless(&row.username), reason.clone()];
            if refused > 0 {
                table::print(["ROW", "ID", "USERNAME", "REFUSED BECAUSE"], &self.refused.iter().map(row).collect::<Vec<_>>())?;
                table::line("")?;
            }
            let done = if flask.dry_run { "would be added" } else { "added" };
            let (read, added, present) = (self.read, self.added, self.present);
            table::line(&format!("{read} rows: {added} {done}, {present} there before, {refused} refused"))?;
            if let (Some(secret), Some(file)) = (secret, &flask.secret_file) {
                table::line(&secret.advice(file))?;
            }
        }
        match refused {
            0 => Ok(()),
            1 => Err(Failure::Refused("one row was refused; the others count".to_owned())),
            _ => Err(Failure::Refused(format!("{refused} rows were refused; the others count"))),
        }
    }
}

async fn status(client: &Client, as_json: bool) -> Result<(), Failure> {
    let answer = expect(client.send("GET", "/import", None).await, 200)?;
    if as_json {
        return table::print_json(&answer);
    }
    let row = |(scheme, users): (&String, &Value)| [scheme.replace('_', " "), text(users)];
    let rows: Vec<_> = answer["foreign"].as_object().into_iter().flatten().map(row).collect();
    if !rows.is_empty() {
        table::print(["HASH", "USERS"], &rows)?;
        table::line("")?;
    }
    let waiting: u64 = answer["foreign"].as_object().into_iter().flatten().filter_map(|(_, users)| users.as_u64()).sum();
    table::line(&format!("{waiting} of {} users have not logged in since they were imported", answer["users"]))
}
