//! `doorward doctor`: what is wrong, and what to do about it, in words for who runs a small server.
//!
//! A check is a small function that gives a [`Finding`]; this file is the list. What can be seen from outside is looked at
//! here, whatever state the rest is in; what only the holder of the records knows is asked for by the door that every command
//! takes: the running server, or this process when none runs, or `--url`.

mod backups;
mod certificate;
mod directory;
mod disk;
mod file_system;
mod finding;
mod hashing;
mod lock;
mod proxy;
mod report;
mod secrets;
mod server;
mod settings;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::progress::Progress;
use super::reach::Reach;
use super::{Common, Failure, runtime};
use crate::auth::StartError;
use crate::auth::clock::{Clock, Timestamp};
use crate::config::{self, Settings};
use crate::error::chain;
use crate::http::client::{Client, ServerUrl};
use crate::store::{self, StorageError};
use crate::task;
use finding::Finding;
use lock::Reached;
use server::Answers;

/// What cannot be seen from afar.
const ON_THE_SPOT: [&str; 15] = [
    "settings",
    "user routes",
    "registration",
    "public_url",
    "directory",
    "files",
    "local socket",
    "file system",
    "disk space",
    "JWT_SECRET_KEY",
    "secret files",
    "password time",
    "password memory",
    "certificate",
    "backup",
];

/// Runs the command.
///
/// # Errors
/// When something is to fix, with the exit code that a start of the server would have, if it is that which fails.
pub fn run(common: &Common) -> Result<(), Failure> {
    let now = Clock::start(Timestamp::default()).map_err(StartError::Clock)?.now();
    let (findings, code) = match &common.url {
        Some(url) => (from_afar(common, url, now)?, 1),
        None => on_the_spot(common, now)?,
    };
    report::print(&findings, common.json)?;
    let [.., fix, _] = report::counts(&findings);
    if fix == 0 { Ok(()) } else { Err(Failure::Unwell { fix, code }) }
}

/// By the server's answers alone, and by how it sees this machine.
fn from_afar(common: &Common, url: &ServerUrl, now: Timestamp) -> Result<Vec<Finding>, Failure> {
    // Where to ask is in the flags; of the settings nothing is of this server.
    let settings = Settings::default();
    let (reach, mut answers) = (Reach::new(&settings, common)?, None);
    reach.run(async |client| {
        answers = Some(server::ask(client).await);
        Ok(())
    })?;
    let Some(answers) = answers else { return Ok(Vec::new()) };
    let mut findings = server::judge(&answers, now);
    findings.push(through_proxy(Some(url.clone()), &answers, !url.is_private()));
    findings.extend(ON_THE_SPOT.map(|check| Finding::skip(check, "can be looked at on the server's own machine only")));
    Ok(findings)
}

/// Everything, and the exit code if something is to fix.
fn on_the_spot(common: &Common, now: Timestamp) -> Result<(Vec<Finding>, u8), Failure> {
    if common.token_file.is_some() {
        return Err(Failure::Usage("--token-file goes with --url".to_owned()));
    }
    let (settings, wrong) = match common.load() {
        Ok(loaded) => (loaded.settings, None),
        Err(wrong) => (Settings { data_dir: likely_data_dir(common), ..Settings::default() }, Some(wrong)),
    };
    let dir = reach_directory(&settings);
    let of_directory = [
        directory::permissions(&dir),
        directory::files(&dir),
        directory::socket(&settings.data_dir),
        file_system::keeps(&dir),
        disk::space(&dir),
    ];
    // With settings that are not the server's, its directory is not opened here: another key would be made, for one.
    let may_open = wrong.is_none() && store::has_database(&dir);
    let lock = lock::look(&dir);
    let mut asked = ask(&settings, common, may_open);
    let mut findings = match &wrong {
        Some(wrong) => vec![Finding::fix("settings", wrong.to_string(), "mend it; a server with these settings does not start")],
        None => of_settings(&settings, asked.as_ref().ok().and_then(Option::as_ref).and_then(Answers::public_url)),
    };
    findings.extend(config::environment(std::env::vars_os()).ok().and_then(|environment| settings::slips(&environment)));
    findings.extend(of_directory);
    let reached = match &asked {
        Ok(Some(answers)) if answers.is_live() => Reached::Served,
        Ok(Some(_)) => Reached::Opened,
        Err(Failure::Storage(StorageError::Held { .. })) if !directory::has_room_for_socket(&settings.data_dir) => Reached::Closed,
        _ => Reached::Not,
    };
    findings.push(lock.map_or_else(|refused| refused, |lock| lock.judge(reached)));
    if reached == Reached::Closed {
        // Nothing is wrong with it, as far as can be told.
        asked = Ok(None);
    }
    let failed = asked.as_ref().err().map(Failure::exit_code);
    findings.extend(of_server(&settings, asked, &dir, now, wrong.is_none() && reached != Reached::Closed));
    if wrong.is_none() {
        findings.extend(of_machine(&settings, now)?);
    }
    if dir.is_dir() {
        let mut progress = Progress::new("restoring for a trial", common.quiet);
        findings.extend(backups::look(&Settings { data_dir: dir, ..settings }, now, &mut progress));
    }
    Ok((findings, if wrong.is_some() { 78 } else { failed.unwrap_or(1) }))
}

