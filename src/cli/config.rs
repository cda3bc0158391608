//! `doorward config`: the settings in effect, and whether they would do.

use clap::Subcommand;
use serde_json::json;

use super::reach::tell;
use super::{Failure, table};
use crate::config::{KEYS, Loaded};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every setting, its value and where that comes from
    Show {
        /// Also say what each setting is
        #[arg(long)]
        explain: bool,
    },
    /// Say whether a server would start with these settings; if not, what is wrong, and exit with 78
    Check,
}

/// Runs the command. What cannot be used has been refused while it was loaded.
pub fn run(loaded: &Loaded, command: &Command, as_json: bool) -> Result<(), Failure> {
    match command {
        Command::Show { explain } => show(loaded, *explain, as_json),
        Command::Check => check(loaded, as_json),
    }
}

fn show(loaded: &Loaded, explain: bool, as_json: bool) -> Result<(), Failure> {
    let shown = loaded.show();
    let help =
        |key: &str| KEYS.iter().find(|(name, _)| *name == key).map_or("secrets shared with Flask-JWT-Extended apps", |(_, help)| help);
    match (as_json, explain) {
        (true, false) => table::print_json(&shown),
        (true, true) => {
            let explained =
                shown.iter().map(|one| json!({"key": one.key, "value": one.value, "source": one.source, "what": help(&one.key)}));
            table::print_json(&explained.collect::<Vec<_>>())
        }
        (false, false) => {
            let rows: Vec<_> = shown.into_iter().map(|one| [one.key, one.value, one.source]).collect();
            table::print(["SETTING", "VALUE", "FROM"], &rows)
        }
        (false, true) => {
            let rows: Vec<_> = shown.into_iter().map(|one| [one.key.clone(), one.value, one.source, help(&one.key).to_owned()]).collect();
            table::print(["SETTING", "VALUE", "FROM", "WHAT"], &rows)
        }
    }
}

fn check(loaded: &Loaded, as_json: bool) -> Result<(), Failure> {
    let mut warnings = loaded.settings.warnings();
    if let Some(files) = loaded.settings.certificate() {
        warnings.extend(files.check()?);
    }
    for warning in warnings.iter().filter(|_| !as_json) {
        tell(&format!("doorward: warning: {warning}"));
    }
    table::done(as_json, &json!({"ok": true, "warnings": warnings}), "the settings can be used")
}
