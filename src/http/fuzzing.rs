//! The fuzz targets of HTTP: bodies, forms, cookies, forwarded addresses. See [`crate::fuzzing`].

#![allow(clippy::missing_panics_doc, reason = "a panic is how a target says that a promise is broken")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use serde_json::Value;

use super::body::{Fields, Object};
use super::cookie::value;
use super::form::parameter;
use super::proxies::TrustedProxies;
use crate::auth::password::Password;
use crate::auth::user::Username;
use crate::error::TokenError;
use crate::json::{self, Fault};

/// A body like most of ours.
struct Typed(Username, Password);

impl Fields for Typed {
    fn take(object: &mut Object) -> Option<Self> {
        let (name, password) = (object.parsed("username", Username::parse), object.text("password"));
        let _: Option<bool> = object.optional("keep", |value| value.as_bool().ok_or("Not a valid boolean."));
        Some(Self(name?, Password::presented(&password?)?))
    }
}

/// A JSON object: read as another parser reads it, or refused, and a refusal is the client's fault.
pub fn bodies(input: &[u8]) {
    let plain = serde_json::from_slice::<Value>(input);
    match json::object(input) {
        Ok(fields) => {
            assert_eq!(plain.ok(), Some(Value::Object(fields.clone())));
            let printed = Value::Object(fields.clone()).to_string();
            assert_eq!(pairs_written(input), pairs_read(&Value::Object(fields.clone())), "one is there twice");
            // A number beyond 2⁵³ may come back as its neighbour.
            let again = json::object(printed.as_bytes()).expect("it reads again");
            assert!(again.keys().eq(fields.keys()));
        }
        Err(Fault::Duplicate(_)) => assert!(plain.is_ok_and(|value| value.is_object())),
        Err(Fault::NotAnObject) => assert!(!plain.is_ok_and(|value| value.is_object())),
        Err(Fault::Syntax) => assert!(!plain.is_ok_and(|value| value.is_object()), "refused, and yet it is one"),
    }
    match Object::read::<Typed>(input) {
        Ok(Typed(name, password)) => {
            let fields = json::object(input).expect("strict JSON");
            assert!(fields.keys().all(|name| ["username", "password", "keep"].contains(&name.as_str())));
            assert_eq!(fields["username"].as_str().and_then(|typed| Username::parse(typed).ok()), Some(name));
            assert!(fields["password"].as_str().and_then(Password::presented).is_some_and(|typed| typed.is(&password)));
        }
        Err(problem) => assert!((400..500).contains(&problem.status())),
    }
}

/// How many names the text of an object holds: each has a colon that is in no string.
fn pairs_written(json: &[u8]) -> usize {
    let (mut in_string, mut escaped, mut pairs) = (false, false, 0);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b':' if !in_string => pairs += 1,
            _ => {}
        }
    }
    pairs
}

fn pairs_read(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.len() + fields.values().map(pairs_read).sum::<usize>(),
        Value::Array(items) => items.iter().map(pairs_read).sum(),
        _ => 0,
    }
}

/// A form: the token that is read from it is there once, and reads the same from any other spelling.
pub fn forms(input: &[u8]) {
    let Ok(token) = parameter(input, "token") else { return };
    assert!(!token.is_empty());
    let spelled = token.bytes().fold("token=".to_owned(), |form, byte| format!("{form}%{byte:02X}"));
    let again = parameter(spelled.as_bytes(), "token");
    assert!(again.is_ok_and(|again| again == token));
    let twice = [input, b"&token=x"].concat();
    assert!(parameter(&twice, "token").is_err(), "a second one");
}

/// `Cookie` headers, one a line: a value is taken from a cookie of that very name, and only if there is one.
pub fn cookies(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for name in ["doorward", "__Host-doorward"] {
        let found = value(text.lines(), name);
        match found {
            Ok(sent) => {
                assert!(!sent.contains(';') && text.contains(&format!("{name}={sent}")));
                assert_eq!(value(text.lines().chain([&*format!("{name}=x")]), name).map_err(|_| ()), Err(()), "a second one");
            }
            Err(TokenError::Missing) => {
                let with_one = format!("a=b; {name}=x");
                assert!(value(text.lines().chain([&*with_one]), name).is_ok_and(|sent| sent == "x"));
            }
            Err(_) => assert!(text.matches(&format!("{name}=")).count() > 1),
        }
    }
}

static PROXIES: LazyLock<TrustedProxies> =
    LazyLock::new(|| serde_json::from_str("\"127.0.0.0/8, 10.0.0.0/8, fd00::/8, 192.0.2.7\"").expect("networks"));

/// Whom the peer is, and `X-Forwarded-For` headers, one a line: the client is the first that is not trusted, from the end,
/// and nothing that stands before it counts.
pub fn forwarded(input: &[u8]) {
    let Some((peer, rest)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let peer = [IpAddr::V4(Ipv4Addr::LOCALHOST), [10, 1, 2, 3].into(), [198, 51, 100, 1].into()][usize::from(peer % 3)];
    let client = PROXIES.client(peer, text.lines());
    if !PROXIES.contains(peer) {
        assert_eq!(client, peer);
    }
    assert_eq!(client, client.to_canonical());
    let forged = format!("203.0.113.77, {text}");
    if !PROXIES.contains(client) {
        assert_eq!(PROXIES.client(peer, ["203.0.113.77"].into_iter().chain(text.lines())), client, "a header more");
        assert_eq!(PROXIES.client(peer, forged.lines()), client, "an address more");
    }
    assert!(TrustedProxies::default().client(peer, text.lines()) == peer);
    // An address that a trusted proxy adds at the end is believed, whatever stands before it.
    if PROXIES.contains(peer) {
        assert_eq!(PROXIES.client(peer, text.lines().chain(["198.51.100.9"])).to_string(), "198.51.100.9");
    }
}
