//! The commands, and what runs each.

use std::path::PathBuf;

use clap::Subcommand;
use clap_complete::Shell;

use super::founding::Founding;
use super::reach::Reach;
use super::{Common, Failure};
use super::{
    audit, backup, completions, config, doctor, healthcheck, import, invite, key, log, man, restore, serve, service, session, user, verify,
};

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(flatten)]
    Settled(Settled),
    #[command(flatten)]
    Bare(Bare),
}

/// Those that do nothing unless the settings can be used.
#[derive(Debug, Subcommand)]
pub enum Settled {
    /// Serve the API and the page (what happens without a command, too)
    Serve {
        /// While there is no administrator, print a link to make the first one; it works once, for 30 minutes
        #[arg(long)]
        setup_link: bool,
    },
    /// Add, list, change and delete users
    #[command(subcommand)]
    User(user::Command),
    /// Add, list and remove the keys of services, programs that may ask about tokens
    #[command(subcommand)]
    Service(service::Command),
    /// Make, list and take back invites, codes to register with
    #[command(subcommand)]
    Invite(invite::Command),
    /// List and end a user's sessions
    #[command(subcommand)]
    Session(session::Command),
    /// List, rotate, import and retire the keys that sign
    #[command(subcommand)]
    Key(key::Command),
    /// Take the users of another program in, and see how far they have come
    #[command(subcommand)]
    Import(import::Command),
    /// List what has happened: logins, failures, changes, and who did it
    Audit(audit::Command),
    /// Copy everything into one file, also while the server runs; restore makes a database of it
    Backup(backup::Command),
    /// Make the database of a backup; every token from before is refused then. No server may run
    Restore(restore::Command),
    /// Show which log lines the running server writes, or write others until it stops
    Log(log::Command),
    /// Show or check the settings in effect
    #[command(subcommand)]
    Config(config::Command),
    /// Say in one line whether the server is ready; exit with 1 if not, or if nobody answers within 3 s
    ///
    /// It asks the server of the data directory over its socket, else the address and port of the settings, or --url. It
    /// needs no token.
    Healthcheck,
}

/// Those that begin without the settings: they have no part in it, or are what is looked at.
#[derive(Debug, Subcommand)]
pub enum Bare {
    /// Check a deployment, after an upgrade for one: log in, refresh, log out, every refusal; leaves nothing behind
    Verify(verify::Flags),
    /// Say what is wrong and what to do about it: directory, database, disk, clock, secrets, proxy, certificate, backups
    Doctor,
    /// Print a script for your shell that completes commands and flags; e.g. doorward completions bash
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write the manual pages into a directory
    Man {
        /// Which directory
        directory: PathBuf,
    },
}

impl Default for Command {
    fn default() -> Self {
        Self::Settled(Settled::Serve { setup_link: false })
    }
}

impl Command {
    /// Runs it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Settled(command) => command.run(common),
            Self::Bare(command) => command.run(common),
        }
    }
}

impl Settled {
    fn run(self, common: &Common) -> Result<(), Failure> {
        let loaded = common.load()?;
        let settings = &loaded.settings;
        let reach = || Reach::new(settings, common);
        let founding = |founding| reach().map(|reach| reach.founding(founding));
        match self {
            Self::Serve { .. } | Self::Config(_) | Self::Restore(_) if common.url.is_some() || common.token_file.is_some() => {
                Err(Failure::Usage("--url and --token-file are for commands that ask a server".to_owned()))
            }
            Self::Serve { setup_link } => serve::run(settings, common.accept_clock, setup_link),
            Self::User(command @ user::Command::Add { .. }) => user::run(&founding(Founding::of_first_user(&loaded, common))?, &command),
            Self::User(command) => user::run(&reach()?, &command),
            Self::Invite(command) => invite::run(&reach()?, &command),
            Self::Session(command) => session::run(&reach()?, &command),
            Self::Service(command) => service::run(&reach()?, &command),
            Self::Key(command) => key::run(&reach()?, &command),
            Self::Import(command @ import::Command::Flask(_)) => import::run(&founding(Founding::Always)?, settings, &command),
            Self::Import(command) => import::run(&reach()?, settings, &command),
            Self::Audit(command) => audit::run(&reach()?, &command),
            Self::Log(command) => log::run(&reach()?, &command),
            Self::Backup(command) => backup::run(&reach()?, &command),
            Self::Restore(command) => restore::run(settings, &command, common),
            Self::Config(command) => config::run(&loaded, &command, common.json),
            Self::Healthcheck => healthcheck::run(settings, common),
        }
    }
}

impl Bare {
    fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Verify(flags) => verify::run(&flags, common),
            Self::Doctor => doctor::run(common),
            Self::Completions { shell } => completions::run(shell),
            Self::Man { directory } => man::run(&directory),
        }
    }
}
