//! What makes a token acceptable, rule by rule.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use secrecy::SecretString;
use serde_json::json;

use super::super::keys::{Algorithm, Key, SharedSecrets, StoredKey};
use super::super::password::PasswordHash;
use super::super::session::{Lifetimes, Session};
use super::super::user::{Role, User, Username};
use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn lifetimes() -> Lifetimes {
    let day = Duration::from_secs(86_400);
    Lifetimes { access: Duration::from_secs(900), idle: 30 * day, absolute: 90 * day, grace: Duration::from_secs(30) }
}

fn tokens(shared: Option<&str>) -> Tokens {
    tokens_for(None, shared)
}

fn tokens_for(audience: Option<&str>, shared: Option<&str>) -> Tokens {
    let stored = [StoredKey::generate(Algorithm::ES256, NOW).unwrap(), StoredKey::generate_refresh(NOW).unwrap()];
    let shared = SharedSecrets { current: shared.map(SecretString::from), previous: Vec::new() };
    let keys = Keyring::load(&stored, &shared).unwrap();
    Tokens::new(
        keys,
        Issuer {
            name: "doorward".into(),
            audience: audience.map(str::to_owned),
            claims: CustomClaims::default(),
            backdate: Duration::ZERO,
        },
    )
}

fn user() -> User {
    User {
        id: UserId::new(7),
        username: Username::parse("arun").unwrap(),
        password: PasswordHash::from_phc(String::new()),
        roles: vec![Role::admin()],
        claims: CustomClaims::try_from(json!({"department": "support"}).as_object().unwrap().clone()).unwrap(),
        disabled: false,
        created: NOW,
    }
}

fn pair(tokens: &Tokens) -> (TokenPair, Session) {
    let session = Session::open(UserId::new(7), NOW, &lifetimes());
    (tokens.issue(&user(), &session, true, NOW, &lifetimes()).unwrap(), session)
}

fn payload(token: &str) -> Map<String, Value> {
    part(token.split('.').nth(1).unwrap()).unwrap()
}

/// A token with this header and these claims, properly signed by `key`: only the named defect can cause a refusal.
fn signed(key: &Key, header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(claims.to_string()));
    format!("{message}.{}", key.sign(&message).unwrap())
}

#[test]
fn an_issued_pair_verifies_and_says_what_it_should() {
    let tokens = tokens(None);
    let (pair, session) = pair(&tokens);
    let access = tokens.verify(&pair.access).unwrap();
    assert_eq!((access.kind, access.user, access.session), (Kind::Access, UserId::new(7), Some(session.id)));
    assert_eq!((access.issued, access.expires), (NOW, NOW + Duration::from_secs(900)));
    assert!(access.is_fresh(NOW));
    let refresh = tokens.verify(&pair.refresh).unwrap();
    assert_eq!((refresh.kind, refresh.counter, refresh.expires), (Kind::Refresh, 0, session.expires));
    let claims = payload(&pair.access);
    assert_eq!((&claims["username"], &claims["roles"], &claims["department"]), (&"arun".into(), &json!(["admin"]), &"support".into()));
    assert_eq!(pair.expires_in, 900);
}

#[test]
fn asking_twice_for_the_same_state_gives_the_same_refresh_token_and_another_access_token() {
    let tokens = tokens(None);
    let (first, session) = pair(&tokens);
    let again = tokens.issue(&user(), &session, false, NOW + Duration::from_secs(9), &lifetimes()).unwrap();
    assert_eq!(first.refresh, again.refresh);
    assert_ne!(first.access, again.access);
}

#[test]
fn times_are_judged_to_the_second() {
    let tokens = tokens(None);
    let claims = tokens.verify(&pair(&tokens).0.access).unwrap();
    assert_eq!(claims.check_times(NOW), Ok(()));
    assert_eq!(claims.check_times(NOW + Duration::from_secs(899)), Ok(()));
    assert_eq!(claims.check_times(NOW + Duration::from_secs(900)), Err(TokenError::Expired));
    assert!(matches!(claims.check_times(Timestamp::from_secs(NOW.secs() - 1)), Err(TokenError::Invalid(_))));
}

