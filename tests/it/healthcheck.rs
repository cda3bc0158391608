//! `doorward healthcheck`: by the socket, by the port, by a URL; and what it says of a server that is not there, hangs or fails.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use rustix::process::{Signal, WaitOptions, waitpid};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::cli::{run_in, said};
use crate::server::{Nobody, Server};

fn check(server: &Server, arguments: &[&str]) -> (Option<i32>, String, String) {
    said(&run_in(server.directory.path(), &[&["healthcheck"], arguments].concat(), &[], ""))
}

#[test]
fn a_server_that_runs_on_the_directory_is_found_by_its_socket() {
    let server = Server::start();
    let ready = (Some(0), "ready: data/doorward.sock\n".to_owned(), String::new());
    assert_eq!(check(&server, &["--port", &Nobody::new().port().to_string()]), ready);
    let (code, out, _) = check(&server, &["--json"]);
    let said: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &said["ready"], &said["server"]), (Some(0), &true.into(), &"data/doorward.sock".into()));
}

#[test]
fn without_a_socket_it_is_found_by_its_port_or_url() {
    let server = Server::start();
    std::fs::remove_file(server.data_dir().join("doorward.sock")).unwrap();
    let port = server.address().port().to_string();
    for address in ["127.0.0.1", "localhost", "0.0.0.0"] {
        let wanted = (Some(0), format!("ready: http://127.0.0.1:{port}\n"), String::new());
        assert_eq!(check(&server, &["--address", address, "--port", &port]), wanted, "{address}");
    }
    let elsewhere = TempDir::new().unwrap();
    let by_url = said(&run_in(elsewhere.path(), &["healthcheck", "--url", &server.url], &[], ""));
    assert_eq!(by_url, (Some(0), format!("ready: {}\n", server.url), String::new()));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "no directory was opened");
}

#[test]
fn a_server_that_has_stopped_is_not_ready_and_nothing_is_opened_for_it() {
    let mut server = Server::start();
    server.stop();
    let marker = std::fs::read(server.data_dir().join("MARKER")).unwrap();
    let nobody = Nobody::new();
    let port = nobody.port().to_string();
    let (code, out, err) = check(&server, &["--port", &port]);
    assert!(code == Some(1) && out.is_empty() && err.lines().count() == 1, "{err}");
    assert!(err.contains(&format!("cannot reach http://127.0.0.1:{port}: ")), "{err}");
    let (code, _, err) = check(&server, &["--port", "0"]);
    assert!(code == Some(1) && err.contains("no server runs on the data directory"), "{err}");
    assert_eq!(std::fs::read(server.data_dir().join("MARKER")).unwrap(), marker);
}

#[test]
fn a_server_that_hangs_is_given_up_in_three_seconds() {
    let server = Server::start();
    server.signal(Signal::STOP);
    // Signals are taken when a process gets to it: it could answer until then.
    assert!(waitpid(Some(server.pid()), WaitOptions::UNTRACED).unwrap().is_some_and(|(_, status)| status.stopped()));
    let began = Instant::now();
    let (code, out, err) = check(&server, &[]);
    assert_eq!((code, out.as_str(), err.as_str()), (Some(1), "", "doorward: not ready: no answer within 3 s\n"));
    // More than its patience, for a machine with much other work; less than that of any other command.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    server.signal(Signal::CONT);
    assert_eq!(check(&server, &[]).0, Some(0));
}

#[test]
fn a_server_that_cannot_write_is_not_ready() {
    let failing = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", failing.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = failing.accept().unwrap();
        let mut head = [0; 4096];
        let read = stream.read(&mut head).unwrap();
        let body = r#"{"code":503,"status":"Service Unavailable","error":"storage_unavailable","message":"The storage is unavailable."}"#;
        write!(stream, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        String::from_utf8_lossy(&head[..read]).to_lowercase()
    });
    let directory = TempDir::new().unwrap();
    // The token is for commands that need one, and stays here.
    let output = run_in(directory.path(), &["healthcheck", "--url", &url], &[("DOORWARD_TOKEN", "canary")], "");
    let (code, out, err) = said(&output);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(err, format!("doorward: not ready: {url}: The storage is unavailable.\n"));
    let head = answering.join().unwrap();
    assert!(head.starts_with("get /ready http/1.1\r\n") && !head.contains("authorization"), "{head}");
    let (code, _, err) = said(&run_in(directory.path(), &["healthcheck", "--url", &url, "--token-file", "x"], &[], ""));
    assert!(code == Some(2) && err.contains("takes no --token-file"), "{err}");
}

#[test]
fn a_server_that_speaks_tls_is_asked_over_its_socket_or_by_the_name_in_its_certificate() {
    let authority = Authority::new();
    authority.issue();
    let server = authority.server(&[]);
    let files = authority.settings();
    let settings: Vec<_> = files.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let check = |arguments: &[&str], more: &[(&str, &str)]| {
        said(&run_in(server.directory.path(), &[&["healthcheck"], arguments].concat(), &[&settings, more].concat(), ""))
    };
    assert_eq!(check(&[], &[]).1, "ready: data/doorward.sock\n");
    std::fs::remove_file(server.data_dir().join("doorward.sock")).unwrap();
    let (code, _, err) = check(&[], &[]);
    assert!(code == Some(1) && err.contains("ask with --url"), "{err}");
    let trusted = [("SSL_CERT_FILE", &*authority.path("ca.pem"))];
    assert_eq!(check(&["--url", &server.url], &trusted), (Some(0), format!("ready: {}\n", server.url), String::new()));
    let (code, _, err) = check(&["--url", &server.url], &[]);
    assert!(code == Some(1) && err.lines().count() == 1, "{err}");
}
