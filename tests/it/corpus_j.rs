//! The corpus of attacks on tokens, row by row: signatures, parts and headers, and where a token is read.
//!
//! Rows that live elsewhere: J26 to J37, J39 and J41 to J44 in `corpus_j_payload.rs`; J13 and J56 (retired and weak keys), J45
//! (`EdDSA`) with the keys; J40 and J53 in `tokens.rs`; J47 to J50 in `users.rs`, `tokens.rs` and `durability.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::forge::{Forge, parts};

#[test]
fn j1_to_j6_no_algorithm_and_no_signature_but_the_keys_own_is_accepted() {
    let forge = Forge::new();
    let (header, payload, signature) = parts(&forge.pair.access);
    for alg in [
        json!("none"),
        json!("None"),
        json!("NONE"),
        json!("nOnE"),
        json!("none "),
        json!(""),
        json!(null),
        json!(0),
        json!([]),
        json!("es256"),
        json!("ES256\0"),
    ] {
        let header = BASE64URL.encode(json!({"alg": alg, "typ": "at+jwt", "kid": forge.access.0}).to_string());
        forge.refused("J1/J2", &format!("{header}.{payload}."));
        forge.refused("J2", &format!("{header}.{payload}.{signature}"));
        forge.refused("J2", &forge.with_header("alg", alg));
    }
    let jwks = forge.client.get("/.well-known/jwks.json").json();
    let jwk = &jwks["keys"][0];
    let point = |name: &str| BASE64URL.decode(jwk[name].as_str().unwrap()).unwrap();
    let raw = [vec![4], point("x"), point("y")].concat();
    let spki =
        [&b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"[..], &raw].concat();
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64::engine::general_purpose::STANDARD.encode(&spki));
    for secret in [
        pem.as_bytes(),
        pem.trim_end().as_bytes(),
        &spki,
        &raw,
        jwk.to_string().as_bytes(),
        jwk["kid"].as_str().unwrap().as_bytes(),
        b"\0",
        &forge.refresh.1,
    ] {
        for kid in [json!(forge.access.0), json!(null)] {
            forge.refused("J3", &forge.hmac(&json!({"alg": "HS256", "typ": "at+jwt", "kid": kid}), secret, Algorithm::HS256));
        }
        forge.refused("J3", &forge.hmac(&json!({"alg": "HS256", "typ": "JWT"}), secret, Algorithm::HS256));
        forge.refused("J4", &forge.hmac(&json!({"alg": "HS512", "typ": "at+jwt", "kid": forge.access.0}), secret, Algorithm::HS512));
    }
    for alg in ["ES384", "RS256", "PS256", "EdDSA", "HS256"] {
        forge.refused("J4", &forge.with_header("alg", json!(alg)));
    }
    let bytes = BASE64URL.decode(signature).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        format!("{header}.{payload}.{}", BASE64URL.encode(bytes))
    };
    let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    for token in [
        changed(&|bytes| bytes[10] ^= 1),
        changed(&|bytes| bytes.truncate(63)),
        changed(&|bytes| bytes.push(0)),
        changed(&|bytes| bytes.fill(0)),
        changed(&|bytes| bytes[..32].fill(0)),
        changed(&|bytes| bytes[32..].fill(0)),
        changed(&|bytes| bytes[..32].copy_from_slice(&order)),
        changed(&|bytes| bytes[32..].copy_from_slice(&order)),
        changed(&|bytes| *bytes = der(bytes)),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
    ] {
        forge.refused("J5/J6", &token);
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// r and s as ASN.1 DER.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| [vec![2, 33, 0], half.to_vec()].concat();
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
}

/// n − s, for the malleable twin of an ECDSA signature.
fn negated(s: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let mut difference: Vec<u8> = order
        .iter()
        .zip(s)
        .rev()
        .map(|(n, s)| {
            let value = 256 + i32::from(*n) - i32::from(*s) - borrow;
            borrow = i32::from(value < 256);
            u8::try_from(value % 256).unwrap()
        })
        .collect();
    difference.reverse();
    difference
}

