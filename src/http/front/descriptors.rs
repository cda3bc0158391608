//! How many descriptors this process may have. Each connection is one; macOS starts a process with 256.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Asked for where the hard limit is "unlimited", which no kernel grants: macOS refuses more than `OPEN_MAX`.
const UNLIMITED: u64 = if cfg!(target_os = "macos") { 10_240 } else { 65_536 };

/// Kept back from connections: the database, logs, the runtime, the page's readers, connections being refused.
const RESERVED: usize = 128;

/// Raises the soft limit (`RLIMIT_NOFILE`) to the hard one and says how many connections fit below it.
pub(super) fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(UNLIMITED);
    let current = limit.current.unwrap_or(UNLIMITED);
    if wanted > current && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).is_err() {
        tracing::warn!(current, wanted, "cannot raise the number of open files; fewer connections will fit");
        return fit(current);
    }
    fit(wanted.max(current))
}

/// A process with very few descriptors still serves some connections.
fn fit(descriptors: u64) -> usize {
    let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
    descriptors.saturating_sub(RESERVED).max(descriptors / 2)
}
