//! Which request a piece of work belongs to: its id and its client's address, known to everything that its task does.
//!
//! The front puts a [`Trace`] around the handling of each request; log lines and audit events take it from there. A tracing
//! span would do the same for an allocation and two locks per request, whether or not anything is logged.

use std::fmt;
use std::net::IpAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

tokio::task_local! {
    static TRACE: Trace;
}

/// Names one request in the log and in its answer: a random number of the process, then a count, scrambled so that it does
/// not tell how busy the server is. It is no secret, and randomness for each would be a system call per request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(u64, u64);

impl RequestId {
    /// One that no other request has.
    #[must_use]
    pub fn next() -> Self {
        static PROCESS: LazyLock<u64> = LazyLock::new(|| Uuid::new_v4().as_u64_pair().0);
        static START: LazyLock<u64> = LazyLock::new(|| Uuid::new_v4().as_u64_pair().1);
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self(*PROCESS, scrambled(COUNT.fetch_add(1, Ordering::Relaxed) ^ *START))
    }
}

/// Another number for each: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
const fn scrambled(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0, self.1)
    }
}

/// What is known of the request at hand; by default nothing, as in work that no request asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trace {
    /// As in the answer's `X-Request-Id`.
    pub request: Option<RequestId>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// On this machine's own command line, the system's id of the user who ran it.
    pub uid: Option<u32>,
}

impl Trace {
    /// That of the running task.
    #[must_use]
    pub fn current() -> Self {
        TRACE.try_with(|trace| *trace).unwrap_or_default()
    }

    /// Does the work as part of this. What the work spawns is not, unless it takes it along.
    ///
    /// No `async fn`: that would keep room for the work twice, before its first step and after.
    pub fn around<T>(self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        TRACE.scope(self, work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_knows_its_request_and_what_comes_after_it_does_not() {
        let trace = Trace { request: Some(RequestId::next()), address: None, uid: None };
        let seen = trace.around(async {
            tokio::task::yield_now().await;
            Trace::current()
        });
        assert_eq!(seen.await, trace);
        assert_eq!(Trace::current(), Trace::default());
    }
}
