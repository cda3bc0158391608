//! `doorward doctor` about settings, secrets, certificates, and what stands between the server and its clients.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;

use rcgen::{KeyPair, date_time_ymd};
use serde_json::json;

use crate::authority::Authority;
use crate::cli::{run_in, said};
use crate::doctor::{chmod, doctor_with};
use crate::server::{DEAR, Server, with_admin_and};

#[test]
fn secrets_that_can_be_guessed_or_read_are_to_be_fixed_and_none_is_told() {
    let server = Server::start();
    let directory = server.directory.path();
    let (short, previous) = ("canary-3b", "canary-4d-from-before");
    let found = doctor_with(directory, &[], &[("JWT_SECRET_KEY", short), ("JWT_PREVIOUS_SECRET_KEY", previous)]);
    found.says("JWT_SECRET_KEY", "fix", "9 bytes");
    found.says("previous secrets", "look", "1 from before");
    assert!(!found.text.contains("canary-"), "{}", found.text);
    let file = directory.join("secret");
    fs::write(&file, "canary-5e-which-is-long-enough-and-quite-unlike-a-word").unwrap();
    chmod(&file, 0o644);
    let named = [("JWT_SECRET_KEY_FILE", file.to_str().unwrap())];
    let found = doctor_with(directory, &[], &named);
    found.says("secret files", "fix", "every user of this machine can read");
    assert!(found.code == Some(1) && !found.text.contains("canary-"), "{}", found.text);
    chmod(&file, 0o640);
    doctor_with(directory, &[], &named).says("secret files", "ok", "1, closed to others");
}

#[test]
fn settings_that_cannot_be_are_a_finding_and_slips_are_one_to_look_at() {
    let server = Server::start();
    let directory = server.directory.path();
    for (name, what) in [("DOORWARD_PROT", "did you mean port?"), ("ROCKET_WORKERS", "has no effect here")] {
        let found = doctor_with(directory, &[], &[(name, "7")]);
        assert_eq!(found.code, Some(78));
        found.says("settings", "fix", what);
        found.says("database", "ok", "every record fits");
        found.says("directory", "ok", "/data, for its owner alone");
    }
    let found = doctor_with(directory, &[], &[("DOORWAD_PORT", "canary-6f")]);
    assert!(found.code == Some(0) && !found.text.contains("canary-"), "{}", found.text);
    found.says("environment", "look", "DOORWAD_PORT (did you mean DOORWARD_PORT?)");
    let open = [("DOORWARD_USER_ROUTES", "open"), ("DOORWARD_BASE_PATH", "/auth")];
    doctor_with(directory, &[], &open).says("user routes", "fix", "others reach this server");
    let reached = [("DOORWARD_PUBLIC_URL", "http://login.example.invalid"), ("DOORWARD_BASE_PATH", "/auth")];
    let found = doctor_with(directory, &[], &reached);
    assert_eq!(found.code, Some(1));
    found.says("public_url", "fix", "is not encrypted");
    found.says("registration", "look", "whoever registers is let through");
    found.says("proxy", "look", "could not be asked from here");
    doctor_with(directory, &[], &[("DOORWARD_THROTTLE", "false")]).says("settings", "look", "throttle is false");
    let listed = [("DOORWARD_CORS_ORIGINS", "http://localhost:3000, http://app.example.com")];
    doctor_with(directory, &[], &listed).says("settings", "look", "cors_origins has http://app.example.com");
    let much = [("DOORWARD_ARGON2_MEMORY_KIB", "262144"), ("DOORWARD_HASHING_THREADS", "65536"), DEAR];
    let found = doctor_with(directory, &[], &much);
    assert_eq!(found.code, Some(1));
    found.says("password memory", "fix", "up to 16384 GiB");
}

/// A proxy that says for whom it asks, if it is to, and tells what it was asked.
fn proxy(upstream: SocketAddr, names_clients: bool) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let text = String::from_utf8(head).unwrap();
            let named = if names_clients { "X-Forwarded-For: 192.0.2.7\r\n" } else { "" };
            let passed = text.trim_end().to_owned() + "\r\nConnection: close\r\n" + named + "\r\n";
            let mut server = TcpStream::connect(upstream).unwrap();
            server.write_all(passed.as_bytes()).unwrap();
            std::io::copy(&mut server, &mut client).unwrap();
            if tell.send(text).is_err() {
                return;
            }
        }
    });
    (url, told)
}

