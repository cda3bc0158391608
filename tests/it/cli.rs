//! The command line: what it says, where it reads, and how it leaves.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::races::rounds;
use crate::server::{Client, PASSWORD, Server, add_admin, doorward};

pub fn run_in(directory: &Path, arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Output {
    let mut child = doorward(directory)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses may not read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let directory = tempfile::TempDir::new().unwrap();
    said(&run_in(directory.path(), arguments, environment, ""))
}

pub fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn users_are_added_and_listed_without_a_server() {
    let directory = tempfile::TempDir::new().unwrap();
    let run = |arguments: &[&str], input: &str| said(&run_in(directory.path(), arguments, &[("DOORWARD_PORT", "0")], input));
    let (code, out, err) = run(&["user", "add", "boss", "--admin"], &format!("{PASSWORD}\n"));
    assert_eq!((code, out.trim()), (Some(0), "added boss with id 1, an administrator"), "{err}");
    assert!(err.contains("no server runs; opened ") && !format!("{out}{err}").contains(PASSWORD));
    assert!(err.contains(": a new, empty database\n"), "whoever meant another directory is told: {err}");
    let (_, _, err) = run(&["user", "add", "admin"], "securepassword\r\n");
    assert!(err.contains("opened ") && !err.contains("new"), "{err}");
    let (code, out, _) = run(&["user", "list"], "");
    assert_eq!(code, Some(0));
    assert_eq!(out, "ID  USERNAME  ROLES  STATE\n1   boss      admin\n2   admin\n");
    let (_, out, _) = run(&["user", "list", "--json"], "");
    let users: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&users[0]["username"], &users[1]["id"]), (&"boss".into(), &2.into()));
    let (code, _, err) = run(&["user", "add", "boss"], "securepassword");
    assert_eq!((code, err.lines().last()), (Some(1), Some("doorward: Username already exist")));
    let (code, _, err) = run(&["user", "add", "mira"], "short");
    assert!(code == Some(1) && err.contains("password: Shorter than minimum length 8."), "{err}");
    let (code, _, err) = run(&["user", "add", "mira"], "");
    assert!(code == Some(1) && err.contains("no password on standard input"), "{err}");
}

#[test]
fn a_directory_that_a_server_holds_is_named_with_its_holder() {
    (0..rounds(1)).for_each(|_| ask_for_a_directory_that_is_held());
}

fn ask_for_a_directory_that_is_held() {
    let server = Server::start();
    std::fs::remove_file(server.data_dir().join("doorward.sock")).unwrap();
    let output = run_in(server.directory.path(), &["user", "list"], &[], "");
    let (code, _, err) = said(&output);
    assert_eq!(code, Some(74), "{err}");
    assert!(err.contains(&format!("in use by process {}", server.pid().as_raw_nonzero())), "{err}");
    server.client().get("/health").expect(200);
}

#[test]
fn a_setting_that_cannot_be_used_is_one_clear_line_and_exit_78() {
    for (arguments, environment, says) in [
        (&["config", "show"][..], &[("DOORWARD_PROT", "1")][..], "unknown setting prot (DOORWARD_PROT); did you mean port?"),
        (&["serve"], &[("ROCKET_WORKERS", "4")], "no effect here"),
        (&["serve"], &[("DOORWARD_PORT", "http")], "setting port (DOORWARD_PORT)"),
        (&["serve", "--config", "nowhere.toml"], &[], "nowhere.toml does not exist"),
        (&["serve", "--address", "0.0.0.0", "--user-routes", "open"], &[], "user_routes is open"),
        (&["serve", "--user-routes", "open"], &[("DOORWARD_TRUSTED_PROXIES", "127.0.0.1")], "through a proxy (trusted_proxies)"),
        (&["serve", "--user-routes", "open"], &[("DOORWARD_PUBLIC_URL", "https://a.example")], "reaches https://a.example (public_url)"),
        (&["serve"], &[("DOORWARD_ACCESS_TOKEN_EXPIRES", "15 minutes")], "15m"),
        (&["serve"], &[("JWT_SECRET_KEY", "")], "empty"),
        (&["serve"], &[("DOORWARD_LOG", "loud")], "setting log (DOORWARD_LOG): \"loud\" is not a level; use error"),
        (&["user", "list"], &[("DOORWARD_LOG", "[[[")], "\"[[[\" is not a level; use error"),
        (&["serve", "--address", "nohost"], &[], "address is \"nohost\"; it must be localhost or an IP address"),
    ] {
        let (code, out, err) = run(arguments, environment);
        assert_eq!((code, out.as_str(), err.lines().count()), (Some(78), "", 1), "{err}");
        assert!(err.contains(says), "{err}");
    }
}

#[test]
fn a_secret_that_is_no_text_is_refused_and_not_passed_over() {
    use std::os::unix::ffi::OsStrExt as _;
    let directory = tempfile::TempDir::new().unwrap();
    let secret = std::ffi::OsStr::from_bytes(b"hunter2hunter2hunter2hunter2hunt\xff");
    let (code, _, err) = said(&doorward(directory.path()).args(["config", "show"]).env("JWT_SECRET_KEY", secret).output().unwrap());
    assert_eq!((code, err.trim()), (Some(78), "doorward: the environment variable JWT_SECRET_KEY is not UTF-8"));
}