#[test]
fn every_claim_of_an_own_token_is_required_typed_and_checked() {
    let tokens = tokens(None);
    let good = Value::Object(payload(&pair(&tokens).0.access));
    let keys = tokens.keys();
    let key = keys.access();
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": key.kid});
    assert!(tokens.verify(&signed(key, &header, &good)).is_ok());
    let bad: &[(&str, &[Value])] = &[
        (
            "exp",
            &[json!(null), json!("9999999999"), json!(1.5), json!(-1), json!(true), json!([]), json!(NOW.secs() + 90_000), json!(u64::MAX)],
        ),
        ("nbf", &[json!(null), json!("1"), json!(1.5), json!(-1)]),
        ("iat", &[json!(null), json!("1"), json!(u64::MAX)]),
        ("iss", &[json!(null), json!("doorward/"), json!("Doorward"), json!(["evil", "doorward"]), json!(1), json!("")]),
        ("sub", &[json!(null), json!(""), json!(7), json!(["7"]), json!("arun"), json!("07"), json!("-7")]),
        ("jti", &[json!(null), json!(""), json!(1), json!("x"), json!("../../etc/passwd")]),
        ("sid", &[json!(null), json!(1), json!("x")]),
        ("type", &[json!(null), json!("refresh"), json!("Access"), json!(1)]),
        ("fresh", &[json!(null), json!("true")]),
        ("aud", &[json!("someone"), json!(["someone"]), json!(null)]),
    ];
    for (name, values) in bad {
        for value in *values {
            let mut claims = good.clone();
            claims[*name] = value.clone();
            assert!(tokens.verify(&signed(key, &header, &claims)).is_err(), "{name}: {value}");
        }
        let mut claims = good.clone();
        if claims.as_object_mut().unwrap().remove(*name).is_some() {
            assert!(tokens.verify(&signed(key, &header, &claims)).is_err(), "{name} missing");
        }
    }
}

#[test]
fn a_token_of_our_own_key_is_for_our_audience_to_the_letter() {
    for ours in [None, Some("shop")] {
        let tokens = tokens_for(ours, None);
        let good = Value::Object(payload(&pair(&tokens).0.access));
        let keys = tokens.keys();
        let key = keys.access();
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": key.kid});
        let with = |aud: Option<Value>| {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().remove("aud");
            claims.as_object_mut().unwrap().extend(aud.map(|aud| ("aud".to_owned(), aud)));
            tokens.verify(&signed(key, &header, &claims)).is_ok()
        };
        assert!(with(ours.map(Value::from)));
        assert!(!with(if ours.is_some() { None } else { Some(json!("shop")) }));
        for other in
            [json!(null), json!(""), json!("bank"), json!("Shop"), json!("shop "), json!(["shop"]), json!(["bank", "shop"]), json!(1)]
        {
            assert!(!with(Some(other.clone())), "{ours:?}: {other}");
        }
    }
}

#[test]
fn a_header_that_says_anything_else_is_refused() {
    let tokens = tokens(Some("shared"));
    let keys = tokens.keys();
    let own = keys.candidates(None).next().unwrap();
    let (pair, _) = pair(&tokens);
    let claims = Value::Object(payload(&pair.access));
    assert!(tokens.verify(&signed(own, &json!({"alg": "HS256", "typ": "JWT"}), &claims)).is_ok());
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "NONE"}),
        json!({"alg": ""}),
        json!({}),
        json!({"alg": null}),
        json!({"alg": "hs256"}),
        json!({"alg": "HS512"}),
        json!({"alg": "ES256"}),
        json!({"alg": "HS256", "kid": ""}),
        json!({"alg": "HS256", "kid": "../../dev/null"}),
        json!({"alg": "HS256", "typ": "refresh"}),
        json!({"alg": "HS256", "typ": "jwt"}),
        json!({"alg": "HS256", "crit": ["exp"]}),
        json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "AA"}}),
        json!({"alg": "HS256", "jku": "http://127.0.0.1:9/"}),
        json!({"alg": "HS256", "b64": false}),
        json!({"alg": "HS256", "zip": "DEF"}),
        json!({"alg": "HS256", "kid": 1}),
        json!([{"alg": "HS256"}]),
    ] {
        assert!(tokens.verify(&signed(own, &header, &claims)).is_err(), "{header}");
    }
}

#[test]
fn a_key_accepts_only_tokens_of_its_own_purpose() {
    let tokens = tokens(None);
    let (pair, _) = pair(&tokens);
    let keys = tokens.keys();
    let (access, refresh) = (keys.access(), keys.refresh());
    let swapped = [
        signed(refresh, &json!({"alg": "HS256", "typ": "at+jwt", "kid": refresh.kid}), &Value::Object(payload(&pair.access))),
        signed(refresh, &json!({"alg": "HS256", "typ": "refresh", "kid": refresh.kid}), &Value::Object(payload(&pair.access))),
        signed(access, &json!({"alg": "ES256", "typ": "refresh", "kid": access.kid}), &Value::Object(payload(&pair.refresh))),
        signed(access, &json!({"alg": "ES256", "typ": "at+jwt", "kid": access.kid}), &Value::Object(payload(&pair.refresh))),
    ];
    for token in swapped {
        assert!(tokens.verify(&token).is_err(), "{token}");
    }
}

