//! Corpus T, time: the executable on a data directory that has seen a later time than the system clock shows, as after the
//! clock was set back.
//!
//! Steps while it runs, and how long a step forward is doubted, are tested where the clock is: `src/auth/clock.rs`.

use std::time::Duration;

use doorward::auth::clock::Timestamp;
use serde_json::{Value, json};

use crate::corpus::Corpus;
use crate::server::{Pair, Server};

/// Stops the server, lets its directory have seen a time that much later, and starts it again. Returns that time.
fn set_back(server: &mut Server, by: Duration) -> Timestamp {
    let mark = server.stop_and_see(|seen| seen + by);
    server.start_again();
    mark
}

fn claim(token: &str, name: &str) -> Value {
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&payload).unwrap()[name].clone()
}

#[test]
fn t1_and_t2_what_expired_before_the_clock_was_set_back_stays_expired() {
    let mut corpus = Corpus::start("T");
    let before = corpus.arun.clone();
    let mark = set_back(&mut corpus.server, Duration::from_secs(3600));
    corpus.client = corpus.server.client();
    corpus.client.test(&before.access).refused(401, "token_expired");
    corpus.count();
    let now = corpus.client.login("arun");
    assert!(claim(&now.access, "iat").as_u64().unwrap() >= mark.secs(), "T1: a token is dated before what was seen");
    corpus.client.test(&now.access).expect(200);
    corpus.count();
    // The session is 30 days long: an hour is nothing to it.
    let refreshed = Pair::of(&corpus.client.refresh(&before.refresh).expect(200));
    corpus.client.test(&refreshed.access).expect(200);
    corpus.count();
}

#[test]
fn t3_what_was_revoked_stays_revoked_wherever_the_clock_goes() {
    let mut corpus = Corpus::start("T");
    let out = corpus.client.login("arun");
    corpus.client.logout(&out.access).expect(200);
    // Within the token's life, past its end, and when its revocation may have been forgotten; each time the
    // system clock shows less.
    for by in [600, 1200, 20 * 3600] {
        set_back(&mut corpus.server, Duration::from_secs(by));
        corpus.client = corpus.server.client();
        let answer = corpus.client.test(&out.access);
        assert_eq!(answer.status, 401, "T3 {by}: {}", answer.text);
        corpus.client.refresh(&out.refresh).refused(401, "token_revoked");
        corpus.count();
    }
}

#[test]
fn t6_times_beyond_2038_and_2106_are_taken_as_they_are() {
    let secret = "a shared secret of thirty-two bytes";
    let server = Server::with(&[], &[("JWT_SECRET_KEY", secret)]);
    let client = server.client();
    let iat = claim(&client.newcomer("arun").access, "iat").as_u64().unwrap();
    for (exp, status) in
        [(1_u64 << 31, 200), ((1 << 32) + 1, 200), (1 << 53, 200), (i64::MAX.unsigned_abs(), 200), (0, 401), (1, 401), (iat - 1, 401)]
    {
        let claims = json!({"fresh": false, "iat": iat, "jti": exp.to_string(), "type": "access", "sub": "1", "nbf": iat, "exp": exp});
        let token = crate::passwords::signed(secret, &claims);
        let answer = client.test(&token);
        assert_eq!(answer.status, status, "T6 {exp}: {}", answer.text);
        client.get("/health").expect(200);
    }
}
