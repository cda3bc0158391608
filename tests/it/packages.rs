//! What packages bring beside the executable: the settings file, the unit, the container's variables, the manual pages; and
//! what the server tells systemd.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::cli::{run_in, said};
use crate::server::Server;
use crate::wire::PATIENCE;

/// A file of `packaging/`.
fn packaging(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name)).unwrap()
}

/// The settings in effect, one a line, each with where it comes from.
fn shown(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let directory = TempDir::new().unwrap();
    let (code, out, err) = said(&run_in(directory.path(), &[&["config", "show"], arguments].concat(), environment, ""));
    assert_eq!(code, Some(0), "{err}");
    out
}

#[test]
fn the_packages_settings_are_those_of_the_unit() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/doorward.toml");
    let data_dir = shown(&["--config", file], &[]).lines().find(|line| line.starts_with("data_dir ")).unwrap().to_owned();
    let directory = data_dir.split_whitespace().nth(1).unwrap().trim_matches('"').to_owned();
    let unit = packaging("doorward.service");
    assert_eq!(directory, "/var/lib/doorward");
    assert!(unit.contains("\nStateDirectory=doorward\n") && unit.contains(&format!("\nWorkingDirectory={directory}\n")));
    // Each setting that is a comment there could be one.
    let all = packaging("doorward.toml").replace("\n#public_url", "\npublic_url").replace("\n#trusted_proxies", "\ntrusted_proxies");
    let scratch = TempDir::new().unwrap();
    std::fs::write(scratch.path().join("all.toml"), all).unwrap();
    let shown = shown(&["--config", scratch.path().join("all.toml").to_str().unwrap()], &[]);
    assert!(shown.contains("https://login.example.com") && shown.contains("::1"), "{shown}");
}

#[test]
fn the_containers_variables_are_settings() {
    let dockerfile = packaging("Dockerfile");
    let variables: Vec<(&str, &str)> = dockerfile
        .lines()
        .map(|line| line.trim_start_matches('#').trim_start_matches("ENV").trim().trim_end_matches('\\').trim_end())
        .filter(|line| line.starts_with("DOORWARD_"))
        .map(|line| line.split("    ").next().unwrap().trim_end().split_once('=').unwrap_or_else(|| panic!("{line}")))
        .collect();
    assert!(variables.len() >= 6, "{variables:?}");
    let shown = shown(&[], &variables);
    for (name, _) in &variables {
        assert!(shown.contains(name), "{name}: {shown}");
    }
    let open = [&variables[..], &[("DOORWARD_USER_ROUTES", "open")]].concat();
    let directory = TempDir::new().unwrap();
    let (code, _, err) = said(&run_in(directory.path(), &["serve"], &open, ""));
    assert!(code == Some(78) && err.contains("user_routes is open"), "{err}");
}

#[test]
fn systemd_is_told_when_the_server_is_ready_and_when_it_stops() {
    let scratch = TempDir::new().unwrap();
    let path = scratch.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let word = || {
        let mut buffer = [0; 64];
        let read = systemd.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..read]).trim_end().to_owned()
    };
    let mut server = Server::with(&[], &[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    assert_eq!(word(), "READY=1");
    server.client().get("/ready").expect(200);
    server.signal(Signal::TERM);
    assert_eq!(word(), "STOPPING=1");
    assert!(server.wait().success());
}

#[test]
fn a_systemd_that_does_not_listen_is_no_reason_not_to_serve() {
    let mut server = Server::with(&[], &[("NOTIFY_SOCKET", "/nowhere/notify")]);
    server.client().get("/ready").expect(200);
    assert!(server.stop().success());
    let log = std::fs::read_to_string(server.directory.path().join("stderr")).unwrap();
    assert!(log.contains("systemd cannot be told"), "{log}");
}

#[test]
fn each_command_has_a_manual_page() {
    let directory = TempDir::new().unwrap();
    let pages = directory.path().join("man");
    let (code, out, err) = said(&run_in(directory.path(), &["man", "man"], &[], ""));
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
    for page in ["doorward", "doorward-serve", "doorward-user-add", "doorward-key-rotate", "doorward-healthcheck"] {
        let text = std::fs::read_to_string(pages.join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".SH NAME") && text.contains(&page.replace('-', "\\-")), "{page}: {text}");
    }
    let (code, _, err) = said(&run_in(directory.path(), &["man", "man/doorward.1"], &[], ""));
    assert!(code == Some(1) && err.contains("cannot write the manual pages into man/doorward.1: "), "{err}");
}
