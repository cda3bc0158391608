//! What was answered 2xx survives SIGKILL, and what is damaged is refused.

use std::fs::OpenOptions;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward::auth::clock::Timestamp;
use rustix::process::Signal;

use crate::races::rounds;
use crate::server::{Client, PASSWORD, Pair, Server, doorward};

#[test]
fn registering_logging_out_and_deleting_survive_a_kill() {
    let mut server = Server::open();
    let client = server.client();
    let out = client.newcomer("arun");
    client.logout(&out.access).expect(200);
    let deleted = client.newcomer("mira");
    client.send("DELETE", "/user/2", &[], None).expect(200);
    let stay = client.login("arun");
    let refreshed = Pair::of(&client.refresh(&stay.refresh).expect(200));
    server.kill_and_start_again();
    let client = server.client();
    client.test(&out.access).refused(401, "token_revoked");
    client.refresh(&out.refresh).refused(401, "token_revoked");
    client.test(&deleted.access).refused(401, "token_revoked");
    client.try_login("mira", PASSWORD).refused(401, "invalid_credentials");
    client.test(&refreshed.access).expect(200);
    assert_eq!(Pair::of(&client.refresh(&stay.refresh).expect(200)).refresh, refreshed.refresh, "still within the grace");
    client.refresh(&refreshed.refresh).expect(200);
    assert_eq!(client.register("mira").expect(201).header("location"), Some("/user/3"));
}

/// What clients were told had happened.
#[derive(Default)]
struct Told {
    registered: Vec<String>,
    logged_out: Vec<Pair>,
    refreshed: Vec<(Pair, Pair)>,
    deleted: Vec<(String, Pair)>,
}

/// Works until the server is gone; notes only what was answered. `answered` counts for the killer.
fn work(url: &str, worker: usize, round: usize, told: &Mutex<Told>, answered: &AtomicUsize) -> Result<(), ureq::Error> {
    let client = Client::of(url);
    for number in 0.. {
        let name = format!("u{round}-{worker}-{number}");
        let body = serde_json::json!({"username": name, "password": PASSWORD}).to_string();
        let json = [("Content-Type", "application/json")];
        if client.try_send("POST", "/register", &json, Some(body.as_bytes()))?.status != 201 {
            continue;
        }
        answered.fetch_add(1, Ordering::SeqCst);
        told.lock().unwrap().registered.push(name.clone());
        let login = client.try_send("POST", "/login", &json, Some(body.as_bytes()))?;
        if login.status != 200 {
            continue;
        }
        let pair = Pair::of(&login);
        let bearer = |token: &str| format!("Bearer {token}");
        match number % 3 {
            0 => {
                if client.try_send("POST", "/logout", &[("Authorization", &bearer(&pair.access))], None)?.status == 200 {
                    told.lock().unwrap().logged_out.push(pair);
                }
            }
            1 => {
                let next = client.try_send("POST", "/refresh", &[("Authorization", &bearer(&pair.refresh))], None)?;
                if next.status == 200 {
                    told.lock().unwrap().refreshed.push((pair, Pair::of(&next)));
                }
            }
            _ => {
                let me = client.try_send("GET", "/me", &[("Authorization", &bearer(&pair.access))], None)?.json();
                // From here on the name may be gone, whether the answer comes or not.
                told.lock().unwrap().registered.retain(|registered| *registered != name);
                if client.try_send("DELETE", &format!("/user/{}", me["id"]), &[("Authorization", &bearer(&pair.access))], None)?.status
                    == 200
                {
                    told.lock().unwrap().deleted.push((name, pair));
                }
            }
        }
    }
    Ok(())
}

fn check(client: &Client, told: &Told) {
    for name in &told.registered {
        client.register(name).refused(409, "username_taken");
    }
    for pair in &told.logged_out {
        client.test(&pair.access).refused(401, "token_revoked");
        client.refresh(&pair.refresh).refused(401, "token_revoked");
    }
    for (_, next) in &told.refreshed {
        client.test(&next.access).expect(200);
        client.refresh(&next.refresh).expect(200);
    }
    for (name, pair) in &told.deleted {
        client.test(&pair.access).refused(401, "token_revoked");
        client.register(name).expect(201);
    }
}

#[test]
fn everything_acknowledged_under_load_survives_a_kill() {
    let mut server = Server::start();
    for round in 0..4 {
        let (told, answered) = (Mutex::new(Told::default()), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|worker| {
                    scope.spawn({
                        let (url, told, answered) = (server.url.clone(), &told, &answered);
                        move || work(&url, worker, round, told, answered)
                    })
                })
                .collect();
            while answered.load(Ordering::SeqCst) < 24 && workers.iter().any(|worker| !worker.is_finished()) {
                std::thread::sleep(Duration::from_millis(2));
            }
            server.kill();
        });
        server.start_again();
        let told = told.into_inner().unwrap();
        assert!(told.registered.len() + told.deleted.len() >= 12, "the load did nothing");
        check(&server.client(), &told);
    }
}

