//! The first administrator by a link: printed when asked for, good once, and only while there is none.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{run_in, said};
use crate::server::{Answer, Client, PASSWORD, Server, add_admin, doorward};

/// A server that was asked for a link; killed when dropped.
struct Offering {
    child: Child,
    client: Client,
    url: String,
    /// What it printed after its address.
    link: Option<String>,
}

impl Offering {
    fn start(directory: &TempDir) -> Self {
        Self::with(directory, &[])
    }

    fn with(directory: &TempDir, environment: &[(&str, &str)]) -> Self {
        let mut child = doorward(directory.path())
            .args(["serve", "--setup-link", "--address", "127.0.0.1", "--port", "0"])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.next().unwrap().unwrap().strip_prefix("listening on ").unwrap().to_owned();
        let warned = BufReader::new(child.stderr.take().unwrap()).lines();
        // Either a link, or a warning that there is none.
        let link = if said_there_is_an_administrator(directory) {
            let warning = warned.map(Result::unwrap).find(|line| line.contains("set-up link"));
            assert!(warning.unwrap().contains("there is an administrator already"));
            None
        } else {
            Some(lines.next().unwrap().unwrap())
        };
        Self { child, client: Client::of(&url), url, link }
    }

    fn code(&self) -> String {
        let link = self.link.as_ref().unwrap();
        let place = format!("{}/#setup=", self.url);
        assert!(link.starts_with("set up the first administrator, once, until "), "{link}");
        link.split_once(&place).unwrap_or_else(|| panic!("{link}")).1.to_owned()
    }

    fn set_up(&self, code: &str, username: &str) -> Answer {
        self.client.json("POST", "/setup", None, &json!({"code": code, "username": username, "password": PASSWORD}))
    }
}

impl Drop for Offering {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said_there_is_an_administrator(directory: &TempDir) -> bool {
    let (code, users, err) = said(&run_in(directory.path(), &["user", "list", "--json"], &[], ""));
    assert_eq!(code, Some(0), "{err}");
    let users: Vec<Value> = serde_json::from_str(&users).unwrap();
    users.iter().any(|user| user["roles"] == json!(["admin"]))
}

#[test]
fn the_link_makes_the_first_administrator_once() {
    let directory = TempDir::new().unwrap();
    let server = Offering::start(&directory);
    let code = server.code();
    assert!(code.starts_with("doorward_setup_") && code.len() == "doorward_setup_".len() + 40, "{code}");
    server.client.register("arun").expect(201);
    let wrong = format!("{}{}", &code[..code.len() - 1], if code.ends_with('0') { '1' } else { '0' });
    for wrong in [wrong.as_str(), "", "doorward_setup_"] {
        server.set_up(wrong, "boss").refused(401, "invalid_credentials");
    }
    server.set_up(&code, "arun").refused(409, "username_taken");
    server
        .client
        .json("POST", "/setup", None, &json!({"code": code, "username": "boss", "password": "short"}))
        .refused(422, "validation_failed");
    let made = server.set_up(&code, "boss").expect(201);
    assert_eq!((made.header("Location"), made.text.as_str()), (Some("/user/2"), r#"{"message":"User has been created successfully"}"#));
    let boss = server.client.login("boss");
    server.client.with_token("GET", "/users", &boss.access).expect(200);
    server.set_up(&code, "mira").refused(401, "invalid_credentials");
    let events = server.client.with_token("GET", "/audit", &boss.access).json();
    let of = |word: &str| events["events"].as_array().unwrap().iter().filter(|event| event["event"] == word).count();
    assert_eq!((of("set_up"), of("setup_refused")), (1, 4));
    assert!(!events.to_string().contains(&code));
}

#[test]
fn of_two_who_have_the_link_one_becomes_the_administrator() {
    let directory = TempDir::new().unwrap();
    let server = Offering::start(&directory);
    let code = server.code();
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let tries: Vec<_> = ["boss", "thief"].map(|name| scope.spawn(|| server.set_up(&code, name).status)).into_iter().collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(statuses == [201, 401] || statuses == [401, 201], "{statuses:?}");
    let (_, users, _) = said(&run_in(directory.path(), &["user", "list", "--json"], &[], ""));
    assert_eq!(serde_json::from_str::<Vec<Value>>(&users).unwrap().len(), 1);
}

#[test]
fn a_link_dies_with_the_process_and_with_the_first_administrator_from_elsewhere() {
    let directory = TempDir::new().unwrap();
    let first = Offering::start(&directory).code();
    let server = Offering::start(&directory);
    server.set_up(&first, "boss").refused(401, "invalid_credentials");
    let second = server.code();
    add_admin(directory.path(), "boss");
    server.set_up(&second, "thief").refused(401, "invalid_credentials");
    drop(server);
    assert!(Offering::start(&directory).link.is_none());
}

#[test]
fn who_tries_many_codes_must_wait_and_who_has_the_right_one_need_not() {
    let directory = TempDir::new().unwrap();
    let server = Offering::with(&directory, &[("DOORWARD_TRUSTED_PROXIES", "127.0.0.1"), ("DOORWARD_THROTTLE_FAILURES", "3")]);
    let from = |address: &str, code: &str| {
        let body = json!({"code": code, "username": "boss", "password": PASSWORD}).to_string();
        let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", address)];
        server.client.send("POST", "/setup", &headers, Some(body.as_bytes()))
    };
    for _ in 0..3 {
        from("192.0.2.1", "doorward_setup_0").refused(401, "invalid_credentials");
    }
    assert!(from("192.0.2.1", "doorward_setup_0").refused(429, "too_many_requests").header("Retry-After").is_some());
    from("192.0.2.2", "doorward_setup_0").refused(401, "invalid_credentials");
    from("192.0.2.1", &server.code()).expect(201);
}

#[test]
fn a_server_that_was_not_asked_offers_nothing() {
    let server = Server::start();
    for code in ["", "doorward_setup_", "doorward_setup_0000000000000000000000000000000000000000"] {
        let body = json!({"code": code, "username": "boss", "password": PASSWORD});
        server.client().json("POST", "/setup", None, &body).refused(401, "invalid_credentials");
    }
}
