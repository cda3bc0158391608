//! Many at once: exactly one wins, and nothing is half done.
//!
//! Each race is run a few times; `DOORWARD_TEST_ROUNDS=1000` runs each that often.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::server::{Answer, Client, Pair, Server};

pub const AT_ONCE: usize = 64;

/// What `AT_ONCE` clients are answered that ask at the same moment, each over a connection of its own.
pub fn at_once(url: &str, ask: impl Fn(usize, Client) -> Answer + Sync) -> Vec<Answer> {
    let barrier = Barrier::new(AT_ONCE);
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..AT_ONCE)
            .map(|number| {
                let (barrier, ask) = (&barrier, &ask);
                scope.spawn(move || {
                    let client = Client::of(url);
                    client.get("/health").expect(200);
                    barrier.wait();
                    ask(number, client)
                })
            })
            .collect();
        asked.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    })
}

/// How often to run a race: `usual` in the inner loop.
pub fn rounds(usual: usize) -> usize {
    let asked = std::env::var("DOORWARD_TEST_ROUNDS").ok().map(|rounds| rounds.parse().expect("DOORWARD_TEST_ROUNDS is a number"));
    asked.unwrap_or(usual)
}

pub fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[test]
fn of_64_registrations_of_one_name_exactly_one_succeeds() {
    let server = Server::start();
    for round in 0..rounds(2) {
        let spellings = ["arun", "ARUN", "Arun", "ａｒｕｎ"].map(|name| format!("{name}{round}"));
        let answers = at_once(&server.url, |number, client| client.register(&spellings[number % spellings.len()]));
        // What cannot be hashed in time is refused with 503, and may be tried again.
        assert_eq!((count(&answers, 201), count(&answers, 201) + count(&answers, 409) + count(&answers, 503)), (1, AT_ONCE));
        let pair = server.client().login(&spellings[0]);
        assert_eq!(server.client().with_token("GET", "/me", &pair.access).json()["id"], round + 1, "nobody else was registered");
    }
}

#[test]
fn after_64_refreshes_of_one_token_one_branch_is_left() {
    let server = Server::start();
    let mut refresh = server.client().newcomer("arun").refresh;
    for _ in 0..rounds(10) {
        let answers = at_once(&server.url, |_, client| client.refresh(&refresh));
        assert_eq!(count(&answers, 200), AT_ONCE, "each is answered: one rotates, the others are in its grace");
        let refreshes: std::collections::HashSet<_> = answers.iter().map(|answer| Pair::of(answer).refresh).collect();
        assert_eq!(refreshes.len(), 1, "one successor");
        refresh = refreshes.into_iter().next().unwrap();
    }
    server.client().refresh(&refresh).expect(200);
}

#[test]
fn after_a_logout_no_refresh_of_the_session_is_alive() {
    let server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    for _ in 0..rounds(5) {
        let pair = client.login("arun");
        let answers =
            at_once(&server.url, |number, client| if number == 7 { client.logout(&pair.access) } else { client.refresh(&pair.refresh) });
        assert_eq!(answers[7].status, 200);
        for answer in answers.iter().filter(|answer| answer.status == 200 && answer.text.contains("refresh_token")) {
            let late = Pair::of(answer);
            client.refresh(&late.refresh).refused(401, "token_revoked");
            client.test(&late.access).refused(401, "token_revoked");
        }
    }
}

#[test]
fn of_64_deletions_of_one_user_exactly_one_succeeds() {
    let server = Server::open();
    for id in 1..=rounds(3) {
        server.client().register("arun").expect(201);
        let answers = at_once(&server.url, |_, client| client.send("DELETE", &format!("/user/{id}"), &[], None));
        assert_eq!((count(&answers, 200), count(&answers, 404)), (1, AT_ONCE - 1));
    }
}

#[test]
fn a_token_is_refused_by_every_request_that_starts_after_its_logout() {
    let server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    for _ in 0..rounds(5) {
        let (pair, out) = (client.login("arun"), AtomicBool::new(false));
        at_once(&server.url, |number, client| {
            if number == 7 {
                let answer = client.logout(&pair.access).expect(200);
                out.store(true, Ordering::SeqCst);
                return answer;
            }
            loop {
                let late = out.load(Ordering::SeqCst);
                let answer = client.test(&pair.access);
                if late {
                    return answer.refused(401, "token_revoked");
                }
            }
        });
    }
}
