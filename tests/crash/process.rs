//! The server as a process that is started and killed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};

/// What every start is told: tokens outlive the campaign, and a rotation can be asked about until the next check.
const SETTINGS: &str = "[default]\nregistration = \"invite\"\naccess_token_expires = \"12h\"\nrefresh_grace = \"5m\"\n";

/// A data directory and the executable that works on it.
pub struct Site {
    pub directory: PathBuf,
    pub binary: PathBuf,
}

impl Site {
    pub fn new(directory: &Path, binary: &Path) -> Self {
        std::fs::write(directory.join("Rocket.toml"), SETTINGS).expect("the directory can be written to");
        Self { directory: directory.to_owned(), binary: binary.to_owned() }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(&self.directory).env_clear();
        command
    }

    /// Begins to start. What it says goes to the file `stderr`.
    pub fn launch(&self) -> Server {
        let stderr = std::fs::File::create(self.directory.join("stderr")).expect("a file");
        let mut command = self.command();
        command.args(["serve", "--address", "127.0.0.1", "--port", "0"]);
        Server(command.stdout(Stdio::piped()).stderr(stderr).spawn().expect("the executable starts"))
    }

    /// Starts; the URL, or what it said instead.
    pub fn start(&self) -> Result<(Server, String), String> {
        let mut server = self.launch();
        let child = &mut server.0;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout is piped")).read_line(&mut line).expect("a line");
        if let Some(url) = line.trim().strip_prefix("listening on ") {
            return Ok((server, url.to_owned()));
        }
        let status = child.wait().expect("it ends");
        let said = std::fs::read_to_string(self.directory.join("stderr")).unwrap_or_default();
        Err(format!("it did not open: {status}; {said}"))
    }

    /// Adds an administrator; no server may run.
    pub fn add_admin(&self, name: &str, password: &str) {
        use std::io::Write as _;
        let mut command = self.command();
        command
            .args(["user", "add", name, "--admin", "--data-dir", "data"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the executable starts");
        child.stdin.take().expect("stdin is piped").write_all(password.as_bytes()).expect("stdin is read");
        let mut said = String::new();
        child.stderr.take().expect("stderr is piped").read_to_string(&mut said).expect("text");
        assert!(child.wait().expect("it ends").success(), "{said}");
    }
}

/// How the server ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Killed at work.
    Killed,
    /// Killed a moment after the last answer.
    AtRest,
    /// Stopped as one should.
    Cleanly,
}

impl End {
    pub fn draw(rng: &mut Rng) -> Self {
        match rng.u8(0..12) {
            0 => Self::Cleanly,
            1 => Self::AtRest,
            _ => Self::Killed,
        }
    }
}

/// A process that runs. To drop it is to kill it with SIGKILL and to wait for its end.
pub struct Server(Child);

impl Server {
    /// SIGTERM; waits for the end. Anything but 0 is a fault.
    pub fn stop(mut self) -> Result<(), String> {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("it is ours");
        let status = self.0.wait().expect("it ends");
        if status.success() { Ok(()) } else { Err(format!("after SIGTERM: {status}")) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
