//! A data directory with some of everything in it, and the questions whose answers show whether it is all there.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::opening::open;
use crate::server::{Client, PASSWORD, Pair, add_admin};
use crate::traffic::claims;

const SETTINGS: &str = "[default]\nrefresh_grace = \"5m\"\naccess_token_expires = \"2h\"\n";

/// What is known of the directory.
pub struct Sample {
    /// With the settings and, in `data`, the data.
    pub directory: TempDir,
    admin: Pair,
    service: String,
    /// Open and ended sessions.
    sessions: Vec<Pair>,
    names: Vec<String>,
}

impl Sample {
    /// `clean`: the server was stopped as one should; else it was killed.
    pub fn new(clean: bool) -> Self {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("Rocket.toml"), SETTINGS).unwrap();
        add_admin(directory.path(), "boss");
        let server = open(directory.path()).serves("the sample");
        let client = server.client();
        let admin = client.login("boss");
        let service = json!({"name": "shop", "scopes": ["introspect", "revocations"]});
        let service =
            client.json("POST", "/services", Some(&admin.access), &service).expect(201).json()["key"].as_str().unwrap().to_owned();
        for _ in 0..3 {
            client.with_token("POST", "/invites", &admin.access).expect(201);
        }
        let mut sample = Self { directory, admin, service, sessions: Vec::new(), names: Vec::new() };
        sample.populate(&client, 0);
        server.kill();
        // A second life, so that there is a snapshot.
        let server = open(sample.directory.path()).serves("the sample's second life");
        sample.populate(&server.client(), 4);
        if clean {
            server.stop();
        } else {
            server.kill();
        }
        sample
    }

    /// Four users: an editor with a session, one that logged out, one that is disabled, one that is deleted.
    fn populate(&mut self, client: &Client, from: usize) {
        let admin = self.admin.access.clone();
        for number in from..from + 4 {
            let name = format!("user{number}");
            let mut pair = client.newcomer(&name);
            for _ in 0..8 {
                pair = Pair::of(&client.refresh(&pair.refresh).expect(200));
            }
            let path = format!("/user/{}", claims(&pair.access)["sub"].as_str().unwrap());
            match number - from {
                0 => client.json("PATCH", &path, Some(&admin), &json!({"roles": ["editor"], "claims": {"team": "a"}})),
                1 => client.logout(&pair.access),
                2 => client.json("PATCH", &path, Some(&admin), &json!({"disabled": true})),
                _ => client.with_token("DELETE", &path, &admin),
            }
            .expect(200);
            self.sessions.push(pair);
            self.names.push(name);
        }
    }

    /// A copy of the directory to do harm to.
    pub fn copy(&self) -> TempDir {
        let copy = TempDir::new().unwrap();
        fs::write(copy.path().join("Rocket.toml"), SETTINGS).unwrap();
        let data = copy.path().join("data");
        fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
        for name in self.files() {
            let to = data.join(&name);
            fs::copy(self.directory.path().join("data").join(&name), &to).unwrap();
            fs::set_permissions(to, fs::Permissions::from_mode(0o600)).unwrap();
        }
        copy
    }

    /// The names of its files.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path().join("data")).unwrap().map(Result::unwrap);
        entries.filter(|entry| entry.file_type().unwrap().is_file()).map(|entry| entry.file_name().into_string().unwrap()).collect()
    }

    /// Asks for everything there is to know, and for everything that must be refused; the last questions change something.
    pub fn answers(&self, client: &Client) -> Vec<String> {
        let mut answers = Vec::new();
        let mut note = |question: &str, answer: crate::server::Answer| {
            answers.push(format!("{question}: {} {}", answer.status, lasting(serde_json::from_str(&answer.text).unwrap_or_default())));
        };
        for path in
            ["/users", "/invites", "/services", "/keys", "/user/2/sessions", "/user/3/sessions", "/me/sessions", "/.well-known/jwks.json"]
        {
            note(path, client.with_token("GET", path, &self.admin.access));
        }
        note("/revocations", client.with_token("GET", "/revocations", &self.service));
        for (number, pair) in self.sessions.iter().enumerate() {
            note(&format!("access token {number}"), client.test(&pair.access));
            note(&format!("refresh token {number}"), client.refresh(&pair.refresh));
        }
        for name in &self.names[4..] {
            note(&format!("login of {name}"), client.try_login(name, PASSWORD));
        }
        note("the next user", client.json("POST", "/users", Some(&self.admin.access), &json!({"username": "next", "password": PASSWORD})));
        answers
    }
}

/// An answer without what differs from time to time: of tokens what they say of the session, of times nothing.
fn lasting(mut answer: Value) -> Value {
    match &mut answer {
        Value::Object(fields) => {
            fields.retain(|name, _| !matches!(name.as_str(), "last_used" | "cursor" | "created" | "expires"));
            for (name, value) in fields.iter_mut() {
                *value = match (name.as_str(), value.take()) {
                    ("refresh_token", token) => claims(token.as_str().unwrap())["ctr"].clone(),
                    ("access_token", token) => claims(token.as_str().unwrap())["roles"].clone(),
                    (_, other) => lasting(other),
                };
            }
        }
        Value::Array(entries) => {
            for entry in entries.iter_mut() {
                *entry = lasting(entry.take());
            }
            // The feed of revocations has no order across starts.
            entries.sort_by_key(Value::to_string);
        }
        _ => {}
    }
    answer
}

/// Whether two lists of answers are the same; the first difference, if not.
pub fn difference(before: &[String], now: &[String]) -> Option<String> {
    let differing = before.iter().zip(now).find(|(before, now)| before != now);
    differing.map(|(before, now)| format!("{now}\ninstead of {before}"))
}

/// Reads, changes and writes a file.
pub fn alter(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut content = fs::read(path).unwrap();
    change(&mut content);
    fs::write(path, content).unwrap();
}
