//! TLS at the server's own port: who gets through, what is refused at the start, and certificates renewed while it serves.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use rcgen::{KeyPair, date_time_ymd};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::authority::Authority;
use crate::cli::{run_in, said};
use crate::server::{PASSWORD, Server, add_admin, room_for_descriptors, tool};
use crate::wire::{PATIENCE, Wire};

/// What the server has logged so far.
fn log(server: &Server) -> String {
    std::fs::read_to_string(server.directory.path().join("stderr")).unwrap()
}

/// Asks the server to look at its certificate, and goes on connecting until it is known what came of it.
fn renewed_until(server: &Server, authority: &Authority, is_done: impl Fn() -> bool) {
    let start = Instant::now();
    server.signal(Signal::HUP);
    while !is_done() {
        assert!(start.elapsed() < PATIENCE, "{}", log(server));
        assert_eq!(authority.connect(server.address()).health().unwrap(), 200);
    }
}

/// One request by curl, which trusts the authority alone.
fn curl(server: &Server, authority: &Authority, path: &str, arguments: &[&str]) -> (String, Value) {
    let mut command = tool("curl");
    command.args(["-s", "-i", "--cacert", &authority.path("ca.pem")]).args(arguments);
    let output = command.arg(format!("{}{path}", server.url)).output().expect("curl");
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?} {:?}", output.status));
    (head.to_ascii_lowercase(), serde_json::from_str(body).unwrap())
}

#[test]
fn curl_and_the_command_line_go_through_tls() {
    let authority = Authority::new();
    authority.issue();
    let server = authority.server(&[("DOORWARD_PUBLIC_URL", "https://login.example.com")]);
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    add_admin(server.directory.path(), "boss");
    let body = json!({"username": "arun", "password": PASSWORD}).to_string();
    let json = ["-H", "Content-Type: application/json", "-d"];
    let (head, _) = curl(&server, &authority, "/register", &[&json[..], &[&body]].concat());
    assert!(head.starts_with("http/1.1 201") && head.contains("strict-transport-security: max-age=31536000"), "{head}");
    let (_, arun) = curl(&server, &authority, "/login", &[&json[..], &[&body]].concat());
    let authorization = format!("Authorization: Bearer {}", arun["access_token"].as_str().unwrap());
    let (_, checked) = curl(&server, &authority, "/test", &["-H", &authorization]);
    assert_eq!(checked, json!({"message": "Auth Checked"}));
    let (_, boss) = curl(&server, &authority, "/login", &[&json[..], &[&body.replace("arun", "boss")]].concat());
    let environment = [("DOORWARD_TOKEN", boss["access_token"].as_str().unwrap()), ("SSL_CERT_FILE", &authority.path("ca.pem"))];
    let (code, out, err) = said(&run_in(server.directory.path(), &["user", "list", "--url", &server.url], &environment, ""));
    assert!(code == Some(0) && out.contains("arun"), "{err}");
    // The local socket is what it was.
    let (code, out, err) = said(&run_in(server.directory.path(), &["user", "list"], &[], ""));
    assert!(code == Some(0) && out.contains("arun") && err.contains("through the running server"), "{err}");
}

#[test]
fn both_versions_of_tls_are_spoken_and_http_1_1_alone_in_them() {
    let authority = Authority::new();
    authority.issue();
    let server = authority.server(&[]);
    for (version, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let mut secure = authority.try_connect(server.address(), &[version], &["h2", "http/1.1"]).unwrap();
        assert_eq!((secure.0.conn.protocol_version(), secure.0.conn.alpn_protocol()), (Some(spoken), Some(&b"http/1.1"[..])));
        assert_eq!(secure.0.conn.peer_certificates().unwrap().len(), 2, "the whole chain is sent");
        assert_eq!((secure.health().unwrap(), secure.health().unwrap()), (200, 200), "the connection is kept");
    }
    assert!(authority.try_connect(server.address(), &[&TLS13], &["h2"]).is_err());
    let stranger = Authority::new();
    assert!(stranger.try_connect(server.address(), &[&TLS13], &[]).is_err(), "who trusts another authority does not trust this");
}

