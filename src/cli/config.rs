//! `doorward config`: the settings in effect.

use clap::Subcommand;

use super::{Failure, table};
use crate::config::{KEYS, Loaded};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every setting, its value and where that comes from
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Also say what each setting is
        #[arg(long, conflicts_with = "json")]
        explain: bool,
    },
}

/// Runs the command.
pub fn run(loaded: &Loaded, command: &Command) -> Result<(), Failure> {
    let Command::Show { json, explain } = command;
    let shown = loaded.show();
    if *json {
        return table::print_json(&shown);
    }
    let help =
        |key: &str| KEYS.iter().find(|(name, _)| *name == key).map_or("secrets shared with Flask-JWT-Extended apps", |(_, help)| help);
    if *explain {
        let rows: Vec<_> = shown.into_iter().map(|one| [one.key.clone(), one.value, one.source, help(&one.key).to_owned()]).collect();
        table::print(["SETTING", "VALUE", "FROM", "WHAT"], &rows)
    } else {
        let rows: Vec<_> = shown.into_iter().map(|one| [one.key, one.value, one.source]).collect();
        table::print(["SETTING", "VALUE", "FROM"], &rows)
    }
}