#[test]
fn settings_are_shown_with_their_sources_and_no_secret() {
    let environment = [("JWT_SECRET_KEY", "top-secret-value"), ("DOORWARD_PORT", "7000")];
    let (code, out, err) = run(&["config", "show", "--data-dir", "/tmp/x"], &environment);
    assert_eq!(code, Some(0), "{err}");
    let line = |key: &str| out.lines().find(|line| line.starts_with(key)).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(line("port"), ["port", "7000", "DOORWARD_PORT"]);
    assert_eq!(line("data_dir"), ["data_dir", "/tmp/x", "--data-dir"]);
    assert_eq!(line("address"), ["address", "localhost", "default"]);
    assert_eq!(line("jwt_secret_key "), ["jwt_secret_key", "(hidden)", "JWT_SECRET_KEY"]);
    assert!(!out.contains("top-secret"));
}

#[test]
fn a_reader_that_has_gone_is_a_quiet_end_and_a_full_disk_is_not() {
    let directory = tempfile::TempDir::new().unwrap();
    run_in(directory.path(), &["user", "add", "boss", "--data-dir", "data"], &[], PASSWORD);
    for arguments in [&["config", "show"][..], &["config", "show", "--json"], &["user", "list"], &["user", "reset", "boss"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, _, err) = said(&doorward(directory.path()).args(arguments).stdout(writer).output().unwrap());
        assert!(code == Some(0) && !err.contains("panicked"), "{arguments:?} {code:?} {err}");
    }
    for (arguments, code) in [
        (&["user", "reset", "boss"][..], 0),
        (&["invite", "make"], 0),
        (&["service", "add", "app", "--scope", "introspect"], 0),
        (&["user", "show", "nobody"], 1),
        (&["config", "show", "--config", "nofile"], 78),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = doorward(directory.path()).args(arguments).stderr(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}, with nobody at standard error");
        assert_eq!(output.stdout.is_empty(), code != 0, "{arguments:?}");
    }
    // Where there is such a device.
    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let (code, _, err) = said(&doorward(directory.path()).args(["user", "list"]).stdout(full).output().unwrap());
        assert!(code == Some(1) && err.contains("cannot write the answer"), "{code:?} {err}");
    }
}

#[test]
fn help_and_version_need_nothing_and_a_typo_is_usage() {
    let (code, out, _) = run(&["--help"], &[]);
    assert!(code == Some(0) && out.contains("serve") && out.contains("user") && out.contains("Exit codes"));
    assert_eq!(run(&["--version"], &[]).1, format!("doorward {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(run(&["srve"], &[]).0, Some(2));
}

#[test]
fn a_taken_port_is_said_and_the_data_is_not_touched() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let directory = tempfile::TempDir::new().unwrap();
    let (code, _, err) = said(&run_in(directory.path(), &["--address", "127.0.0.1", "--port", &port], &[], ""));
    assert!(code == Some(1) && err.contains(&port), "{code:?} {err}");
    assert!(!directory.path().join("data").exists());
}

#[test]
fn an_administrator_from_the_command_line_can_log_in() {
    let mut server = Server::start();
    server.stop();
    add_admin(server.directory.path(), "root");
    server.start_again();
    let pair = server.client().login("root");
    server.client().with_token("GET", "/users", &pair.access).expect(200);
}

/// What would be made there would be worked on, and the server would know nothing of it.
#[test]
fn in_a_wrong_directory_no_command_makes_a_database() {
    let server = Server::start();
    let directory = tempfile::TempDir::new().unwrap();
    let port = server.address().port().to_string();
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        said(&run_in(directory.path(), arguments, &[&[("DOORWARD_ADDRESS", "127.0.0.1")], environment].concat(), &format!("{PASSWORD}\n")))
    };
    for arguments in [
        &["user", "list"][..],
        &["user", "disable", "arun"],
        &["session", "list", "--user", "arun"],
        &["service", "list"],
        &["service", "add", "shop", "--scope", "introspect"],
        &["invite", "make"],
        &["key", "rotate"],
        &["audit"],
        &["log"],
        &["backup"],
        &["import", "status"],
        &["user", "add", "boss", "--admin"],
    ] {
        let (code, out, err) = run(arguments, &[("DOORWARD_PORT", &port)]);
        assert_eq!((code, out.as_str()), (Some(78), ""), "{arguments:?}: {err}");
        let place = directory.path().canonicalize().unwrap().join("data");
        assert!(err.contains(&format!("there is no database in {}; name the right directory with --data-dir", place.display())), "{err}");
        assert!(err.contains(&format!("A server answers at http://127.0.0.1:{port}; it keeps its data elsewhere")), "{err}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{arguments:?}");
    }
    let (code, _, err) = run(&["user", "list", "--data-dir", "data"], &[("DOORWARD_PORT", "0")]);
    assert!(code == Some(78) && !err.contains("A server answers"), "{err}");
}

