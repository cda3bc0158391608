//! One check after the other: asked, waited for where the server says so, judged, noted.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::report::{Outcome, Report};
use super::want::Want;
use crate::http::client::{Ask, ClientError, Heard, Probe};

/// The longest wait that a server may ask for and get.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// For all waits of a run.
const PATIENCE: Duration = Duration::from_secs(90);

/// The checks of one server.
pub struct Run {
    probe: Probe,
    /// What they found.
    pub report: Report,
    patience: Duration,
    /// `None`: a wish to end is not heard any more.
    stop: Option<watch::Receiver<bool>>,
}

/// What may be asked, or why it cannot be.
pub type Planned = Result<Ask, String>;

/// What an earlier check gave, or that it did not.
pub fn needs<'a, T>(found: Option<&'a T>, what: &str) -> Result<&'a T, String> {
    found.ok_or_else(|| format!("needs: {what}"))
}

impl Run {
    /// Once `stop` holds true, nothing more is asked but what cleans up.
    pub const fn new(probe: Probe, report: Report, stop: watch::Receiver<bool>) -> Self {
        Self { probe, report, patience: PATIENCE, stop: Some(stop) }
    }

    /// Whether somebody wants it to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| *stop.borrow())
    }

    /// Makes a check and notes it. The answer, if it is as wanted.
    pub async fn check(&mut self, name: &'static str, planned: Planned, want: Want<'_>) -> Option<Heard> {
        if self.is_stopped() {
            return None;
        }
        self.report.doing(name);
        let ask = match planned {
            Ok(ask) => ask,
            Err(why) => return self.skip(name, &want, why, None),
        };
        let heard = match self.ask(&ask).await {
            Ok(heard) => heard,
            Err(error) => {
                self.report.add(name, Outcome::Failed, want.expected(), crate::error::chain(&error), None);
                return None;
            }
        };
        let (is_good, got) = want.judge(&heard);
        if is_good {
            self.report.add(name, Outcome::Ok, want.expected(), got, Some(heard.took));
            return Some(heard);
        }
        if let Some(why) = want.excuse(&heard) {
            return self.skip(name, &want, why.to_owned(), Some(heard.took));
        }
        if heard.status == 429 {
            let secs = seconds(&heard).map_or_else(|| "a while".to_owned(), |wait| format!("{} s", wait.as_secs()));
            return self.skip(name, &want, format!("429: the server asks to wait {secs}; try again then"), Some(heard.took));
        }
        self.report.add(name, Outcome::Failed, want.expected(), got, Some(heard.took));
        None
    }

    fn skip(&mut self, name: &'static str, want: &Want<'_>, why: String, took: Option<Duration>) -> Option<Heard> {
        self.report.add(name, Outcome::Skipped, want.expected(), why, took);
        None
    }

    /// Sends a request, and again after a while when the server asks for that and the wait is not long.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn ask(&mut self, ask: &Ask) -> Result<Heard, ClientError> {
        loop {
            let heard = self.probe.ask(ask).await?;
            let Some(wait) = asked_to_wait(&heard).filter(|wait| *wait <= LONGEST_WAIT.min(self.patience)) else { return Ok(heard) };
            self.patience -= wait;
            self.pause(wait).await;
            if self.is_stopped() {
                return Ok(heard);
            }
        }
    }

    /// Waits, unless somebody wants the run to end.
    pub async fn pause(&mut self, wait: Duration) {
        self.report.doing(&format!("waits {} s", wait.as_secs()));
        let Some(mut stop) = self.stop.clone() else { return sleep(wait).await };
        tokio::select! {
            () = sleep(wait) => {}
            // Its sender lives as long as the run.
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// From now on for cleaning up: a wish to end has been heard.
    pub fn clean_up(&mut self) {
        self.report.doing("cleans up");
        self.patience = LONGEST_WAIT;
        self.stop = None;
    }
}

/// How long a server that is busy, or has heard too much from here, wants us to wait; a second, when it does not say.
fn asked_to_wait(heard: &Heard) -> Option<Duration> {
    matches!(heard.status, 429 | 503).then(|| seconds(heard).unwrap_or(Duration::from_secs(1)).max(Duration::from_secs(1)))
}

/// RFC 9110 §10.2.3, in seconds.
fn seconds(heard: &Heard) -> Option<Duration> {
    heard.header("Retry-After")?.parse().ok().map(Duration::from_secs)
}
