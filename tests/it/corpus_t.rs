//! Corpus T, time: the executable on a data directory that has seen a later time than the system clock shows, as after the
//! clock was set back.
//!
//! Steps while it runs, and how long a step forward is doubted, are tested where the clock is: `src/auth/clock.rs`.

use std::time::Duration;

use doorward::auth::clock::Timestamp;
use doorward::auth::code::{Code, Invite, RESET_LIFE, Reset};
use doorward::auth::session::{Lifetimes, Session};
use doorward::auth::user::UserId;
use doorward::store::{SledStore, Store as _, StoreOptions, Which};
use serde_json::{Value, json};

use crate::cookies::verify;
use crate::corpus::Corpus;
use crate::server::{PASSWORD, Pair, Server, add_admin};
use crate::services::{SECRET, minted, now};

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

/// The cookie, the reset code and the invite of a server whose clock was ahead when it made them, kept as it keeps them; then all
/// sessions of its administrator were ended. The server that runs after it has the right time.
fn made_ahead(by: Duration) -> (Server, [Code; 3]) {
    let mut server = Server::with(&[], &[("DOORWARD_REGISTRATION", "invite"), ("JWT_SECRET_KEY", SECRET)]);
    assert!(server.stop().success());
    add_admin(server.directory.path(), "boss");
    let codes = rocket::tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = SledStore::open(&StoreOptions::new(server.data_dir())).unwrap();
        let (id, made) = (UserId::new(1), Timestamp::from_secs(now()) + by);
        let boss = store.user(id).await.unwrap().unwrap();
        store.end_sessions(id, Which::All, None, made).await.unwrap();
        let mut session = Session::open(id, made, &Lifetimes::USUAL);
        let codes = [Code::cookie(session.id).unwrap(), Code::reset(id).unwrap(), Code::invite().unwrap()];
        session.cookie = Some(codes[0].digest());
        assert!(store.open_session(None, session, boss.password, None).await.unwrap());
        assert!(store.put_reset(id, Reset { digest: codes[1].digest(), expires: made + RESET_LIFE }).await.unwrap());
        let invite = Invite { digest: codes[2].digest(), created: made, expires: made + RESET_LIFE };
        assert!(store.insert_invite(invite, 10).await.unwrap());
        store.close().await.unwrap();
        codes
    });
    server.start_again();
    (server, codes)
}

#[test]
fn t4_what_was_made_while_the_clock_was_ten_years_ahead_is_good_for_nothing_when_it_is_right_again() {
    // A clock that steps by minutes harms nobody.
    for (by, is_good) in [(Duration::from_secs(600), true), (Duration::from_secs(315_360_000), false)] {
        let (server, [cookie, reset, invite]) = made_ahead(by);
        let client = server.client();
        let as_made = |good: u16, refused: u16| if is_good { good } else { refused };
        verify(&client, &format!("doorward={}", cookie.expose())).expect(as_made(200, 401));
        let joining = json!({"username": "arun", "password": PASSWORD, "invite": invite.expose()});
        client.json("POST", "/register", None, &joining).expect(as_made(201, 403));
        let renewing = json!({"code": reset.expose(), "new_password": "an entirely new one"});
        client.json("POST", "/reset", None, &renewing).expect(as_made(200, 401));
    }
}

#[test]
fn t4_a_cut_off_of_ten_years_ahead_is_put_right_by_the_next_logout_everywhere() {
    let (server, _) = made_ahead(Duration::from_secs(315_360_000));
    let client = server.client();
    let of_an_app = || minted(SECRET, &json!({"sub": "1", "iat": now(), "exp": now() + 600}));
    let before = of_an_app();
    // What it was to refuse cannot be told from what it was not.
    client.test(&before).refused(401, "token_revoked");
    client.with_token("POST", "/logout?scope=global", &client.login("boss").access).expect(200);
    let cut_off = now();
    client.test(&minted(SECRET, &json!({"sub": "1", "iat": cut_off - 60, "exp": cut_off + 600}))).refused(401, "token_revoked");
    client.test(&of_an_app()).expect(200);
}
