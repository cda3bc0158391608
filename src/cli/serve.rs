//! `doorward serve`: from settings to a clean stop.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, logging, open, runtime};
use crate::auth::Auth;
use crate::config::Settings;
use crate::http::front::{self, Limits};
use crate::http::problem::chain;

/// What expires is swept, and the time is kept, this often.
const MAINTENANCE: Duration = Duration::from_secs(60);

/// Serves until SIGTERM, Ctrl-C, or until the store fails.
pub fn run(settings: &Settings, accept_clock: bool) -> Result<(), Failure> {
    logging::install(settings)?;
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    runtime()?.block_on(serve(settings, accept_clock))
}

async fn serve(settings: &Settings, accept_clock: bool) -> Result<(), Failure> {
    // The port first: a second server is told so before it waits for the directory.
    let listeners = front::bind(&settings.address, settings.port)?;
    let auth = open(settings, accept_clock).await?;
    let limits = Limits { connections: settings.max_connections, per_address: settings.max_connections_per_address, ..Limits::default() };
    let client = crate::http::local(settings.surface(), auth.clone()).await.map_err(|error| Failure::Routes(Box::new(error)))?;
    let stop = stop_signal()?;
    let maintenance = tokio::spawn(maintain(auth.clone()));
    announce(&listeners.url());
    let failed = auth.clone();
    let stopping = async move {
        tokio::select! {
            () = stop => {}
            reason = failed.failed() => tracing::error!(reason, "the storage failed; stopping"),
        }
    };
    front::serve(Arc::new(client), listeners, limits, stopping).await;
    maintenance.abort();
    finish(&auth).await
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
