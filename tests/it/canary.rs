//! Nothing that a client sends is ever in the log, at any level, and no secret in the data directory.
//!
//! Each thing that can be sent is a canary: a random word of its own. Afterwards every byte that the executable wrote is
//! searched for each of them, also encoded.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::canaries::{Canaries, Home, form_found};
use crate::server::{Client, Pair, doorward};

/// A server that logs everything, with all that it writes.
struct Loud {
    child: Child,
    stdout: BufReader<ChildStdout>,
    client: Client,
    url: String,
    metrics: String,
}

impl Loud {
    fn start(directory: &Path, environment: &[(&str, &str)]) -> Self {
        let stderr = std::fs::File::create(directory.join("stderr")).unwrap();
        let mut child = doorward(directory)
            .args(["serve", "--address", "127.0.0.1", "--port", "0"])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let mut told = |what: &str| {
            line.clear();
            stdout.read_line(&mut line).unwrap();
            line.trim().strip_prefix(what).expect("an address").to_owned()
        };
        let (url, metrics) = (told("listening on "), told("metrics on "));
        Self { child, stdout, client: Client::of(&url), url, metrics }
    }

    /// Sends bytes that need not be HTTP, and waits until the server has had enough.
    fn raw(&self, bytes: &str) {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        let _ = stream.write_all(bytes.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }

    /// Stops it; all that it wrote to stdout after the first line, and to stderr.
    fn stop(mut self, directory: &Path) -> Vec<u8> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut said = Vec::new();
        self.stdout.read_to_end(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success());
        said.extend(std::fs::read(directory.join("stderr")).unwrap());
        said
    }
}

impl Drop for Loud {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command of the executable writes, given a line on standard input.
fn command(directory: &Path, environment: &[(&str, &str)], arguments: &[&str], input: &str) -> Vec<u8> {
    let (stdin, stdout, stderr) = (Stdio::piped(), Stdio::piped(), Stdio::piped());
    let mut command = doorward(directory);
    command.args(arguments).envs(environment.iter().copied()).stdin(stdin).stdout(stdout).stderr(stderr);
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    [output.stdout, output.stderr].concat()
}

/// Every byte of every file under a directory.
fn contents(directory: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { contents(&path) } else { std::fs::read(path).unwrap() }).collect()
}

fn sing(log_format: &str) {
    let directory = tempfile::TempDir::new().unwrap();
    let mut canaries = Canaries::default();
    let (secret, previous) = (canaries.secret("JWT_SECRET_KEY"), canaries.secret("JWT_PREVIOUS_SECRET_KEY"));
    let environment = [
        ("DOORWARD_LOG", "trace"),
        ("DOORWARD_LOG_FORMAT", log_format),
        ("DOORWARD_METRICS_ADDRESS", "127.0.0.1:0"),
        ("DOORWARD_REGISTRATION", "invite"),
        ("JWT_SECRET_KEY", &secret),
        ("JWT_PREVIOUS_SECRET_KEY", &previous),
    ];
    let password = canaries.secret("password of an administrator");
    let mut said = command(directory.path(), &environment, &["user", "add", "boss", "--admin", "--data-dir", "data"], &password);
    let server = Loud::start(directory.path(), &environment);
    let boss = canaries.pair(&server.client.try_login("boss", &password).expect(200));
    let arun = people(&server.client, &boss, &mut canaries);
    tokens(&server.client, &arun, &mut canaries);
    services_and_keys(&server.client, &boss, &mut canaries);
    imports(&server.client, &boss, &mut canaries);
    bodies(&server.client, &mut canaries);
    heads(&server, [&boss, &arun], &mut canaries);
    let asked = what_operators_ask(&server, directory.path(), &environment);
    said.extend(server.stop(directory.path()));
    said.extend(command(directory.path(), &environment, &["key", "list"], ""));
    canaries.are_not_in("the log", &said, &[Home::Nowhere, Home::Data, Home::Recast]);
    for (what, told) in &asked {
        canaries.are_not_in(what, told, &[Home::Nowhere, Home::Data, Home::Recast]);
    }
    let data = contents(&directory.path().join("data"));
    canaries.are_not_in("the data directory", &data, &[Home::Nowhere]);
    // The search finds what is there.
    for found in ["login_failed", "reset_refused", "no_such"] {
        assert_eq!(form_found(&said, found).is_some(), found != "no_such", "{}", String::from_utf8_lossy(&said));
        assert_eq!(form_found(&data, found).is_some(), found != "no_such");
    }
    for (what, value, _) in canaries.0.iter().filter(|(_, _, home)| *home == Home::Data) {
        assert!(form_found(&data, value).is_some(), "no {what} in the data directory");
    }
    assert!(canaries.0.len() > 70, "{}", canaries.0.len());
}

