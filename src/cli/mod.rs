//! The command line. `doorward` is `doorward serve`; every other command sends the same HTTP requests as anybody, through the
//! running server, in this process when none runs, or to a URL, and says which it was.
//!
//! Exit codes: 0 done, 1 failed, 2 usage, 74 storage, 78 configuration (`sysexits.h`).

mod audit;
mod backup;
mod command;
mod completions;
mod config;
mod doctor;
#[cfg(test)]
mod documented;
mod dumps;
mod failure;
mod founding;
mod healthcheck;
mod import;
mod invite;
mod key;
mod local;
mod log;
mod log_lines;
mod logging;
mod man;
mod progress;
mod reach;
mod restore;
pub(crate) mod serve;
mod service;
mod session;
mod table;
mod terminal;
mod throttle;
mod user;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, ValueEnum};

use crate::auth::Auth;
use crate::config::{ConfigError, Flags, Loaded, Settings};
use crate::http::UserRoutes;
use crate::http::client::ServerUrl;
use crate::store::{SledStore, StoreOptions};
use command::Command;

pub(crate) use failure::Failure;

/// A login server in one executable: register, log in, refresh and revoke JSON Web Tokens.
///
/// Without a command it serves on <http://localhost:5000>. Everything is kept in ./data.
///
/// The other commands go through the server that runs on the same data directory; when none runs, they open the
/// directory themselves; with --url they ask a server elsewhere. They say which it was on standard error.
#[derive(Debug, Parser)]
#[command(
    name = "doorward",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 74 storage, 78 configuration."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    common: Common,
}

/// What flags are under that have no meaning for `serve`.
const ASKING: &str = "Options of commands that ask a server";

/// Flags of every command.
#[derive(Debug, Args)]
struct Common {
    /// Where everything is kept [default: data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A settings file in place of ./Rocket.toml
    #[arg(long, global = true, value_name = "FILE", env = "DOORWARD_CONFIG")]
    config: Option<PathBuf>,
    /// Where to listen: localhost, or an IP address [default: localhost]
    #[arg(long, global = true, value_name = "ADDRESS")]
    address: Option<String>,
    /// Which port; 0 takes any free one [default: 5000]
    #[arg(long, global = true, value_name = "PORT")]
    port: Option<u16>,
    /// Who may use /user/<id>: oneself and administrators, or anyone on this machine as in the template
    #[arg(long, global = true, value_name = "WHO")]
    user_routes: Option<UserRoutesFlag>,
    /// Go on although the system clock is more than a day behind the time already seen
    #[arg(long, global = true)]
    accept_clock: bool,
    /// Ask the server at this address, as the administrator whose access token is in --token-file or in `DOORWARD_TOKEN`
    #[arg(long, global = true, value_name = "URL", help_heading = ASKING)]
    url: Option<ServerUrl>,
    /// A file with that token
    #[arg(long, global = true, value_name = "FILE", help_heading = ASKING)]
    token_file: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long, global = true, help_heading = ASKING)]
    json: bool,
    /// Do not say which server or directory was asked
    #[arg(long, global = true, help_heading = ASKING)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum UserRoutesFlag {
    Guarded,
    Open,
}

impl Common {
    fn load(&self) -> Result<Loaded, ConfigError> {
        let environment = crate::config::environment(std::env::vars_os())?;
        let user_routes = self.user_routes.map(|flag| match flag {
            UserRoutesFlag::Guarded => UserRoutes::Guarded,
            UserRoutesFlag::Open => UserRoutes::Open,
        });
        let flags = Flags { address: self.address.clone(), port: self.port, data_dir: self.data_dir.clone(), user_routes };
        let loaded = Settings::load(self.config.as_deref(), &environment, &flags)?;
        logging::check(&loaded)?;
        Ok(loaded)
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or_default().run(&cli.common) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // A file of somebody else's is quoted in some; lines stay, what would steer the terminal does not.
            let said = crate::error::chain(&failure).replace(|letter: char| terminal::steers(letter) && letter != '\n', "?");
            reach::tell(&format!("doorward: {said}"));
            ExitCode::from(failure.exit_code())
        }
    }
}

/// What a program that has Doorward as a library serves with: the settings that `doorward serve` would have.
pub(crate) fn configured() -> Result<Settings, Failure> {
    let environment = crate::config::environment(std::env::vars_os())?;
    let loaded = Settings::load(None, &environment, &Flags::default())?;
    logging::check(&loaded)?;
    Ok(loaded.settings)
}

/// The runtime everything asynchronous runs on.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::System { action: "start the runtime", source })
}

/// Opens the data directory of these settings and starts the domain on it.
async fn open(settings: &Settings, accept_clock: bool) -> Result<Auth, Failure> {
    let options = StoreOptions::new(&settings.data_dir);
    let store = tokio::task::spawn_blocking(move || SledStore::open(&options))
        .await
        .map_err(|source| Failure::System { action: "open the store", source: source.into() })??;
    Ok(Auth::start(Arc::new(store), settings.policy(accept_clock)).await?)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    #[test]
    fn the_command_line_fits_together() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn a_key_whose_id_begins_with_a_hyphen_can_be_retired() {
        for arguments in [["key", "retire", "-5u", "--now"], ["key", "retire", "--now", "-5u"]] {
            assert!(super::Cli::try_parse_from([&["doorward"], &arguments[..]].concat()).is_ok(), "{arguments:?}");
        }
        assert!(super::Cli::try_parse_from(["doorward", "key", "retire", "5u", "--later"]).is_err());
    }
}
