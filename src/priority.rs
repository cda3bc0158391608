//! Threads that step back behind the others.

/// A tenth of a core beside one thread that wants all of it: lower, and answers of 503 to those who ask again at once would keep
/// the work from ever being done.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// From now on the running thread steps back behind the others of the process (`setpriority(2)`). It cannot come back without
/// privileges. Where the system does not know this for one thread alone, nothing is changed.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "a thread that was to give way to others runs like them");
    }
}