#[test]
fn a_server_killed_while_it_starts_always_starts_again() {
    let mut server = Server::start();
    let pair = server.client().newcomer("arun");
    server.client().logout(&pair.access).expect(200);
    server.kill();
    for round in 0..40_u64 {
        let mut starting = doorward(server.directory.path())
            .args(["--address", "127.0.0.1", "--port", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Each round a little later, over the time a start takes; the moment of death is the test's input, not a wait.
        std::thread::sleep(Duration::from_micros(round * 1500));
        starting.kill().unwrap();
        starting.wait().unwrap();
    }
    server.start_again();
    server.client().test(&pair.access).refused(401, "token_revoked");
    server.client().login("arun");
}

#[test]
fn an_emptied_or_shortened_database_is_refused_and_left_in_its_place() {
    let emptied: fn(&[u8]) -> usize = |_| 0;
    let halved: fn(&[u8]) -> usize = |whole| whole.len() / 2;
    for (cut, cleanly) in [(emptied, true), (halved, true), (half_of_what_is_used, false), (emptied, false)] {
        let mut server = Server::start();
        let pair = server.client().newcomer("arun");
        server.client().logout(&pair.access).expect(200);
        if cleanly {
            assert!(server.stop().success());
        } else {
            server.kill();
        }
        let database = server.data_dir().join("db");
        let keep = cut(&std::fs::read(&database).unwrap());
        OpenOptions::new().write(true).open(&database).unwrap().set_len(keep as u64).unwrap();
        let output = doorward(server.directory.path()).args(["--address", "127.0.0.1", "--port", "0"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(74), "{keep} bytes kept: {said}");
        assert!(said.contains("damaged") && said.contains("backup"), "{keep} bytes kept: {said}");
        assert!(database.exists(), "{keep} bytes kept: the file was moved");
    }
}

/// sled fills the segment it writes to with zeros. The very end may be an event of the audit that nobody waited for: to
/// lose that is no damage.
fn half_of_what_is_used(whole: &[u8]) -> usize {
    whole.iter().rposition(|byte| *byte != 0).unwrap_or(0) / 2
}

#[test]
fn a_stop_leaves_with_zero_in_bounded_time_with_half_sent_heads_and_every_answer_kept() {
    (0..rounds(1)).for_each(|_| stop_under_load());
}

fn stop_under_load() {
    use std::io::Write as _;
    let mut server = Server::start();
    let mut half: Vec<_> = (0..20).map(|_| std::net::TcpStream::connect(server.address()).unwrap()).collect();
    for stream in &mut half {
        stream.write_all(b"GET /test HTTP/1.1\r\nHost: x\r\n").unwrap();
    }
    let (told, answered) = (Mutex::new(Told::default()), AtomicUsize::new(0));
    let started = std::thread::scope(|scope| {
        for worker in 0..4 {
            let (url, told, answered) = (server.url.clone(), &told, &answered);
            scope.spawn(move || work(&url, worker, 0, told, answered));
        }
        while answered.load(Ordering::SeqCst) < 12 {
            std::thread::sleep(Duration::from_millis(2));
        }
        server.signal(Signal::TERM);
        std::time::Instant::now()
    });
    assert_eq!(server.wait().code(), Some(0));
    // Five seconds of grace, and what a machine with much other work may take besides; less than a connection may be idle.
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    server.start_again();
    check(&server.client(), &told.into_inner().unwrap());
}

#[test]
fn ctrl_c_stops_with_zero_too() {
    let mut server = Server::start();
    server.signal(Signal::INT);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_clock_far_behind_what_was_seen_is_refused_until_it_is_accepted() {
    let mut server = Server::start();
    let pair = server.client().newcomer("arun");
    server.stop_and_see(|seen| {
        assert!(seen > Timestamp::default());
        seen + Duration::from_secs(2 * 86_400)
    });
    let start =
        |flags: &[&str]| doorward(server.directory.path()).args(["--address", "127.0.0.1", "--port", "0"]).args(flags).output().unwrap();
    let refused = start(&[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && said.contains(" h behind") && said.contains("--accept-clock"), "{said}");
    let mut server = server.again_with_argument("--accept-clock");
    server.client().test(&pair.access).expect(200);
    assert!(server.stop().success());
}
