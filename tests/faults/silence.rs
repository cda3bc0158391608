//! The server calls nobody: whatever it is sent, it opens no connection and no datagram socket.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::json;
use tempfile::TempDir;

use crate::opening::start;
use crate::server::{Client, PASSWORD, add_admin, skip};
use crate::trace::{can_trace, kill, strace};

/// What would let something out: each line is a call, failed or not. Its own local sockets are for the command line and systemd.
fn calls_out(trace: &str) -> Vec<&str> {
    let is_out = |line: &&str| {
        let connects = line.contains("connect(") && !line.contains("sa_family=AF_UNIX");
        let asks = line.contains("socket(") && line.contains("SOCK_DGRAM") && !line.contains("AF_UNIX");
        connects || asks
    };
    trace.lines().filter(is_out).collect()
}

/// A command of the executable under strace; what it asked of the network.
fn traced(directory: &Path, arguments: &[&str]) -> String {
    let path = directory.join("command");
    let mut command = strace(directory, &["-e", "trace=connect,socket,listen", "-o", path.to_str().unwrap()]);
    assert!(command.args(arguments).output().unwrap().status.success());
    fs::read_to_string(path).unwrap()
}

/// Tokens that say where their key is, whom to ask and who made them.
fn inviting_tokens(client: &Client, good: &str) {
    let [_, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let url = "http://127.0.0.1:9/keys.json";
    let host = "http://keys.example.com/keys.json";
    for url in [url, host] {
        for header in [json!({"jku": url}), json!({"x5u": url}), json!({"kid": url}), json!({"jwk": {"kty": "EC", "x5u": url}, "jku": url})]
        {
            let mut head = json!({"alg": "ES256", "typ": "at+jwt"});
            head.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
            let false_claims = BASE64URL.encode(json!({"iss": url, "sub": "1", "aud": url}).to_string());
            for claims in [claims, &false_claims] {
                let token = format!("{}.{claims}.{signature}", BASE64URL.encode(head.to_string()));
                client.test(&token).refused(401, "invalid_token");
                client.refresh(&token).refused(401, "invalid_token");
            }
        }
    }
}

/// What people, apps and services do in a day.
fn a_day(client: &Client) {
    let arun = client.newcomer("arun");
    client.try_login("arun", "not the password").refused(401, "invalid_credentials");
    inviting_tokens(client, &arun.access);
    let boss = client.login("boss");
    let service = json!({"name": "shop", "scopes": ["introspect", "revocations"]});
    let key = client.json("POST", "/services", Some(&boss.access), &service).expect(201).json()["key"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {key}");
    let form = [("Authorization", bearer.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let asked = client.send("POST", "/introspect", &form, Some(format!("token={}", arun.access).as_bytes())).expect(200);
    assert_eq!(asked.json()["active"], true);
    let origin =
        [("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "POST"), ("Referer", "https://app.example.com/")];
    let preflight = client.send("OPTIONS", "/login", &origin, None);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("https://app.example.com"));
    let names = [("Host", "elsewhere.example.com"), ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Host", "elsewhere.example.com")];
    client.send("GET", "/verify?redirect=http://elsewhere.example.com/", &names, None);
    client.refresh(&arun.refresh).expect(200);
    let change = json!({"current_password": PASSWORD, "new_password": "an entirely new one"});
    client.json("PUT", "/me/password", Some(&arun.access), &change).expect(200);
    client.with_token("POST", "/backup", &boss.access).expect(201);
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/openapi.json", "/ready", "/", "/docs"] {
        client.get(path);
    }
    client.send("GET", "/revocations", &form[..1], None).expect(200);
    client.logout(&boss.access).expect(200);
}

#[test]
fn whatever_it_is_sent_the_server_makes_no_connection() {
    if !can_trace() {
        return skip("that the server makes no connection", "strace is not installed, or may not trace");
    }
    let directory = TempDir::new().unwrap();
    let root = directory.path().canonicalize().unwrap();
    add_admin(&root, "boss");
    let path = root.join("trace");
    let mut command: Command = strace(&root, &["-e", "trace=connect,socket,listen", "-o", path.to_str().unwrap()]);
    command.env("DOORWARD_CORS_ORIGINS", "https://app.example.com").env("DOORWARD_DATA_DIR", "data");
    let server = start(command).serves("a server under strace");
    a_day(&server.client());
    // The witness sees a connection where there is one: this command makes one to the server.
    let asks = traced(&root, &["healthcheck", "--url", &server.url]);
    assert!(!calls_out(&asks).is_empty(), "{asks}");
    kill(&root);
    server.end();
    let trace = fs::read_to_string(path).unwrap();
    assert!(trace.contains("listen("), "{trace}");
    assert_eq!(calls_out(&trace), Vec::<&str>::new());
}
