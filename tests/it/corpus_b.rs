//! Corpus B, bodies: JSON of which the fields are wrong, at each route that takes one.
//!
//! What is no JSON at all, too long, or of another type is in `corpus_b_bytes.rs`.

use serde_json::{Value, json};

use crate::corpus::Corpus;
use crate::server::{Answer, PASSWORD};

/// A route that takes a JSON body, and one that it would accept.
pub struct Target {
    pub method: &'static str,
    pub path: &'static str,
    pub token: Option<String>,
    pub body: Value,
    /// Must be there and be text.
    texts: &'static [&'static str],
}

pub const NEW: &str = "an entirely new one";

pub fn targets(corpus: &Corpus) -> Vec<Target> {
    let target = |method, path, token: Option<&String>, body, texts| Target { method, path, token: token.cloned(), body, texts };
    let credentials = |name: &str| json!({"username": name, "password": PASSWORD});
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    vec![
        target("POST", "/register", None, credentials("mira"), &["username", "password"]),
        target("POST", "/login", None, credentials("arun"), &["username", "password"]),
        target("POST", "/refresh", None, json!({"refresh_token": corpus.arun.refresh}), &["refresh_token"]),
        target("PUT", "/me/password", Some(&corpus.arun.access), change, &["current_password", "new_password"]),
        target("PATCH", "/user/2", Some(&corpus.boss.access), json!({"roles": ["editor"]}), &[]),
    ]
}

impl Target {
    #[track_caller]
    pub fn send(&self, corpus: &Corpus, body: &[u8]) -> Answer {
        self.send_as(corpus, body, &[("Content-Type", "application/json")])
    }

    #[track_caller]
    pub fn send_as(&self, corpus: &Corpus, body: &[u8], headers: &[(&str, &str)]) -> Answer {
        let authorization = self.token.as_deref().map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = headers.iter().copied().chain(authorization.as_deref().map(|value| ("Authorization", value))).collect();
        corpus.client.send(self.method, self.path, &headers, Some(body))
    }

    fn with(&self, field: &str, value: Value) -> Vec<u8> {
        let mut body = self.body.clone();
        body[field] = value;
        body.to_string().into_bytes()
    }

    fn fields(&self) -> impl Iterator<Item = &str> {
        self.body.as_object().unwrap().keys().map(String::as_str)
    }

    pub fn case(&self, row: &str) -> String {
        format!("{row} at {} {}", self.method, self.path)
    }
}

#[test]
fn b3_what_is_no_object_is_named_so() {
    let corpus = Corpus::start("B");
    for target in targets(&corpus) {
        let positional = Value::Array(target.body.as_object().unwrap().values().cloned().collect()).to_string();
        for body in ["null", "[]", "\"x\"", "1", "-0.5", "true", "[{}]", &positional] {
            corpus.invalid(&target.case(&format!("B3 {body}")), &target.send(&corpus, body.as_bytes()), "_schema");
        }
    }
}

#[test]
fn b4_to_b6_a_field_that_is_missing_null_or_of_another_type_is_named() {
    let corpus = Corpus::start("B");
    for target in targets(&corpus) {
        for field in target.texts {
            let mut body = target.body.clone();
            body.as_object_mut().unwrap().remove(*field);
            corpus.invalid(&target.case("B4"), &target.send(&corpus, body.to_string().as_bytes()), field);
        }
        for field in target.fields() {
            corpus.invalid(&target.case("B5"), &target.send(&corpus, &target.with(field, json!(null))), field);
            let other = if target.texts.contains(&field) { json!(["x"]) } else { json!("x") };
            for value in [json!(1), json!(1.5), json!(true), json!({"x": "x"}), other] {
                corpus.invalid(&target.case(&format!("B6 {value}")), &target.send(&corpus, &target.with(field, value)), field);
            }
        }
    }
    let roles = &targets(&corpus)[4];
    for value in [json!([1]), json!([null]), json!([["admin"]]), json!(["Admin"]), json!([""]), json!(vec!["editor"; 33])] {
        corpus.invalid(&roles.case(&format!("B6 {value}")), &roles.send(&corpus, &roles.with("roles", value)), "roles");
    }
}

