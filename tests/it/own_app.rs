//! Doorward as a library: the programs in `examples/` that serve routes of their own behind its guards.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use crate::server::{Client, PASSWORD, add_admin};

/// Where the examples are, built as they are now: `cargo test --test it` alone would leave those of before.
fn examples() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let own = std::env::current_exe().unwrap();
        let profile = own.ancestors().nth(2).unwrap();
        let mut build = Command::new(env!("CARGO"));
        // Who measures the tests sets it for the harness alone: here it would have every dependency built anew.
        build.env_remove("RUSTC_BOOTSTRAP");
        build.args(["build", "--quiet", "--offline", "--examples", "--target-dir"]).arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
        profile.join("examples")
    })
}

/// An example's executable, in an empty environment and directory.
fn example(name: &str, directory: &TempDir) -> Command {
    let mut command = Command::new(examples().join(name));
    command.current_dir(directory.path()).env_clear().envs([("DOORWARD_ADDRESS", "127.0.0.1"), ("DOORWARD_PORT", "0")]);
    command
}

/// A running example; killed when dropped.
struct App {
    child: Child,
    url: String,
    directory: TempDir,
}

impl App {
    fn start(name: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let mut child = example(name, &directory).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { child, url, directory }
    }

    fn client(&self) -> Client {
        Client::of(&self.url)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_route_of_the_readme_is_the_example_and_is_protected() {
    let root = env!("CARGO_MANIFEST_DIR");
    let [readme, example] = ["README.md", "examples/own_route.rs"].map(|file| std::fs::read_to_string(format!("{root}/{file}")).unwrap());
    assert!(readme.contains(&format!("```rust\n{example}```\n")), "the README shows another program");
    assert!(example.lines().count() <= 10);
    let app = App::start("own_route");
    let client = app.client();
    client.get("/hello").refused(401, "authorization_required");
    let arun = client.newcomer("arun");
    assert_eq!(client.with_token("GET", "/hello", &arun.access).expect(200).text, "Hello, arun");
    client.with_token("GET", "/hello", &arun.refresh).refused(401, "invalid_token");
    client.logout(&arun.access).expect(200);
    client.with_token("GET", "/hello", &arun.access).refused(401, "token_revoked");
}

#[test]
fn an_app_has_its_own_routes_behind_each_guard() {
    let app = App::start("notes_app");
    let client = app.client();
    let arun = client.newcomer("arun");
    let add = |token: Option<&str>, text: serde_json::Value| client.json("POST", "/notes", token, &text);
    add(None, json!({"text": "x"})).refused(401, "authorization_required");
    add(Some(&arun.access), json!({"txt": "x"})).refused(422, "validation_failed");
    add(Some(&arun.access), json!({"text": "buy milk"})).expect(200);
    let listed = client.with_token("GET", "/notes", &arun.access).expect(200);
    assert_eq!(listed.json(), json!({"of": "arun", "notes": ["buy milk"]}));
    assert_eq!(listed.header("X-Frame-Options"), Some("DENY"), "the front's headers are on its answers, too");
    let mira = client.newcomer("mira");
    assert_eq!(client.with_token("GET", "/notes", &mira.access).expect(200).json()["notes"], json!(null));

    client.get("/notes/count").refused(401, "authorization_required");
    client.with_token("GET", "/notes/count", &arun.access).refused(403, "forbidden");
    // By the command line, through the app that runs.
    add_admin(app.directory.path(), "boss");
    let boss = client.login("boss");
    assert_eq!(client.with_token("GET", "/notes/count", &boss.access).expect(200).json(), json!({"notes": 1}));

    let stale = crate::server::Pair::of(&client.refresh(&arun.refresh).expect(200));
    client.with_token("DELETE", "/notes", &stale.access).refused(401, "fresh_token_required");
    client.with_token("DELETE", "/notes", &arun.access).expect(200);
    client.send("PUT", "/notes", &[], None).refused(405, "method_not_allowed");
    client.logout(&stale.access).expect(200);
    for method in ["GET", "DELETE"] {
        client.with_token(method, "/notes", &arun.access).refused(401, "token_revoked");
    }
}

#[test]
fn the_requests_of_an_apps_own_routes_are_counted_by_route() {
    let directory = TempDir::new().unwrap();
    let mut command = example("notes_app", &directory);
    let mut child = command.env("DOORWARD_METRICS_ADDRESS", "127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let url = lines.next().unwrap().trim_start_matches("listening on ").to_owned();
    let metrics = lines.next().unwrap().trim_start_matches("metrics on ").trim_end_matches("/metrics").to_owned();
    let app = App { child, url, directory };
    app.client().get("/notes").refused(401, "authorization_required");
    let counted = Client::of(&metrics).get("/metrics").expect(200).text;
    let line = r#"doorward_http_requests_total{method="GET",route="/notes",status="401"} 1"#;
    assert!(counted.lines().any(|there| there == line), "{counted}");
}

#[test]
fn an_app_stops_cleanly_and_says_why_it_does_not_start() {
    let mut app = App::start("own_route");
    app.client().register("arun").expect(201);
    kill_process(Pid::from_child(&app.child), Signal::TERM).unwrap();
    assert!(app.child.wait().unwrap().success());
    let refused = example("own_route", &app.directory).env("DOORWARD_PROT", "1").output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && said.contains("DOORWARD_PROT") && said.contains("did you mean"), "{said}");
    let mut again = example("own_route", &app.directory).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(again.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let client = Client::of(line.trim().trim_start_matches("listening on "));
    assert_eq!(client.try_login("arun", PASSWORD).status, 200, "what was kept is there after a restart");
    again.kill().unwrap();
    again.wait().unwrap();
}
