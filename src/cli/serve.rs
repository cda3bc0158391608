//! `doorward serve`: from settings to a clean stop.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{Failure, dumps, logging, open, runtime};
use crate::auth::{Auth, StartError};
use crate::config::Settings;
use crate::error::chain;
use crate::http::front::{self, BindError, Limits, Listeners, LocalSocket, Tls};
use crate::http::{Own, Surface};
use crate::log_filter::LogControl;
use crate::store;
use crate::task::{self, boxed};

/// What expires is swept, and the time is kept, this often.
const MAINTENANCE: Duration = Duration::from_secs(60);
/// Connections that ask for metrics, at most: somebody who watches has few.
const METRICS_CONNECTIONS: usize = 16;
/// A new certificate is looked for this often.
const RENEWAL: Duration = Duration::from_secs(60);
/// After one that failed, a checkpoint is tried again after this at the latest.
const CHECKPOINT_AGAIN: Duration = Duration::from_secs(3600);

/// Serves until SIGTERM, Ctrl-C, or until the store fails.
pub fn run(settings: &Settings, accept_clock: bool, setup_link: bool) -> Result<(), Failure> {
    run_with(settings, accept_clock, setup_link, Box::new(|rocket| rocket))
}

/// The same with routes of somebody's own beside ours.
pub fn run_with(settings: &Settings, accept_clock: bool, setup_link: bool, own: Own) -> Result<(), Failure> {
    let log = logging::install(settings)?;
    dumps::forbid();
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    task::wait(&runtime()?, serve(settings, accept_clock, setup_link, log, own))
}

async fn serve(settings: &Settings, accept_clock: bool, setup_link: bool, log: LogControl, own: Own) -> Result<(), Failure> {
    // Before anything that takes time: the system's way with it is to end the process.
    let hangup = listen(SignalKind::hangup())?;
    // The port first: a second server is told so before it waits for the directory.
    let listeners = front::bind(&settings.address, settings.port).map_err(|error| taken(error, &settings.data_dir))?;
    let tls = settings.certificate().map(Tls::load).transpose()?.map(Arc::new);
    let metrics = settings.metrics_address.map(bind_metrics).transpose()?;
    let is_new = !store::is_there(&settings.data_dir);
    if let Some(pid) = store::holder(&settings.data_dir) {
        tracing::warn!("the data directory is in use by process {pid}; waiting a few seconds for its end");
    }
    let auth = open(settings, accept_clock).await?;
    let limits = Limits { connections: settings.max_connections, per_address: settings.max_connections_per_address, ..Limits::default() };
    let surface = Surface { log, ..settings.surface() };
    let client = crate::http::local_with(surface, auth.clone(), own).await.map_err(|error| Failure::Routes(Box::new(error)))?;
    let stop = stop_signal()?;
    // Not before the directory is ours: then what is left at the socket's path is a predecessor's.
    let listeners = listeners.with_local(local_socket(&settings.data_dir));
    let listeners = listeners.with_tls(tls.clone());
    // Ends when it is dropped.
    let mut background = JoinSet::new();
    background.spawn(boxed(maintain(auth.clone())));
    background.spawn(boxed(keep_checkpoints(auth.clone(), settings.checkpoint_interval.0, settings.checkpoint_keep)));
    match tls.clone() {
        Some(tls) => background.spawn(boxed(renew(tls, hangup))),
        None => background.spawn(boxed(reload_nothing(hangup))),
    };
    announce(&format!("listening on {}", listeners.url()));
    let (over, watched) = oneshot::channel::<()>();
    let metrics = match metrics {
        Some(listeners) => {
            announce(&format!("metrics on {}/metrics", listeners.url()));
            let client = crate::http::metrics::local(auth.clone(), &client, tls).await;
            let client = Arc::new(client.map_err(|error| Failure::Routes(Box::new(error)))?);
            let few = Limits { connections: METRICS_CONNECTIONS, grace: Duration::from_secs(1), ..Limits::default() };
            let serving = front::serve(client, listeners, few, async { drop(watched.await) });
            Some(task::spawn(async {
                serving.await;
            }))
        }
        None => None,
    };
    tell_systemd(&NotifyState::Ready);
    if setup_link {
        offer_setup(&auth, &settings.page().unwrap_or_else(|| format!("{}/", listeners.url())))?;
    } else {
        introduce(settings, is_new);
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
    drop(over);
    if let Some(metrics) = metrics {
        let _ = metrics.await;
    }
    drop(background);
    finish(&auth).await
}

/// Why the port cannot be had. Who holds the directory has most likely the port, too.
fn taken(error: BindError, dir: &Path) -> Failure {
    match (error, store::holder(dir)) {
        (BindError::PortTaken { port }, Some(pid)) => Failure::Running { port, pid, dir: dir.to_owned() },
        (error, _) => error.into(),
    }
}

/// What whoever starts it may want to know next.
fn introduce(settings: &Settings, is_new: bool) {
    if let Some(page) = settings.page() {
        announce(&format!("browsers reach it at {page}"));
    }
    if is_new {
        announce("no administrator yet: doorward user add NAME --admin, or start with --setup-link");
    }
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

/// Where the metrics are to be served.
fn bind_metrics(address: SocketAddr) -> Result<Listeners, Failure> {
    front::bind(&address.ip().to_string(), address.port()).map_err(|source| Failure::Metrics { address, source })
}

/// On stdout: who started us knows where we listen.
fn announce(line: &str) {
    let mut stdout = std::io::stdout().lock();
    // A closed stdout is no reason not to serve.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
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

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|source| Failure::System { action: "listen for signals", source })
}

fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Looks for a new certificate every minute, and on SIGHUP at once.
async fn renew(tls: Arc<Tls>, mut hangup: Signal) {
    let mut every = tokio::time::interval(RENEWAL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let asked = tokio::select! {
            _ = every.tick() => false,
            _ = hangup.recv() => true,
        };
        let tls = Arc::clone(&tls);
        // A panic in there would have been logged, and the certificate is as it was.
        let _ = tokio::task::spawn_blocking(move || tls.renew(asked)).await;
    }
}

/// Whoever sends SIGHUP wants something read again, or has closed the terminal: neither is a reason to go.
async fn reload_nothing(mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        tracing::warn!("SIGHUP: there is nothing to reload, for no certificate is set; other settings are read at the start");
    }
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

/// Makes a checkpoint whenever one is due. One that fails is a warning: the server goes on as before.
async fn keep_checkpoints(auth: Auth, every: Duration, keep: usize) {
    if every.is_zero() {
        return;
    }
    let look = every.min(MAINTENANCE);
    let mut pause = look;
    loop {
        tokio::time::sleep(pause).await;
        pause = match auth.checkpoint_if_due(every, keep).await {
            Ok(_) => look,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "the backup on the schedule failed; it is tried again within the hour");
                every.clamp(look, CHECKPOINT_AGAIN)
            }
        };
    }
}