#[test]
fn each_usual_form_of_a_private_key_is_read() {
    for (pkcs8, form) in [
        ("ec-p256.pem", "ec-p256.pem"),
        ("ec-p256.pem", "ec-p256-sec1.pem"),
        ("rsa-3072.pem", "rsa-3072-pkcs1.pem"),
        ("ed25519.pem", "ed25519.pem"),
    ] {
        let key = |name: &str| std::fs::read_to_string(format!("{}/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let authority = Authority::new();
        authority.issue_for(&KeyPair::from_pem(&key(pkcs8)).unwrap(), |_| {});
        authority.put("key.pem", &key(form));
        let server = authority.server(&[]);
        assert_eq!(authority.connect(server.address()).health().unwrap(), 200, "{form}");
    }
}

#[test]
fn a_certificate_is_renewed_under_traffic_and_no_request_fails() {
    let authority = Authority::new();
    authority.issue();
    let server = authority.server(&[]);
    let mut kept = authority.connect(server.address());
    let (before, over) = (kept.certificate(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(authority.connect(server.address()).health().unwrap(), 200);
                }
            });
        }
        let renewals = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..5 {
                let old = authority.connect(server.address()).certificate();
                authority.issue();
                renewed_until(&server, &authority, || authority.connect(server.address()).certificate() != old);
            }
        }));
        over.store(true, Ordering::Relaxed);
        renewals.unwrap();
    });
    assert_eq!((kept.health().unwrap(), kept.certificate()), (200, before), "an open connection goes on");
}

#[test]
fn a_new_certificate_that_cannot_be_used_leaves_the_one_before() {
    let authority = Authority::new();
    authority.issue();
    let server = authority.server(&[]);
    let before = authority.connect(server.address()).certificate();
    for (turn, spoil) in [("key.pem", KeyPair::generate().unwrap().serialize_pem()), ("cert.pem", "nonsense".to_owned())].iter().enumerate()
    {
        authority.put(spoil.0, &spoil.1);
        renewed_until(&server, &authority, || log(&server).matches("the one before stays").count() > turn);
        assert_eq!(authority.connect(server.address()).certificate(), before);
    }
    authority.issue();
    renewed_until(&server, &authority, || authority.connect(server.address()).certificate() != before);
    let (mut server, log) = (server, |server: &Server| log(server));
    assert!(server.stop().success());
    assert!(
        log(&server).contains("is not that of the certificate in") && log(&server).contains("holds no certificate"),
        "{}",
        log(&server)
    );
}

#[test]
fn what_cannot_be_served_with_is_refused_at_the_start_and_says_what_to_do() {
    let authority = Authority::new();
    authority.issue();
    let encrypted = format!("{}/tests/keys/ec-p256-encrypted.pem", env!("CARGO_MANIFEST_DIR"));
    authority.put("other.pem", &KeyPair::generate().unwrap().serialize_pem());
    authority.put("long.pem", &(std::fs::read_to_string(authority.path("key.pem")).unwrap() + &"#".repeat(1 << 20)));
    let (cert, key) = (authority.path("cert.pem"), authority.path("key.pem"));
    for (cert, key, says) in [
        (Some(&cert), None, "set both, or neither"),
        (None, Some(&key), "set both, or neither"),
        (Some(&authority.path("no.pem")), Some(&key), "setting tls_cert: cannot read"),
        (Some(&cert), Some(&authority.path("no.pem")), "setting tls_key: cannot read"),
        (Some(&cert), Some(&authority.path("")), "setting tls_key: cannot read"),
        (Some(&cert), Some(&authority.path("long.pem")), "it is longer than 1 MiB"),
        (Some(&key), Some(&key), "holds no certificate in PEM"),
        (Some(&cert), Some(&cert), "holds no private key in PEM"),
        (Some(&cert), Some(&encrypted), "not encrypted"),
        (Some(&cert), Some(&authority.path("other.pem")), "is not that of the certificate"),
    ] {
        let named = [("DOORWARD_TLS_CERT", cert), ("DOORWARD_TLS_KEY", key)];
        let named: Vec<_> = named.iter().filter_map(|(name, path)| Some((*name, path.as_ref()?.as_str()))).collect();
        for command in [&["serve", "--port", "0"][..], &["config", "check"]] {
            let (code, out, err) = said(&run_in(authority.directory.path(), command, &named, ""));
            assert!(code == Some(78) && out.is_empty() && err.contains(says), "{command:?} {says}: {code:?} {err}");
        }
    }
}

