//! The local socket: who gets in by it, what it makes of them, and when it is there.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::cli::{run_in, said};
use crate::server::{Server, doorward, skip, tool};

/// What only root can try.
const AS_ANOTHER: &str = "acting as another user";

/// A user id that owns nothing here.
pub const STRANGER: u32 = 65_534;

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn socket(server: &Server) -> PathBuf {
    server.data_dir().join("doorward.sock")
}

/// One request over the socket, and the whole answer.
fn ask(server: &Server, head: &str) -> String {
    let mut stream = UnixStream::connect(socket(server)).unwrap();
    write!(stream, "{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn stderr(server: &Server) -> String {
    std::fs::read_to_string(server.directory.path().join("stderr")).unwrap()
}

#[test]
fn the_socket_is_for_its_owner_alone_and_gone_after_a_clean_stop() {
    let mut server = Server::start();
    let found = std::fs::symlink_metadata(socket(&server)).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(server.data_dir()).unwrap().mode() & 0o777, 0o700);
    assert!(server.stop().success());
    assert!(!socket(&server).exists());
}

#[test]
fn a_socket_that_a_killed_server_left_is_no_server_and_is_replaced_by_the_next() {
    let mut server = Server::start();
    server.kill();
    assert!(socket(&server).exists());
    let (code, _, err) = said(&run_in(server.directory.path(), &["user", "list"], &[], ""));
    assert!(code == Some(0) && err.contains("no server runs; opened "), "{err}");
    assert!(socket(&server).exists(), "only a server removes it");
    server.start_again();
    assert!(ask(&server, "GET /users HTTP/1.1").starts_with("HTTP/1.1 200"));
    assert!(server.stop().success());
    assert!(!socket(&server).exists());
}

#[test]
fn of_two_starts_the_second_leaves_the_socket_of_the_first_alone() {
    let server = Server::start();
    let inode = std::fs::metadata(socket(&server)).unwrap().ino();
    let (code, _, err) = said(&run_in(server.directory.path(), &["serve", "--address", "127.0.0.1", "--port", "0"], &[], ""));
    assert!(code == Some(74) && err.contains("in use by process"), "{code:?} {err}");
    assert_eq!(std::fs::metadata(socket(&server)).unwrap().ino(), inode);
    assert!(ask(&server, "GET /users HTTP/1.1").starts_with("HTTP/1.1 200"));
}

#[test]
fn over_the_socket_one_is_the_local_administrator_and_nobodys_token() {
    let server = Server::start();
    let answer = ask(&server, "POST /invites HTTP/1.1");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(answer.contains(&format!("doorward-version: {}\r\n", env!("CARGO_PKG_VERSION"))), "{answer}");
    for route in ["GET /me", "GET /test", "GET /me/sessions", "POST /logout", "POST /refresh", "PUT /me/password"] {
        let answer = ask(&server, &format!("{route} HTTP/1.1"));
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("authorization_required"), "{route}: {answer}");
    }
    let answer = ask(&server, "GET /audit?event=invite_made HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1");
    let events: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let event = &events["events"][0];
    assert_eq!((&event["actor"], &event["address"]), (&"local".into(), &Value::Null));
    assert_eq!(event["details"]["uid"], rustix::process::geteuid().as_raw());
    assert!(server.client().get("/health").expect(200).header("doorward-version").is_none(), "the version is not for everybody");
}

#[test]
fn no_header_over_tcp_makes_a_local_administrator() {
    let server = Server::with(&["--user-routes", "guarded"], &[("DOORWARD_TRUSTED_PROXIES", "127.0.0.1")]);
    let client = server.client();
    for headers in [
        &[("X-Forwarded-For", "127.0.0.1")][..],
        &[("X-Forwarded-For", "::1"), ("X-Forwarded-Host", "localhost"), ("X-Forwarded-Proto", "https")],
        &[("X-Real-IP", "127.0.0.1")],
        &[("True-Client-IP", "127.0.0.1"), ("CF-Connecting-IP", "127.0.0.1")],
        &[("Forwarded", "for=127.0.0.1;host=localhost;proto=unix")],
        &[("Host", "localhost")],
        &[("Host", "doorward.sock")],
        &[("X-Doorward-Local", "1"), ("X-Doorward-Uid", "0"), ("X-Doorward-Door", "local"), ("X-Doorward-Admin", "true")],
        &[("Doorward-Version", env!("CARGO_PKG_VERSION")), ("Door", "Local"), ("Uid", "0"), ("X-Uid", "0")],
        &[("Remote-User", "root"), ("X-Remote-User", "admin"), ("X-Forwarded-User", "admin")],
        &[("Cookie", "door=local; uid=0")],
    ] {
        for (method, path) in [("GET", "/users"), ("POST", "/keys"), ("GET", "/audit"), ("POST", "/invites"), ("DELETE", "/user/1")] {
            let answer = client.send(method, path, headers, None);
            assert!(answer.header("doorward-version").is_none());
            answer.refused(401, "authorization_required");
        }
    }
}

