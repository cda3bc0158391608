//! A running server, and what the tests that use one share.

#[path = "client.rs"]
mod client;
#[path = "machine.rs"]
mod machine;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use doorward::auth::clock::Timestamp;
use doorward::store::{SledStore, Store as _, StoreOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

#[allow(unused_imports, reason = "the tests of other folders use a part of it")]
pub use client::{Answer, Client, Pair, REQUESTS};
#[allow(unused_imports, reason = "the tests of other folders use a part of it")]
pub use machine::{Nobody, resident_kib, room_for_descriptors, skip, tool};

pub const PASSWORD: &str = "securepassword";

/// Headers that proxies add.
#[allow(dead_code, reason = "the tests of other folders use a part of it")]
pub const OF_PROXIES: [(&str, &str); 6] = [
    ("X-Forwarded-For", "192.0.2.1"),
    ("Forwarded", "for=192.0.2.1"),
    ("Via", "1.1 proxy"),
    ("X-Real-IP", "192.0.2.1"),
    ("X-Forwarded-Host", "localhost"),
    ("X-Forwarded-Proto", "http"),
];

/// What has a debug build hash passwords at next to no cost, as most tests do.
const CHEAP: &str = "CHEAP_PASSWORDS_FOR_TESTS";

/// For a test of what hashing costs: passwords are hashed as they are for users.
pub const DEAR: (&str, &str) = (CHEAP, "0");

/// The executable, in an environment with nothing of the user's and an empty directory.
pub fn doorward(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.current_dir(directory).env_clear().env(CHEAP, "1");
    command
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    pub directory: TempDir,
}

impl Server {
    pub fn start() -> Self {
        Self::with(&[], &[])
    }

    /// With the template's open user routes.
    pub fn open() -> Self {
        Self::with(&["--user-routes", "open"], &[])
    }

    pub fn with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::on(TempDir::new().expect("a directory"), arguments, environment)
    }

    /// On a directory that may hold something.
    fn on(directory: TempDir, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let environment: Vec<_> = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (child, url) = launch(directory.path(), &arguments, &environment);
        Self { child, url, arguments, environment, directory }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn address(&self) -> SocketAddr {
        self.url.trim_start_matches("http://").trim_start_matches("https://").parse().expect("an address")
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process is there");
    }

    /// SIGTERM; waits for the end.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the process ends")
    }

    /// SIGKILL; waits for the end.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process is there");
        self.wait();
    }

    /// Starts again on the same directory.
    pub fn start_again(&mut self) {
        let (child, url) = launch(self.directory.path(), &self.arguments, &self.environment);
        (self.child, self.url) = (child, url);
    }

    /// Starts again on the same directory with one more variable.
    pub fn again_with(mut self, variable: (String, String)) -> Self {
        self.environment.push(variable);
        self.start_again();
        self
    }

    /// Starts again on the same directory without a variable.
    pub fn again_without(mut self, name: &str) -> Self {
        self.environment.retain(|(there, _)| there != name);
        self.start_again();
        self
    }

    /// Starts again on the same directory with one more argument.
    pub fn again_with_argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self.start_again();
        self
    }

    /// Stops the server, and lets its directory have seen a time, given the one it has: the next server's time is not before.
    pub fn stop_and_see(&mut self, later: impl FnOnce(Timestamp) -> Timestamp) -> Timestamp {
        assert!(self.stop().success());
        rocket::tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
            let store = SledStore::open(&StoreOptions::new(self.data_dir())).expect("a database");
            let mark = later(store.clock_mark().await.expect("a mark"));
            store.set_clock_mark(mark).await.expect("the mark is kept");
            store.close().await.expect("the store closes");
            mark
        })
    }

    pub fn kill_and_start_again(&mut self) {
        self.kill();
        self.start_again();
    }

    pub fn client(&self) -> Client {
        Client::of(&self.url)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(directory: &Path, arguments: &[String], environment: &[(String, String)]) -> (Child, String) {
    let mut child = doorward(directory)
        .args(["serve", "--address", "127.0.0.1", "--port", "0"])
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(directory.join("stderr")).expect("a file"))
        .spawn()
        .expect("the executable starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout is piped")).read_line(&mut line).expect("a line");
    let url = line.trim().strip_prefix("listening on ").map(str::to_owned);
    let url = url.unwrap_or_else(|| {
        panic!("first line {line:?}; stderr: {}", std::fs::read_to_string(directory.join("stderr")).unwrap_or_default())
    });
    (child, url)
}

pub fn credentials(username: &str) -> Value {
    json!({"username": username, "password": PASSWORD})
}

/// Adds an administrator by the command line, through the server that runs on the directory, if one does.
pub fn add_admin(directory: &Path, name: &str) {
    add_admin_with(directory, name, &[]);
}

/// The same, with variables.
fn add_admin_with(directory: &Path, name: &str, environment: &[(&str, &str)]) {
    use std::io::Write as _;
    let mut child = doorward(directory)
        .args(["user", "add", name, "--admin"])
        // Named, so that it may be new whoever answers at the usual port.
        .env("DOORWARD_DATA_DIR", "data")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the executable starts");
    child.stdin.take().expect("stdin is piped").write_all(PASSWORD.as_bytes()).expect("stdin is read");
    assert!(child.wait().expect("the command ends").success());
}

/// A server with the administrator `boss`.
pub fn with_admin() -> (Server, Client, Pair) {
    with_admin_and(&[])
}

/// The same, with variables.
pub fn with_admin_and(environment: &[(&str, &str)]) -> (Server, Client, Pair) {
    let directory = TempDir::new().expect("a directory");
    add_admin_with(directory.path(), "boss", environment);
    let server = Server::on(directory, &[], environment);
    let client = server.client();
    let pair = client.login("boss");
    (server, client, pair)
}
