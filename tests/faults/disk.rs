//! A disk that is full or fails: what cannot be written is not acknowledged, a failure ends the server with 74 and a message
//! that says why and what to do, and the next start on a sound disk has everything that was acknowledged.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::opening::{Opening, PATIENCE, Running, open, start};
use crate::server::{Client, PASSWORD, doorward, skip};
use crate::trace::{can_trace, strace};

/// Registers one user after the other, until one is refused or nobody answers: those that were acknowledged.
fn register_until_the_end(client: &Client, prefix: &str) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let began = Instant::now();
    for number in 0.. {
        assert!(began.elapsed() < PATIENCE, "{number} users were registered on a disk that fails");
        let name = format!("{prefix}{number}");
        let body = json!({"username": name, "password": PASSWORD}).to_string();
        match client.try_send("POST", "/register", &[("Content-Type", "application/json")], Some(body.as_bytes())) {
            Ok(answer) if answer.status == 201 => acknowledged.push(name),
            Ok(answer) if answer.error() == "overloaded" => {}
            Ok(answer) => {
                assert_eq!((answer.status, answer.error().as_str()), (503, "storage_unavailable"), "{}", answer.text);
                return acknowledged;
            }
            Err(_) => return acknowledged,
        }
    }
    unreachable!("it counts for ever")
}

/// The server has ended by itself: with the right code, and a message that a person can act on.
fn ended_well(server: Running, reason: &str) {
    let (code, said) = server.end();
    assert_eq!(code, Some(74), "{said}");
    assert!(said.contains(reason) && said.contains("see that the disk is sound and has room, and start it again"), "{said}");
}

/// Starts on what is left and finds everybody. Whoever was not acknowledged is there or not, but can register or log in.
fn all_are_there(directory: &Path, acknowledged: &[String]) {
    let server = open(directory).serves("the start after the fault");
    let client = server.client();
    for name in acknowledged {
        client.register(name).refused(409, "username_taken");
    }
    client.newcomer("newcomer");
}

/// Under strace that lets a call fail as the arguments say, on the database only if they say so.
fn failing(call: &str, injection: &str, reason: &str) {
    if !can_trace() {
        return skip("failing writes and syncs", "strace is not installed, or may not trace");
    }
    let directory = TempDir::new().unwrap();
    open(directory.path()).serves("the sound disk").stop();
    let (only, inject) = (format!("trace={call}"), format!("inject={call}:{injection}"));
    let arguments = ["-P", "data/db", "-o", "/dev/null", "-e", &only, "-e", &inject];
    let acknowledged = match start(strace(directory.path(), &arguments)) {
        Opening::Serves(server) => {
            let acknowledged = register_until_the_end(&server.client(), "user");
            ended_well(server, reason);
            acknowledged
        }
        refused @ Opening::Refuses { .. } => {
            let said = refused.refuses(injection);
            assert!(said.contains(reason), "{said}");
            Vec::new()
        }
    };
    println!("{call}, {injection}: {} acknowledged before the end", acknowledged.len());
    all_are_there(directory.path(), &acknowledged);
}

#[test]
fn a_failing_sync_ends_the_server_and_nothing_is_acknowledged_after_it() {
    for when in [1, 2, 7] {
        failing("fdatasync", &format!("error=EIO:when={when}"), "Input/output error");
    }
}

#[test]
fn a_failing_write_ends_the_server_and_nothing_is_acknowledged_after_it() {
    for when in ["1", "2", "5+"] {
        failing("pwrite64", &format!("error=EIO:when={when}"), "Input/output error");
        failing("pwrite64", &format!("error=ENOSPC:when={when}"), "No space left on device");
    }
}

#[test]
fn a_failing_flush_of_the_engines_ends_the_server_too() {
    failing("sync_file_range", "error=EIO:when=2", "Input/output error");
}

#[test]
fn a_panic_in_a_thread_of_the_engines_ends_the_server_too() {
    // A system that says it has written more than it was given makes the loop around the call panic. Nobody is told by the
    // engine: the write that does not end is past its deadline.
    failing("pwrite64", "retval=1073741824:when=3", "thread 'sled-io-");
}