#[test]
fn what_clients_or_neighbours_would_mind_is_warned_of() {
    let authority = Authority::new();
    let issue = |from: i32, to: i32| {
        authority.issue_for(&KeyPair::generate().unwrap(), |params| {
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        });
    };
    let warnings = || {
        let settings = authority.settings();
        let environment: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (code, _, err) = said(&run_in(authority.directory.path(), &["config", "check"], &environment, ""));
        assert_eq!(code, Some(0), "{err}");
        err
    };
    issue(2000, 2020);
    assert!(warnings().contains("expired at 2020-01-01T00:00:00Z; clients will refuse it"), "{}", warnings());
    let server = authority.server(&[]);
    assert!(authority.try_connect(server.address(), &[&TLS13], &[]).is_err());
    assert!(log(&server).contains("expired at 2020-01-01T00:00:00Z"), "{}", log(&server));
    issue(2400, 2500);
    assert!(warnings().contains("is not valid yet"), "{}", warnings());
    let in_days = |days: u64| date_time_ymd(1970, 1, 1) + UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(days * 86_400);
    for (days, is_soon) in [(6, true), (8, false)] {
        authority.issue_for(&KeyPair::generate().unwrap(), |params| params.not_after = in_days(days));
        assert_eq!(warnings().contains(": renew it"), is_soon, "{days} days: {}", warnings());
    }
    issue(2000, 2500);
    assert_eq!(warnings().matches("warning: ").count(), 1, "{}", warnings());
    assert!(warnings().contains("public_url is not https"), "{}", warnings());
    std::fs::set_permissions(authority.path("key.pem"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(warnings().contains("every user of this machine can read the key"), "{}", warnings());
}

#[test]
fn plain_http_is_told_to_use_https_and_nonsense_is_closed() {
    let authority = Authority::new();
    authority.issue();
    let server = authority.server(&[]);
    let mut plain = Wire::open(server.address().port());
    let answer = plain.send("POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n{}\n").answer();
    assert_eq!((answer.status, answer.body.as_str()), (400, "This port speaks TLS; use https:// in place of http://.\n"));
    assert!(answer.closes());
    plain.half_close().end();
    for nonsense in [&b""[..], b"\0", b"\x16\x03\x01\xff\xff", &[0x80; 5000], b"\x16\x03\x01\0\x05hello"] {
        let mut wire = Wire::open(server.address().port());
        wire.send(nonsense).half_close().rest();
    }
    assert_eq!(authority.connect(server.address()).health().unwrap(), 200);
}

#[test]
fn handshakes_that_never_end_are_closed_after_ten_seconds_and_stop_nobody() {
    let authority = Authority::new();
    authority.issue();
    let server = authority.server(&[]);
    room_for_descriptors(4000);
    let start = Instant::now();
    // A record of 512 bytes is announced, and one byte of it sent.
    let slow: Vec<_> = (0..1000)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            stream.write_all(b"\x16\x03\x01\x02\0\x01").unwrap();
            stream
        })
        .collect();
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(authority.connect(server.address()).health().unwrap(), 200);
        longest = longest.max(asked.elapsed());
    }
    // Less than the ten seconds that it would take if those who shake hands stood in a row.
    assert!(longest < Duration::from_secs(8), "{longest:?}");
    for mut stream in slow {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // Its end, however the system tells it: no alert is sent to who said nothing.
        assert_eq!(stream.read(&mut [0]).unwrap_or_default(), 0);
    }
    let closed = start.elapsed();
    assert!(closed >= Duration::from_secs(10), "{closed:?}");
}
