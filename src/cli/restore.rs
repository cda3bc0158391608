//! `doorward restore`: makes the database of a checkpoint, where no server runs.

use std::path::{Path, PathBuf};

use clap::Args;

use super::progress::Progress;
use super::{Common, Failure, table};
use crate::auth::StartError;
use crate::auth::clock::{Clock, Timestamp};
use crate::config::Settings;
use crate::store::StoreOptions;
use crate::store::checkpoint::{self, Restored};

#[derive(Debug, Args)]
pub struct Command {
    /// A backup, or latest: the newest in the folder backups of the data directory
    #[arg(value_name = "FILE|latest")]
    from: PathBuf,
    /// Move the database that is there aside; it is kept
    #[arg(long)]
    replace: bool,
}

/// Runs the command.
pub fn run(settings: &Settings, command: &Command, common: &Common) -> Result<(), Failure> {
    // The wrong time would be the one from which tokens count.
    let now = Clock::start(Timestamp::default()).map_err(StartError::Clock)?.now();
    let from = Some(command.from.as_path()).filter(|from| *from != Path::new("latest"));
    let mut progress = Progress::new("restoring", common.quiet);
    let options = StoreOptions::new(&settings.data_dir);
    let restored = checkpoint::restore(&options, from, command.replace, now, &mut |done, of| progress.show(done, of))?;
    drop(progress);
    table::done(common.json, &restored.to_json(), &said(&restored, &settings.data_dir))
}

fn said(restored: &Restored, dir: &Path) -> String {
    let Restored { from, created, users, services, next_user, replaced } = restored;
    let mut lines = vec![
        format!("restored {users} users to {} from {}, made {created}", dir.display(), from.display()),
        "Every token, session, reset code and invite from before is refused; passwords, roles and what is disabled are as they were then."
            .to_owned(),
        format!("New users get ids from {next_user}."),
    ];
    if *services > 0 {
        lines.push(format!("The keys of {services} services are good as they were then; see: doorward service list"));
    }
    if let Some(replaced) = replaced {
        lines.push(format!("The database before is kept in {}", replaced.display()));
    }
    lines.join("\n")
}
