//! Who holds the data directory.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use rustix::process::{Pid, test_kill_process};

use super::finding::Finding;

const CHECK: &str = "lock";

/// Looks without taking it, but for a moment in which nobody else could have it. `served`: a server answers on the socket.
pub fn look(dir: &Path, served: bool) -> Finding {
    let path = dir.join("LOCK");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Finding::green(CHECK, "nobody holds the directory"),
        Err(error) => {
            let what = format!("{} cannot be opened ({error})", path.display());
            return Finding::red(CHECK, what, "run this as the user that the server runs as");
        }
    };
    let held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let pid = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
    drop(file);
    judge(held, served, pid, pid.and_then(Pid::from_raw).is_some_and(lives))
}

fn lives(pid: Pid) -> bool {
    test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

fn judge(held: bool, served: bool, pid: Option<i32>, lives: bool) -> Finding {
    let whose = pid.map_or_else(|| "a process that left no number".to_owned(), |pid| format!("process {pid}"));
    match (held, served) {
        (true, true) => Finding::green(CHECK, format!("held by the server that runs, {whose}")),
        (true, false) => Finding::red(
            CHECK,
            format!("{whose} holds the directory and does not answer on the local socket"),
            "another command may be at work: try again; or a server that hangs, or whose socket was deleted: stop it, and start it anew",
        ),
        (false, true) => Finding::red(
            CHECK,
            "a server answers on the local socket, but does not hold the lock: the file LOCK was replaced",
            "stop every server on this directory, and start one; never delete LOCK while one runs",
        ),
        (false, false) if lives => Finding::green(CHECK, "nobody holds the directory; the number in LOCK is another program's by now"),
        (false, false) if pid.is_some() => Finding::green(CHECK, format!("nobody holds the directory; {whose} did and has ended")),
        (false, false) => Finding::green(CHECK, "nobody holds the directory"),
    }
}
