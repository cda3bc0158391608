//! `doorward service`: the keys of other programs, from a terminal.

use clap::Subcommand;
use serde_json::{Value, json};

use super::user::{expect, text};
use super::{Failure, open, runtime, table};
use crate::config::Settings;
use crate::http::client::LocalClient;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a service; its key is printed, this once
    Add {
        /// What you call it; it need not be unique
        name: String,
        /// What it may ask, comma-separated: introspect (POST /introspect), revocations (GET /revocations)
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', required = true)]
        scope: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List all services, and when each was last here
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a service; its key is refused from then on
    Rm {
        /// Its id, as `service list` shows it
        id: String,
    },
}

/// Runs the command on the data directory of the settings.
pub fn run(settings: &Settings, accept_clock: bool, command: Command) -> Result<(), Failure> {
    eprintln!("data directory: {}", std::path::absolute(&settings.data_dir).unwrap_or_else(|_| settings.data_dir.clone()).display());
    runtime()?.block_on(async {
        let auth = open(settings, accept_clock).await?;
        let client = LocalClient::new(auth.clone()).await.map_err(Failure::Routes)?;
        let done = match command {
            Command::Add { name, scope, json } => add(&client, &name, &scope, json).await,
            Command::List { json } => list(&client, json).await,
            Command::Rm { id } => remove(&client, &id).await,
        };
        drop(client);
        auth.close().await.map_err(|error| Failure::StorageFailed(error.to_string()))?;
        done
    })
}

async fn add(client: &LocalClient, name: &str, scopes: &[String], as_json: bool) -> Result<(), Failure> {
    let service = expect(client.send("POST", "/services", Some(&json!({"name": name, "scopes": scopes}))).await, 201)?;
    if as_json {
        table::print_json(&service);
    } else {
        // The key alone on standard output, for a pipe.
        eprintln!("added {} with id {}; its key, shown only now:", text(&service["name"]), text(&service["id"]));
        println!("{}", text(&service["key"]));
    }
    Ok(())
}

async fn list(client: &LocalClient, as_json: bool) -> Result<(), Failure> {
    let services = expect(client.send("GET", "/services", None).await, 200)?["services"].take();
    if as_json {
        table::print_json(&services);
        return Ok(());
    }
    let row = |service: &Value| {
        let scopes: Vec<_> = service["scopes"].as_array().into_iter().flatten().map(text).collect();
        let used = service["last_used"].as_u64().map_or_else(|| "never".to_owned(), date_and_time);
        [text(&service["id"]), text(&service["name"]), scopes.join(","), used]
    };
    let rows: Vec<_> = services.as_array().into_iter().flatten().map(row).collect();
    table::print(["ID", "NAME", "SCOPES", "LAST USED"], &rows);
    Ok(())
}

async fn remove(client: &LocalClient, id: &str) -> Result<(), Failure> {
    // An id is hexadecimal digits and hyphens; anything else could be another path.
    if !id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
        return Err(Failure::Refused("There is no such service.".to_owned()));
    }
    expect(client.send("DELETE", &format!("/services/{id}"), None).await, 200)?;
    println!("removed {id}");
    Ok(())
}

/// Seconds since 1970 as RFC 3339, in UTC: civil-from-days of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
fn date_and_time(secs: u64) -> String {
    let (days, second) = (secs / 86_400 + 719_468, secs % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::date_and_time;

    #[test]
    fn times_read_as_dates() {
        for (secs, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(date_and_time(secs), date);
        }
    }
}
