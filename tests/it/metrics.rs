//! `/metrics` on its own address: what it says after a known load, how it is written, and that it does not grow.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Stdio};
use std::time::Instant;

use rcgen::{KeyPair, date_time_ymd};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::cli::{run_in, said};
use crate::server::{Client, PASSWORD, doorward};
use crate::wire::{PATIENCE, Wire};

/// A server with metrics; killed when dropped.
struct Measured {
    child: Child,
    client: Client,
    url: String,
    metrics: Client,
    metrics_url: String,
    _directory: TempDir,
}

impl Measured {
    fn start() -> Self {
        Self::with(&[])
    }

    fn with(environment: &[(&str, String)]) -> Self {
        let directory = TempDir::new().unwrap();
        let mut child = doorward(directory.path())
            .args(["serve", "--address", "127.0.0.1", "--port", "0"])
            .env("DOORWARD_METRICS_ADDRESS", "127.0.0.1:0")
            .envs(environment.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.next().unwrap().unwrap().strip_prefix("listening on ").unwrap().to_owned();
        let line = lines.next().unwrap().unwrap();
        let metrics_url = line.strip_prefix("metrics on ").and_then(|url| url.strip_suffix("/metrics")).unwrap().to_owned();
        let (client, metrics) = (Client::of(&url), Client::of(&metrics_url));
        Self { child, client, url, metrics, metrics_url, _directory: directory }
    }

    fn scrape(&self) -> Scrape {
        let answer = self.metrics.get("/metrics").expect(200);
        assert_eq!(answer.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        Scrape::parse(&answer.text)
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Samples by their name and labels as written.
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// Reads the text format 0.0.4, strictly: each family has its help, its type and its samples in one piece, and no sample is there
    /// twice.
    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'));
        let (mut samples, mut families) = (BTreeMap::new(), BTreeSet::new());
        let (mut family, mut kind) = ("", "");
        let is_name =
            |name: &str| name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                family = help.split_once(' ').expect("a help text").0;
                assert!(is_name(family) && families.insert(family), "{line}");
                kind = "";
            } else if let Some(typed) = line.strip_prefix("# TYPE ") {
                let (name, type_) = typed.split_once(' ').expect("a type");
                assert!(name == family && kind.is_empty() && ["counter", "gauge", "histogram"].contains(&type_), "{line}");
                assert_eq!(type_ == "counter", name.ends_with("_total"), "{line}");
                kind = type_;
            } else {
                let (series, value) = line.rsplit_once(' ').expect("a sample");
                let (name, labels) =
                    series.split_once('{').map_or((series, ""), |(name, rest)| (name, rest.strip_suffix('}').expect("labels")));
                let base =
                    ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).filter(|_| kind == "histogram");
                assert_eq!(base.unwrap_or(name), family, "{line}");
                for label in labels.split(',').filter(|label| !label.is_empty()) {
                    let (name, value) = label.split_once('=').expect("a label");
                    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect("in quotes");
                    assert!(is_name(name) && !value.contains(['"', '\\', '\n']), "{line}");
                }
                assert!(samples.insert(series.to_owned(), value.parse().expect("a number")).is_none(), "{line}");
            }
        }
        Self(samples)
    }

    fn of(&self, series: &str) -> f64 {
        self.0.get(series).copied().unwrap_or_default()
    }

    #[track_caller]
    fn says(&self, series: &str, value: u32) {
        assert!((self.of(series) - f64::from(value)).abs() < 1e-9, "{series}: {} {:#?}", self.of(series), self.0);
    }
}

