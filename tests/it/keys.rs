//! Keys: what is published, and that their life refuses no valid token and accepts no other.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use doorward::auth::clock::Timestamp;
use serde_json::{Value, json};

use crate::races::rounds;
use crate::server::{Client, Pair, Server, add_admin, doorward, with_admin, with_admin_and};

fn fixture(name: &str) -> String {
    format!("{}/tests/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

fn pem(name: &str) -> Value {
    json!({"pem": std::fs::read_to_string(fixture(name)).unwrap(), "now": true})
}

fn part(token: &str, number: usize) -> Value {
    serde_json::from_slice(&BASE64URL.decode(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

fn header(token: &str) -> Value {
    part(token, 0)
}

fn kid(token: &str) -> String {
    header(token)["kid"].as_str().unwrap().to_owned()
}

fn published(client: &Client) -> Vec<Value> {
    client.get("/.well-known/jwks.json").expect(200).json()["keys"].as_array().unwrap().clone()
}

fn kids(client: &Client) -> BTreeSet<String> {
    published(client).iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn rotate(client: &Client, boss: &Pair, body: &Value) -> Value {
    client.json("POST", "/keys", Some(&boss.access), body).expect(201).json()
}

fn states(client: &Client, boss: &Pair) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let body = client.with_token("GET", "/keys", &boss.access).expect(200).json();
    body["keys"].as_array().unwrap().iter().map(|key| (text(&key["kid"]), text(&key["state"]))).collect()
}

/// RFC 7638 §3: the required members, in the order of their names.
fn thumbprint(key: &Value) -> String {
    let names: &[&str] = match key["kty"].as_str() {
        Some("EC") => &["crv", "kty", "x", "y"],
        Some("OKP") => &["crv", "kty", "x"],
        _ => &["e", "kty", "n"],
    };
    let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":{}", key[name])).collect();
    BASE64URL.encode(digest(&SHA256, format!("{{{}}}", members.join(",")).as_bytes()))
}

#[test]
fn the_published_keys_are_public_for_signatures_and_named_by_their_thumbprints() {
    let (_server, client, boss) = with_admin();
    rotate(&client, &boss, &json!({"algorithm": "EdDSA"}));
    rotate(&client, &boss, &pem("rsa-3072"));
    let answer = client.get("/.well-known/jwks.json").expect(200);
    assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let keys = published(&client);
    assert_eq!(keys.iter().map(|key| key["alg"].as_str().unwrap()).collect::<BTreeSet<_>>(), ["ES256", "EdDSA", "RS256"].into());
    assert_eq!(kids(&client).len(), 3);
    for key in &keys {
        assert_eq!((&key["use"], &key["kid"]), (&"sig".into(), &thumbprint(key).into()));
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert!(key.get(private).is_none(), "{key}");
        }
    }
}

#[test]
fn with_a_shared_secret_alone_nothing_is_published() {
    let secret = ("JWT_SECRET_KEY", "a secret of thirty-two bytes or more");
    let (_server, client, boss) = with_admin_and(&[secret]);
    assert_eq!(client.get("/.well-known/jwks.json").expect(200).json(), json!({"keys": []}));
    let listed = client.with_token("GET", "/keys", &boss.access).expect(200);
    assert_eq!(listed.json(), json!({"keys": [{"kid": null, "algorithm": "HS256", "state": "active", "signs": true}]}));
    assert!(!listed.text.contains(secret.1));
    // A key that is made meanwhile is ready for the day the secret goes.
    let made = rotate(&client, &boss, &json!({}));
    assert_eq!((&made["state"], &made["signs"]), (&"active".into(), &false.into()));
    assert_eq!(header(&client.newcomer("arun").access)["alg"], "HS256");
}

#[test]
fn a_new_key_is_published_before_it_signs_and_takes_over_when_verifiers_know_it() {
    let (_server, client, boss) = with_admin();
    let made = rotate(&client, &boss, &json!({"algorithm": "EdDSA"}));
    assert_eq!(made["state"], "next");
    let waits = made["activates"].as_u64().unwrap() - made["created"].as_u64().unwrap();
    assert_eq!(waits, 300, "as long as the key set may be cached");
    assert!(kids(&client).contains(made["kid"].as_str().unwrap()));
    assert_ne!(kid(&client.newcomer("arun").access), made["kid"]);

    let (mut server, client, boss) = with_admin_and(&[("DOORWARD_JWKS_MAX_AGE", "1")]);
    let made = rotate(&client, &boss, &json!({"algorithm": "EdDSA"}));
    let token = client.newcomer("arun").access;
    assert_ne!(kid(&token), made["kid"]);
    // What is due takes over at each start, and every minute.
    let new = std::iter::repeat_with(|| {
        crate::users::next_second();
        server.kill_and_start_again();
        server.client().login("arun").access
    });
    let new = new.take(50).find(|token| made["kid"] == kid(token)).expect("it takes over");
    assert_eq!(header(&new)["alg"], "EdDSA");
    server.client().test(&token).expect(200);
    server.client().test(&new).expect(200);
}

#[test]
fn a_retired_keys_tokens_live_out_their_time_and_then_the_key_is_gone() {
    let (mut server, client, boss) = with_admin();
    let old = client.newcomer("arun").access;
    let made = rotate(&client, &boss, &json!({"now": true}));
    assert_eq!(made["state"], "active");
    client.test(&old).expect(200);
    let new = client.login("arun").access;
    assert_eq!((kid(&new), kids(&client).len()), (made["kid"].as_str().unwrap().to_owned(), 2));
    client.test(&new).expect(200);
    // The key lives on for as long as a token of its may, and a little more.
    let expires = Timestamp::from_secs(part(&old, 1)["exp"].as_u64().unwrap());
    server.stop_and_see(|_| expires);
    server.start_again();
    server.client().test(&old).refused(401, "token_expired");
    server.stop_and_see(|seen| seen + Duration::from_secs(60));
    server.start_again();
    server.client().test(&old).refused(401, "invalid_token");
    assert_eq!(kids(&server.client()).len(), 1);
}

#[test]
fn a_leaked_keys_tokens_are_refused_from_the_answer_on() {
    let (mut server, client, boss) = with_admin();
    let pair = client.newcomer("arun");
    for _ in 0..3 {
        client.test(&pair.access).expect(200);
    }
    rotate(&client, &boss, &json!({"now": true}));
    let leaked = format!("/keys/{}", kid(&pair.access));
    client.with_token("DELETE", &leaked, &boss.access).expect(200);
    client.test(&pair.access).expect(200);
    client.with_token("DELETE", &format!("{leaked}?now=maybe"), &boss.access).refused(422, "validation_failed");
    client.with_token("DELETE", &format!("{leaked}?now=true"), &boss.access).expect(200);
    client.test(&pair.access).refused(401, "invalid_token");
    let boss = client.login("boss");
    client.with_token("DELETE", &leaked, &boss.access).refused(404, "not_found");
    let next = Pair::of(&client.refresh(&pair.refresh).expect(200));
    server.kill_and_start_again();
    server.client().test(&pair.access).refused(401, "invalid_token");
    server.client().test(&next.access).expect(200);
}

#[test]
fn the_last_signing_key_stays_and_a_next_one_takes_its_place() {
    let (_server, client, boss) = with_admin();
    let first = kid(&boss.access);
    for query in ["", "?now=true"] {
        client.with_token("DELETE", &format!("/keys/{first}{query}"), &boss.access).refused(403, "forbidden");
    }
    client.with_token("DELETE", "/keys/unknown", &boss.access).refused(404, "not_found");
    let next = rotate(&client, &boss, &json!({}))["kid"].as_str().unwrap().to_owned();
    client.with_token("DELETE", &format!("/keys/{first}"), &boss.access).expect(200);
    client.test(&boss.access).expect(200);
    assert_eq!(kid(&client.login("boss").access), next);
    let expected = [(first, "verifying".to_owned()), (next, "active".to_owned())];
    assert_eq!(states(&client, &boss).into_iter().collect::<BTreeSet<_>>(), expected.into());
}

#[test]
fn imported_keys_sign_and_verify() {
    let (mut server, client, boss) = with_admin();
    for (name, algorithm) in [("rsa-3072", "RS256"), ("ec-p256", "ES256"), ("ed25519", "EdDSA")] {
        let key = rotate(&client, &boss, &pem(name));
        assert_eq!((&key["algorithm"], &key["state"]), (&algorithm.into(), &"active".into()));
        let token = client.login("boss").access;
        assert_eq!((&header(&token)["alg"], kid(&token)), (&algorithm.into(), key["kid"].as_str().unwrap().to_owned()));
        client.test(&token).expect(200);
        client.json("POST", "/keys", Some(&boss.access), &pem(name)).refused(422, "validation_failed");
    }
    let token = client.login("boss").access;
    server.kill_and_start_again();
    server.client().test(&token).expect(200);
    server.client().test(&boss.access).expect(200);
    assert_eq!(kids(&server.client()).len(), 4);
}

/// Keys that are weak, broken, of another kind or in other clothes, and what is said about each.
const REFUSED: &[(&str, &str)] = &[
    ("rsa-1024", "1024 bit"),
    ("rsa-2048", "2048 bit"),
    ("rsa-e1", "exponent"),
    ("rsa-e3", "exponent"),
    ("rsa-roca", "CVE-2017-15361"),
    ("rsa-unsound", "not sound"),
    ("rsa-3072-pkcs1", "openssl pkcs8 -topk8 -nocrypt"),
    ("ec-p256-sec1", "openssl pkcs8 -topk8 -nocrypt"),
    ("ec-p256-encrypted", "openssl pkcs8 -topk8 -nocrypt"),
    ("ec-p256-off-curve", "not sound"),
    ("ec-p384", "P-256"),
];

#[test]
fn weak_and_foreign_keys_are_refused_with_the_reason_and_change_nothing() {
    let (_server, client, boss) = with_admin();
    let before = (states(&client, &boss), kids(&client));
    for (name, says) in REFUSED {
        let answer = client.json("POST", "/keys", Some(&boss.access), &pem(name)).refused(422, "validation_failed");
        let fault = answer.json()["errors"]["json"]["pem"][0].as_str().unwrap().to_owned();
        assert!(fault.contains(says), "{name}: {fault}");
    }
    for body in [
        json!({"algorithm": "RS256"}),
        json!({"algorithm": "HS256"}),
        json!({"algorithm": "none"}),
        json!({"algorithm": 1}),
        json!({"pem": ""}),
        json!({"pem": 1}),
        json!({"pem": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"}),
        json!({"pem": pem("ec-p256")["pem"], "algorithm": "ES256"}),
        json!({"now": "yes"}),
        json!({"kid": "mine"}),
    ] {
        client.json("POST", "/keys", Some(&boss.access), &body).refused(422, "validation_failed");
    }
    assert_eq!((states(&client, &boss), kids(&client)), before);
    let shown = client.with_token("GET", "/keys", &boss.access).text;
    assert!(!shown.contains("secret") && !shown.contains("PRIVATE"));
}

#[test]
fn a_short_shared_secret_warns_and_works() {
    let server = Server::with(&[], &[("JWT_SECRET_KEY", &"x".repeat(31))]);
    server.client().newcomer("arun");
    let said = std::fs::read_to_string(server.directory.path().join("stderr")).unwrap();
    assert!(said.contains("JWT_SECRET_KEY has 31 bytes"), "{said}");
}

#[test]
fn a_rotation_under_traffic_refuses_nobody() {
    (0..rounds(1)).for_each(|_| rotate_under_traffic());
}

fn rotate_under_traffic() {
    let (server, client, boss) = with_admin();
    let (done, logins) = (AtomicBool::new(false), AtomicUsize::new(0));
    let traffic = |name: &str| {
        let client = Client::of(&server.url);
        let mut tokens = vec![client.newcomer(name).access];
        while !done.load(Ordering::Relaxed) {
            tokens.push(client.login(name).access);
            for token in &tokens {
                client.test(token).expect(200);
            }
            logins.fetch_add(1, Ordering::Relaxed);
        }
        tokens.iter().map(|token| kid(token)).collect::<BTreeSet<_>>()
    };
    std::thread::scope(|scope| {
        let users: Vec<_> = ["arun", "mira"].map(|name| scope.spawn(move || traffic(name))).into();
        // Of four logins at least the last began after now.
        let wait_for_logins = || {
            let enough = logins.load(Ordering::Relaxed) + 4;
            while logins.load(Ordering::Relaxed) < enough && users.iter().all(|user| !user.is_finished()) {
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        wait_for_logins();
        for body in [json!({"now": true}), json!({"algorithm": "EdDSA", "now": true}), pem("rsa-3072"), json!({"now": true})] {
            rotate(&client, &boss, &body);
            wait_for_logins();
        }
        done.store(true, Ordering::Relaxed);
        let signed: BTreeSet<_> = users.into_iter().flat_map(|user| user.join().expect("no answer but 200")).collect();
        assert!(signed.len() >= 5, "a token of each key was tried: {signed:?}");
    });
    assert_eq!(kids(&client).len(), 5);
}

#[test]
fn the_keys_stay_few() {
    let (_server, client, boss) = with_admin();
    for _ in 1..32 {
        rotate(&client, &boss, &json!({}));
    }
    client.json("POST", "/keys", Some(&boss.access), &json!({})).refused(422, "validation_failed");
    assert_eq!(kids(&client).len(), 32);
}

#[test]
fn the_command_line_lists_rotates_imports_and_retires() {
    let directory = tempfile::TempDir::new().unwrap();
    add_admin(directory.path(), "boss");
    let run = |arguments: &[&str]| {
        let output: std::process::Output = Command::output(doorward(directory.path()).arg("key").args(arguments)).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let listed = || -> Vec<Value> { serde_json::from_str(&run(&["list", "--json"]).1).unwrap() };
    let first = listed()[0]["kid"].as_str().unwrap().to_owned();
    assert_eq!((listed().len(), &listed()[0]["state"]), (1, &"active".into()));
    // An id may begin with any letter of base64url, so with that of a switch.
    let (code, _, err) = run(&["retire", "--", &first]);
    assert!(code == Some(1) && err.contains("The last signing key stays"), "{err}");
    let (code, out, err) = run(&["rotate", "--algorithm", "EdDSA"]);
    assert!(code == Some(0) && out.starts_with("EdDSA ") && out.contains("is next: signs in "), "{out}{err}");
    let (code, out, err) = run(&["import", &fixture("rsa-3072"), "--now"]);
    assert!(code == Some(0) && out.contains("is active: signs"), "{out}{err}");
    let (_, out, _) = run(&["list"]);
    assert!(out.starts_with("KEY ") && out.contains("RS256"), "{out}");
    // As long as a token lives and a little more, less what these commands took.
    let left: u64 = out.split_once("verifying  gone in ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!((300..=910).contains(&left), "{out}");
    assert_eq!(run(&["retire", "--now", "--", &first]).0, Some(0));
    assert_eq!(listed().len(), 2);
    for (file, says) in [("ec-p256-sec1", "openssl pkcs8 -topk8 -nocrypt"), ("rsa-1024", "1024 bit")] {
        let (code, out, err) = run(&["import", &fixture(file)]);
        assert!((code, out.as_str()) == (Some(1), "") && err.contains(says), "{err}");
    }
    for arguments in [&["rotate", "--algorithm", "RS256"][..], &["retire", "../users"], &["import", "nowhere.pem"]] {
        assert_eq!(run(arguments).0, Some(1), "{arguments:?}");
    }
    assert_eq!(listed().len(), 2);
}

#[test]
fn a_retirement_that_is_said_twice_to_be_at_once_is_refused() {
    let (_server, client, boss) = with_admin();
    let kid = client.with_token("GET", "/keys", &boss.access).expect(200).json()["keys"][0]["kid"].as_str().unwrap().to_owned();
    for query in ["now=true&now=true", "now=true&now=false", "now=null&now=null", "later=true"] {
        client.with_token("DELETE", &format!("/keys/{kid}?{query}"), &boss.access).refused(422, "validation_failed");
    }
    client.test(&boss.access).expect(200);
}
