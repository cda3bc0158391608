//! Who holds the data directory.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use rustix::process::{Pid, test_kill_process};

use super::finding::Finding;
use crate::store;

const CHECK: &str = "lock";

/// What was seen of it.
pub struct Lock {
    held: bool,
    /// Who wrote its number there last, and whether there still is such a process.
    holder: Option<(i32, bool)>,
}

/// How the database was reached then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Through a server that runs.
    Served,
    /// In this process.
    Opened,
    /// Not at all, for there can be no socket at such a path.
    Closed,
    /// Not at all.
    Not,
}

/// Looks without taking it, but for a moment in which nobody else could have it.
///
/// # Errors
/// The finding, when it cannot be looked at.
pub fn look(dir: &Path) -> Result<Lock, Finding> {
    let path = store::lock_file(dir);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Lock { held: false, holder: None }),
        Err(error) => {
            let what = format!("{} cannot be opened ({error})", path.display());
            return Err(Finding::fix(CHECK, what, "run this as the user that the server runs as"));
        }
    };
    let held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let number = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
    let holder = number.map(|number| (number, Pid::from_raw(number).is_some_and(lives)));
    Ok(Lock { held, holder })
}

fn lives(pid: Pid) -> bool {
    test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

impl Lock {
    /// Whether that is as it should be.
    pub fn judge(&self, reached: Reached) -> Finding {
        let whose = self.holder.map_or_else(|| "a process that left no number".to_owned(), |(pid, _)| format!("process {pid}"));
        match (self.held, reached, self.holder) {
            (true, Reached::Served, _) => Finding::ok(CHECK, format!("held by the server that runs, {whose}")),
            (true, Reached::Opened, _) => Finding::ok(CHECK, format!("{whose} held the directory for a moment")),
            (true, Reached::Closed, _) => Finding::ok(CHECK, format!("held by {whose}, which cannot be asked: see the local socket")),
            (true, Reached::Not, _) => Finding::fix(
                CHECK,
                format!("{whose} holds the directory and does not answer on the local socket"),
                "another command may be at work: try again; or a server that hangs, or whose socket was deleted: stop it, and start it anew",
            ),
            (false, Reached::Served, _) => Finding::fix(
                CHECK,
                "a server answers on the local socket, but does not hold the lock: the file LOCK was replaced",
                "stop every server on this directory, and start one; never delete LOCK while one runs",
            ),
            (false, _, Some((_, false))) => Finding::ok(CHECK, format!("nobody holds the directory; {whose} did and has ended")),
            (false, ..) => Finding::ok(CHECK, "nobody holds the directory"),
        }
    }
}
