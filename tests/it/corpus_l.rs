//! Corpus L, leaks, beside those of the log, which `canary.rs` looks for: what an answer, a core dump or the environment
//! would tell.

use serde_json::json;

use crate::corpus::Corpus;
use crate::server::Server;

const SECRET: &str = "a shared secret of thirty-two bytes";

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
    for (url, expected) in [("https://login.example.com", Some("max-age=31536000")), ("http://localhost:5000", None)] {
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