#[test]
fn j7_a_malleable_twin_is_valid_by_the_standard_and_dies_with_its_token() {
    let forge = Forge::new();
    let (header, payload, signature) = parts(&forge.pair.access);
    let bytes = BASE64URL.decode(signature).unwrap();
    let twin = format!("{header}.{payload}.{}", BASE64URL.encode([bytes[..32].to_vec(), negated(&bytes[32..])].concat()));
    forge.client.test(&twin).expect(200);
    forge.client.logout(&forge.pair.access).expect(200);
    forge.client.test(&twin).refused(401, "token_revoked");
}

#[test]
fn j8_to_j12_and_j38_parts_kids_and_mixtures_are_refused() {
    let forge = Forge::new();
    let other = forge.client.newcomer("mira");
    let (header, payload, signature) = parts(&forge.pair.access);
    let (other_header, other_payload, other_signature) = parts(&other.access);
    let mut promoted = forge.claims();
    promoted["roles"] = json!(["admin"]);
    for token in [
        format!("{header}.{other_payload}.{signature}"),
        format!("{other_header}.{payload}.{other_signature}"),
        format!("{header}.{}.{signature}", BASE64URL.encode(promoted.to_string())),
    ] {
        forge.refused("J8", &token);
    }
    for token in [
        header,
        &format!("{header}.{payload}"),
        &format!("{}.x", forge.pair.access),
        &format!("{}.x.y", forge.pair.access),
        "..",
        ".",
        &format!(".{}", forge.pair.access),
        &format!("{}.", forge.pair.access),
    ] {
        forge.refused("J9", token);
    }
    let flattened = json!({"protected": header, "payload": payload, "signature": signature}).to_string();
    let general = json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]}).to_string();
    forge.refused("J10", &flattened);
    forge.refused("J10", &general);
    for kid in [json!("unknown"), json!(null), json!(1), json!([]), json!({}), json!(""), json!("k".repeat(3000))] {
        forge.refused("J11", &forge.with_header("kid", kid));
    }
    let mut header = forge.header();
    header.as_object_mut().unwrap().remove("kid");
    forge.refused("J11", &forge.es256(&header.to_string(), forge.claims().to_string().as_bytes()));
    for kid in ["../../../../dev/null", "/etc/hostname", "' OR 1=1--", "|/bin/id", "http://127.0.0.1:9/", "\0", "a\r\nb", &forge.refresh.0]
    {
        forge.refused("J12", &forge.with_header("kid", json!(kid)));
        forge.refused("J12", &forge.hmac(&json!({"alg": "HS256", "typ": "at+jwt", "kid": kid}), b"", Algorithm::HS256));
    }
    forge.refused("J38", &forge.pair.refresh);
}