#[test]
fn the_first_user_makes_the_database_where_no_server_answers_or_the_directory_is_named() {
    let server = Server::start();
    let port = server.address().port().to_string();
    let add = |environment: &[(&str, &str)], more: &[&str]| {
        let directory = tempfile::TempDir::new().unwrap();
        std::fs::write(directory.path().join("own.toml"), "[default]\n").unwrap();
        let arguments = [&["user", "add", "boss", "--admin"], more].concat();
        let (code, out, err) = said(&run_in(directory.path(), &arguments, environment, &format!("{PASSWORD}\n")));
        assert_eq!((code, out.as_str()), (Some(0), "added boss with id 1, an administrator\n"), "{err}");
        assert!(err.contains(": a new, empty database"), "{err}");
    };
    add(&[("DOORWARD_PORT", "0")], &[]);
    let beside = [("DOORWARD_PORT", port.as_str()), ("DOORWARD_ADDRESS", "127.0.0.1")];
    add(&beside, &["--data-dir", "mine"]);
    add(&beside, &["--config", "own.toml"]);
    add(&[beside[0], beside[1], ("DOORWARD_DATA_DIR", "mine")], &[]);
}

#[test]
fn every_setting_that_cannot_be_used_is_named() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = "[default]\nprot = 1\nthrotle = false\n";
    std::fs::write(directory.path().join("slips.toml"), file).unwrap();
    let check = |arguments: &[&str], environment: &[(&str, &str)]| {
        let (code, _, err) = said(&run_in(directory.path(), &[&["config", "check"], arguments].concat(), environment, ""));
        assert_eq!((code, err.lines().count()), (Some(78), 1), "{err}");
        err
    };
    let unread = [("DOORWARD_PORT", "http"), ("DOORWARD_METRICS_ADDRESS", "9100"), ("DOORWARD_REGISTRATION", "some")];
    let said = check(&[], &unread);
    for (name, _) in unread {
        assert!(said.contains(&format!("({name})")), "{name}: {said}");
    }
    assert!(said.contains("such as 127.0.0.1:9100"), "{said}");
    let said = check(&[], &[("DOORWARD_REFRESH_GRACE", "1h"), ("DOORWARD_THROTTLE_FAILURES", "0"), ("DOORWARD_TLS_CERT", "x")]);
    assert!(["refresh_grace is 1h", "throttle_failures and", "tls_cert and tls_key"].iter().all(|part| said.contains(part)), "{said}");
    let said = check(&[], &[("DOORWARD_REFRESH_GRACE", "1h"), ("DOORWARD_JWKS_MAX_AGE", "25h"), ("JWT_SECRET_KEY", "")]);
    assert!(["refresh_grace is 1h", "jwks_max_age is 25h", "JWT_SECRET_KEY"].iter().all(|part| said.contains(part)), "{said}");
    let said = check(&["--config", "slips.toml"], &[]);
    assert!(said.contains("did you mean port?") && said.contains("did you mean throttle?"), "{said}");
    let said = check(&[], &[("DOORWARD_PROT", "1"), ("DOORWARD_THROTLE", "x")]);
    assert!(said.contains("did you mean port?") && said.contains("did you mean throttle?"), "{said}");
}

#[test]
fn a_second_server_is_told_of_the_first_and_says_so_when_it_waits_for_it() {
    let server = Server::start();
    let pid = server.pid().as_raw_nonzero();
    let port = server.address().port().to_string();
    let start = |port: &str| said(&run_in(server.directory.path(), &["serve", "--address", "127.0.0.1", "--port", port], &[], ""));
    let (code, _, err) = start(&port);
    assert!(code == Some(1) && err.contains(&format!("in use by this Doorward: process {pid} serves data")), "{err}");
    let (code, _, err) = start("0");
    assert_eq!(code, Some(74), "{err}");
    assert!(err.contains(&format!("in use by process {pid}; waiting a few seconds for its end")), "{err}");
}

#[test]
fn a_first_start_says_where_browsers_go_and_that_there_is_no_administrator() {
    let directory = tempfile::TempDir::new().unwrap();
    let printed = |more: &[&str]| {
        let mut child = doorward(directory.path())
            .args([&["serve", "--address", "127.0.0.1", "--port", "0"], more].concat())
            .envs([("DOORWARD_PUBLIC_URL", "https://login.example.com"), ("DOORWARD_BASE_PATH", "/auth")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        // It has said all of it before it answers.
        Client::of(first.trim().strip_prefix("listening on ").unwrap()).get("/health").expect(200);
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        child.wait().unwrap();
        out.lines().map(Result::unwrap).collect::<Vec<_>>()
    };
    let (place, nobody) = (
        "browsers reach it at https://login.example.com/auth/",
        "no administrator yet: doorward user add NAME --admin, or start with --setup-link",
    );
    assert_eq!(printed(&[]), [place, nobody]);
    assert_eq!(printed(&[]), [place], "a second start");
    let offered = printed(&["--setup-link"]);
    assert!(offered.len() == 1 && offered[0].starts_with("set up the first administrator"), "{offered:?}");
}