#[test]
fn b7_to_b9_a_field_that_is_unknown_twice_or_spelt_otherwise_is_named() {
    let corpus = Corpus::start("B");
    for target in targets(&corpus) {
        for unknown in ["x", "id", "is_admin", "password_hash", "__proto__", "constructor", "", "roles ", "\u{0}"] {
            let body = target.with(unknown, json!({"admin": true}));
            corpus.invalid(&target.case(&format!("B7 {unknown:?}")), &target.send(&corpus, &body), unknown);
        }
        if target.path != "/user/2" {
            corpus.invalid(&target.case("B7"), &target.send(&corpus, &target.with("roles", json!(["admin"]))), "roles");
        }
        let whole = target.body.to_string();
        for field in target.fields() {
            let escaped = format!("\\u{:04x}{}", u32::from(field.as_bytes()[0]), &field[1..]);
            for (name, value) in [(field, &target.body[field]), (field, &json!("other")), (escaped.as_str(), &json!("other"))] {
                let body = format!("{},\"{name}\":{value}}}", whole.trim_end_matches('}'));
                corpus.invalid(&target.case(&format!("B8 {name}")), &target.send(&corpus, body.as_bytes()), field);
            }
            for name in [field.to_uppercase(), format!("{}{}", field[..1].to_uppercase(), &field[1..])] {
                let body = whole.replace(&format!("\"{field}\""), &format!("\"{name}\""));
                corpus.invalid(&target.case("B9"), &target.send(&corpus, body.as_bytes()), &name);
            }
        }
    }
}

#[test]
fn b9_an_escaped_name_is_the_same_name() {
    let corpus = Corpus::start("B");
    for target in targets(&corpus) {
        let escaped = target.body.to_string().replace("sername\"", "sern\\u0061me\"").replace("ssword\"", "s\\u0073word\"");
        let escaped = escaped.replace("\"ref", "\"r\\u0065f").replace("\"roles\"", "\"\\u0072oles\"");
        assert_ne!(escaped, target.body.to_string());
        corpus.accepted(&target.case("B9"), &target.send(&corpus, escaped.as_bytes()));
    }
    corpus.client.try_login("arun", NEW).expect(200);
    corpus.client.login("mira");
}

#[test]
fn b15_a_null_character_is_in_no_name_and_in_no_password() {
    let corpus = Corpus::start("B");
    let post = |path: &str, body: Value| corpus.client.json("POST", path, None, &body);
    let change = |current: &str, new: &str| {
        corpus.client.json("PUT", "/me/password", Some(&corpus.arun.access), &json!({"current_password": current, "new_password": new}))
    };
    let nul = "secure\0password";
    corpus.invalid("B15", &post("/register", json!({"username": "mi\0ra", "password": PASSWORD})), "username");
    corpus.invalid("B15", &post("/register", json!({"username": "mira", "password": nul})), "password");
    // Who logs in is not told what is wrong.
    corpus.refused("B15", &post("/login", json!({"username": "arun\0", "password": PASSWORD})), 401, "invalid_credentials");
    corpus.refused("B15", &post("/login", json!({"username": "arun", "password": nul})), 401, "invalid_credentials");
    corpus.refused("B15", &post("/refresh", json!({"refresh_token": format!("{}\0", corpus.arun.refresh)})), 401, "invalid_token");
    corpus.refused("B15", &change(nul, NEW), 401, "invalid_credentials");
    corpus.invalid("B15", &change(PASSWORD, nul), "new_password");
    let roles = json!({"roles": ["editor\0"]});
    corpus.invalid("B15", &corpus.client.json("PATCH", "/user/2", Some(&corpus.boss.access), &roles), "roles");
    corpus.client.login("arun");
}

#[test]
fn b16_b17_and_b19_depth_and_length_of_a_value_are_bounded() {
    let corpus = Corpus::start("B");
    for target in targets(&corpus) {
        for depth in [127, 128, 129, 8_000] {
            let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            for body in [nested.clone(), "[".repeat(depth), "{\"x\":".repeat(depth.min(3_000))] {
                let answer = target.send(&corpus, body.as_bytes());
                assert!(matches!(answer.status, 400 | 422), "{}: {}", target.case(&format!("B16 {depth}")), answer.text);
            }
            corpus.unchanged(&target.case("B16"));
            let body = format!("{},\"x\":{nested}}}", target.body.to_string().trim_end_matches('}'));
            let answer = target.send(&corpus, body.as_bytes());
            let expected = if depth < 127 { (422, "validation_failed") } else { (400, "malformed_json") };
            corpus.refused(&target.case(&format!("B17 {depth}")), &answer, expected.0, expected.1);
        }
        let nested = json!(0).to_string();
        let nested = format!("{}{nested}{}", "{\"x\":[".repeat(60), "]}".repeat(60));
        let body = format!("{},\"unknown\":{nested}}}", target.body.to_string().trim_end_matches('}'));
        corpus.invalid(&target.case("B17 60"), &target.send(&corpus, body.as_bytes()), "unknown");
        let field = target.fields().next().unwrap();
        for number in ["1e999".to_owned(), "9".repeat(400), format!("0.{}", "1".repeat(400)), "-1e-999".to_owned()] {
            let body = target.body.to_string().replacen(&target.body[field].to_string(), &number, 1);
            let answer = target.send(&corpus, body.as_bytes());
            assert!(matches!(answer.status, 400 | 422), "{}: {}", target.case(&format!("B19 {number}")), answer.text);
            corpus.unchanged(&target.case("B19"));
        }
    }
}
