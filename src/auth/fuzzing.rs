//! The fuzz targets of the domain: tokens, claims, keys, hashes, names, passwords, ids. See [`crate::fuzzing`].

#![allow(clippy::missing_panics_doc, reason = "a panic is how a target says that a promise is broken")]

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::clock::Timestamp;
use super::code::{CodeDigest, InviteId, session_of_cookie, user_of_reset};
use super::hasher;
use super::keys::{Algorithm, Keyring, Purpose, SharedSecrets, State, StoredKey};
use super::password::{MAX_BYTES, MIN_CHARS, Password, PasswordHash};
use super::service::{ServiceId, ServiceName};
use super::session::SessionId;
use super::token::{Issuer, Kind, MAX_ACCESS_SECS, Tokens};
use super::user::{CustomClaims, Role, USERNAME_CHARS, UserId, Username};
use crate::http::guard::token_in;
use crate::json;
use crate::store::Cursor;

const ISSUER: &str = "doorward";

/// The private key of RFC 8032 §7.1 test 1, so that kept inputs can hold good signatures.
fn published_key() -> StoredKey {
    let pkcs8 = [&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &SEED].concat();
    key("known", Algorithm::EdDSA, Purpose::Access, &pkcs8)
}

const SEED: [u8; 32] = [
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
    0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];

fn key(kid: &str, algorithm: Algorithm, purpose: Purpose, secret: &[u8]) -> StoredKey {
    let secret = BASE64URL.encode(secret);
    StoredKey { kid: kid.to_owned(), algorithm, purpose, created: Timestamp::default(), state: State::Active, token_secs: 900, secret }
}

/// The keys of tokens, all of which sign the same message in the same way each time.
fn ring(shared: bool) -> Keyring {
    let stored = [published_key(), key("refresh", Algorithm::HS256, Purpose::Refresh, &SEED)];
    let current = shared.then(|| SecretString::from("a secret that two programs share"));
    Keyring::load(&stored, &SharedSecrets { current, previous: Vec::new() }).expect("the keys of the fuzz targets")
}

static OWN: LazyLock<Keyring> = LazyLock::new(|| ring(false));
static SHARED: LazyLock<Keyring> = LazyLock::new(|| ring(true));
static TOKENS: LazyLock<Tokens> = LazyLock::new(|| {
    let issuer = Issuer { name: ISSUER.to_owned(), audience: None, claims: CustomClaims::default(), backdate: Duration::ZERO };
    Tokens::new(ring(true), issuer)
});

/// `Authorization` headers, one a line: what counts as a token was sent alone, and what verifies was signed here.
pub fn tokens(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(token) = token_in(text.lines()) else { return };
    let sent: Vec<_> = text.lines().collect();
    assert!(sent.len() == 1 && sent[0].to_ascii_lowercase().starts_with("bearer") && sent[0].ends_with(token));
    let Ok(claims) = TOKENS.verify(token) else { return };
    let (message, signature) = token.rsplit_once('.').expect("three parts");
    let keys = [OWN.access(), SHARED.access(), OWN.refresh()];
    assert!(keys.iter().any(|key| key.sign(message).is_ok_and(|ours| ours == signature)), "signed by none of our keys");
    assert_eq!(TOKENS.verify(token).ok(), Some(claims), "from the cache");
}

/// A letter that names a key, and claims, which that key signs: what is accepted was read as it stands there.
pub fn claims(input: &[u8]) {
    let Some((which, payload)) = input.split_first() else { return };
    let (key, typ) = match which % 4 {
        0 => (OWN.access(), "at+jwt"),
        1 => (OWN.refresh(), "refresh"),
        2 => (SHARED.access(), "JWT"),
        _ => (SHARED.access(), "at+jwt"),
    };
    let header = match &key.kid {
        Some(kid) => json!({"alg": key.algorithm.name(), "typ": typ, "kid": kid}),
        None => json!({"alg": key.algorithm.name(), "typ": typ}),
    };
    let message = format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(payload));
    let token = format!("{message}.{}", key.sign(&message).expect("a signature"));
    let Ok(claims) = TOKENS.verify(&token) else { return };
    let said = json::object(payload).expect("strict JSON");
    assert_eq!(said["sub"], claims.user.to_string());
    assert_eq!(said["exp"], claims.expires.secs());
    assert_eq!(said["iat"], claims.issued.secs());
    assert_eq!(claims.kind, if typ == "refresh" { Kind::Refresh } else { Kind::Access });
    says_what_its_profile_must(key.kid.as_deref(), &said);
    if !claims.foreign || typ == "refresh" {
        assert_eq!(said["iss"], ISSUER);
        assert_eq!(said.get("sid").and_then(Value::as_str), claims.session.map(|id| id.to_string()).as_deref());
    }
    for now in [claims.issued, claims.not_before, claims.expires] {
        let good = claims.check_times(now).is_ok();
        assert_eq!(good, now >= claims.issued && now >= claims.not_before && now < claims.expires);
    }
}