#[test]
fn j14_to_j24_a_header_that_says_more_than_ours_is_refused() {
    let forge = Forge::new();
    let own = forge.client.get("/.well-known/jwks.json").json()["keys"][0].clone();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    for (row, name, value) in [
        ("J14", "jwk", own),
        ("J14", "jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("J15", "jku", json!(url)),
        ("J15", "x5u", json!(url)),
        ("J16", "x5c", json!(["MIIB"])),
        ("J16", "x5t", json!("AA")),
        ("J16", "x5t#S256", json!("AA")),
        ("J17", "url", json!(url)),
        ("J17", "nonce", json!("x")),
        ("J17", "foo", json!("bar")),
        ("J18", "crit", json!(["exp"])),
        ("J18", "crit", json!([])),
        ("J18", "crit", json!("exp")),
        ("J18", "crit", json!([null])),
        ("J19", "b64", json!(false)),
        ("J20", "zip", json!("DEF")),
        ("J20", "enc", json!("A128GCM")),
        ("J20", "cty", json!("JWT")),
    ] {
        forge.refused(row, &forge.with_header(name, value));
    }
    assert!(listener.accept().is_err(), "J15: somebody fetched a key");
    let (kid, claims) = (&forge.access.0, forge.claims().to_string());
    for header in [
        format!(r#"{{"alg":"ES256","alg":"none","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"x","kid":"{kid}"}}"#),
        r#"["ES256","at+jwt"]"#.to_owned(),
        "\"ES256\"".to_owned(),
        "1".to_owned(),
        "null".to_owned(),
        "{".to_owned(),
        format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}"}}x"#),
        format!("\u{feff}{}", forge.header()),
        format!("{}{}", "[".repeat(2000), "]".repeat(2000)),
    ] {
        forge.refused("J21/J23", &forge.es256(&header, claims.as_bytes()));
    }
    for doubled in ["exp", "sub", "iss", "aud", "jti", "roles", "\\u0065xp"] {
        let payload =
            format!("{},\"{doubled}\":{}}}", claims.trim_end_matches('}'), json!(forge.claims()[doubled.replace("\\u0065", "e").as_str()]));
        let twice = if doubled == "aud" { payload.replacen("\"aud\"", "\"aud\":null,\"aud\"", 1) } else { payload };
        forge.refused("J22", &forge.es256(&forge.header().to_string(), twice.as_bytes()));
    }
    let spaced = format!("{{ \"alg\" : \"ES256\",\n\"typ\":\"at+jwt\" ,\"kid\":\"{kid}\"}} ");
    forge.client.test(&forge.es256(&spaced, claims.as_bytes())).expect(200);
}

#[test]
fn j25_only_strict_base64url_is_read() {
    let forge = Forge::new();
    let (header, payload, signature) = parts(&forge.pair.access);
    for spoiled in ["=", "+", "/", " ", "A", "\t", "А"] {
        // White space at the end of a header's value is not part of it (RFC 9110 §5.5).
        let at_the_end = (!spoiled.trim().is_empty()).then(|| format!("{header}.{payload}.{signature}{spoiled}"));
        let inside = [format!("{header}{spoiled}.{payload}.{signature}"), format!("{header}.{payload}{spoiled}.{signature}")];
        for token in inside.into_iter().chain(at_the_end) {
            let answer = forge.client.try_send("GET", "/test", &[("Authorization", &format!("Bearer {token}"))], None);
            // What is no header value is refused by the front, or not sent at all.
            assert!(
                answer.is_err() || matches!(answer, Ok(ref answer) if [400, 401].contains(&answer.status)),
                "J25 {spoiled:?}: {answer:?}"
            );
        }
    }
    // The last letter of a 64-byte signature holds four bits that must be zero.
    let last = signature.chars().last().unwrap();
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
    let place = alphabet.iter().position(|letter| *letter == last).unwrap();
    let trailing = format!("{}{}", &signature[..signature.len() - 1], alphabet[place | 1]);
    assert_ne!(trailing, signature);
    forge.refused("J25", &format!("{header}.{payload}.{trailing}"));
}

#[test]
fn j46_no_well_known_secret_signs_for_a_server_without_one() {
    let forge = Forge::new();
    for secret in ["", "secret", "password", "your-256-bit-secret", "jwt-secret", "changeme", "super-secret", "doorward", "key"] {
        forge.refused("J46", &forge.hmac(&json!({"alg": "HS256", "typ": "JWT"}), secret.as_bytes(), Algorithm::HS256));
    }
}

#[test]
fn j52_a_token_anywhere_but_in_the_authorization_header_is_no_token() {
    let forge = Forge::new();
    let token = &forge.pair.access;
    let header = |name: &str, value: &str| forge.client.send("GET", "/test", &[(name, value)], None);
    for answer in [
        forge.client.get(&format!("/test?access_token={token}")),
        forge.client.get(&format!("/test?jwt={token}")),
        header("Cookie", &format!("access_token_cookie={token}")),
        header("X-Auth-Token", token),
        header("Proxy-Authorization", &format!("Bearer {token}")),
        forge.client.json("POST", "/logout", None, &json!({"access_token": token})),
    ] {
        answer.refused(401, "authorization_required");
    }
    forge.client.test(token).expect(200);
}
