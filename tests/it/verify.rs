//! `doorward verify`: green at a server that is as it should be, red at one whose answers are changed on the way, and it
//! leaves nobody behind.

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::authority::Authority;
use crate::cli::{run_in, said};
use crate::cli_url::tls;
use crate::meddler::{Meddler, Request, as_it_is};
use crate::server::{Nobody, PASSWORD, Server, add_admin, credentials, doorward, with_admin_and};

/// What a run left with and said.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Self {
        let elsewhere = tempfile::TempDir::new().unwrap();
        let (code, out, err) = said(&run_in(elsewhere.path(), &[&["verify"], arguments].concat(), environment, input));
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "nothing was opened here");
        Self { code, out, err }
    }

    /// Each check that ended so, of `--json`.
    fn ended(&self, result: &str) -> Vec<String> {
        let report: Value = serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err));
        let rows = report["checks"].as_array().unwrap().iter().filter(|row| row["result"] == result);
        rows.map(|row| row["check"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn is_good(&self, skipped: &[&str]) {
        assert!(self.code == Some(0) && self.ended("failed").is_empty(), "{:?} {} {}", self.code, self.out, self.err);
        assert_eq!(self.ended("skipped"), skipped, "{}", self.out);
    }

    fn shows_no_token(&self) -> bool {
        !self.out.contains("eyJ") && !self.err.contains("eyJ")
    }
}

/// The names of all users.
fn users(directory: &Path) -> Vec<String> {
    let (_, out, err) = said(&run_in(directory, &["user", "list", "--json"], &[], ""));
    let users: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {err}"));
    users.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

const ALWAYS: [&str; 2] = ["insists on https", "an expired token"];

#[test]
fn a_server_as_it_comes_passes_every_check_and_keeps_nobody() {
    let server = Server::start();
    let ran = Ran::of(&["--url", &server.url, "--json"], &[], "");
    ran.is_good(&ALWAYS);
    assert!(ran.ended("ok").len() > 40 && ran.shows_no_token(), "{}", ran.out);
    assert_eq!(users(server.directory.path()), Vec::<String>::new());
    let ran = Ran::of(&["--url", &server.url], &[], "");
    assert_eq!(ran.err, format!("at {}\n", server.url));
    assert!(ran.out.starts_with("RESULT ") && ran.out.ends_with(" 0 failed, 2 skipped\n"), "{}", ran.out);
    assert!(Ran::of(&["--url", &server.url, "--quiet"], &[], "").err.is_empty());
}

#[test]
fn tokens_that_expire_soon_are_seen_to_expire_and_shared_secrets_have_no_published_key() {
    let settings = [("JWT_SECRET_KEY", "a secret of at least thirty-two bytes"), ("JWT_ACCESS_TOKEN_EXPIRES", "10")];
    let server = Server::with(&[], &settings);
    Ran::of(&["--url", &server.url, "--json"], &[], "").is_good(&["insists on https", "the token, by the published keys"]);
}

#[test]
fn a_closed_server_is_checked_with_a_user_that_stays_as_it_is() {
    let (server, client, boss) = with_admin_and(&[("DOORWARD_REGISTRATION", "closed")]);
    client.json("POST", "/users", Some(&boss.access), &credentials("arun")).expect(201);
    let ran = Ran::of(&["--url", &server.url, "--json", "--user", "Arun"], &[], &format!("{PASSWORD}\n"));
    let spared = [
        "make a user",
        "the same name again",
        "change the password",
        "log in with the old password",
        "log in to leave",
        "delete the own account",
        "the token of a user that is gone",
        "log in as a user that is gone",
    ];
    let skipped = [&["insists on https"], &spared[..2], &["an expired token"], &spared[2..]].concat();
    ran.is_good(&skipped);
    assert!(!ran.out.contains(PASSWORD));
    let arun = client.login("arun");
    let sessions = client.with_token("GET", "/me/sessions", &arun.access).json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "only the one just opened: {sessions}");
    let ran = Ran::of(&["--url", &server.url, "--json", "--user", "arun"], &[], "wrong\n");
    assert!(ran.code == Some(1) && ran.ended("failed") == ["log in", "log in again"], "{}", ran.out);
}

#[test]
fn what_a_deployment_forbids_is_skipped_and_an_administrators_token_opens_it() {
    let (server, _, boss) = with_admin_and(&[("DOORWARD_REGISTRATION", "closed")]);
    let ran = Ran::of(&["--url", &server.url, "--json"], &[], "");
    assert!(ran.code == Some(0) && ran.out.contains("registration is closed; check with --user"), "{}", ran.out);
    assert_eq!((ran.ended("failed").len(), ran.ended("skipped").len()), (0, 28), "{}", ran.out);
    Ran::of(&["--url", &server.url, "--json"], &[("DOORWARD_TOKEN", &boss.access)], "").is_good(&ALWAYS);
    let file = server.directory.path().join("token");
    std::fs::write(&file, &boss.access).unwrap();
    Ran::of(&["--url", &server.url, "--json", "--token-file", file.to_str().unwrap()], &[], "").is_good(&ALWAYS);
    assert_eq!(users(server.directory.path()), ["boss"]);
}

#[test]
fn an_invite_is_enough_where_registration_takes_one() {
    let (server, client, boss) = with_admin_and(&[("DOORWARD_REGISTRATION", "invite")]);
    let ran = Ran::of(&["--url", &server.url, "--json"], &[], "");
    assert!(ran.code == Some(0) && ran.out.contains("registration takes an invite"), "{}", ran.out);
    let code = client.json("POST", "/invites", Some(&boss.access), &serde_json::json!({})).expect(201).json()["code"].clone();
    let file = server.directory.path().join("invite");
    std::fs::write(&file, code.as_str().unwrap()).unwrap();
    let ran = Ran::of(&["--url", &server.url, "--json", "--invite-file", file.to_str().unwrap()], &[], "");
    ran.is_good(&["insists on https", "the same name again", "an expired token"]);
    assert!(!ran.out.contains(code.as_str().unwrap()));
    assert_eq!(users(server.directory.path()), ["boss"]);
}

#[test]
fn behind_a_proxy_with_tls_and_a_path_of_its_own_the_server_passes_as_well() {
    let settings =
        [("DOORWARD_BASE_PATH", "/auth"), ("DOORWARD_PUBLIC_URL", "https://localhost"), ("DOORWARD_TRUSTED_PROXIES", "127.0.0.1")];
    let server = Server::with(&[], &settings);
    let ca = server.directory.path().join("ca.pem");
    let proxy = Meddler::with_tls(server.address(), tls(&ca), "/auth", as_it_is);
    let url = format!("https://localhost:{}/auth", proxy.port());
    let ran = Ran::of(&["--url", &url, "--json", "--ca", ca.to_str().unwrap()], &[], "");
    ran.is_good(&["an expired token"]);
    let ran = Ran::of(&["--url", &url, "--json"], &[("SSL_CERT_FILE", ca.to_str().unwrap())], "");
    ran.is_good(&["an expired token"]);
    let empty = server.directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let ran = Ran::of(&["--url", &url, "--ca", empty.to_str().unwrap()], &[("SSL_CERT_FILE", ca.to_str().unwrap())], "");
    assert!(ran.code == Some(1) && ran.err.contains("has no certificate in PEM"), "{}", ran.err);
    assert_eq!(users(server.directory.path()), Vec::<String>::new());
}

/// What is changed on the way (where the request begins so), and the checks that must fail by it and no other.
type Change = (&'static str, &'static str, &'static str, &'static [&'static str]);

const CHANGES: &[Change] = &[
    ("GET /health", "\"ok\"", "\"ko\"", &["health"]),
    ("GET /ready", "x-request-id", "x-request-ie", &["ready"]),
    ("GET /ready", "HTTP/1.1 200", "HTTP/1.1 500", &["ready"]),
    ("GET /.well", "max-age", "max-agf", &["published keys"]),
    ("GET /.well", "\"kid\":\"", "\"kid\":\"x", &["published keys", "the token, by the published keys"]),
    ("GET /.well", "\"x\":\"", "\"z\":\"", &["the token, by the published keys"]),
    ("GET /openapi", concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"9.9.9\"", &["version"]),
    ("GET /openapi", "\"url\":\"/\"", "\"url\":\"x\"", &["where a proxy shows it"]),
    ("GET /health", "cache-control", "cache-kontrol", &["not kept by caches"]),
    ("GET /health", "default-src 'none'", "default-src 'self'", &["nothing is loaded"]),
    ("GET /health", "x-frame-options", "x-frame-optionz", &["no frames"]),
    ("GET / ", "text/html", "text/htmx", &["page"]),
    ("POST /login", "HTTP/1.1 400", "HTTP/1.1 500", &["malformed JSON"]),
    ("POST /login", "\"password\":[", "\"passwort\":[", &["missing fields"]),
    ("POST /login", "HTTP/1.1 415", "HTTP/1.1 400", &["wrong content type"]),
    ("POST /login", "\"too_large\"", "\"too_largf\"", &["a body that is too long"]),
    ("GET /verify", "\"message\"", "\"massage\"", &["unknown path"]),
    ("GET /login", "allow: ", "allov: ", &["wrong method"]),
    ("GET /test", "authorization_required", "authorization_requires", &["no token"]),
    ("GET /test", "error=\"invalid", "error=\"spoiled", &["garbage for a token"]),
    ("POST /register", "location: ", "lokation: ", &["make a user"]),
    ("POST /register", "HTTP/1.1 409", "HTTP/1.1 201", &["the same name again"]),
    ("POST /login", "no-store", "no-stork", &["log in", "log in again", "log in to leave"]),
    ("GET /test", "Auth Checked", "Auth Chucked", &["protected route"]),
    ("GET /me ", "verify-", "verifx-", &["who am I"]),
    ("GET /me/sessions", "\"current\":true", "\"current\":null", &["sessions"]),
    ("POST /refresh", "token_reused", "token_renewd", &["an older refresh token"]),
    ("PUT /me/password", "HTTP/1.1 200", "HTTP/1.1 500", &["change the password", "log in to leave"]),
    ("POST /logout", "HTTP/1.1 200", "HTTP/1.1 204", &["log out"]),
    ("GET /test", "token_revoked", "token_revived", &["the session has ended by that", "the token after the logout"]),
];

#[test]
fn each_answer_that_is_changed_on_the_way_is_noticed() {
    // The one who meddles is a proxy that is not named: all that come through it count as one.
    let server = Server::with(&[], &[("DOORWARD_THROTTLE_REGISTRATIONS", "1000"), ("DOORWARD_THROTTLE_FAILURES", "1000")]);
    for &(begins, from, to, wanted) in CHANGES {
        let proxy = Meddler::new(server.address(), move |request, answer| {
            let answer = as_it_is(request, answer);
            if request.line.starts_with(begins) { answer.replacen(from, to, 1) } else { answer }
        });
        let ran = Ran::of(&["--url", &proxy.url(), "--json"], &[], "");
        let failed = ran.ended("failed");
        assert!(ran.code == Some(1) && ran.err.contains("is not as it should be"), "{begins} {from}: {} {}", ran.out, ran.err);
        assert!(failed.iter().all(|check| wanted.contains(&check.as_str())) && !failed.is_empty(), "{begins} {from}: {failed:?}");
    }
    assert_eq!(users(server.directory.path()), Vec::<String>::new(), "a check that failed leaves nobody behind");
}

#[test]
fn a_server_that_takes_forged_and_ended_tokens_is_noticed() {
    let server = Server::start();
    let proxy = Meddler::new(server.address(), |request, answer| {
        let answer = as_it_is(request, answer);
        let is_guarded = ["GET /test", "POST /refresh", "POST /login"].iter().any(|route| request.line.starts_with(route));
        if is_guarded && request.has_content { answer.replacen("HTTP/1.1 401", "HTTP/1.1 200", 1) } else { answer }
    });
    let ran = Ran::of(&["--url", &proxy.url(), "--json"], &[], "");
    let failed = ran.ended("failed");
    for check in [
        "log in with a wrong password",
        "garbage for a token",
        "a changed signature",
        "no signature (alg none)",
        "a refresh token in place of an access token",
        "an older refresh token",
        "the session has ended by that",
        "log in with the old password",
        "the token after the logout",
        "refresh after the logout",
        "the token of a user that is gone",
        "log in as a user that is gone",
    ] {
        assert!(failed.iter().any(|one| one == check), "{check}: {}", ran.out);
    }
    assert_eq!(users(server.directory.path()), Vec::<String>::new());
}

#[test]
fn a_user_that_cannot_be_deleted_is_named() {
    let server = Server::start();
    let proxy = Meddler::new(server.address(), |request, answer| {
        if request.line.starts_with("DELETE ") {
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
        } else {
            as_it_is(request, answer)
        }
    });
    let ran = Ran::of(&["--url", &proxy.url(), "--json"], &[], "");
    let left = users(server.directory.path());
    assert!(left.len() == 1 && left[0].starts_with("verify-"), "{left:?}");
    assert!(ran.code == Some(1) && ran.err.contains(&format!("the user {} may remain", left[0])), "{}", ran.err);
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap()["remains"], left[0]);
}

#[test]
fn who_must_wait_a_moment_waits_and_who_must_wait_long_says_so() {
    let server = Server::start();
    for (secs, is_skipped) in [("1", false), ("900", true)] {
        let asked = std::sync::atomic::AtomicBool::new(false);
        let proxy = Meddler::new(server.address(), move |request, answer| {
            let is_first = request.line.starts_with("POST /register") && !asked.swap(true, std::sync::atomic::Ordering::Relaxed);
            if is_first {
                format!("HTTP/1.1 429 Too Many Requests\r\nRetry-After: {secs}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            } else {
                as_it_is(request, answer)
            }
        });
        let ran = Ran::of(&["--url", &proxy.url(), "--json"], &[], "");
        assert_eq!(ran.code, Some(0), "{}", ran.out);
        assert_eq!(ran.out.contains("429: the server asks to wait 900 s"), is_skipped, "{}", ran.out);
        assert_eq!(ran.ended("skipped").iter().any(|check| check == "log in"), is_skipped, "{}", ran.out);
    }
    assert_eq!(users(server.directory.path()), Vec::<String>::new());
}

#[test]
fn at_ctrl_c_it_deletes_its_user_and_leaves() {
    let server = Server::start();
    let (reached, at_sessions) = mpsc::channel();
    let (go_on, waits) = mpsc::channel::<()>();
    let waits = std::sync::Mutex::new(waits);
    let proxy = Meddler::new(server.address(), move |request, answer| {
        if request.line.starts_with("GET /me/sessions") {
            reached.send(()).unwrap();
            waits.lock().unwrap().recv().unwrap();
        }
        as_it_is(request, answer)
    });
    let elsewhere = tempfile::TempDir::new().unwrap();
    let mut command = doorward(elsewhere.path());
    command.args(["verify", "--json", "--url", &proxy.url()]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child: Child = command.spawn().unwrap();
    at_sessions.recv().unwrap();
    assert_eq!(users(server.directory.path()).len(), 1);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    go_on.send(()).unwrap();
    let (code, _, err) = said(&child.wait_with_output().unwrap());
    assert!(code == Some(1) && err.contains("stopped before the last check"), "{err}");
    assert_eq!(users(server.directory.path()), Vec::<String>::new());
}

#[test]
fn no_token_and_no_password_that_went_over_the_wire_is_printed() {
    let server = Server::start();
    add_admin(server.directory.path(), "boss");
    let (heard, secrets) = mpsc::channel();
    let proxy = Meddler::new(server.address(), move |request, answer| {
        let answer = as_it_is(request, answer);
        let bodies = [request.body.as_str(), answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)];
        for body in bodies.iter().filter_map(|body| serde_json::from_str::<Value>(body).ok()) {
            for name in ["password", "new_password", "access_token", "refresh_token"] {
                heard.send(body[name].as_str().unwrap_or_default().to_owned()).unwrap();
            }
        }
        answer
    });
    for format in [&["--json"][..], &[]] {
        let ran = Ran::of(&[&["--url", &proxy.url()], format].concat(), &[], "");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let secrets: Vec<_> = secrets.try_iter().filter(|secret| secret.len() > 7 && secret.len() < 5000).collect();
        assert!(secrets.len() > 10, "{secrets:?}");
        assert!(
            secrets
                .iter()
                .filter(|secret| *secret != "not the password")
                .all(|secret| !ran.out.contains(secret) && !ran.err.contains(secret))
        );
    }
}

#[test]
fn what_is_missing_is_usage_and_a_server_that_is_not_there_is_said() {
    let ran = Ran::of(&[], &[], "");
    assert!(ran.code == Some(2) && ran.err.contains("verify needs --url"), "{}", ran.err);
    let ran = Ran::of(&["--url", "http://localhost", "--user", "arun", "--token-file", "x"], &[], "");
    assert!(ran.code == Some(2) && ran.err.contains("is enough"), "{}", ran.err);
    let nobody = Nobody::new();
    let ran = Ran::of(&["--url", &format!("http://{}", nobody.address())], &[], "");
    assert!(ran.code == Some(1) && ran.err.contains("cannot reach") && ran.out.is_empty(), "{}", ran.err);
}

#[test]
fn the_meddler_hands_on_what_it_is_told_to_leave() {
    let server = Server::start();
    let proxy = Meddler::new(server.address(), |request: &Request, answer| as_it_is(request, answer));
    assert_eq!(crate::server::Client::of(&proxy.url()).get("/health").expect(200).text, "{\"status\":\"ok\"}");
}

#[test]
fn a_certificate_that_is_its_own_authority_is_refused_in_words_for_people() {
    let authority = Authority::new();
    authority.issue_self_signed_authority();
    let server = authority.server(&[]);
    let url = format!("https://localhost:{}", server.address().port());
    let ran = Ran::of(&["--url", &url, "--ca", &authority.path("cert.pem")], &[], "");
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(
        ran.err.contains("its certificate is an authority's (CA:TRUE)") && ran.err.contains("basicConstraints = CA:FALSE"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("CaUsedAsEndEntity"), "{}", ran.err);
}

#[test]
fn asked_beside_its_proxy_it_is_said_that_the_public_address_is_wanted() {
    let server = Server::with(&[], &[("DOORWARD_BASE_PATH", "/auth")]);
    let ran = Ran::of(&["--url", &server.url, "--json"], &[], "");
    assert!(ran.code == Some(1) && ran.ended("failed").contains(&"where a proxy shows it".to_owned()), "{}", ran.out);
    assert!(ran.err.contains("give --url the public address, where browsers reach the server"), "{}", ran.err);
    let server = Server::start();
    assert!(!Ran::of(&["--url", &server.url, "--json"], &[], "").err.contains("public address"));
}
