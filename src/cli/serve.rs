//! `doorward serve`: from settings to a clean stop.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, dumps, logging, open, runtime};
use crate::auth::{Auth, StartError};
use crate::config::Settings;
use crate::http::Own;
use crate::http::front::{self, Limits, LocalSocket};
use crate::http::problem::chain;

/// What expires is swept, and the time is kept, this often.
const MAINTENANCE: Duration = Duration::from_secs(60);

/// Serves until SIGTERM, Ctrl-C, or until the store fails.
pub fn run(settings: &Settings, accept_clock: bool, setup_link: bool) -> Result<(), Failure> {
    run_with(settings, accept_clock, setup_link, Box::new(|rocket| rocket))
}

/// The same with routes of somebody's own beside ours.
pub fn run_with(settings: &Settings, accept_clock: bool, setup_link: bool, own: Own) -> Result<(), Failure> {
    logging::install(settings)?;
    dumps::forbid();
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    runtime()?.block_on(serve(settings, accept_clock, setup_link, own))
}

async fn serve(settings: &Settings, accept_clock: bool, setup_link: bool, own: Own) -> Result<(), Failure> {
    // The port first: a second server is told so before it waits for the directory.
    let listeners = front::bind(&settings.address, settings.port)?;
    let auth = open(settings, accept_clock).await?;
    let limits = Limits { connections: settings.max_connections, per_address: settings.max_connections_per_address, ..Limits::default() };
    let client = crate::http::local_with(settings.surface(), auth.clone(), own).await.map_err(|error| Failure::Routes(Box::new(error)))?;
    let stop = stop_signal()?;
    // Not before the directory is ours: then what is left at the socket's path is a predecessor's.
    let listeners = listeners.with_local(local_socket(&settings.data_dir));
    let maintenance = tokio::spawn(maintain(auth.clone()));
    announce(&listeners.url());
    tell_systemd(&NotifyState::Ready);
    if setup_link {
        let page = settings.public_url.as_ref().map(|url| format!("{url}{}", settings.base_path.join("/")));
        offer_setup(&auth, &page.unwrap_or_else(|| format!("{}/", listeners.url())))?;
    }
    let failed = auth.clone();
    let stopping = async move {
        tokio::select! {
            () = stop => {}
            reason = failed.failed() => tracing::error!(reason, "the storage failed; stopping"),
        }
        tell_systemd(&NotifyState::Stopping);
    };
    front::serve(Arc::new(client), listeners, limits, stopping).await;
    maintenance.abort();
    finish(&auth).await
}

/// Without it the server is administered over HTTP, or while it is stopped.
fn local_socket(directory: &Path) -> Option<LocalSocket> {
    match LocalSocket::bind(directory) {
        Ok(socket) => Some(socket),
        Err(error) => {
            tracing::warn!(error = %chain(&error), "no local socket: commands cannot go through this server; use --url, or a shorter data_dir");
            None
        }
    }
}

/// The store is closed last: nothing that was accepted is left undone.
async fn finish(auth: &Auth) -> Result<(), Failure> {
    if !auth.is_ready() {
        return Err(Failure::StorageFailed(auth.failed().await));
    }
    auth.close().await.map_err(|error| Failure::StorageFailed(chain(&error)))
}

/// The one line on stdout: who started us knows where we listen.
fn announce(url: &str) {
    let mut stdout = std::io::stdout().lock();
    // A closed stdout is no reason not to serve.
    let _ = writeln!(stdout, "listening on {url}").and_then(|()| stdout.flush());
}

/// Where systemd started us with `Type=notify` (`sd_notify(3)`), else nothing. It waits for the first word, and does without others.
fn tell_systemd(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!(%error, "systemd cannot be told how the server does (NOTIFY_SOCKET)");
    }
}

/// Prints the link for the first administrator. It is no log line: whoever has it can become one. The code stands after `#`,
/// which browsers do not send, so that no log of a proxy has it.
fn offer_setup(auth: &Auth, page: &str) -> Result<(), Failure> {
    let Some((code, expires)) = auth.offer_setup().map_err(StartError::Other)? else {
        tracing::warn!("there is an administrator already, so no set-up link is printed");
        return Ok(());
    };
    let mut stdout = std::io::stdout().lock();
    // As with the address: who closed it does not want to know.
    let _ = writeln!(stdout, "set up the first administrator, once, until {expires}: {page}#setup={}", code.expose())
        .and_then(|()| stdout.flush());
    Ok(())
}

fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let on = |kind| signal(kind).map_err(|source| Failure::System { action: "listen for signals", source });
    let (mut terminate, mut interrupt) = (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn maintain(auth: Auth) {
    let mut every = tokio::time::interval(MAINTENANCE);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = auth.maintain().await {
            tracing::error!(error = %chain(&error), "maintenance failed");
        }
    }
}