#[test]
fn a_path_too_long_for_a_socket_is_a_warning_and_the_server_serves() {
    let long = tempfile::TempDir::new().unwrap();
    let data = long.path().join("a".repeat(60)).join("b".repeat(60));
    let server = Server::with(&["--data-dir", data.to_str().unwrap()], &[]);
    server.client().newcomer("arun");
    assert!(stderr(&server).contains("no local socket"), "{}", stderr(&server));
    assert!(!data.join("doorward.sock").exists() && data.join("db").exists());
    let (code, _, err) = said(&run_in(long.path(), &["user", "list", "--data-dir", data.to_str().unwrap()], &[], ""));
    assert!(code == Some(74) && err.contains("in use by process"), "{err}");
}

#[test]
fn what_is_no_socket_is_not_removed_for_one() {
    let mut server = Server::start();
    server.stop();
    std::fs::write(socket(&server), "mine").unwrap();
    server.start_again();
    server.client().get("/health").expect(200);
    assert!(stderr(&server).contains("something is there that is not a socket"), "{}", stderr(&server));
    server.stop();
    assert_eq!(std::fs::read_to_string(socket(&server)).unwrap(), "mine");
}

fn curl(socket: &Path, uid: u32) -> Output {
    let mut curl = tool("curl");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket"]).arg(socket).arg("http://localhost/users").uid(uid);
    curl.output().unwrap()
}

fn open_up(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn another_user_is_turned_away_even_if_the_files_let_it_in() {
    if !is_root() {
        return skip(AS_ANOTHER, "it takes root");
    }
    let server = Server::start();
    for (path, mode) in [(server.directory.path(), 0o711), (&server.data_dir(), 0o711), (&socket(&server), 0o666)] {
        open_up(path, mode);
    }
    assert_eq!(curl(&socket(&server), 0).stdout, b"200");
    assert_eq!(curl(&socket(&server), STRANGER).stdout, b"000");
    let log = stderr(&server);
    let line = log.lines().find(|line| line.contains("another user was turned away at the local socket"));
    assert!(line.is_some_and(|line| line.contains(&format!("uid={STRANGER}"))), "{log}");
}

#[test]
fn root_administers_another_users_server_and_the_trail_says_so() {
    if !is_root() {
        return skip(AS_ANOTHER, "it takes root");
    }
    let directory = tempfile::TempDir::new().unwrap();
    chown(directory.path(), Some(STRANGER), Some(STRANGER)).unwrap();
    let mut server = doorward(directory.path())
        .args(["serve", "--address", "127.0.0.1", "--port", "0"])
        .uid(STRANGER)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut byte = [0];
    server.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
    let (code, _, err) = said(&run_in(directory.path(), &["invite", "make"], &[], ""));
    let events = said(&run_in(directory.path(), &["audit", "--event", "invite_made", "--json"], &[], "")).1;
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(code == Some(0) && err.contains("through the running server on "), "{err}");
    let events: Value = serde_json::from_str(&events).unwrap();
    assert_eq!((&events[0]["actor"], &events[0]["details"]["uid"]), (&"local".into(), &0.into()));
    // With nobody there, root would have to open another's directory, and leave files there that are root's.
    let (code, _, err) = said(&run_in(directory.path(), &["user", "list"], &[], ""));
    assert!(code == Some(74) && err.contains(&format!("belongs to user {STRANGER}, but this is run by user 0")), "{err}");
}

#[test]
fn a_directory_or_a_socket_of_another_user_is_refused() {
    if !is_root() {
        return skip(AS_ANOTHER, "it takes root");
    }
    let server = Server::start();
    open_up(server.directory.path(), 0o755);
    open_up(&server.data_dir(), 0o755);
    open_up(&socket(&server), 0o666);
    let list = || said(&doorward(server.directory.path()).args(["user", "list"]).uid(STRANGER).output().unwrap());
    let (code, out, err) = list();
    assert_eq!((code, out.as_str()), (Some(74), ""), "{err}");
    assert!(err.contains(&format!("belongs to user 0, but this is run by user {STRANGER}")), "{err}");
    chown(server.data_dir(), Some(STRANGER), None).unwrap();
    let (code, out, err) = list();
    assert_eq!((code, out.as_str()), (Some(74), ""), "{err}");
    assert!(err.contains("has a socket that belongs to user 0"), "{err}");
    assert!(!stderr(&server).contains("turned away"), "it did not even connect");
}
