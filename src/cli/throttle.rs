//! `doorward user blocked` and `unlock`: who must wait after too many failures, from a terminal.
//!
//! The counts are in the memory of the process that serves: without one there is nothing to list or to forget, and to say
//! that somebody need not wait would be a guess.

use serde_json::Value;

use super::local::{expect, harmless, id_of, moment, text};
use super::{Failure, table};
use crate::auth::throttle::Network;
use crate::http::client::Client;

/// Lets an address go on, or a user.
pub async fn unlock(client: &Client, name: Option<&str>, at: Option<Network>, as_json: bool) -> Result<(), Failure> {
    check_serves(client)?;
    if let Some(network) = at {
        // Any address of it stands for a network; there is no slash in a path's segment.
        let shown = network.to_string();
        let path = format!("/throttle/{}", shown.trim_end_matches("/64"));
        let answer = expect(client.send("DELETE", &path, None).await, 200)?;
        return table::done(as_json, &answer, &format!("{shown} need not wait"));
    }
    let name = name.unwrap_or_default();
    let id = id_of(client, name).await?;
    let answer = expect(client.send("DELETE", &format!("/user/{id}/throttle"), None).await, 200)?;
    table::done(as_json, &answer, &format!("{name} need not wait"))
}

/// Prints who must wait.
pub async fn list(client: &Client, as_json: bool) -> Result<(), Failure> {
    check_serves(client)?;
    let mut answer = expect(client.send("GET", "/throttle", None).await, 200)?;
    if as_json {
        return table::print_json(&answer["blocks"].take());
    }
    let row = |block: &Value| {
        [harmless(&block["user"]), harmless(&block["address"]), text(&block["scope"]), text(&block["failures"]), moment(&block["until"])]
    };
    let rows: Vec<_> = answer["blocks"].as_array().into_iter().flatten().map(row).collect();
    table::print(["USER", "ADDRESS", "SCOPE", "FAILURES", "UNTIL"], &rows)
}

fn check_serves(client: &Client) -> Result<(), Failure> {
    if client.is_of_a_server() {
        return Ok(());
    }
    Err(Failure::Refused(
        "who must wait is known to the running server alone, and none runs on this directory; --url names one elsewhere".to_owned(),
    ))
}
