//! Clients that hang up at every stage leave all or nothing, and nothing behind.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::server::{DEAR, Pair, Server, credentials, resident_kib, room_for_descriptors, with_admin};

/// As on a machine with two cores, however many there are.
const TWO_HASH: (&str, &str) = ("DOORWARD_HASHING_THREADS", "2");

/// A whole request, to be sent in part.
fn request(path: &str, token: Option<&str>, body: &str) -> Vec<u8> {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}{kind}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Sends it and hangs up without waiting for an answer.
fn send_and_hang_up(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
}

#[test]
fn hanging_up_at_any_stage_of_a_registration_leaves_a_whole_user_or_none() {
    let server = Server::start();
    let client = server.client();
    for stage in 0..24 {
        let name = format!("u{stage}");
        let whole = request("/register", None, &credentials(&name).to_string());
        // The last two stages send all of it.
        let sent = (whole.len() * stage / 22).min(whole.len());
        send_and_hang_up(server.address(), &whole[..sent]);
        let again = client.register(&name);
        assert!(again.status == 201 || (sent == whole.len() && again.status == 409), "{stage}: {}", again.text);
        let pair = client.login(&name);
        client.with_token("GET", "/me", &pair.access).expect(200);
    }
}

#[test]
fn hanging_up_at_any_stage_of_a_refresh_leaves_one_branch_alive() {
    let server = Server::start();
    let client = server.client();
    let mut pair = client.newcomer("arun");
    for stage in 0..24 {
        let whole = request("/refresh", Some(&pair.refresh), "");
        let sent = (whole.len() * stage / 22).min(whole.len());
        send_and_hang_up(server.address(), &whole[..sent]);
        // Whether it was rotated or not: the token we have still leads to the token in force.
        pair = Pair::of(&client.refresh(&pair.refresh).expect(200));
        client.test(&pair.access).expect(200);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_thousand_clients_that_log_in_and_hang_up_keep_memory_flat() {
    let server = Server::with(&[], &[("DOORWARD_THROTTLE", "false"), TWO_HASH, DEAR]);
    let client = server.client();
    let before = resident_kib(server.pid());
    client.register("arun").expect(201);
    let login = request("/login", None, &json!({"username": "arun", "password": "wrong password"}).to_string());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..250).for_each(|_| send_and_hang_up(server.address(), &login)));
        }
    });
    // What waits is at most two seconds of work; then there is room again.
    client.try_login("arun", "securepassword").expect(200);
    let after = resident_kib(server.pid());
    // What two threads hash in, and some.
    assert!(after < before + (2 * 19 + 40) * 1024, "{before} KiB before, {after} KiB after");
}

#[test]
fn who_would_wait_too_long_to_log_in_is_told_at_once_when_to_come_back() {
    use std::io::Read as _;
    let server = Server::with(&[], &[TWO_HASH, DEAR]);
    room_for_descriptors(2000);
    let mut streams: Vec<_> = (0..600).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        let body = json!({"username": format!("user{number}"), "password": "wrong password"}).to_string();
        stream.write_all(&request("/login", None, &body)).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
    }
    let answers: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer.to_lowercase()
        })
        .collect();
    let count = |start: &str| answers.iter().filter(|answer| answer.starts_with(start)).count();
    let (refused, shed) = (count("http/1.1 401"), count("http/1.1 503"));
    assert_eq!(refused + shed, answers.len(), "something else was answered");
    assert!(refused > 0 && shed > 0, "{refused} were judged, {shed} sent away");
    let told = answers
        .iter()
        .filter(|answer| answer.starts_with("http/1.1 503"))
        .all(|answer| answer.contains("retry-after: ") && answer.contains("\"overloaded\""));
    assert!(told);
    // Who was sent away has not failed.
    let name = format!("user{}", answers.iter().position(|answer| answer.starts_with("http/1.1 503")).unwrap());
    (0..5).for_each(|_| drop(server.client().try_login(&name, "wrong password").refused(401, "invalid_credentials")));
}

#[test]
fn who_guesses_at_a_password_and_hangs_up_has_failed_all_the_same() {
    let (server, client, boss) = with_admin();
    let login = request("/login", None, &json!({"username": "boss", "password": "wrong password"}).to_string());
    let failures = || client.with_token("GET", "/throttle", &boss.access).expect(200).json()["blocks"][0]["failures"].as_u64();
    // On a machine with much other work some may be sent away, who have not failed, and the first block may be over before it was seen.
    let began = Instant::now();
    let counted = loop {
        assert!(began.elapsed() < Duration::from_secs(120), "who hangs up has not failed");
        (0..5).for_each(|_| send_and_hang_up(server.address(), &login));
        std::thread::sleep(Duration::from_millis(100));
        if let Some(counted) = failures() {
            break counted;
        }
    };
    assert!(counted >= 5, "{counted}");
}