#[test]
fn the_numbers_are_those_of_what_was_asked() {
    let server = Measured::start();
    let client = &server.client;
    let arun = client.newcomer("arun");
    for name in ["arun", "nobody", "\u{0}"] {
        client.try_login(name, "not the password").refused(401, "invalid_credentials");
    }
    for _ in 0..7 {
        client.test(&arun.access).expect(200);
    }
    client.test("nonsense").expect(401);
    client.get("/user/1").expect(401);
    client.send("DELETE", "/test", &[], None).expect(405);
    client.get("/no/such/path").expect(404);
    client.send("GET", "/login/", &[], None).expect(404);
    let next = client.refresh(&arun.refresh).expect(200);
    client.refresh("nonsense").expect(401);
    client.logout(&crate::server::Pair::of(&next).access).expect(200);
    let scrape = server.scrape();
    for (method, route, status, count) in [
        ("POST", "/register", 201, 1),
        ("POST", "/login", 200, 1),
        ("POST", "/login", 401, 3),
        ("GET", "/test", 200, 7),
        ("GET", "/test", 401, 1),
        ("GET", "/user/<id>", 401, 1),
        ("POST", "/refresh", 200, 1),
        ("POST", "/refresh", 401, 1),
        ("POST", "/logout", 200, 1),
        ("none", "none", 404, 2),
        ("none", "none", 405, 1),
    ] {
        scrape.says(&format!("doorward_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"), count);
    }
    for (series, count) in [
        ("doorward_http_request_duration_seconds_count{kind=\"password\"}", 5),
        ("doorward_http_request_duration_seconds_count{kind=\"read\"}", 9),
        ("doorward_http_request_duration_seconds_count{kind=\"write\"}", 3),
        ("doorward_logins_total{outcome=\"success\"}", 1),
        ("doorward_logins_total{outcome=\"refused\"}", 3),
        ("doorward_logins_total{outcome=\"throttled\"}", 0),
        ("doorward_refreshes_total{outcome=\"success\"}", 1),
        ("doorward_refreshes_total{outcome=\"refused\"}", 1),
        ("doorward_hash_duration_seconds_count", 5),
        ("doorward_hash_shed_total", 0),
        ("doorward_users", 1),
        ("doorward_sessions", 0),
        ("doorward_ready", 1),
        ("doorward_build_info{version=\"0.1.0\"}", 1),
    ] {
        scrape.says(series, count);
    }
    assert!(scrape.of("doorward_revocations") >= 1.0 && scrape.of("doorward_connections") >= 1.0);
    let (groups, steps) = (scrape.of("doorward_commit_duration_seconds_count"), scrape.of("doorward_commit_steps_total"));
    assert!(groups >= 4.0 && steps >= groups, "a registration, a login, a refresh, a logout: {groups} {steps}");
    let (bucket, password) =
        (scrape.of("doorward_hash_duration_seconds_bucket{le=\"+Inf\"}"), scrape.of("doorward_hash_duration_seconds_sum"));
    assert!((bucket - 5.0).abs() < 1e-9 && password > 0.0);
    if cfg!(target_os = "linux") {
        assert!(scrape.of("process_resident_memory_bytes") > 1e6 && scrape.of("process_open_fds") > 5.0);
    }
    assert!(scrape.of("process_start_time_seconds") > 1.7e9 && scrape.of("process_cpu_seconds_total") > 0.0);
}

#[test]
fn guesses_that_are_not_listened_to_and_tokens_used_twice_are_told_apart() {
    let server = Measured::start();
    let client = &server.client;
    let arun = client.newcomer("arun");
    let throttled = (0..40).filter(|_| client.try_login("arun", "not the password").status == 429).count();
    assert!(throttled > 0);
    let mut token = arun.refresh.clone();
    for _ in 0..3 {
        token = crate::server::Pair::of(&client.refresh(&token).expect(200)).refresh;
    }
    client.refresh(&arun.refresh).refused(401, "token_reused");
    let scrape = server.scrape();
    scrape.says("doorward_logins_total{outcome=\"throttled\"}", throttled.try_into().unwrap());
    scrape.says("doorward_logins_total{outcome=\"refused\"}", (40 - throttled).try_into().unwrap());
    scrape.says("doorward_refreshes_total{outcome=\"reused\"}", 1);
}

