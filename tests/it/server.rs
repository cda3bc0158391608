//! A running server and a client for it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use doorward::auth::clock::Timestamp;
use doorward::store::{SledStore, Store as _, StoreOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const PASSWORD: &str = "securepassword";

/// Requests of this process so far; the corpus prints it.
pub static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// The executable, in an empty environment and directory.
pub fn doorward(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.current_dir(directory).env_clear();
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

/// An HTTP client that keeps its connections and takes every status as an answer.
#[derive(Clone)]
pub struct Client {
    url: String,
    agent: ureq::Agent,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    /// The word of an error, or nothing.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn refused(self, status: u16, word: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.error(), word, "{}", answer.text);
        answer
    }
}

/// A pair of tokens.
#[derive(Debug, Clone)]
pub struct Pair {
    pub access: String,
    pub refresh: String,
}

impl Pair {
    pub fn of(answer: &Answer) -> Self {
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

impl Client {
    pub fn of(url: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true).max_redirects(0);
        // No test waits for ever for an answer.
        let agent = config.timeout_global(Some(std::time::Duration::from_secs(60))).build().new_agent();
        Self { url: url.to_owned(), agent }
    }

    /// One request; `Err` when no answer came.
    pub fn try_send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<Answer, ureq::Error> {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body).expect("a request"))?,
            None => self.agent.run(request.body(()).expect("a request"))?,
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, text: response.body_mut().read_to_string()? })
    }

    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    #[track_caller]
    pub fn json(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
        self.send(method, path, &headers, Some(body.to_string().as_bytes()))
    }

    #[track_caller]
    pub fn with_token(&self, method: &str, path: &str, token: &str) -> Answer {
        self.send(method, path, &[("Authorization", &format!("Bearer {token}"))], None)
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    #[track_caller]
    pub fn register(&self, username: &str) -> Answer {
        self.json("POST", "/register", None, &credentials(username))
    }

    #[track_caller]
    pub fn try_login(&self, username: &str, password: &str) -> Answer {
        self.json("POST", "/login", None, &json!({"username": username, "password": password}))
    }

    #[track_caller]
    pub fn login(&self, username: &str) -> Pair {
        Pair::of(&patiently(|| self.try_login(username, PASSWORD)).expect(200))
    }

    /// A user that is registered and logged in.
    #[track_caller]
    pub fn newcomer(&self, username: &str) -> Pair {
        patiently(|| self.register(username)).expect(201);
        self.login(username)
    }

    #[track_caller]
    pub fn test(&self, token: &str) -> Answer {
        self.with_token("GET", "/test", token)
    }

    #[track_caller]
    pub fn refresh(&self, token: &str) -> Answer {
        self.with_token("POST", "/refresh", token)
    }

    #[track_caller]
    pub fn logout(&self, token: &str) -> Answer {
        self.with_token("POST", "/logout", token)
    }
}

/// Asks again while passwords are hashed for others: a machine with much other work is no fault.
pub fn patiently(ask: impl Fn() -> Answer) -> Answer {
    loop {
        let answer = ask();
        if answer.status != 503 || answer.error() != "overloaded" {
            return answer;
        }
    }
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