#[test]
fn a_flask_token_under_the_shared_secret_is_accepted_with_what_it_lacks_filled_in() {
    let tokens = tokens(Some("super-secret"));
    let keys = tokens.keys();
    let key = keys.access();
    let claims = json!({"fresh": false, "iat": NOW.secs(), "jti": "4f8f9f3a-5a2f-4a3b-9d2e-0c1d2e3f4a5b", "type": "access", "sub": "7",
        "nbf": NOW.secs(), "csrf": "x", "exp": NOW.secs() + 900});
    let read = tokens.verify(&signed(key, &json!({"alg": "HS256", "typ": "JWT"}), &claims)).unwrap();
    assert_eq!((read.kind, read.user, read.session, read.is_fresh(NOW)), (Kind::Access, UserId::new(7), None, false));
    for (name, value) in [
        ("sub", json!(7)),
        ("type", json!("refresh")),
        ("aud", json!("app")),
        ("exp", json!(null)),
        ("iss", json!("other")),
        ("iat", json!(null)),
    ] {
        let mut claims = claims.clone();
        claims[name] = value;
        assert!(tokens.verify(&signed(key, &json!({"alg": "HS256", "typ": "JWT"}), &claims)).is_err(), "{name}");
    }
}

#[test]
fn what_is_not_exactly_three_base64url_parts_is_refused() {
    let tokens = tokens(None);
    let (TokenPair { access, .. }, _) = pair(&tokens);
    let (message, signature) = access.rsplit_once('.').unwrap();
    let mut flipped = signature.to_owned().into_bytes();
    flipped[0] = if flipped[0] == b'A' { b'B' } else { b'A' };
    let flipped = format!("{message}.{}", String::from_utf8(flipped).unwrap());
    let long = format!("{access}{}", "A".repeat(5000));
    for token in [
        "",
        ".",
        "..",
        "a.b.c",
        message,
        &format!("{access}."),
        &format!(".{access}"),
        &format!("{access}="),
        &format!("{access} "),
        &format!("{message}."),
        &flipped,
        &long,
    ] {
        assert!(tokens.verify(token).is_err(), "{token}");
    }
    assert!(tokens.verify(&access).is_ok());
}

#[test]
fn another_servers_token_is_refused() {
    let theirs = pair(&tokens(None)).0;
    let ours = tokens(None);
    assert!(ours.verify(&theirs.access).is_err());
    assert!(ours.verify(&theirs.refresh).is_err());
}

#[test]
fn a_retired_keys_tokens_are_refused_at_once_although_they_were_verified_before() {
    let stored: Vec<_> = (0..2).map(|_| StoredKey::generate(Algorithm::ES256, NOW).unwrap()).collect();
    let refresh = StoredKey::generate_refresh(NOW).unwrap();
    let ring = |keys: &[&StoredKey]| {
        Keyring::load(&keys.iter().copied().chain([&refresh]).cloned().collect::<Vec<_>>(), &SharedSecrets::default()).unwrap()
    };
    let tokens = tokens(None);
    tokens.use_keys(ring(&[&stored[0]]));
    let (pair, _) = pair(&tokens);
    assert!(tokens.verify(&pair.access).is_ok() && tokens.verify(&pair.refresh).is_ok());
    tokens.use_keys(ring(&[&stored[0], &stored[1]]));
    assert!(tokens.verify(&pair.access).is_ok());
    tokens.use_keys(ring(&[&stored[1]]));
    assert!(tokens.verify(&pair.access).is_err() && tokens.verify(&pair.refresh).is_ok());
}

#[test]
fn a_backdated_token_says_so_and_still_ends_when_it_should() {
    let mut tokens = tokens(None);
    tokens.issuer.backdate = Duration::from_secs(2);
    let (pair, _) = pair(&tokens);
    let claims = tokens.verify(&pair.access).unwrap();
    assert_eq!(claims.issued.secs(), NOW.secs() - 2);
    assert_eq!((claims.not_before, claims.expires), (claims.issued, NOW + Duration::from_secs(900)));
}