#[test]
fn no_canary_sings_in_a_log_of_text_at_any_level() {
    sing("text");
}

#[test]
fn no_canary_sings_in_a_log_of_json_at_any_level() {
    sing("json");
}

/// All that a server tells those who run it, of what was sent to it before. Each says what it says only after it was asked.
fn what_operators_ask(server: &Loud, directory: &Path, environment: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let (address, path) = server.metrics.rsplit_once('/').unwrap();
    let mut asked = vec![("/metrics".to_owned(), Client::of(address).get(&format!("/{path}")).expect(200).text.into_bytes())];
    for arguments in ["doctor", "config show", "config show --explain", "audit", "audit --json", "log"] {
        asked.push((arguments.to_owned(), command(directory, environment, &arguments.split(' ').collect::<Vec<_>>(), "")));
    }
    let proofs = ["doorward_logins_total", " checks: ", "jwt_secret_key", "jwt_secret_key", "login_failed", "login_failed", "trace"];
    for ((what, told), proof) in asked.iter().zip(proofs) {
        let told = String::from_utf8_lossy(told);
        assert!(told.contains(proof), "{what}: {told}");
    }
    asked
}

/// Names, passwords, codes. Answers the tokens of a user.
fn people(client: &Client, boss: &Pair, canaries: &mut Canaries) -> Pair {
    let invite = client.with_token("POST", "/invites", &boss.access).expect(201).json()["code"].as_str().unwrap().to_owned();
    canaries.add("invite", &invite, Home::Nowhere);
    let (name, password) = (canaries.kept("username"), canaries.secret("password"));
    let register = |name: &str, password: &str, invite: &str| {
        client.json("POST", "/register", None, &json!({"username": name, "password": password, "invite": invite}))
    };
    register(&canaries.secret("refused username"), &canaries.secret("refused password"), &canaries.secret("no invite")).expect(403);
    register(&format!("{} x", canaries.secret("odd username")), "short", &invite).expect(422);
    register(&name, &password, &invite).expect(201);
    register(&name, &canaries.secret("password again"), &invite).expect(403);
    client.try_login(&canaries.secret("unknown username"), &password).expect(401);
    client.try_login(&format!("\u{0}{}", canaries.secret("impossible username")), &password).expect(401);
    client.try_login(&name, &canaries.secret("wrong password")).expect(401);
    let agent = canaries.kept("User-Agent");
    let body = json!({"username": name, "password": password}).to_string();
    let headers = [("Content-Type", "application/json"), ("User-Agent", agent.as_str())];
    let pair = canaries.pair(&client.send("POST", "/login", &headers, Some(body.as_bytes())).expect(200));
    let change = json!({"current_password": canaries.secret("wrong current password"), "new_password": canaries.secret("new password")});
    client.json("PUT", "/me/password", Some(&pair.access), &change).expect(401);
    let code = client.with_token("POST", "/user/2/reset", &boss.access).expect(201).json()["code"].as_str().unwrap().to_owned();
    canaries.add("reset code", &code, Home::Nowhere);
    let wrong = format!("doorward_reset_2_{}", canaries.secret("wrong reset code"));
    let password = canaries.secret("reset password");
    for (code, status) in [(&wrong, 401), (&code, 200), (&code, 401)] {
        client.json("POST", "/reset", None, &json!({"code": code, "new_password": password})).expect(status);
    }
    let set_up = json!({"code": canaries.secret("set-up code"), "username": canaries.secret("set-up name"), "password": password});
    client.json("POST", "/setup", None, &set_up).expect(401);
    let change = json!({"roles": ["editor"], "claims": {"team": canaries.kept("claim")}});
    client.json("PATCH", "/user/2", Some(&boss.access), &change).expect(200);
    let odd = json!({"roles": [format!("{} x", canaries.secret("odd role"))], "claims": canaries.secret("odd claims")});
    client.json("PATCH", "/user/2", Some(&boss.access), &odd).expect(422);
    canaries.pair(&client.try_login(&name, &password).expect(200))
}

