//! What tests take of the machine they run on: its other programs, ports, descriptors, memory, and what cannot be tested on it.

use std::net::SocketAddr;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};

/// Another program of this machine, without what its user has set for it: proxies, files in the home directory, a language.
pub fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

/// A port of ours at which nobody listens, and nobody else can.
pub struct Nobody(rocket::tokio::net::TcpSocket);

impl Nobody {
    pub fn new() -> Self {
        let socket = rocket::tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        Self(socket)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }

    pub fn port(&self) -> u16 {
        self.address().port()
    }
}

/// Says that something cannot be tested here. With `CI=true` that is a failure, as in `scripts/test`.
pub fn skip(what: &str, why: &str) {
    println!("skipped: {what} ({why})");
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "with CI=true nothing may be skipped");
}

/// Resident memory of a process in KiB: proc(5), so on Linux.
pub fn resident_kib(process: Pid) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// Lets this process have that many sockets open, where the system allows it but did not begin with it.
pub fn room_for_descriptors(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum.map(|most| most.min(wanted)), ..limit });
    }
}
