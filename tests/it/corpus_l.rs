//! Corpus L, leaks: what a client sends, and what it is given, is in no output at any level of the log.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::corpus::{Corpus, count};
use crate::server::{Answer, Client, Pair, Server, add_admin_with, doorward};

/// In every password, name and header that is sent here.
const CANARY: &str = "canary";
const SECRET: &str = "canary secret of thirty-two bytes";

/// What must not be found anywhere: what was sent, and what the answers held.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    /// Every text of an answer that is long enough to be found by itself, tokens by their parts.
    fn of(&mut self, answer: &Answer) {
        let body = answer.json();
        for name in ["access_token", "refresh_token", "code", "key"] {
            if let Some(text) = body[name].as_str() {
                self.0.extend(text.split(['.', '_']).filter(|part| part.len() > 16).map(str::to_owned));
            }
        }
    }

    fn pair(&mut self, answer: &Answer) -> Pair {
        self.of(answer);
        Pair::of(answer)
    }
}

/// One of everything that takes or gives a secret, in good order.
fn use_it(client: &Client, secrets: &mut Secrets) {
    let post = |path: &str, token: Option<&str>, body: Value| client.json("POST", path, token, &body);
    let (name, password) = ("arun.canary", "a canary password");
    let boss = secrets.pair(&post("/login", None, json!({"username": "boss", "password": crate::server::PASSWORD})));
    post("/register", None, json!({"username": name, "password": password})).expect(201);
    let first = secrets.pair(&post("/login", None, json!({"username": name, "password": password})).expect(200));
    let pair = secrets.pair(&client.refresh(&first.refresh).expect(200));
    secrets.of(&post("/refresh", None, json!({"refresh_token": pair.refresh})).expect(200));
    let fresh = secrets.pair(&post("/login", None, json!({"username": name, "password": password})).expect(200));
    let new = json!({"current_password": password, "new_password": "another canary here"});
    client.json("PUT", "/me/password", Some(&fresh.access), &new).expect(200);
    let code = client.with_token("POST", "/user/2/reset", &boss.access).expect(201);
    secrets.of(&code);
    post("/reset", None, json!({"code": code.json()["code"], "new_password": "a third canary for it"})).expect(200);
    secrets.of(&client.with_token("POST", "/invites", &boss.access).expect(201));
    let service =
        post("/services", Some(&boss.access), json!({"name": "canary shop", "scopes": ["introspect", "revocations"]})).expect(201);
    secrets.of(&service);
    let key = service.json()["key"].as_str().unwrap().to_owned();
    let form = |path: &str, token: &str| {
        let authorization = format!("Bearer {key}");
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", authorization.as_str())];
        client.send("POST", path, &headers, Some(format!("token={token}").as_bytes()))
    };
    form("/introspect", &boss.access).expect(200);
    form("/revoke", &fresh.refresh).expect(200);
    let pem = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/ec-p256.pem")).unwrap();
    secrets.0.extend(pem.lines().filter(|line| !line.starts_with('-')).map(str::to_owned));
    post("/keys", Some(&boss.access), json!({"pem": pem})).expect(201);
    let claims = json!({"claims": {"note": "a canary claim"}});
    client.json("PATCH", "/user/2", Some(&boss.access), &claims).expect(200);
    client.with_token("DELETE", "/user/2", &boss.access).expect(200);
    client.logout(&boss.access).expect(200);
    client.refresh(&first.refresh).expect(401);
}

/// What goes wrong while it is read: where a library would say what it was.
fn misuse_it(client: &Client) {
    let json = [("Content-Type", "application/json")];
    let routes =
        [("POST", "/register"), ("POST", "/login"), ("POST", "/refresh"), ("POST", "/reset"), ("POST", "/revoke"), ("PATCH", "/user/1")];
    for (method, path) in routes {
        for body in [
            r#"{"username":"canary","password":"canary"#,
            r#"{"username":"canary","password":"canary",}"#,
            r#"{"canary":"canary","canary":"canary"}"#,
            r#"["canary","canary"]"#,
            r#""canary""#,
            r#"{"username":["canary"],"password":{"canary":"canary"},"refresh_token":"canary","code":"canary","new_password":"canary"}"#,
            "{\"username\":\"canary\\n{\\\"level\\\":\\\"canary\\\"}\\u001b[31m\",\"password\":\"wrong canary!\"}",
            "_method=canary",
            "token=canary&token=canary",
            "\u{1}canary",
        ] {
            assert!(client.send(method, path, &json, Some(body.as_bytes())).status < 500);
            let form = [("Content-Type", "application/x-www-form-urlencoded")];
            assert!(client.send(method, path, &form, Some(body.as_bytes())).status < 500);
        }
    }
    for (name, value) in [
        ("Authorization", "Bearer canary.canary.canary"),
        ("Authorization", "Basic canary"),
        ("Authorization", "canary"),
        ("Cookie", "canary=canary; jwt=canary"),
        ("User-Agent", "canary\u{e9}"),
        ("X-Forwarded-For", "canary"),
        ("X-Request-Id", "canary"),
        ("Content-Type", "canary/canary"),
    ] {
        for path in ["/test", "/test?token=canary", "/users?after=canary", "/revocations?since=canary", "/me"] {
            assert!(client.send("GET", path, &[(name, value)], None).status < 500);
        }
    }
}

