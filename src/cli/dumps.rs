//! Core dumps: a server leaves none, for they would hold passwords, tokens and keys.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Forbids them to this process (`RLIMIT_CORE`), for good. Programs that collect dumps through a pipe respect it, too.
///
/// `PR_SET_DUMPABLE` is left alone: who runs as the same user, the only one it would keep out, can read the data directory.
pub fn forbid() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps cannot be forbidden; one would hold passwords and keys");
    }
}
