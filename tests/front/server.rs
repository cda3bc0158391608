//! A server of its own for every test: the front, or Rocket's `launch()` for comparison.

use std::ops::Deref;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use doorward::http::front::{self, Limits, LocalSocket, Summary, Tls};
use rocket::fairing::AdHoc;
use rocket::local::asynchronous::Client;
use rocket::tokio;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::rocket::{Backstage, build};
use crate::wire::{PATIENCE, Wire};

/// A running server. Stops when dropped.
pub struct Server {
    pub port: u16,
    pub url: String,
    /// Where its local socket is.
    pub directory: TempDir,
    backstage: Arc<Backstage>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Summary>>,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

impl Server {
    /// The front with these limits, on a free port of localhost.
    pub fn with(limits: Limits) -> Self {
        Self::secured(limits, None)
    }

    /// The same with TLS.
    pub fn secured(limits: Limits, tls: Option<Arc<Tls>>) -> Self {
        let (started, starting) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let directory = TempDir::new().expect("a directory");
        let data_dir = directory.path().to_owned();
        let thread = std::thread::spawn(move || {
            runtime().block_on(async move {
                let (rocket, backstage) = build();
                let client = Arc::new(Client::untracked(rocket).await.expect("the Rocket ignites"));
                let listeners = front::bind("localhost", 0).expect("a free port");
                let listeners = listeners.with_tls(tls).with_local(Some(LocalSocket::bind(&data_dir).expect("a local socket")));
                started.send((listeners.port(), listeners.url(), backstage)).expect("the test is there");
                let stop = async { drop(stopped.await) };
                let summary = front::serve(Arc::clone(&client), listeners, limits, stop).await;
                assert_eq!(Arc::strong_count(&client), 1, "nothing holds the client after serve");
                summary
            })
        });
        let (port, url, backstage) = starting.recv_timeout(PATIENCE).expect("the server starts");
        Self { port, url, directory, backstage, stop: Some(stop), thread: Some(thread) }
    }

    /// The front with its own limits.
    pub fn start() -> Self {
        Self::with(Limits::default())
    }

    /// A connection to it.
    pub fn connect(&self) -> Wire {
        Wire::open(self.port)
    }

    /// Waits until a `/slow` request has reached its handler.
    pub fn await_slow(&self) {
        self.slow.lock().expect("no panic while held").recv_timeout(PATIENCE).expect("the request arrives");
    }

    /// Connects until a place is free: a connection's end is seen a moment before its place is.
    pub fn await_room(&self) {
        let start = Instant::now();
        while self.connect().request("GET /bare").answer().status != 200 {
            assert!(start.elapsed() < PATIENCE, "no place becomes free");
        }
    }

    /// Tells it to stop, without waiting.
    pub fn ask_to_stop(&mut self) {
        self.stop.take().expect("not stopped before").send(()).expect("it still serves");
    }

    /// Waits until it has stopped.
    pub fn finish(mut self) -> Summary {
        if self.stop.is_some() {
            self.ask_to_stop();
        }
        self.thread.take().expect("not joined before").join().expect("serving does not panic")
    }
}

impl Deref for Server {
    type Target = Backstage;

    fn deref(&self) -> &Backstage {
        &self.backstage
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A slow handler must not keep the test waiting.
        self.backstage.release.add_permits(1000);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "serving does not panic");
        }
    }
}

/// The same Rocket under its own server.
pub struct Launched {
    pub port: u16,
    shutdown: rocket::Shutdown,
    thread: Option<JoinHandle<()>>,
}

impl Launched {
    pub fn start() -> Self {
        let (started, starting) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            runtime().block_on(async move {
                let (rocket, _backstage) = build();
                let rocket = rocket.attach(AdHoc::on_liftoff("tells its port", move |rocket| {
                    let started = started.clone();
                    Box::pin(async move { started.send((rocket.config().port, rocket.shutdown())).expect("the test is there") })
                }));
                // How it ends is not what is tested.
                drop(rocket.launch().await);
            });
        });
        let (port, shutdown) = starting.recv_timeout(PATIENCE).expect("Rocket launches");
        Self { port, shutdown, thread: Some(thread) }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        self.shutdown.clone().notify();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
