//! What the commands that ask a server share: answers judged, users looked up, values as people read them.

use serde_json::Value;

use super::{Failure, terminal};
use crate::auth::clock::Timestamp;
use crate::auth::user::{UserId, Username};
use crate::http::client::{Answer, Client, ClientError};

/// The body of an answer that is as it should be; otherwise what the server said, field by field.
pub fn expect(answer: Result<Answer, ClientError>, status: u16) -> Result<Value, Failure> {
    let answer = answer?;
    if answer.status == status {
        return Ok(answer.body);
    }
    let faults = ["json", "query"].into_iter().filter_map(|place| answer.body["errors"][place].as_object()).flatten();
    let faults: Vec<_> = faults
        .flat_map(|(field, faults)| faults.as_array().into_iter().flatten().map(move |fault| format!("{field}: {}", text(fault))))
        .collect();
    let said = if faults.is_empty() { text(&answer.body["message"]) } else { faults.join(" ") };
    Err(Failure::Refused(said))
}

/// A JSON value as people read it. A server elsewhere may not be what it seems, and names are chosen freely: what would steer the
/// terminal does not get there.
pub fn text(value: &Value) -> String {
    terminal::harmless(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The same where there may be nothing, which is a dash.
pub fn harmless(value: &Value) -> String {
    if value.is_null() { "-".to_owned() } else { text(value) }
}

/// Every user, page by page.
pub async fn each_user(client: &Client, mut each: impl FnMut(Value)) -> Result<(), Failure> {
    let mut after = String::new();
    loop {
        let mut page = expect(client.send("GET", &format!("/users?limit=100{after}"), None).await, 200)?;
        if let Value::Array(users) = page["users"].take() {
            users.into_iter().for_each(&mut each);
        }
        match &page["next"] {
            Value::Null => return Ok(()),
            next => after = format!("&after={next}"),
        }
    }
}

/// The user of this name, however it is spelled.
pub async fn user_named(client: &Client, name: &str) -> Result<Value, Failure> {
    let unknown = || Failure::Refused(format!("there is no user {name}"));
    let name = Username::parse(name).map_err(|_| unknown())?;
    let query = encoded(name.as_str());
    let mut page = expect(client.send("GET", &format!("/users?username={query}"), None).await, 200)?;
    let found = page["users"].get_mut(0).map(Value::take);
    found.ok_or_else(unknown)
}

/// The id of the user of this name, or of this id, whether or not there is one; no name is all digits.
pub async fn id_of(client: &Client, name: &str) -> Result<String, Failure> {
    match UserId::parse(name) {
        Some(id) => Ok(id.to_string()),
        None => Ok(user_named(client, name).await?["id"].to_string()),
    }
}

/// As a value in a query (RFC 3986 §2.1).
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut query, byte| {
        // Writing to a String does not fail.
        let _ = if byte.is_ascii_alphanumeric() { write!(query, "{}", byte as char) } else { write!(query, "%{byte:02X}") };
        query
    })
}

/// A moment as people read it: UTC, RFC 3339.
pub fn moment(secs: &Value) -> String {
    Timestamp::from_secs(secs.as_u64().unwrap_or_default()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_so_that_a_query_means_it() {
        assert_eq!(encoded("arun+1@x"), "arun%2B1%40x");
        assert_eq!(encoded("ärun"), "%C3%A4run");
    }
}
