//! Starting the executable on a directory that may be damaged: it serves or it refuses, and it does not hang.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::server::{Client, doorward};

/// Longer than any start or stop may take, also on a machine with other work.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// A server that runs; killed when dropped.
pub struct Running {
    child: Child,
    /// Everything it says, once it has ended. It is read all the time: a full pipe would hold the server up.
    said: Receiver<String>,
    pub url: String,
}

impl Running {
    pub fn client(&self) -> Client {
        Client::of(&self.url)
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; it must end well.
    pub fn stop(self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let (code, said) = self.end();
        assert_eq!(code, Some(0), "{said}");
    }

    /// Waits for it to end by itself: its exit code and what it said.
    pub fn end(mut self) -> (Option<i32>, String) {
        let said = self.said.recv_timeout(PATIENCE).expect("it ends");
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a start came to.
pub enum Opening {
    Serves(Running),
    Refuses { code: Option<i32>, said: String },
}

impl Opening {
    #[track_caller]
    pub fn serves(self, case: &str) -> Running {
        match self {
            Self::Serves(running) => running,
            Self::Refuses { code, said } => panic!("{case}: exit {code:?}: {said}"),
        }
    }

    #[track_caller]
    pub fn refuses(self, case: &str) -> String {
        match self {
            Self::Serves(_) => panic!("{case}: it serves"),
            Self::Refuses { code, said } => {
                assert_eq!(code, Some(74), "{case}: {said}");
                said
            }
        }
    }
}

/// Starts on what is in the directory `data` of `directory`.
pub fn open(directory: &Path) -> Opening {
    start(doorward(directory))
}

/// The same with a command of one's own, which ends in that of the executable.
pub fn start(mut command: Command) -> Opening {
    command.args(["serve", "--address", "127.0.0.1", "--port", "0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdout, stderr) = (BufReader::new(child.stdout.take().unwrap()), child.stderr.take().unwrap());
    let said = aside(move || {
        let mut bytes = Vec::new();
        BufReader::new(stderr).read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let line = aside(move || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        line
    });
    let Ok(line) = line.recv_timeout(PATIENCE) else {
        child.kill().unwrap();
        panic!("it hangs at its start");
    };
    if let Some(url) = line.trim().strip_prefix("listening on ") {
        return Opening::Serves(Running { child, said, url: url.to_owned() });
    }
    let said = said.recv_timeout(PATIENCE).expect("it ends");
    Opening::Refuses { code: child.wait().unwrap().code(), said }
}

/// Does something on a thread of its own; what it comes to can be waited for with a limit.
fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (done, waiting) = mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    waiting
}
