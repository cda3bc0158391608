//! Work for tokio's runtime, of one type whatever it does: for each type that is spawned or waited for, the executable has a
//! runtime's worth of code, five kilobytes for each of tokio's schedulers.

use std::pin::Pin;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// Work whose type is forgotten.
pub type Work<'a, T = ()> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Forgets the type of work.
pub fn boxed<'a, T>(work: impl Future<Output = T> + Send + 'a) -> Work<'a, T> {
    Box::pin(work)
}

/// [`tokio::spawn`].
pub fn spawn(work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(boxed(work))
}

/// [`Runtime::block_on`].
pub fn wait<T>(runtime: &Runtime, work: impl Future<Output = T>) -> T {
    let work: Pin<Box<dyn Future<Output = T> + '_>> = Box::pin(work);
    runtime.block_on(work)
}
