//! `GET /metrics` on an address of its own: what the server counts, for Prometheus (text format 0.0.4).
//!
//! It is a Rocket of its own with this one route, served by a front of its own, so that nothing else answers there and this
//! nowhere else. Whoever reaches the address may read it; nothing in it names a user, a session or an address.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rocket::http::ContentType;
use rocket::local::asynchronous::Client;
use rocket::{State, get, routes};
use rustix::process::{Resource, getrlimit};

use super::front::{Connections, Tls};
use super::headers::{Security, StandardHeaders};
use super::traffic::Traffic;
use super::{RocketError, engine_config, problem};
use crate::auth::Auth;
use crate::metrics::{Text, seconds};

/// Where the numbers come from.
struct Sources {
    auth: Auth,
    traffic: Arc<Traffic>,
    connections: Arc<Connections>,
    tls: Option<Arc<Tls>>,
    started: SystemTime,
}

/// The server of the metrics of another, which is ready to be served and counts them.
///
/// # Errors
/// When the routes do not fit together: a fault of the program.
pub async fn local(auth: Auth, of: &Client, tls: Option<Arc<Tls>>) -> Result<Client, RocketError> {
    let traffic = of.rocket().state::<Arc<Traffic>>().cloned().unwrap_or_default();
    let connections = of.rocket().state::<Arc<Connections>>().cloned().unwrap_or_default();
    let rocket = rocket::custom(engine_config())
        .manage(Sources { auth, traffic, connections, tls, started: SystemTime::now() })
        .mount("/", routes![metrics])
        .register("/", problem::catchers())
        .attach(rocket::shield::Shield::new())
        .attach(StandardHeaders(Security::default()));
    Client::untracked(rocket).await
}

/// `GET /metrics` → 200, as text.
#[get("/metrics")]
fn metrics(sources: &State<Sources>) -> (ContentType, String) {
    let mut text = Text::default();
    text.gauge("doorward_build_info", "Which version runs.").of(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    sources.traffic.write(&mut text);
    sources.auth.write_measures(&mut text);
    write_connections(&mut text, sources);
    write_process(&mut text, sources.started);
    (ContentType::new("text", "plain").with_params([("version", "0.0.4"), ("charset", "utf-8")]), text.into_string())
}

fn write_connections(text: &mut Text, Sources { connections, tls, .. }: &Sources) {
    text.gauge("doorward_connections", "Connections that are open.").is(connections.open());
    let mut family = text.counter("doorward_connections_refused_total", "Connections that were not served, and why.");
    let refused = connections.refused();
    for (reason, count) in [("full", refused.full), ("address", refused.greedy), ("crowded", refused.crowded)] {
        family.of(&[("reason", reason)], count);
    }
    let Some(tls) = tls else { return };
    let about = "Connections that ended before their TLS handshake did.";
    text.counter("doorward_tls_handshakes_failed_total", about).is(tls.failed_handshakes());
    if let Some(expires) = tls.expires() {
        text.gauge("doorward_tls_certificate_expiry_timestamp_seconds", "When the TLS certificate expires.").is(expires.secs());
    }
}

/// Processor time in `/proc` is in hundredths of a second, whatever the kernel's own clock does (`proc_pid_stat(5)`, `USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// The names that Prometheus' own clients use. What the system does not tell, as on macOS, is left out.
fn write_process(text: &mut Text, started: SystemTime) {
    let since = started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    text.gauge("process_start_time_seconds", "When the process started, since 1970.").is(seconds(since));
    if let Some(most) = getrlimit(Resource::Nofile).current {
        text.gauge("process_max_fds", "Most files that can be open.").is(most);
    }
    // One of them is the look itself.
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        text.gauge("process_open_fds", "Files that are open.").is(open.count().saturating_sub(1));
    }
    if let Some(ticks) = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| ticks(&stat)) {
        text.counter("process_cpu_seconds_total", "Processor time, user and system.").is(seconds(TICK * ticks));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(bytes) = bytes(&status, "VmSize:") {
        text.gauge("process_virtual_memory_bytes", "Memory that is reserved.").is(bytes);
    }
    if let Some(bytes) = bytes(&status, "VmRSS:") {
        text.gauge("process_resident_memory_bytes", "Memory that is in use.").is(bytes);
    }
}

/// `utime` and `stime`: the 14th and 15th field, of which the second, in brackets, may hold spaces.
fn ticks(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).map(|field| field.parse::<u32>().ok());
    fields.next()??.checked_add(fields.next()??)
}

/// A line of `status`, such as `VmRSS:      1234 kB`.
fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}