#[test]
fn a_file_that_may_not_grow_ends_the_server_and_loses_nothing() {
    let directory = TempDir::new().unwrap();
    let mut limited = Command::new("sh");
    // The signal would kill; ignored, writing fails with EFBIG.
    limited.args(["-c", r#"trap "" XFSZ; ulimit -f 24; exec "$0" "$@""#]).arg(doorward(directory.path()).get_program());
    limited.current_dir(directory.path());
    let server = start(limited).serves("a small limit");
    let acknowledged = register_until_the_end(&server.client(), "user");
    assert!(acknowledged.len() > 3, "{acknowledged:?}");
    ended_well(server, "File too large");
    all_are_there(directory.path(), &acknowledged);
}

/// A small file system of our own, in a namespace of its own: gone when the process is that holds it.
pub struct SmallDisk {
    holder: std::process::Child,
    directory: TempDir,
}

impl SmallDisk {
    /// `None` where one may not be made.
    pub fn new(mebibytes: usize) -> Option<Self> {
        use std::io::{BufRead as _, BufReader};
        use std::process::Stdio;
        let directory = TempDir::new().unwrap();
        let script = format!("mkdir data && mount -t tmpfs -o size={mebibytes}m,mode=0700 tmpfs data && echo mounted && exec cat");
        let mut holder = Command::new("unshare");
        holder.args(["--mount", "--propagation", "private", "sh", "-c", &script]).current_dir(directory.path());
        let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let disk = Self { holder, directory };
        (line == "mounted\n").then_some(disk)
    }

    /// The executable, there.
    fn doorward(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.holder.id().to_string(), "sh", "-c", r#"cd "$0" && exec "$@""#]);
        command.arg(self.directory.path()).arg(doorward(self.directory.path()).get_program());
        command
    }

    pub fn start(&self) -> Opening {
        start(self.doorward())
    }

    /// What a command says there, and its exit code.
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        said(self.doorward().args(arguments))
    }

    /// The data directory, as seen from here.
    pub fn data(&self) -> std::path::PathBuf {
        let root = format!("/proc/{}/root", self.holder.id());
        Path::new(&root).join(self.directory.path().strip_prefix("/").unwrap()).join("data")
    }

    /// A file that takes up room.
    pub fn ballast(&self) -> std::path::PathBuf {
        self.data().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// What a command says on both its outputs, and its exit code.
pub fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code(), text)
}

/// Asks until the answer has this status: free space is measured once a second.
fn until(client: &Client, name: &str, status: u16) {
    let began = Instant::now();
    for number in 0.. {
        let answered = client.register(&format!("{name}{number}")).status;
        assert!(matches!(answered, 201 | 503), "{answered}");
        if answered == status {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{answered} is still answered");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_almost_full_disk_refuses_writes_reads_on_and_recovers() {
    let Some(disk) = SmallDisk::new(64) else { return skip("a full disk", "no file system may be mounted") };
    let server = disk.start().serves("a disk with room");
    let client = server.client();
    let pair = client.newcomer("arun");
    fs::write(disk.ballast(), vec![1; 40 << 20]).unwrap();
    until(&client, "full", 503);
    client.test(&pair.access).expect(200);
    client.get("/ready").expect(503);
    let (code, said) = disk.run(&["doctor"]);
    assert_eq!(code, Some(1), "{said}");
    let findings = [
        ("fix   disk space", "nothing can be written"),
        ("fix   file system", "tmpfs is in memory"),
        ("ok    database", "every record fits"),
    ];
    for (start, what) in findings {
        assert!(said.lines().any(|line| line.starts_with(start) && line.contains(what)), "{start}: {said}");
    }
    client.logout(&pair.access).refused(503, "storage_unavailable");
    client.test(&pair.access).expect(200);
    fs::remove_file(disk.ballast()).unwrap();
    until(&client, "room", 201);
    client.logout(&pair.access).expect(200);
    client.get("/ready").expect(200);
    server.stop();
}

#[test]
fn a_disk_filled_to_the_last_byte_loses_nothing_that_was_acknowledged() {
    let Some(disk) = SmallDisk::new(40) else { return skip("a full disk", "no file system may be mounted") };
    let server = disk.start().serves("a disk with room");
    let client = server.client();
    let pair = client.newcomer("arun");
    // At once, so that the free space is still believed.
    let mut ballast = fs::File::create(disk.ballast()).unwrap();
    let full = std::io::copy(&mut std::io::repeat(1), &mut ballast).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    drop(ballast);
    let acknowledged = register_until_the_end(&client, "late");
    drop(server);
    // A start on a full disk: it serves or says why not.
    if let Opening::Refuses { code, said } = disk.start() {
        assert!(code == Some(74) && (said.contains("No space left") || said.contains("full")), "{code:?} {said}");
    }
    fs::remove_file(disk.ballast()).unwrap();
    let server = disk.start().serves("a disk with room again");
    let client = server.client();
    client.test(&pair.access).expect(200);
    for name in &acknowledged {
        client.register(name).refused(409, "username_taken");
    }
    client.newcomer("newcomer");
}