fn says_what_its_profile_must(kid: Option<&str>, said: &Map<String, Value>) {
    match kid {
        Some("refresh") => assert_eq!(said["type"], "refresh"),
        Some(_) => {
            assert_eq!(said["type"], "access");
            let life = said["exp"].as_u64().zip(said["iat"].as_u64()).and_then(|(exp, iat)| exp.checked_sub(iat));
            assert!(life.is_some_and(|life| life <= MAX_ACCESS_SECS));
            assert!(!said.contains_key("aud"), "one is there, and none is ours");
        }
        None => assert!(said.get("type").is_none_or(|kind| kind.is_null() || kind == "access")),
    }
}

/// A private key in PEM, or the DER of one: what is taken can sign, and reads back as itself.
pub fn keys(input: &[u8]) {
    let pem = |der: &[u8]| format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64.encode(der));
    let text = std::str::from_utf8(input).ok().filter(|text| text.contains("-----")).map_or_else(|| pem(input), str::to_owned);
    let Ok(read) = StoredKey::import(&text, Timestamp::default()) else { return };
    let stored = [read.clone(), key("refresh", Algorithm::HS256, Purpose::Refresh, &SEED)];
    let ring = Keyring::load(&stored, &SharedSecrets::default()).expect("what was imported can be used");
    let signature = ring.access().sign("message").expect("it signs");
    assert!(ring.access().verifies(&signature, "message") && !ring.access().verifies(&signature, "messagE"));
    let public = serde_json::to_string(&ring.jwks()).expect("a JWK Set");
    assert!(!public.contains("\"d\"") && !public.contains(&read.secret));
    if read.algorithm != Algorithm::RS256 {
        let der = BASE64URL.decode(&read.secret).expect("base64url");
        let again = StoredKey::import(&pem(&der), Timestamp::default()).expect("its own form");
        assert_eq!((again.kid, again.secret), (read.kid, read.secret));
    }
}

/// A PHC string as it might be imported: what is read costs what is allowed, and prints as what reads the same.
pub fn hashes(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let hash = PasswordHash::from_phc(text.to_owned());
    assert_eq!(format!("{hash:?}"), "PasswordHash([redacted])");
    if let Ok(foreign) = PasswordHash::foreign(text) {
        assert!(foreign.as_foreign() == Some(text) && foreign.scheme().is_some());
    }
    let Some((printed, cost)) = hasher::read(&hash) else { return };
    assert!(cost.memory_kib <= hasher::MAX_MEMORY_KIB && cost.iterations <= hasher::MAX_ITERATIONS && cost.lanes <= hasher::MAX_LANES);
    let again = hasher::read(&PasswordHash::from_phc(printed.clone()));
    assert_eq!(again, Some((printed, cost)));
    if cost.memory_kib * cost.iterations <= 64 {
        // Any verdict will do; it was not made with this password.
        assert!(!hasher::is_password(&hash, "a password that nobody has").unwrap_or(false));
    }
}

/// A name as it was typed: one that is taken is its own canonical form, short, and hides nothing.
pub fn names(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(name) = Username::parse(text) {
        assert_eq!(Username::parse(name.as_str()).as_ref(), Ok(&name));
        assert!((1..=USERNAME_CHARS).contains(&name.as_str().chars().count()));
        assert!(!name.as_str().contains(|c: char| c.is_control() || c.is_whitespace() || "/\\\"'<>&%=:;,".contains(c)), "{name}");
        let _ = name.is_reserved();
    }
    if let Ok(role) = Role::try_from(text.to_owned()) {
        assert_eq!(role.as_str(), text);
        assert_eq!(role.is_admin(), text == "admin");
    }
    if let Ok(name) = ServiceName::parse(text) {
        let name = String::from(name);
        assert!(name == text && !name.contains(char::is_control));
    }
}

/// A line with a name and one with a password: what may be chosen can be presented, and nothing prints it.
pub fn passwords(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (name, typed) = text.split_once('\n').unwrap_or(("arun", text));
    let presented = Password::presented(typed);
    if let Some(password) = &presented {
        assert!(typed.len() <= MAX_BYTES && !password.expose().is_empty());
        let again = Password::presented(password.expose());
        assert!(password.expose().len() > MAX_BYTES || again.is_some_and(|again| again.is(password)), "typed in its own form");
        assert_eq!(format!("{password:?}"), "Password([redacted])");
    }
    let Ok(name) = Username::parse(name) else { return };
    if let Ok(chosen) = Password::chosen(typed, Some(&name)) {
        assert!(presented.is_some_and(|presented| presented.is(&chosen)));
        assert!(chosen.expose().chars().count() >= MIN_CHARS && chosen.expose().to_lowercase() != name.as_str());
    }
}

/// What names a record: each has one spelling.
pub fn ids(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let spellings = [
        UserId::parse(text).map(|id| id.to_string()),
        SessionId::parse(text).map(|id| id.to_string()),
        ServiceId::parse(text).map(|id| id.to_string()),
        InviteId::parse(text).map(|id| id.to_string()),
        Cursor::parse(text).map(|cursor| cursor.to_string()),
        CodeDigest::try_from(text.to_owned()).ok().map(String::from),
    ];
    for spelling in spellings.into_iter().flatten() {
        assert_eq!(spelling, text);
    }
    if let Some(session) = session_of_cookie(text) {
        assert!(text.starts_with(&format!("{session}.")));
    }
    if let Some(user) = user_of_reset(text) {
        assert!(text.starts_with(&format!("doorward_reset_{user}_")));
    }
}
