//! Corpus B, bytes: bodies that are no JSON, too long, of another type or coding, or where none belongs.

use crate::corpus::Corpus;
use crate::corpus_b::{NEW, Target, targets};
use crate::server::PASSWORD;

const MAX: usize = 16 << 10;

#[test]
fn b1_and_b2_an_empty_or_broken_off_body_is_malformed_at_every_byte() {
    let corpus = Corpus::start("B");
    for target in targets(&corpus) {
        let whole = target.body.to_string();
        for end in 1..whole.len() {
            target.send(&corpus, &whole.as_bytes()[..end]).refused(400, "malformed_json");
        }
        corpus.unchanged(&target.case("B2"));
        // To `/refresh` no body means that the token is in the header.
        let (status, word) = if target.path == "/refresh" { (401, "authorization_required") } else { (400, "malformed_json") };
        corpus.refused(&target.case("B1"), &target.send(&corpus, b""), status, word);
    }
}

/// A body with more after it than white space, or with what only other notations know.
fn almost_json(whole: &str) -> Vec<String> {
    let inside = whole.trim_start_matches('{').trim_end_matches('}');
    vec![
        format!("{whole}x"),
        format!("{whole}{whole}"),
        format!("{whole},"),
        format!("{whole}\0"),
        format!("{{{inside},}}"),
        format!("{{,{inside}}}"),
        format!("{{{inside},\"x\":1,}}"),
        format!("{{/* */{inside}}}"),
        format!("{{{inside}}} // done"),
        whole.replace('"', "'"),
        format!("{{{inside},x:1}}"),
        format!("{{{inside},\"x\":NaN}}"),
        format!("{{{inside},\"x\":Infinity}}"),
        format!("{{{inside},\"x\":-Infinity}}"),
        format!("{{{inside},\"x\":0x10}}"),
        format!("{{{inside},\"x\":01}}"),
        format!("{{{inside},\"x\":+1}}"),
        format!("{{{inside},\"x\":.5}}"),
        format!("{{{inside},\"x\":undefined}}"),
        format!("{{{inside},\"x\":\"a\nb\"}}"),
        format!("{{{inside},\"x\":\"\\x41\"}}"),
    ]
}

