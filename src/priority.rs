//! Threads that give way to all others.

/// From now on the running thread steps back behind the others of the process (`setpriority(2)`, nice 19). It cannot come back without
/// privileges. Where the system does not know this for one thread alone, nothing is changed.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!(%error, "a thread that was to give way to others runs like them");
    }
}