/// Good, cut and false tokens, everywhere a token can be.
fn tokens(client: &Client, arun: &Pair, canaries: &mut Canaries) {
    let other = |client: &Client, value: &str| client.send("GET", "/test", &[("Authorization", value)], None);
    client.test(&arun.access).expect(200);
    for cut in [1, 20, 60] {
        client.test(&arun.access[..arun.access.len() - cut]).expect(401);
        client.refresh(&arun.refresh[..arun.refresh.len() - cut]).expect(401);
        client.refresh(&arun.refresh[cut..]).expect(401);
    }
    let word = canaries.secret("false token");
    let head = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "kid": canaries.secret("kid"), "typ": "JWT"}).to_string());
    let claims = URL_SAFE_NO_PAD.encode(json!({"sub": canaries.secret("sub"), "iss": canaries.secret("iss")}).to_string());
    for token in [word.clone(), format!("{word}.{word}.{word}"), format!("{head}.{claims}.{word}"), format!("{word} {word}")] {
        client.test(&token).expect(401);
        client.refresh(&token).expect(401);
        client.json("POST", "/refresh", None, &json!({"refresh_token": token})).expect(401);
        client.logout(&token).expect(401);
    }
    let basic = STANDARD_NO_PAD.encode(format!("user:{}", canaries.secret("Basic password")));
    for value in [format!("Basic {basic}"), format!("Digest username={}", canaries.secret("Digest")), canaries.secret("Authorization")] {
        other(client, &value).expect(401);
    }
    let next = canaries.pair(&client.json("POST", "/refresh", None, &json!({"refresh_token": arun.refresh})).expect(200));
    canaries.pair(&client.refresh(&next.refresh).expect(200));
    client.refresh(&arun.refresh).refused(401, "token_reused");
    client.refresh(&next.refresh).refused(401, "token_revoked");
}