#[test]
fn l1_to_l3_no_secret_and_nothing_a_client_sent_is_in_any_output() {
    for (format, level) in [("text", "trace"), ("json", "trace"), ("json", "debug"), ("text", "warn,audit=info")] {
        let environment = [
            ("DOORWARD_LOG", level),
            ("DOORWARD_LOG_FORMAT", format),
            ("JWT_PREVIOUS_SECRET_KEY", SECRET),
            ("DOORWARD_TRUSTED_PROXIES", "127.0.0.1"),
        ];
        let mut server = Server::with(&[], &environment);
        server.stop();
        add_admin_with(server.directory.path(), "boss", &environment);
        server.start_again();
        let mut secrets = Secrets(vec![CANARY.to_owned(), crate::server::PASSWORD.to_owned()]);
        use_it(&server.client(), &mut secrets);
        misuse_it(&server.client());
        assert!(server.stop().success());
        let said = std::fs::read_to_string(server.directory.path().join("stderr")).unwrap();
        assert!(said.contains("audit") && said.lines().count() > 10, "L1 {format} {level}: the log says nothing: {said}");
        assert!(secrets.0.len() > 20, "L1: {:?}", secrets.0);
        for secret in &secrets.0 {
            // A path is logged at `debug`, never its query; the paths here hold no canary.
            let line = said.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "L1 {format} {level}: {secret:?}");
            count();
        }
        for line in said.lines() {
            assert!(!line.contains('\u{1b}'), "L3 {line:?}");
            assert!(format == "text" || serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()), "L3 {line:?}");
        }
    }
}

#[test]
fn l1_the_command_line_says_no_secret_either() {
    let directory = tempfile::TempDir::new().unwrap();
    for arguments in [&["config", "show"][..], &["user", "list"], &["serve", "--port", "none"], &["user", "reset", "nobody"]] {
        let environment = [("JWT_SECRET_KEY", SECRET), ("DOORWARD_LOG", "trace")];
        let output = doorward(directory.path()).args(arguments).envs(environment).stdin(Stdio::null()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(!said.is_empty() && !String::from_utf8_lossy(&said).contains(SECRET), "L1 {arguments:?}");
        count();
    }
}

#[test]
fn l4_no_answer_says_what_made_it() {
    let corpus = Corpus::start("L");
    let mut wire = corpus.wire();
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /test HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x.y.z\r\n\r\n",
        "FOO /test HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{",
        "GET /user/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let answer = wire.send(request).answer();
        for name in ["server", "via", "x-powered-by", "x-runtime"] {
            assert_eq!(answer.header(name), None, "L4 {request:?}");
        }
        let (text, is_page) =
            (format!("{answer:?}").to_lowercase(), answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
        for word in ["rocket", "hyper", "panicked", "src/", ".rs:", env!("CARGO_PKG_VERSION"), "/tmp", "sled", "serde"] {
            assert!(is_page || !text.contains(word), "L4 {request:?} says {word}: {answer:?}");
        }
        corpus.unchanged(&format!("L4 {request:?}"));
    }
    let bare = corpus.raw("no http\r\n\r\n");
    assert!(bare.iter().all(|answer| answer.header("server").is_none() && answer.body.is_empty()), "L4 {bare:?}");
}

#[test]
fn hsts_is_sent_where_the_server_is_reached_by_https() {
    for (url, expected) in [("https://login.example.com", Some("max-age=31536000; includeSubDomains")), ("http://localhost:5000", None)] {
        let server = Server::with(&[], &[("DOORWARD_PUBLIC_URL", url)]);
        for path in ["/", "/test", "/nothing/"] {
            assert_eq!(server.client().get(path).header("strict-transport-security"), expected, "{url} {path}");
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn l5_a_server_leaves_no_core_dump_and_takes_its_secret_from_a_file() {
    let corpus = Corpus::start("L");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", corpus.server.pid().as_raw_nonzero())).unwrap();
    let core: Vec<_> = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().split_whitespace().skip(4).collect();
    assert_eq!(core, ["0", "0", "bytes"], "L5");
    corpus.count();
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("secret");
    std::fs::write(&file, SECRET).unwrap();
    let server = Server::with(&[], &[("JWT_SECRET_KEY_FILE", file.to_str().unwrap())]);
    server.client().newcomer("arun");
    let environment = std::fs::read(format!("/proc/{}/environ", server.pid().as_raw_nonzero())).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains(SECRET), "L5");
    assert_eq!(server.client().get("/.well-known/jwks.json").json(), json!({"keys": []}), "L5: the secret is not in use");
    corpus.count();
}