#[test]
fn a_proxy_must_be_named_and_name_its_clients_and_gets_no_token() {
    let trust = [("DOORWARD_TRUSTED_PROXIES", "127.0.0.1")];
    let cases = [
        (&[][..], true, "fix", "127.0.0.1 says in X-Forwarded-For for whom it asks, and is not believed"),
        (&trust, true, "ok", "is taken for 192.0.2.7's"),
        (&trust, false, "fix", "does not say for whom it asks"),
    ];
    for (environment, names_clients, verdict, what) in cases {
        let server = Server::with(&[], environment);
        let (url, told) = proxy(server.address(), names_clients);
        let settings = [environment, &[("DOORWARD_PUBLIC_URL", &*url)]].concat();
        let found = doctor_with(server.directory.path(), &[], &settings);
        found.says("proxy", verdict, what);
        let asked = told.recv().unwrap().to_lowercase();
        assert!(asked.starts_with("get /health ") && !asked.contains("authorization") && !asked.contains("cookie"), "{asked}");
    }
    let server = Server::start();
    let url = server.url.clone();
    doctor_with(server.directory.path(), &[], &[("DOORWARD_PUBLIC_URL", &url)]).says("proxy", "ok", "none: ");
    let other = Server::start();
    let elsewhere = [("DOORWARD_PUBLIC_URL", &*other.url)];
    doctor_with(server.directory.path(), &[], &elsewhere).says("proxy", "look", "not as this server");
}

#[test]
fn how_a_request_is_seen_is_told_to_who_has_the_look_alone() {
    let (server, client, boss) = with_admin_and(&[]);
    let look = client.with_token("GET", "/doctor", &boss.access).expect(200).json()["look"].as_str().unwrap().to_owned();
    let seen =
        |look: &str| client.send("GET", "/health", &[("X-Doorward-Look", look), ("X-Forwarded-For", "192.0.2.1")], None).expect(200).json();
    assert_eq!(seen(&look)["seen"], json!({"peer": "127.0.0.1", "client": "127.0.0.1", "forwarded": true, "trusted": false}));
    for wrong in ["", "0", &look[1..], &look.to_uppercase().replace(|digit: char| digit.is_ascii_digit(), "A")] {
        assert_eq!(seen(wrong), json!({"status": "ok"}));
    }
    let other = Server::start();
    let elsewhere = other.client().send("GET", "/health", &[("X-Doorward-Look", &look)], None).expect(200).json();
    assert_eq!(elsewhere, json!({"status": "ok"}));
    client.test(&look).refused(401, "invalid_token");
    drop(server);
}

#[test]
fn a_certificate_that_has_expired_or_does_not_fit_is_to_be_fixed() {
    let (server, authority) = (Server::start(), Authority::new());
    authority.issue();
    let settings = authority.settings();
    let named: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let look = || doctor_with(server.directory.path(), &[], &named);
    look().says("certificate", "ok", "good until");
    let key = KeyPair::generate().unwrap();
    authority.issue_for(&key, |wanted| wanted.not_after = date_time_ymd(2020, 1, 1));
    let found = look();
    assert_eq!(found.code, Some(1));
    found.says("certificate", "fix", "expired");
    authority.put("key.pem", &KeyPair::generate().unwrap().serialize_pem());
    look().says("certificate", "fix", "is not that of the certificate");
}

/// A key that all can read is not mended by a new certificate.
#[test]
fn of_a_key_that_all_can_read_it_is_said_how_to_close_it() {
    let (server, authority) = (Server::start(), Authority::new());
    authority.issue();
    let settings = authority.settings();
    let named: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let key = named.iter().find(|(name, _)| *name == "DOORWARD_TLS_KEY").unwrap().1;
    chmod(std::path::Path::new(key), 0o644);
    let found = doctor_with(server.directory.path(), &[], &named);
    let advice = found.advice("certificate");
    assert!(advice.contains(&format!("chmod 600 {key}")) && !advice.contains("renew"), "{advice}");
}

#[test]
fn a_server_that_others_reach_in_clear_is_warned_of_unless_tls_is_there_or_a_proxy_is_named() {
    let server = Server::start();
    let directory = server.directory.path();
    let check = |environment: &[(&str, &str)]| said(&run_in(directory, &["config", "check"], environment, "")).2;
    for address in ["0.0.0.0", "::", "192.0.2.7"] {
        let open = [("DOORWARD_ADDRESS", address)];
        doctor_with(directory, &[], &open).says("settings", "look", "passwords and tokens travel in clear");
        assert!(check(&open).contains("passwords and tokens travel in clear"), "{address}");
        let named = [open[0], ("DOORWARD_TRUSTED_PROXIES", "192.0.2.1")];
        assert!(!check(&named).contains("in clear"), "{address}");
    }
    assert!(!check(&[]).contains("in clear"));
}

#[test]
fn a_server_that_was_started_with_another_public_url_is_told_of_and_judged_by_its_own() {
    let server = Server::with(&[], &[("DOORWARD_PUBLIC_URL", "http://login.example.invalid"), ("DOORWARD_BASE_PATH", "/auth")]);
    let found = doctor_with(server.directory.path(), &[], &[]);
    let what = "the server that runs has the public_url http://login.example.invalid/auth, and those found here have none";
    found.says("running settings", "look", what);
    found.says("public_url", "fix", "http://login.example.invalid/auth is not encrypted");
    found.says("proxy", "look", "http://login.example.invalid/auth could not be asked from here");
    let same = [("DOORWARD_PUBLIC_URL", "http://login.example.invalid"), ("DOORWARD_BASE_PATH", "/auth")];
    assert!(!doctor_with(server.directory.path(), &[], &same).text.contains("started with others"));
}
