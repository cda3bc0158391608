//! What the commands that act on users share: one client for the time of a command, names looked up, answers judged.

use serde_json::Value;

use super::{Failure, open, runtime};
use crate::auth::clock::Timestamp;
use crate::auth::user::Username;
use crate::config::Settings;
use crate::http::client::{Answer, LocalClient};

/// Runs a command on the data directory of the settings, as the local administrator, and says which directory that is.
pub fn run(settings: &Settings, accept_clock: bool, command: impl AsyncFnOnce(&LocalClient) -> Result<(), Failure>) -> Result<(), Failure> {
    eprintln!("data directory: {}", std::path::absolute(&settings.data_dir).unwrap_or_else(|_| settings.data_dir.clone()).display());
    runtime()?.block_on(async {
        let auth = open(settings, accept_clock).await?;
        let client = LocalClient::new(auth.clone()).await.map_err(Failure::Routes)?;
        let done = command(&client).await;
        drop(client);
        auth.close().await.map_err(|error| Failure::StorageFailed(error.to_string()))?;
        done
    })
}

/// The body of an answer that is as it should be; otherwise what the server said, field by field.
pub fn expect(answer: Answer, status: u16) -> Result<Value, Failure> {
    if answer.status == status {
        return Ok(answer.body);
    }
    let faults = answer.body["errors"]["json"].as_object().into_iter().flatten();
    let faults: Vec<_> = faults
        .flat_map(|(field, faults)| faults.as_array().into_iter().flatten().map(move |fault| format!("{field}: {}", text(fault))))
        .collect();
    Err(Failure::Refused(if faults.is_empty() { text(&answer.body["message"]) } else { faults.join(" ") }))
}

/// A JSON value as people read it.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Every user, page by page, until `wanted` has had enough.
pub async fn each_user(client: &LocalClient, mut wanted: impl FnMut(Value) -> bool) -> Result<(), Failure> {
    let mut after = String::new();
    loop {
        let mut page = expect(client.send("GET", &format!("/users?limit=100{after}"), None).await, 200)?;
        if let Value::Array(users) = page["users"].take() {
            for user in users {
                if !wanted(user) {
                    return Ok(());
                }
            }
        }
        match &page["next"] {
            Value::Null => return Ok(()),
            next => after = format!("&after={next}"),
        }
    }
}

/// The user of this name, however it is spelled.
pub async fn user_named(client: &LocalClient, name: &str) -> Result<Value, Failure> {
    let unknown = || Failure::Refused(format!("there is no user {name}"));
    let name = Username::parse(name).map_err(|_| unknown())?;
    let mut found = None;
    each_user(client, |user| {
        let is_it = user["username"] == name.as_str();
        if is_it {
            found = Some(user);
        }
        !is_it
    })
    .await?;
    found.ok_or_else(unknown)
}

/// A moment as people read it: UTC, RFC 3339.
pub fn moment(secs: &Value) -> String {
    Timestamp::from_secs(secs.as_u64().unwrap_or_default()).to_string()
}
