//! Whether a command may make a new database where there is none: in a wrong directory it would work on nothing, and say it is done.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::{Common, Failure, healthcheck};
use crate::config::Loaded;
use crate::http::client::Client;
use crate::store;

/// For a server that may answer elsewhere.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who says that there is to be a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Founding {
    /// Nobody.
    Never,
    /// Nobody has named the directory, but before the first start this may come first. A server that answers has another directory.
    UnlessServed,
    /// The command itself, or who named the directory.
    Always,
}

impl Founding {
    /// For the first user: whoever named the directory, or its settings, means it.
    pub fn of_first_user(loaded: &Loaded, flags: &Common) -> Self {
        let is_named = flags.config.is_some() || loaded.source("data_dir") != "default";
        if is_named { Self::Always } else { Self::UnlessServed }
    }

    /// Looks whether there is a database in `dir`, or may be one now. `listening`: address and port of the settings.
    ///
    /// # Errors
    /// [`Failure::NoDatabase`]
    pub async fn check(self, dir: &Path, listening: Option<(&str, u16)>) -> Result<(), Failure> {
        if self == Self::Always || store::is_there(dir) {
            return Ok(());
        }
        let server = match listening {
            Some((address, port)) => who_answers(address, port).await,
            None => None,
        };
        if server.is_none() && self == Self::UnlessServed {
            return Ok(());
        }
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        Err(Failure::NoDatabase { dir, server })
    }
}

/// The address of a Doorward, if one answers there.
async fn who_answers(address: &str, port: u16) -> Option<String> {
    let url = healthcheck::listening(address, port).ok()?;
    let client = Client::stranger(url.clone()).ok()?;
    let answer = timeout(PATIENCE, client.send("GET", "/health", None)).await.ok()?.ok()?;
    (answer.status == 200 && answer.body["status"] == "ok").then(|| url.to_string())
}
