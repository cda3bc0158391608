//! What the commands that act on users share: one client for the time of a command, names looked up, answers judged.

use serde_json::Value;

use super::{Failure, open, runtime};
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
    let secs = secs.as_u64().unwrap_or_default();
    let (days, rest) = (secs / 86_400, secs % 86_400);
    // Days since 0000-03-01 in eras of 400 years (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn a_moment_is_the_right_day_also_around_leap_days() {
        for (secs, reads) in [
            (0_u64, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(moment(&secs.into()), reads);
        }
    }
}
