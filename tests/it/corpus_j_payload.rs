//! Corpus J, payloads: claims of either kind of token that are missing, of another type or out of range, and what is no object.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::forge::{Forge, parts};

#[test]
fn j26_to_j37_every_claim_is_there_typed_and_right() {
    let forge = Forge::new();
    let now = forge.claims()["iat"].as_u64().unwrap();
    let rows: &[(&str, &str, &[Value])] = &[
        (
            "J26-J29",
            "exp",
            &[
                json!(null),
                json!("9999999999"),
                json!("never"),
                json!(true),
                json!([]),
                json!({}),
                json!(""),
                json!(1.5),
                json!(1e10),
                json!(-1),
                json!(i64::MIN),
                json!(i64::MAX),
                json!(u64::MAX),
                json!(now + 90_000),
            ],
        ),
        ("J31", "nbf", &[json!(now + 3600), json!("2030"), json!(null), json!(1.5), json!(-1), json!(u64::MAX)]),
        ("J32", "iat", &[json!(now + 3600), json!("1"), json!(null), json!(-1)]),
        (
            "J33",
            "iss",
            &[
                json!(null),
                json!("evil"),
                json!("doorward/"),
                json!("DOORWARD"),
                json!(["evil", "doorward"]),
                json!(1),
                json!("dооrward"),
                json!(""),
            ],
        ),
        ("J34", "aud", &[json!(null), json!("evil"), json!([]), json!(["evil"]), json!(1), json!({})]),
        ("J35", "sub", &[json!(null), json!(""), json!(1), json!([]), json!("arun"), json!("1 "), json!("01")]),
        ("J36", "jti", &[json!(null), json!(""), json!(1), json!("j".repeat(2000)), json!("a\0b")]),
        ("J42", "type", &[json!(null), json!("refresh"), json!("ACCESS"), json!(1)]),
        ("J42", "sid", &[json!(null), json!(""), json!("x"), json!(1)]),
        ("J42", "fresh", &[json!(null), json!("true"), json!([])]),
    ];
    for (row, name, values) in rows {
        for value in *values {
            forge.refused(&format!("{row} {name}={value}"), &forge.with_claim(name, value.clone()));
        }
        if *name != "aud" {
            forge.refused(&format!("{row} {name} missing"), &forge.without_claim(name));
        }
    }
    for number in ["1e400", "18446744073709551616", &"9".repeat(40), "NaN", "-0.0"] {
        let payload = forge.claims().to_string().replacen(&format!("\"exp\":{}", forge.claims()["exp"]), &format!("\"exp\":{number}"), 1);
        forge.refused("J27/J29", &forge.es256(&forge.header().to_string(), payload.as_bytes()));
    }
    for exp in [now, now - 1] {
        let mut claims = forge.claims();
        (claims["exp"], claims["iat"], claims["nbf"]) = (json!(exp), json!(now - 60), json!(now - 60));
        forge.client.test(&forge.with_claims(&claims)).refused(401, "token_expired");
    }
    forge.client.test(&forge.with_claim("sub", json!("99"))).refused(401, "token_revoked");
    for typ in [json!("JWT"), json!("jwt"), json!("at+JWT"), json!("refresh+jwt"), json!("application/at+jwt"), json!(null), json!(1)] {
        forge.refused("J37", &forge.with_header("typ", typ));
    }
}

#[test]
fn j39_and_j54_a_refresh_takes_exactly_its_own_token() {
    let forge = Forge::new();
    forge.client.refresh(&forge.pair.access).refused(401, "invalid_token");
    let other = forge.client.newcomer("mira");
    let payload: Value = serde_json::from_slice(&BASE64URL.decode(parts(&forge.pair.refresh).1).unwrap()).unwrap();
    let forged = |name: &str, value: Value| {
        let mut claims = payload.clone();
        claims[name] = value;
        let header = json!({"alg": "HS256", "typ": "refresh", "kid": forge.refresh.0});
        let message = format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(claims.to_string()));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_secret(&forge.refresh.1), Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    };
    // Another user's, and a counter from the future (a restored backup): refused, and nobody's session ends.
    forge.client.refresh(&forged("sub", json!("2"))).refused(401, "token_revoked");
    forge.client.refresh(&forged("ctr", json!(7))).refused(401, "token_revoked");
    for (name, value) in [
        ("ctr", json!("0")),
        ("ctr", json!(-1)),
        ("ctr", json!(null)),
        ("sid", json!("x")),
        ("type", json!("access")),
        ("iss", json!("evil")),
        ("exp", json!(null)),
    ] {
        forge.client.refresh(&forged(name, value)).refused(401, "invalid_token");
    }
    forge.client.refresh(&forge.pair.refresh).expect(200);
    forge.client.refresh(&other.refresh).expect(200);
}

#[test]
fn j41_to_j44_long_deep_and_odd_payloads_are_refused_quickly() {
    let forge = Forge::new();
    for bytes in [4096, 4097, 16_000] {
        forge.refused("J41", &"A".repeat(bytes));
    }
    forge.refused("J42", &forge.with_claim("deep", json!("x".repeat(4000))));
    let deep = format!("{},\"deep\":{}1{}}}", forge.claims().to_string().trim_end_matches('}'), "[".repeat(300), "]".repeat(300));
    forge.refused("J42", &forge.es256(&forge.header().to_string(), deep.as_bytes()));
    let header = forge.header().to_string();
    let surrogate = format!("{},\"x\":\"\\ud800\"}}", forge.claims().to_string().trim_end_matches('}'));
    let invalid = [forge.claims().to_string().trim_end_matches('}').as_bytes(), b",\"x\":\"\xff\"}"].concat();
    let values: Vec<_> = forge.claims().as_object().unwrap().values().cloned().collect();
    for payload in [surrogate.as_bytes(), &invalid, b"", b"\"\"", b"[]", b"\"x\"", b"1", b"null", json!(values).to_string().as_bytes()] {
        forge.refused("J43/J44", &forge.es256(&header, payload));
    }
    forge.client.test(&forge.with_claim("more", json!({"nested": [1, {"ok": true}]}))).expect(200);
}