fn services_and_keys(client: &Client, boss: &Pair, canaries: &mut Canaries) {
    let service = json!({"name": canaries.kept("service name"), "scopes": ["introspect", "revocations"]});
    let key = client.json("POST", "/services", Some(&boss.access), &service).expect(201).json()["key"].as_str().unwrap().to_owned();
    canaries.add("service key", &key, Home::Nowhere);
    let wrong = format!("dws_{}", canaries.secret("wrong service key"));
    for (key, status) in [(&key, 200), (&wrong, 401)] {
        let (bearer, basic) = (format!("Bearer {key}"), format!("Basic {}", STANDARD_NO_PAD.encode(format!("shop:{key}"))));
        for value in [&bearer, &basic] {
            let headers = [("Authorization", value.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
            let form = format!("token={}&token_type_hint={}", canaries.secret("introspected token"), canaries.secret("hint"));
            let answer = client.send("POST", "/introspect", &headers, Some(form.as_bytes()));
            assert!(answer.status == status || value.starts_with("Basic"), "{}", answer.text);
            client.send("POST", "/revoke", &headers[1..], Some(form.as_bytes())).expect(200);
        }
        client
            .send("GET", &format!("/revocations?since={}", canaries.secret("cursor")), &[("Authorization", &bearer)], None)
            .expect(status);
    }
    let pem = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/ec-p256.pem")).unwrap();
    // The key itself is kept: it is there to sign.
    pem.lines().filter(|line| !line.starts_with('-')).for_each(|line| drop(canaries.add("PEM", line, Home::Recast)));
    let import = |pem: &str| client.json("POST", "/keys", Some(&boss.access), &json!({"pem": pem}));
    import(&pem).expect(201);
    import(&format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", canaries.secret("false PEM"))).expect(422);
    import(&canaries.secret("no PEM")).expect(422);
    import(&pem.replace("MIG", &canaries.secret("damaged PEM"))).expect(422);
}

/// Users of another program, taken in and refused.
fn imports(client: &Client, boss: &Pair, canaries: &mut Canaries) {
    let hash = format!("pbkdf2_sha256$1000${}$c4X377fRzgckSrF91d34RIWvIjkbMwXAJIM4NAjzlKo=", canaries.kept("salt of an imported hash"));
    let odd = format!("{} x", canaries.secret("odd imported username"));
    let users = json!([
        {"id": 900, "username": canaries.kept("imported username"), "password_hash": hash},
        {"id": 901, "username": odd, "password_hash": hash},
        {"id": 902, "username": canaries.secret("refused imported username"), "password_hash": canaries.secret("no hash")},
    ]);
    let answer = client.json("POST", "/import", Some(&boss.access), &json!({ "users": users })).expect(200).json();
    assert_eq!(answer["added"], 1);
    let odd = json!({"users": [{"id": 903, "username": canaries.secret("username of no row"), "password": canaries.secret("no field")}]});
    client.json("POST", "/import", Some(&boss.access), &odd).expect(422);
}

/// Bodies that are not what they should be.
fn bodies(client: &Client, canaries: &mut Canaries) {
    let sent = [
        ("application/json", format!("{{\"password\": \"{}", canaries.secret("cut body"))),
        ("application/json", format!("{{\"{}\": 1}}", canaries.secret("field name"))),
        ("application/json", format!("{{\"password\": 1, \"password\": \"{}\"}}", canaries.secret("field that is there twice"))),
        ("application/json", format!("{{\"username\": [\"{}\"]}}", canaries.secret("field of another type"))),
        ("application/json", format!("[\"{}\"]", canaries.secret("array"))),
        ("application/json", format!("\"{}\"", canaries.secret("string"))),
        ("application/json", canaries.secret("bare word")),
        ("application/json", format!("{{\"password\": \"{}{}\"}}", canaries.secret("long body"), "x".repeat(20_000))),
        ("text/plain", canaries.secret("body of another type")),
        ("application/x-www-form-urlencoded", format!("_method=DELETE&password={}", canaries.secret("form"))),
        ("application/x-www-form-urlencoded", format!("token={}&token=x", canaries.secret("token that is there twice"))),
    ];
    for (kind, body) in &sent {
        for (method, path) in [
            ("POST", "/register"),
            ("POST", "/login"),
            ("POST", "/refresh"),
            ("POST", "/reset"),
            ("POST", "/setup"),
            ("POST", "/introspect"),
        ] {
            let answer = client.send(method, path, &[("Content-Type", kind)], Some(body.as_bytes()));
            assert!((400..500).contains(&answer.status), "{path} {body}: {}", answer.text);
        }
    }
    let kind = format!("application/{}", canaries.secret("Content-Type"));
    client.send("POST", "/login", &[("Content-Type", &kind)], Some(b"{}")).expect(415);
}

/// Paths, queries, headers, methods, and what is no HTTP.
fn heads(server: &Loud, tokens: [&Pair; 2], canaries: &mut Canaries) {
    let client = &server.client;
    for token in tokens.map(|pair| format!("Bearer {}", pair.access)) {
        for path in ["/", "/user/", "/user/1/", "/keys/", "/invites/", "/services/", "/me/sessions/", "/%41", "//"] {
            for method in ["GET", "DELETE", "PATCH"] {
                let path = format!("{path}{}?{}={}", canaries.secret("path"), canaries.secret("query name"), canaries.secret("query"));
                client.send(method, &path, &[("Authorization", &token)], None);
            }
        }
        for path in ["/users?after=", "/users?limit=", "/audit?event=", "/audit?user=", "/audit?before=", "/test?", "/keys/x?now="] {
            client.send("GET", &format!("{path}{}", canaries.secret("query")), &[("Authorization", &token)], None);
        }
        client.send("POST", &format!("/logout?scope={}", canaries.secret("scope")), &[("Authorization", &token)], None);
    }
    for name in ["User-Agent", "X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "Cookie", "Referer", "Origin", "Accept", "X-Request-Id"]
    {
        let value = format!("{0}; {0}={0}", canaries.secret(name));
        client.send("GET", "/test", &[(name, &value), (&canaries.secret("header name"), "x")], None).expect(401);
    }
    client.send(&canaries.secret("method").to_uppercase(), "/test", &[], None);
    for bytes in [
        format!("{}\r\n\r\n", canaries.secret("no HTTP")),
        format!("GET /{} HTTP/9.9\r\n\r\n", canaries.secret("path of another version")),
        format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", canaries.secret("Host")),
        format!("GET / HTTP/1.1\r\n{}\r\n\r\n", canaries.secret("line without a colon")),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\u{0}\r\n\r\n", canaries.secret("header with a NUL")),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}{}\r\n\r\n", canaries.secret("long header"), "x".repeat(60_000)),
        format!("POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", canaries.secret("Content-Length")),
        format!("POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{}\r\n", canaries.secret("chunk size")),
        format!(
            "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}",
            canaries.secret("cut off")
        ),
    ] {
        server.raw(&bytes);
    }
}
