//! Corpus H, headers: what a client says of itself, of what it has, and of who it is.

use crate::corpus::Corpus;
use crate::corpus_h::{bearer, methods, request};
use crate::wire::Answer;

/// What differs between two answers to the same request.
fn lasting(answer: &Answer) -> Vec<(String, String)> {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"));
    headers.sort();
    headers
}

#[test]
fn h6_head_answers_as_get_does_without_the_body() {
    let corpus = Corpus::start("H");
    let mut wire = corpus.wire();
    for (path, _) in methods().iter().filter(|(_, methods)| methods.contains("GET")) {
        for headers in [String::new(), bearer(&corpus.boss.access)] {
            let get = wire.send(request("GET", path, &headers)).answer();
            let head = wire.send(request("HEAD", path, &headers)).answer_to_head();
            assert_eq!((get.status, lasting(&get)), (head.status, lasting(&head)), "H6 {path}");
            corpus.unchanged(&format!("H6 {path}"));
        }
    }
}

#[test]
fn h5_h39_and_h46_no_origin_is_let_in_and_nothing_sent_comes_back_in_a_header() {
    let corpus = Corpus::start("H");
    let mut wire = corpus.wire();
    let canary = "canary-of-a-header";
    for origin in ["https://evil.example", "null", canary] {
        for (method, path, expected) in [("OPTIONS", "/login", 405), ("GET", "/test", 200), ("GET", "/", 200), ("GET", "/nothing", 404)] {
            let headers = format!(
                "Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\nX-Request-Id: {canary}\r\nReferer: http://{canary}/\r\n{}",
                bearer(&corpus.arun.access)
            );
            let answer = wire.send(request(method, &format!("{path}?{canary}"), &headers)).answer();
            assert_eq!(answer.status, expected, "H5/H39 {method} {path}");
            let sent_back = answer.headers.iter().any(|(name, value)| name.starts_with("access-control") || value.contains(canary));
            assert!(!sent_back, "H39/H46 {answer:?}");
            corpus.unchanged(&format!("H39 {origin} {method} {path}"));
        }
    }
    for target in ["/login%0d%0aX-Evil:1", "/?a=%0d%0aX-Evil:1", "/user/1%0d%0aX-Evil:1"] {
        let answer = wire.send(request("GET", target, "")).answer();
        assert!(answer.header("x-evil").is_none() && !format!("{:?}", answer.headers).contains("Evil"), "H46 {target}");
        corpus.unchanged(&format!("H46 {target}"));
    }
}

#[test]
fn h7_a_form_never_deletes_anything() {
    let corpus = Corpus::start("H");
    for path in ["/user/2", "/me/sessions/1", "/user/2/sessions", "/login", "/register"] {
        for kind in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "application/json"] {
            let headers = [("Content-Type", kind), ("Authorization", &format!("Bearer {}", corpus.boss.access))];
            for body in
                ["_method=DELETE", "_method=delete&a=b", "--x\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--x--"]
            {
                let answer = corpus.client.send("POST", path, &headers, Some(body.as_bytes()));
                assert!(matches!(answer.status, 400 | 405 | 415), "H7 {path} {kind}: {}", answer.text);
                corpus.unchanged(&format!("H7 {path} {kind}"));
            }
        }
    }
}

#[test]
fn h27_to_h30_one_authorization_in_utf_8_of_the_scheme_bearer_counts() {
    let corpus = Corpus::start("H");
    let mut wire = corpus.wire();
    let good = &corpus.arun.access;
    for (first, second) in [(good.as_str(), good.as_str()), ("bad", good), (good, "bad")] {
        let headers = format!("{}{}", bearer(first), bearer(second));
        assert_eq!(corpus.wire().send(request("GET", "/test", &headers)).answer().error(), "invalid_request", "H27");
        corpus.unchanged("H27");
    }
    for scheme in ["bearer", "BEARER", "bEaReR"] {
        assert_eq!(wire.send(request("GET", "/test", &format!("authorization: {scheme} {good}\r\n"))).answer().status, 200, "H28 {scheme}");
        corpus.unchanged("H28");
    }
    for scheme in ["Basic", "Digest", "Token", "JWT", "Bearer2", ""] {
        let answer = wire.send(request("GET", "/test", &format!("Authorization: {scheme} {good}\r\n"))).answer();
        assert_eq!(answer.error(), "authorization_required", "H29 {scheme}");
        corpus.unchanged("H29");
    }
    for bytes in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80"] {
        let head = [b"GET /test HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ", bytes, b"\r\n\r\n"].concat();
        assert_eq!(corpus.wire().send(head).answer().error(), "invalid_request", "H30");
        corpus.unchanged("H30");
    }
}

#[test]
fn h40_a_kept_copy_is_confirmed_under_the_same_policy_and_never_served_in_part() {
    let corpus = Corpus::start("H");
    let mut wire = corpus.wire();
    for path in ["/", "/app.js", "/style.css", "/favicon.svg", "/postman_collection.json"] {
        let whole = wire.send(request("GET", path, "")).answer();
        let (etag, policy) = (whole.header("etag").unwrap(), whole.header("content-security-policy"));
        for (condition, status) in [
            (format!("If-None-Match: {etag}"), 304),
            ("If-None-Match: \"x\"".to_owned(), 200),
            ("If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT".to_owned(), 200),
            ("Range: bytes=0-1".to_owned(), 200),
            ("Range: bytes=0-18446744073709551615,1-2".to_owned(), 200),
        ] {
            let answer = wire.send(request("GET", path, &format!("{condition}\r\n"))).answer();
            assert_eq!((answer.status, answer.header("content-security-policy")), (status, policy), "H40 {path} {condition}");
            assert!(status == 304 || answer.body == whole.body, "H40 {path} {condition}");
            corpus.unchanged(&format!("H40 {path} {condition}"));
        }
    }
}

#[test]
fn h45_refusals_fill_no_log() {
    let corpus = Corpus::start("H");
    let log = corpus.server.directory.path().join("stderr");
    let before = std::fs::metadata(&log).unwrap().len();
    let mut wire = corpus.wire();
    for _ in 0..5000 {
        assert_eq!(wire.send(request("GET", "/nothing", "")).answer().status, 404);
        assert_eq!(wire.send(request("GET", "/test", &bearer("not.a.token"))).answer().status, 401);
    }
    corpus.unchanged("H45");
    assert_eq!(std::fs::metadata(&log).unwrap().len(), before, "H45: {}", std::fs::read_to_string(&log).unwrap());
}
