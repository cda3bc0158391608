//! `doorward verify`: walks the flow and the refusals at a deployment, after an upgrade for one, and says what is not as it
//! should be. `flow.rs` and `surface.rs` list the checks, `want.rs` says what an answer must be, `run.rs` asks, `report.rs` prints,
//! `account.rs` owns whom it is walked with, and that nothing is left behind.
//!
//! Of what a server answers only the status and the word of an error are shown: no token, no password, no text of others.

mod account;
mod flow;
mod report;
mod run;
mod surface;
mod want;

use std::path::{Path, PathBuf};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::reach::{TOKEN, one_token, tell, token_file};
use super::user::ask_password;
use super::{Common, Failure, runtime};
use crate::http::client::{Ask, Probe};
use crate::task;
use account::{Account, Entry};
use report::{Outcome, Report};
use run::Run;

/// What the command takes beside --url, --token-file, --json and --quiet.
#[derive(Debug, Args)]
#[command(after_help = "Without --user, it makes a user verify-<random> and deletes it at the end, also after Ctrl-C: as anyone, with an \
    invite, or with an administrator's token (--token-file, DOORWARD_TOKEN). What the server forbids, or lets wait for \
    long, is skipped, and the table says why. It exits with 0 when nothing failed.")]
pub struct Flags {
    /// Check with this user, that is only logged in and out; its password is asked for, or read from standard input
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A file with an invite, to register with
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    invite_file: Option<PathBuf>,
    /// A file of certificates, in PEM, to trust beside those of the system
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Runs the command.
pub fn run(flags: &Flags, common: &Common) -> Result<(), Failure> {
    let url = common.url.as_ref().ok_or_else(|| Failure::Usage("verify needs --url, e.g. --url https://login.example.com".to_owned()))?;
    let account = Account::new(entry(flags, common.token_file.as_deref())?)?;
    if url.is_readable_on_the_way() {
        tell(&format!("doorward: warning: {url} is not encrypted; others on the way can read what is sent"));
    }
    if !common.quiet {
        tell(&format!("at {url}"));
    }
    let probe = Probe::new(url, flags.ca.as_deref())?;
    task::wait(&runtime()?, verify(probe, account, common))
}

/// What is given decides how one comes to a user.
fn entry(flags: &Flags, token: Option<&Path>) -> Result<Entry, Failure> {
    if (flags.user.is_some() || flags.invite_file.is_some()) && token.is_some() {
        return Err(Failure::Usage("one of --user, --invite-file and --token-file is enough".to_owned()));
    }
    if let Some(name) = &flags.user {
        return Ok(Entry::Given(name.clone(), ask_password(name)?));
    }
    if let Some(file) = &flags.invite_file {
        return token_file(file).map(Entry::Invite);
    }
    match (token, std::env::var(TOKEN)) {
        (Some(file), _) => token_file(file).map(Entry::Admin),
        (None, Ok(token)) => one_token(&token, TOKEN).map(Entry::Admin),
        (None, Err(_)) => Ok(Entry::Register),
    }
}

async fn verify(probe: Probe, mut account: Account, common: &Common) -> Result<(), Failure> {
    // Its caller has looked.
    let Some(url) = &common.url else { return Ok(()) };
    probe.ask(&Ask::get("/health")).await?;
    let report = Report::new(surface::CHECKS + flow::CHECKS, common.quiet);
    let mut run = Run::new(probe, report, stop_signal()?);
    let is_in_place = surface::look(&mut run, url).await;
    flow::walk(&mut run, &mut account, url.path()).await;
    let was_stopped = run.is_stopped();
    debug_assert!(was_stopped || run.report.is_whole(), "the bar ends where it said that it would");
    let remains = account.clean_up(&mut run).await;
    let report = &run.report;
    report.done();
    let failed = report.count(Outcome::Failed);
    let is_good = failed == 0 && report.count(Outcome::Ok) > 0 && remains.is_none() && !was_stopped;
    report.print(&url.to_string(), is_good, remains, common.json)?;
    if !is_in_place {
        tell("doorward: warning: give --url the public address, where browsers reach the server: public_url with base_path");
    }
    if let Some(name) = remains {
        tell(&format!("doorward: warning: the user {name} may remain; look for it with: doorward user show {name}"));
    }
    match failed {
        _ if is_good => Ok(()),
        _ if was_stopped => Err(Failure::Refused("stopped before the last check".to_owned())),
        0 => Err(Failure::Refused("the checks could not be made, or something remains".to_owned())),
        failed => Err(Failure::Refused(format!("{url} is not as it should be: {failed} failed"))),
    }
}

/// Turns true at Ctrl-C or SIGTERM: the check that is under way ends, what was made is deleted, and the command leaves.
fn stop_signal() -> Result<watch::Receiver<bool>, Failure> {
    let on = |kind| signal(kind).map_err(|source| Failure::System { action: "listen for signals", source });
    let (mut terminate, mut interrupt) = (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let (stop, stopped) = watch::channel(false);
    task::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send_replace(true);
        // Whoever listens does so as long as this lives.
        stop.closed().await;
    });
    Ok(stopped)
}