/// The same text in an encoding that is not UTF-8, or with bytes that are in none.
fn other_encodings(whole: &str) -> Vec<Vec<u8>> {
    let units = || whole.encode_utf16();
    let inside = whole.trim_end_matches('}').as_bytes();
    let with = |bytes: &[u8]| [inside, b",\"x", bytes, b"\":1}"].concat();
    let value = |bytes: &[u8]| [inside, b",\"x\":\"", bytes, b"\"}"].concat();
    let mut bodies = vec![
        units().flat_map(u16::to_le_bytes).collect(),
        units().flat_map(u16::to_be_bytes).collect(),
        whole.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
        [&b"\xff\xfe"[..], &units().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat(),
        [&b"\xef\xbb\xbf"[..], whole.as_bytes()].concat(),
    ];
    // Latin-1; overlong; surrogates; beyond Unicode; continuation without a start; a start without continuation.
    for bytes in [&b"\xfc"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80", b"\xe2\x82"] {
        bodies.extend([with(bytes), value(bytes)]);
    }
    bodies
}

#[test]
fn b10_to_b14_what_is_almost_json_is_malformed() {
    let corpus = Corpus::start("B");
    for target in targets(&corpus) {
        let whole = target.body.to_string();
        for body in almost_json(&whole) {
            corpus.refused(&target.case(&format!("B10 {body}")), &target.send(&corpus, body.as_bytes()), 400, "malformed_json");
        }
        for body in other_encodings(&whole) {
            corpus.refused(&target.case(&format!("B11-B13 {body:?}")), &target.send(&corpus, &body), 400, "malformed_json");
        }
        for surrogate in ["\\ud800", "\\udc00\\ud800", "\\ud800\\ud800", "\\ud800x", "\\uD83D"] {
            let body = format!("{},\"x\":\"{surrogate}\"}}", whole.trim_end_matches('}'));
            corpus.refused(&target.case(&format!("B14 {surrogate}")), &target.send(&corpus, body.as_bytes()), 400, "malformed_json");
        }
    }
}

/// A request of this target up to its body, which is announced by `framing`.
fn head(target: &Target, framing: &str) -> String {
    let token = target.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("{} {} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{token}{framing}\r\n\r\n", target.method, target.path)
}

#[test]
fn b16_b18_and_b20_a_body_of_more_than_16_kib_is_not_read() {
    let corpus = Corpus::start("B");
    for target in targets(&corpus) {
        let whole = target.body.to_string();
        for length in [MAX + 1, 1 << 20, 100 << 20, usize::MAX >> 1] {
            // Nothing of it is sent: the answer cannot depend on it.
            let answer = corpus.wire().send(head(&target, &format!("Content-Length: {length}"))).answer();
            assert_eq!((answer.error().as_str(), answer.closes()), ("too_large", true), "{}", target.case("B18"));
            corpus.unchanged(&target.case(&format!("B18 {length}")));
        }
        let chunk = format!("1000\r\n{}\r\n", " ".repeat(4096));
        let endless = format!("{}{}", head(&target, "Transfer-Encoding: chunked"), chunk.repeat(5));
        corpus.turned_away(&target.case("B18 chunked"), &corpus.raw(endless), &[413]);
        for body in ["[".repeat(MAX + 1), " ".repeat(MAX + 1), format!("{whole}{}", " ".repeat(MAX))] {
            corpus.refused(&target.case("B16/B20"), &target.send(&corpus, body.as_bytes()), 413, "too_large");
        }
        corpus.refused(&target.case("B20"), &target.send(&corpus, " ".repeat(MAX).as_bytes()), 400, "malformed_json");
        let many: Vec<_> = (0..1200).map(|number| format!("\"k{number}\":0")).collect();
        let body = format!("{{{}}}", many.join(","));
        corpus.invalid(&target.case("B18 many keys"), &target.send(&corpus, body.as_bytes()), "k1199");
    }
}

/// What a target takes is taken, and taken back where it could be taken only once.
fn is_taken(corpus: &Corpus, target: &Target, case: &str, body: &str, content_type: &str) {
    let answer = target.send_as(corpus, body.as_bytes(), &[("Content-Type", content_type)]);
    corpus.accepted(&target.case(case), &answer);
    let boss = Some(corpus.boss.access.as_str());
    match target.path {
        "/register" => {
            let id = answer.header("location").unwrap().to_owned();
            corpus.accepted(case, &corpus.client.with_token("DELETE", &id, &corpus.boss.access));
        }
        "/me/password" => {
            let back = serde_json::json!({"current_password": NEW, "new_password": PASSWORD});
            corpus.accepted(case, &corpus.client.json("PUT", target.path, target.token.as_deref(), &back));
        }
        "/user/2" => corpus.accepted(case, &corpus.client.json("PATCH", target.path, boss, &serde_json::json!({"roles": []}))),
        _ => {}
    }
}

#[test]
fn b21_and_b24_white_space_around_and_any_spelling_of_the_type_are_taken() {
    let corpus = Corpus::start("B");
    for target in targets(&corpus) {
        let whole = target.body.to_string();
        let padded = format!("{}{whole}{}", " \r\n\t".repeat(1000), "\n ".repeat(1000));
        is_taken(&corpus, &target, "B21", &padded, "application/json");
        for content_type in ["APPLICATION/JSON", "application/json;", "application/json ; charset=\"UTF-8\""] {
            is_taken(&corpus, &target, "B24", &whole, content_type);
        }
    }
}

#[test]
fn b22_b23_and_b25_another_type_or_coding_is_refused() {
    let corpus = Corpus::start("B");
    for target in targets(&corpus) {
        let whole = target.body.to_string();
        let as_type = |row: &str, headers: &[(&str, &str)]| {
            let answer = target.send_as(&corpus, whole.as_bytes(), headers);
            corpus.refused(&target.case(&format!("{row} {headers:?}")), &answer, 415, "unsupported_media_type");
        };
        as_type("B22", &[]);
        for content_type in [
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json5",
            "application/xml",
            "application/json, text/plain",
            "application/jwt",
            "*/*",
            "json",
        ] {
            as_type("B22", &[("Content-Type", content_type)]);
        }
        as_type("B23", &[("Content-Type", "application/json; charset=utf-16")]);
        for coding in ["gzip", "deflate", "br", "zstd", "identity, gzip", "x"] {
            as_type("B25", &[("Content-Type", "application/json"), ("Content-Encoding", coding)]);
        }
    }
}

#[test]
fn b26_a_body_where_none_belongs_is_read_past() {
    let corpus = Corpus::start("B");
    let hidden = "DELETE /user/2 HTTP/1.1\r\nHost: a\r\n\r\n";
    for (method, path, status) in [("GET", "/test", 200), ("GET", "/health", 200), ("DELETE", "/user/1", 403), ("DELETE", "/test", 405)] {
        for (kind, body) in
            [("application/json", "{\"id\":2}"), ("application/json", hidden), ("application/json", "{"), ("text/plain", "x")]
        {
            let mut wire = corpus.wire();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
                corpus.arun.access,
                body.len()
            );
            assert_eq!(wire.send(request).answer().status, status, "B26 {method} {path} {body}");
            assert_eq!(wire.request("GET /health").answer().body, "{\"status\":\"ok\"}", "B26 {method} {path} {body}");
            corpus.unchanged(&format!("B26 {method} {path} {body}"));
        }
    }
}
