//! The command line at a URL, with an administrator's token: over http and over https.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::cli::{run_in, said};
use crate::server::{Nobody, Server, with_admin};

/// Runs a command far from any data directory.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let elsewhere = tempfile::TempDir::new().unwrap();
    let ran = said(&run_in(elsewhere.path(), arguments, environment, ""));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "nothing was opened here");
    ran
}

#[test]
fn an_administrators_token_from_a_file_or_the_environment_is_enough() {
    let (server, client, boss) = with_admin();
    let file = server.directory.path().join("token");
    std::fs::write(&file, format!("{}\n", boss.access)).unwrap();
    let from_file = ["--token-file", file.to_str().unwrap()];
    let (code, out, err) = run(&[&["user", "list", "--url", &server.url], &from_file[..]].concat(), &[]);
    assert_eq!((code, out.as_str()), (Some(0), "ID  USERNAME  ROLES  STATE\n1   boss      admin\n"), "{err}");
    assert_eq!(err, format!("at {}\n", server.url));
    let environment = [("DOORWARD_TOKEN", boss.access.as_str())];
    let (code, out, _) = run(&["--url", &format!("{}/", server.url), "invite", "make"], &environment);
    assert!(code == Some(0) && out.starts_with("doorward_invite_"), "{out}");
    let events = client.with_token("GET", "/audit?event=invite_made", &boss.access).json();
    assert_eq!((&events["events"][0]["actor"], &events["events"][0]["details"]["uid"]), (&"user:1".into(), &serde_json::Value::Null));
}

#[test]
fn what_is_no_administrators_token_is_refused_and_never_shown() {
    let (server, client, boss) = with_admin();
    let arun = client.newcomer("arun");
    let refused = |token: &str, says: &str| {
        let (code, out, err) = run(&["user", "list", "--url", &server.url], &[("DOORWARD_TOKEN", token)]);
        assert!(code == Some(1) && out.is_empty() && err.contains(says) && !err.contains(token), "{err}");
    };
    refused(&arun.access, "An administrator may do this.");
    refused(&boss.refresh, "Signature verification failed.");
    refused("nonsense\u{7f}", "token");
    client.logout(&boss.access).expect(200);
    refused(&boss.access, "revoked");
}

#[test]
fn what_is_missing_or_out_of_place_is_usage() {
    let server = Server::start();
    let empty = server.directory.path().join("empty");
    std::fs::write(&empty, " \n").unwrap();
    let empty = empty.to_str().unwrap();
    let token = server.directory.path().join("token");
    std::fs::write(&token, "x").unwrap();
    let token = token.to_str().unwrap();
    for (arguments, code, says) in [
        (&["user", "list", "--url", &server.url][..], 2, "--token-file, or set DOORWARD_TOKEN"),
        (&["user", "list", "--url", &server.url, "--token-file", empty], 2, "empty does not hold one token or code"),
        (&["user", "list", "--url", &server.url, "--token-file", "nowhere"], 1, "cannot read the token or code in nowhere: No such file"),
        (&["verify", "--url", &server.url, "--invite-file", empty], 2, "empty does not hold one token or code"),
        (&["verify", "--url", &server.url, "--invite-file", "nowhere"], 1, "cannot read the token or code in nowhere: No such file"),
        (
            &["key", "import", "nowhere.pem", "--url", &server.url, "--token-file", token],
            1,
            "cannot read the key in nowhere.pem: No such file",
        ),
        (&["user", "list", "--token-file", empty], 2, "--token-file goes with --url"),
        (&["user", "list", "--url", "login.example.com"], 2, "use a URL such as https://login.example.com"),
        (&["serve", "--url", &server.url], 2, "for commands that ask a server"),
        (&["config", "show", "--url", &server.url], 2, "for commands that ask a server"),
    ] {
        let (left, out, err) = run(arguments, &[]);
        assert!(left == Some(code) && out.is_empty() && err.contains(says), "{arguments:?}: {left:?} {err}");
    }
}

#[test]
fn a_server_that_is_not_there_or_not_ours_is_said() {
    let nobody = Nobody::new();
    let gone = nobody.address();
    let token = [("DOORWARD_TOKEN", "x")];
    let (code, _, err) = run(&["user", "list", "--url", &format!("http://{gone}")], &token);
    assert!(code == Some(1) && err.contains(&format!("cannot reach http://{gone}: ")), "{err}");
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>").unwrap();
    });
    let (code, _, err) = run(&["user", "list", "--url", &format!("http://{address}")], &token);
    assert!(code == Some(1) && err.contains("answered 404, and not as Doorward does"), "{err}");
    answering.join().unwrap();
}

/// TLS for `localhost`; its authority's certificate is in `ca`.
pub fn tls(ca: &Path) -> Arc<ServerConfig> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(ca, authority.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    Arc::new(config)
}

/// A proxy with TLS in front of a server.
fn proxy(upstream: SocketAddr, ca: &Path) -> SocketAddr {
    let config = tls(ca);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream.unwrap());
            // A client that does not trust us breaks off.
            let _ = pass_on(tls, upstream);
        }
    });
    address
}

/// One request at a time, each on a connection of its own to the server: what a test asks fits one read.
fn pass_on(mut client: impl Read + Write, upstream: SocketAddr) -> std::io::Result<()> {
    let mut buffer = [0; 16 << 10];
    loop {
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        let mut server = TcpStream::connect(upstream)?;
        server.write_all(&buffer[..read])?;
        server.shutdown(std::net::Shutdown::Write)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        client.write_all(&answer)?;
        client.flush()?;
    }
}

#[test]
fn over_https_the_servers_certificate_is_judged() {
    let (server, _, boss) = with_admin();
    let ca = server.directory.path().join("ca.pem");
    let port = proxy(server.address(), &ca).port();
    let token = ("DOORWARD_TOKEN", boss.access.as_str());
    let trusted = ("SSL_CERT_FILE", ca.to_str().unwrap());
    let list = |host: &str, environment: &[(&str, &str)]| run(&["user", "list", "--url", &format!("https://{host}:{port}")], environment);
    let (code, out, err) = list("localhost", &[token, trusted]);
    assert!(code == Some(0) && out.contains("boss"), "{err}");
    let (code, _, err) = list("127.0.0.1", &[token, trusted]);
    assert!(code == Some(1) && err.contains("not valid for name"), "{err}");
    let another = server.directory.path().join("another.pem");
    proxy(server.address(), &another);
    let (code, _, err) = list("localhost", &[token, ("SSL_CERT_FILE", another.to_str().unwrap())]);
    assert!(code == Some(1) && err.contains("invalid peer certificate"), "{err}");
    let (code, _, err) = list("localhost", &[token, ("SSL_CERT_FILE", "/nowhere.pem")]);
    assert!(code == Some(1) && err.contains("cannot tell whom to trust"), "{err}");
}