#[test]
fn ten_thousand_random_paths_and_methods_add_no_series() {
    let server = Measured::start();
    server.client.get("/nothing").expect(404);
    server.client.send("BREW", "/login", &[], None).expect(405);
    let before = server.scrape();
    let port = server.url.rsplit(':').next().unwrap().parse().unwrap();
    let mut wire = Wire::open(port);
    // Some at once, each behind the other.
    for hundred in 0..100 {
        for number in (0..100).map(|number| hundred * 100 + number) {
            wire.request(&format!("{} /{:x}", ["GET", "POST", "PUT"][number % 3], number * 7_919));
        }
        (0..100).for_each(|_| assert_eq!(wire.answer().status, 404));
    }
    for number in 0..100 {
        wire.request(&format!("M{number} /login")).answer();
    }
    let after = server.scrape();
    let names = |scrape: &Scrape| scrape.0.keys().filter(|name| name.starts_with("doorward")).cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&before), names(&after));
    let unknown = "doorward_http_requests_total{method=\"none\",route=\"none\",status=\"404\"}";
    assert!((after.of(unknown) - before.of(unknown) - 10_000.0).abs() < 1e-9);
}

#[test]
fn metrics_are_on_their_own_address_alone_and_nothing_else_is_there() {
    let server = Measured::start();
    server.client.get("/metrics").refused(404, "not_found");
    for path in ["/", "/test", "/login", "/health", "/user/1", "/openapi.json"] {
        server.metrics.get(path).refused(404, "not_found");
    }
    server.metrics.send("POST", "/metrics", &[], None).refused(405, "method_not_allowed");
    server.metrics.json("POST", "/login", None, &serde_json::json!({"username": "arun", "password": PASSWORD})).refused(404, "not_found");
    assert!(server.metrics_url.starts_with("http://127.0.0.1:"));
}

#[test]
fn where_there_is_tls_the_end_of_the_certificate_and_broken_handshakes_are_told() {
    let authority = Authority::new();
    authority.issue_for(&KeyPair::generate().unwrap(), |params| params.not_after = date_time_ymd(2100, 1, 1));
    let server = Measured::with(&authority.settings());
    let before = server.scrape();
    before.says("doorward_tls_certificate_expiry_timestamp_seconds", 4_102_444_800);
    before.says("doorward_tls_handshakes_failed_total", 0);
    let port = server.url.rsplit(':').next().unwrap().parse().unwrap();
    let mut wire = Wire::open(port);
    wire.send(b"\x16\x03\x01\xff\xff").half_close().rest();
    assert_eq!(authority.connect((Ipv4Addr::LOCALHOST, port).into()).health().unwrap(), 200);
    // It is counted when its task ends, a moment after its socket has closed.
    let start = Instant::now();
    while server.scrape().of("doorward_tls_handshakes_failed_total") < 0.5 {
        assert!(start.elapsed() < PATIENCE, "a broken handshake is counted");
    }
    server.scrape().says("doorward_tls_handshakes_failed_total", 1);
}

#[test]
fn an_address_for_metrics_that_cannot_be_had_is_said() {
    let directory = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (address, exit, says) in [(address.as_str(), 1, "cannot listen at metrics_address"), ("9100", 78, "metrics_address")] {
        let environment = [("DOORWARD_METRICS_ADDRESS", address)];
        let (code, _, err) = said(&run_in(directory.path(), &["serve", "--port", "0"], &environment, ""));
        assert!(code == Some(exit) && err.contains(says), "{code:?} {err}");
    }
    let (code, _, err) = said(&run_in(directory.path(), &["config", "check"], &[("DOORWARD_METRICS_ADDRESS", "0.0.0.0:9100")], ""));
    assert!(code == Some(0) && err.contains("whoever reaches it can read the metrics"), "{err}");
}
