//! What the corpus of attacks shares: a server that is looked at after each case, and a count of what was tried.
//!
//! The rows are listed, each with its test, in `docs/security.md`.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::server::{Answer, Client, Pair, REQUESTS, Server, with_admin_and};
use crate::wire::{self, Wire};

/// Cases of this process so far.
static CASES: AtomicUsize = AtomicUsize::new(0);

/// One more case.
pub fn count() {
    CASES.fetch_add(1, Ordering::Relaxed);
}

/// A server with the administrator `boss` (1) and the user `arun` (2). Before and after each refused request it must say
/// the same of its users and of arun's sessions.
pub struct Corpus {
    pub server: Server,
    pub client: Client,
    pub boss: Pair,
    pub arun: Pair,
    group: &'static str,
    cases: Cell<usize>,
    state: RefCell<Vec<Value>>,
}

impl Corpus {
    pub fn start(group: &'static str) -> Self {
        // Each login may come from an address of its own: what is counted per address is not what is tested here.
        let (server, client, boss) =
            with_admin_and(&[("DOORWARD_TRUSTED_PROXIES", "127.0.0.1"), ("DOORWARD_THROTTLE_REGISTRATIONS", "1000000")]);
        let arun = client.newcomer("arun");
        let corpus = Self { server, client, boss, arun, group, cases: Cell::new(0), state: RefCell::default() };
        corpus.state.replace(corpus.state());
        corpus
    }

    /// What a request could change, as the server says it; so it also says that the server is well.
    fn state(&self) -> Vec<Value> {
        let mut state = vec![self.client.with_token("GET", "/user/2/sessions", &self.boss.access).json()];
        let mut next = String::new();
        loop {
            let page = self.client.with_token("GET", &format!("/users{next}"), &self.boss.access).expect(200).json();
            next = format!("?after={}", page["next"]);
            let last = page["next"].is_null();
            state.push(page);
            if last {
                return state;
            }
        }
    }

    /// A case that must be refused so, and have changed nothing.
    #[track_caller]
    pub fn refused(&self, case: &str, answer: &Answer, status: u16, word: &str) {
        let said = if answer.text.is_empty() { String::new() } else { answer.error() };
        assert_eq!((answer.status, said.as_str()), (status, word), "{case}: {}", answer.text);
        self.unchanged(case);
    }

    /// The same with 422, and a fault of this field.
    #[track_caller]
    pub fn invalid(&self, case: &str, answer: &Answer, field: &str) {
        self.invalid_in("json", case, answer, field);
    }

    /// The same of a value in the query.
    #[track_caller]
    pub fn invalid_query(&self, case: &str, answer: &Answer, field: &str) {
        self.invalid_in("query", case, answer, field);
    }

    #[track_caller]
    fn invalid_in(&self, place: &str, case: &str, answer: &Answer, field: &str) {
        self.refused(case, answer, 422, "validation_failed");
        let faults = &answer.json()["errors"][place][field];
        assert!(faults.as_array().is_some_and(|faults| !faults.is_empty()), "{case}: nothing of {field:?} in {}", answer.text);
    }

    /// A case of which only the status is ours to say: hyper refuses it.
    #[track_caller]
    pub fn turned_away(&self, case: &str, answers: &[wire::Answer], statuses: &[u16]) {
        let have: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        assert!(have.iter().all(|status| statuses.contains(status)), "{case}: {have:?}");
        self.unchanged(case);
    }

    /// A case that must have changed nothing.
    #[track_caller]
    pub fn unchanged(&self, case: &str) {
        self.count();
        assert_eq!(self.state(), *self.state.borrow(), "{case}: something has changed");
    }

    /// A case that is accepted, and may have changed something.
    #[track_caller]
    pub fn accepted(&self, case: &str, answer: &Answer) {
        assert!(matches!(answer.status, 200 | 201), "{case}: {} {}", answer.status, answer.text);
        self.count();
        self.state.replace(self.state());
    }

    /// One more case.
    pub fn count(&self) {
        self.cases.set(self.cases.get() + 1);
        count();
    }

    /// A connection for what no HTTP client would send.
    pub fn wire(&self) -> Wire {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        Wire::open(self.server.address().port())
    }

    /// Every answer to raw bytes on a connection of their own.
    pub fn raw(&self, bytes: impl AsRef<[u8]>) -> Vec<wire::Answer> {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        wire::answers(self.server.address().port(), bytes)
    }

    /// A JSON request as if from an address that nobody else has.
    #[track_caller]
    pub fn send_from_elsewhere(&self, path: &str, body: &Value) -> Answer {
        let number = REQUESTS.load(Ordering::Relaxed);
        let address = format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
        let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", address.as_str())];
        self.client.send("POST", path, &headers, Some(body.to_string().as_bytes()))
    }
}

impl Drop for Corpus {
    fn drop(&mut self) {
        let (cases, requests) = (CASES.load(Ordering::Relaxed), REQUESTS.load(Ordering::Relaxed));
        println!("corpus {}: {} cases; so far {cases} cases and {requests} requests", self.group, self.cases.get());
    }
}
