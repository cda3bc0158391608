//! What the executable asks of the system, in order, as strace tells it: the only witness that is neither ours nor sled's.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::opening::{Opening, start};
use crate::server::doorward;

/// The calls that move data, to files and to clients.
const CALLS: &str =
    "trace=openat,read,readv,recvfrom,pwrite64,write,writev,sendto,sendmsg,ftruncate,fdatasync,fsync,rename,unlink,unlinkat";

/// A call that succeeded. Begin and end are places in the trace: one ended before another began only if its end is smaller.
#[derive(Debug)]
pub struct Call {
    pub begin: usize,
    pub end: usize,
    pub what: What,
}

/// Files are named by their absolute paths, connections by the number of their descriptor.
#[derive(Debug)]
pub enum What {
    Receive {
        from: u32,
        data: Vec<u8>,
    },
    Send {
        to: u32,
        data: Vec<u8>,
    },
    /// `at`: or at the end.
    Write {
        path: PathBuf,
        at: Option<usize>,
        data: Vec<u8>,
    },
    Cut {
        path: PathBuf,
        length: usize,
    },
    /// Of a file or a directory.
    Sync {
        path: PathBuf,
    },
    Create {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
}

/// Whether strace is here and may trace.
pub fn can_trace() -> bool {
    let mut probe = Command::new("strace");
    probe.args(["-f", "--seccomp-bpf", "-e", "trace=write", "-o", "/dev/null", "true"]);
    probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A command that runs the executable in `directory` under strace with these arguments.
pub fn strace(directory: &Path, arguments: &[&str]) -> Command {
    let inner = doorward(directory);
    let mut command = Command::new("strace");
    command.args(["-f", "--seccomp-bpf", "-e", "signal=none"]).args(arguments).arg(inner.get_program()).current_dir(directory);
    command
}

/// Runs a server in `directory` while `load` uses it, kills it and answers all it did.
pub fn record(directory: &Path, load: impl FnOnce(&str)) -> Vec<Call> {
    let path = directory.join("trace");
    let server = match start(strace(directory, &["-y", "-xx", "-s", "1000000", "-e", CALLS, "-o", path.to_str().unwrap()])) {
        Opening::Serves(server) => server,
        Opening::Refuses { said, .. } => panic!("{said}"),
    };
    load(&server.url);
    kill(directory);
    server.end();
    read(&path, directory)
}

/// Kills the server in `directory`: not strace, which would let it go on.
pub fn kill(directory: &Path) {
    let pid = fs::read_to_string(directory.join("data/LOCK")).unwrap();
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn read(trace: &Path, directory: &Path) -> Vec<Call> {
    let text = fs::read_to_string(trace).unwrap();
    let mut unfinished: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(first) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, (place, first));
        } else if let Some((_, second)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let Some((begin, first)) = unfinished.remove(thread) else { continue };
            calls.extend(call(&format!("{first}{second}"), directory).map(|what| Call { begin, end: place, what }));
        } else {
            calls.extend(call(rest, directory).map(|what| Call { begin: place, end: place, what }));
        }
    }
    // What had begun when the process died may be on disk.
    let cut_short = unfinished.into_values().filter_map(|(begin, first)| {
        let what = call(&format!("{first}) = 0"), directory).filter(|what| matches!(what, What::Write { .. } | What::Cut { .. }));
        what.map(|what| Call { begin, end: usize::MAX, what })
    });
    calls.extend(cut_short);
    calls.sort_by_key(|call| call.begin);
    calls
}

/// Reads one line: `name(arguments) = result`.
fn call(line: &str, directory: &Path) -> Option<What> {
    let (name, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    if result.starts_with('-') {
        return None;
    }
    let arguments = arguments.trim_end().strip_suffix(')')?;
    // Everything between quotes is text; more than one is an array of buffers, or two paths.
    let texts: Vec<Vec<u8>> = arguments.split('"').skip(1).step_by(2).map(bytes).collect();
    let number = |at: usize| arguments.rsplit(", ").nth(at).and_then(|number| number.parse().ok());
    let absolute = |text: &[u8]| directory.join(str::from_utf8(text).unwrap_or_default());
    let (descriptor, target) = descriptor(arguments).unwrap_or_default();
    let path = PathBuf::from(String::from_utf8_lossy(&target).into_owned());
    let is_file = path.starts_with(directory.join("data"));
    let is_socket = target.starts_with(b"socket:") || target.starts_with(b"TCP");
    let data = || texts.concat();
    match name {
        "read" | "readv" | "recvfrom" if is_socket => Some(What::Receive { from: descriptor, data: data() }),
        "write" | "writev" | "sendto" | "sendmsg" if is_socket => Some(What::Send { to: descriptor, data: data() }),
        "pwrite64" if is_file => Some(What::Write { path, at: Some(number(0)?), data: data() }),
        "write" if is_file => Some(What::Write { path, at: None, data: data() }),
        "ftruncate" if is_file => Some(What::Cut { path, length: number(0)? }),
        "fdatasync" | "fsync" if is_file => Some(What::Sync { path }),
        "openat" if arguments.contains("O_CREAT") => Some(What::Create { path: absolute(texts.last()?) }),
        "rename" => Some(What::Rename { from: absolute(texts.first()?), to: absolute(texts.last()?) }),
        "unlink" | "unlinkat" => Some(What::Remove { path: absolute(texts.last()?) }),
        _ => None,
    }
}

/// `13</a/path>` at the beginning: the number and what stands for it.
fn descriptor(arguments: &str) -> Option<(u32, Vec<u8>)> {
    let (number, rest) = arguments.split_once('<')?;
    Some((number.parse().ok()?, bytes(rest.split_once('>')?.0)))
}

/// `\x64\x62` as bytes.
fn bytes(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).filter_map(|digits| u8::from_str_radix(digits.get(..2)?, 16).ok()).collect()
}
