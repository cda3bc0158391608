//! `doorward backup`: a checkpoint of what a server holds, made while it runs or when none does.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::local::{expect, text};
use super::progress::Progress;
use super::reach::Reach;
use super::{Failure, table};
use crate::http::client::Client;
use crate::store::checkpoint::{self, FOLDER};

/// How often it is looked how far a server has come.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub struct Command {
    /// Where to put it; else it stays in the folder backups of the data directory
    file: Option<PathBuf>,
    /// Leave out the keys that sign; restore makes new ones anyway
    #[arg(long)]
    without_keys: bool,
}

/// Runs the command.
pub fn run(reach: &Reach<'_>, command: &Command) -> Result<(), Failure> {
    if reach.is_remote() && command.file.is_some() {
        return Err(Failure::Usage("with --url the backup stays with that server, in its data directory; leave FILE out".to_owned()));
    }
    // Before the work is done for nothing; whether it is still free is looked at again when it is put there.
    if let Some(file) = command.file.as_ref().filter(|file| file.exists()) {
        return Err(Failure::Refused(format!("{} is there already; choose another name", file.display())));
    }
    reach.run(async |client| {
        let made = make(reach, client, !command.without_keys).await?;
        let name = Some(text(&made["name"])).filter(|name| checkpoint::is_name(name));
        // What is copied from there is then removed, maybe by root, and whoever answers may be anybody whose directory it is.
        let name = name.ok_or_else(|| Failure::Refused("the server answered with no name of a backup; nothing was copied".to_owned()))?;
        let place = match &command.file {
            Some(file) => {
                deliver(reach, &name, file)?;
                file.display().to_string()
            }
            None if reach.is_remote() => format!("{FOLDER}/{name}, in that server's data directory"),
            None => reach.directory().join(FOLDER).join(&name).display().to_string(),
        };
        let said = format!("backed up {} users, {} bytes, to {place}", made["counts"]["user"].as_u64().unwrap_or(0), made["bytes"]);
        table::done(reach.json, &made, &said)
    })
}

async fn make(reach: &Reach<'_>, client: &Client, keys: bool) -> Result<Value, Failure> {
    let mut progress = Progress::new("backing up", reach.is_quiet() || reach.is_remote());
    let folder = reach.directory().join(FOLDER);
    let body = json!({"keys": keys});
    let made = client.send_long("POST", "/backup", Some(&body));
    tokio::pin!(made);
    loop {
        tokio::select! {
            made = &mut made => return expect(made, 201),
            () = tokio::time::sleep(LOOK) => progress.count(draft_length(&folder)),
        }
    }
}

/// How much of the one that is being written is there.
fn draft_length(folder: &Path) -> u64 {
    let drafts = fs::read_dir(folder).into_iter().flatten().flatten();
    let drafts = drafts.filter(|entry| entry.path().extension().is_some_and(|end| end == "part"));
    drafts.filter_map(|entry| entry.metadata().ok()).map(|found| found.len()).sum()
}

/// Moves it to where its owner wants it; that may be another disk.
fn deliver(reach: &Reach<'_>, name: &str, file: &Path) -> Result<(), Failure> {
    let mut progress = Progress::new("copying", reach.is_quiet());
    Ok(checkpoint::deliver(&reach.directory(), name, file, &mut |done, of| progress.show(done, of))?)
}
