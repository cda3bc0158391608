//! The deadlines where there is TLS: a handshake's, and those of the connection in it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::http::front::{CertificateFiles, Limits, Tls};
use rcgen::generate_simple_self_signed;
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::server::Server;
use crate::wire::{PATIENCE, Wire};

const SHORT: Duration = Duration::from_millis(300);

/// Limits of which none but those that are changed is reached.
fn patient() -> Limits {
    let long = 10 * PATIENCE;
    Limits { head: long, body: long, write_stall: long, idle: long, handshake: long, ..Limits::default() }
}

struct Secured {
    server: Server,
    certificate: CertificateDer<'static>,
}

impl Secured {
    fn with(limits: Limits) -> Self {
        let directory = TempDir::new().expect("a server with a certificate");
        let files = CertificateFiles { certificate: directory.path().join("cert.pem"), key: directory.path().join("key.pem") };
        let made = generate_simple_self_signed(["localhost".to_owned()]).expect("a server with a certificate");
        std::fs::write(&files.certificate, made.cert.pem()).expect("a server with a certificate");
        std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("a server with a certificate");
        let tls = Tls::load(files).expect("a server with a certificate");
        Self { server: Server::secured(limits, Some(Arc::new(tls))), certificate: made.cert.der().clone() }
    }

    fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a server with a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("a server with a certificate");
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        let tls = ClientConnection::new(config, ServerName::try_from("localhost").expect("a server with a certificate"))
            .expect("a server with a certificate");
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server.port)).expect("a server with a certificate");
        stream.set_read_timeout(Some(PATIENCE)).expect("a server with a certificate");
        StreamOwned::new(tls, stream)
    }
}

/// Whether the connection has ended, in whatever way.
fn has_ended(stream: &mut impl Read) -> bool {
    !matches!(stream.read(&mut [0; 1024]), Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[test]
fn a_handshake_that_does_not_begin_or_does_not_end_is_closed() {
    let secured = Secured::with(Limits { handshake: SHORT, ..patient() });
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\0\x01"] {
        let mut wire = Wire::open(secured.server.port);
        assert!(wire.send(begun).end() >= SHORT / 2);
    }
    let mut good = secured.connect();
    good.write_all(b"GET /bare HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    good.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn heads_and_idle_connections_have_their_time_in_tls_as_without() {
    let secured = Secured::with(Limits { head: SHORT, ..patient() });
    let mut late = secured.connect();
    late.write_all(b"GET /bare HTTP/1.1\r\nHost: a\r\n").unwrap();
    assert!(has_ended(&mut late));
    let secured = Secured::with(Limits { idle: SHORT, ..patient() });
    let mut idle = secured.connect();
    idle.write_all(b"GET /bare HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = idle.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_peer_that_does_not_read_what_is_encrypted_for_it_is_cut_off() {
    let size = 40 << 20;
    let secured = Secured::with(Limits { write_stall: SHORT, response_bytes: size, ..patient() });
    let mut peer = secured.connect();
    peer.write_all(format!("GET /big?size={size} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    let start = Instant::now();
    // Nothing is read; what is written on a connection that has been given up fails.
    while peer.sock.write_all(b"x").is_ok() {
        assert!(start.elapsed() < PATIENCE, "the connection is still there");
    }
}

#[test]
fn who_finds_no_room_is_told_so_in_tls_and_has_little_time_to_listen() {
    let secured = Secured::with(Limits { connections: 1, ..patient() });
    let mut good = secured.connect();
    good.write_all(b"GET /bare HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(good.read(&mut [0; 16]).unwrap() > 0, "it has the only place");
    Wire::open(secured.server.port).end();
    let mut late = secured.connect();
    late.write_all(b"GET /bare HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = late.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 503"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn stopping_waits_for_no_handshake() {
    let secured = Secured::with(Limits { grace: 10 * PATIENCE, ..patient() });
    let mut begun = Wire::open(secured.server.port);
    begun.send("\x16");
    let mut good = secured.connect();
    good.write_all(b"GET /bare HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(good.read(&mut [0; 16]).unwrap() > 0, "by now the first connection was let in as well");
    let start = Instant::now();
    assert_eq!(secured.server.finish().cut_off, 0);
    assert!(start.elapsed() < PATIENCE);
}