/// Where everything seems to be kept, when the settings as a whole cannot be used.
fn likely_data_dir(common: &Common) -> PathBuf {
    let environment = config::environment(std::env::vars_os()).unwrap_or_default();
    common.data_dir.clone().unwrap_or_else(|| config::likely_data_dir(common.config.as_deref(), &environment))
}

/// The data directory, from the root on: findings are read elsewhere, too.
fn reach_directory(settings: &Settings) -> PathBuf {
    std::path::absolute(&settings.data_dir).unwrap_or_else(|_| settings.data_dir.clone())
}

fn of_settings(settings: &Settings, served_at: Option<&Value>) -> Vec<Finding> {
    let mut findings = settings::warnings(settings);
    findings.extend(settings::differ(settings, served_at));
    findings.extend([settings::user_routes(settings), settings::registration(settings), settings::public_url(settings, served_at)]);
    findings.extend([secrets::strength(settings), secrets::files(settings)]);
    findings.extend(secrets::previous(settings));
    findings
}

fn of_machine(settings: &Settings, now: Timestamp) -> Result<Vec<Finding>, Failure> {
    let time = task::wait(&runtime()?, hashing::time(settings));
    Ok(vec![time, hashing::memory(settings), certificate::look(settings, now)])
}

/// `None`: no server runs, and the directory may not be opened here.
fn ask(settings: &Settings, common: &Common, may_open: bool) -> Result<Option<Answers>, Failure> {
    let (reach, mut answers) = (Reach::new(settings, common)?, None);
    let ask = async |client: &Client| {
        // Gone before anything else is said: where the answers came from stands above it, a warning may follow.
        let mut progress = Progress::new("looking", common.quiet);
        progress.show(0, 1);
        answers = Some(server::ask(client).await);
        Ok(())
    };
    if may_open {
        reach.run(ask)?;
    } else {
        reach.run_if_served(ask)?;
    }
    Ok(answers)
}

fn of_server(settings: &Settings, asked: Result<Option<Answers>, Failure>, dir: &Path, now: Timestamp, is_set: bool) -> Vec<Finding> {
    let answers = match asked {
        Ok(Some(answers)) => answers,
        Ok(None) if is_set && dir.is_dir() => return vec![Finding::ok("database", "there is none yet; the first start makes it")],
        Ok(None) => {
            return vec![Finding::skip("database", "it is looked at when the settings, the directory and its local socket can be used")];
        }
        Err(failure) => return vec![refused(&failure)],
    };
    let mut findings = server::judge(&answers, now);
    if let Ok(checkup) = &answers.checkup {
        findings.push(disk::waste(dir, checkup["database"]["bytes"].as_u64().unwrap_or_default()));
    }
    let url = answers.public_url().and_then(Value::as_str).map(str::to_owned).or_else(|| settings.public_base());
    let url = url.and_then(|url| url.parse::<ServerUrl>().ok());
    let direct = url.as_ref().is_some_and(|url| url.is_private() == settings.tls_cert.is_some()) && settings.trusted_proxies.is_nobody();
    findings.push(through_proxy(url, &answers, direct));
    findings
}

/// Why a start is refused, as a finding; the texts say what to do.
fn refused(failure: &Failure) -> Finding {
    let what = chain(failure);
    let (check, advice) = match failure {
        Failure::Storage(StorageError::Damaged { .. }) => ("database", "do as it says; what came after the newest backup is lost by that"),
        Failure::Storage(StorageError::Held { .. }) => ("database", "see the finding on the lock"),
        Failure::Storage(StorageError::Unsafe { .. }) => ("database", "see the finding on the directory"),
        Failure::Storage(StorageError::TooNew { .. }) => ("database", "do as it says; nothing is wrong with the data"),
        Failure::Storage(StorageError::Migration { .. }) => ("database", "do as it says; the data are whole"),
        Failure::Start(StartError::Clock(_)) => ("clock", "set the clock, and let the machine keep it: timedatectl set-ntp true"),
        Failure::Start(StartError::TokensTooLong { .. }) => ("settings", "shorten what is named"),
        _ => ("database", "see that the disk is sound and has room"),
    };
    Finding::fix(check, what, advice)
}

fn through_proxy(url: Option<ServerUrl>, answers: &Answers, direct: bool) -> Finding {
    const CHECK: &str = "proxy";
    let Some(url) = url else { return Finding::skip(CHECK, "public_url is not set, so there is no address to ask") };
    let look = answers.checkup.as_ref().ok().and_then(|checkup| checkup["look"].as_str());
    match (answers.is_live(), look, runtime()) {
        (false, ..) => Finding::skip(CHECK, "no server runs"),
        (true, Some(look), Ok(runtime)) => task::wait(&runtime, proxy::look(&url, look, direct)),
        _ => Finding::skip(CHECK, "the server did not say how to ask"),
    }
}
