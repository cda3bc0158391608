//! Pages of other origins: what they may do where they are listed, that they never have the cookie, and that nobody else may anything.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cookies::{HTTPS, keep_signed_in, verify};
use crate::policy::mounted;
use crate::server::{Answer, Client, PASSWORD, Server, credentials, doorward};

const APP: &str = "http://localhost:3000";
const LISTED: (&str, &str) = ("DOORWARD_CORS_ORIGINS", "https://app.example.com, http://localhost:3000");
const ALLOWED: &str = "access-control-allow-origin";
/// What is for pages of every origin.
const FOR_ALL: [&str; 3] = ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/openapi.json"];

/// What a browser asks before it sends a page's request.
fn ask(client: &Client, origin: &str, method: &str, path: &str) -> Answer {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", "authorization,content-type,x-csrf-token"),
    ];
    client.send("OPTIONS", path, &headers, None)
}

fn cors_headers(answer: &Answer) -> BTreeSet<String> {
    answer.headers.keys().map(|name| name.as_str().to_owned()).filter(|name| name.starts_with("access-control-")).collect()
}

/// That this origin may read the answer, and nobody learns anything by a cookie.
#[track_caller]
fn is_readable(answer: &Answer, what: &str) {
    assert_eq!(answer.header(ALLOWED), Some(APP), "{what}: {answer:?}");
    assert_eq!(answer.header("Vary"), Some("Origin"), "{what}");
    assert_eq!(answer.header("Access-Control-Allow-Credentials"), None, "{what}");
    let shown = answer.header("Access-Control-Expose-Headers").unwrap();
    for name in ["X-Request-Id", "Retry-After", "WWW-Authenticate", "Location", "ETag"] {
        assert!(shown.contains(name), "{what}: {shown}");
    }
}

#[test]
fn a_listed_origins_page_may_call_every_route_but_the_one_for_proxies() {
    let server = Server::with(&[], &[LISTED]);
    let client = server.client();
    let mut walked = 0;
    for route in mounted() {
        let (method, path) = route.split_once(' ').unwrap();
        let asked = ask(&client, APP, method, path);
        let answer = client.send(method, path, &[("Origin", APP)], None);
        if path == "/verify" {
            asked.refused(405, "method_not_allowed");
            assert_eq!(cors_headers(&answer), BTreeSet::new(), "{answer:?}");
            continue;
        }
        assert_eq!((asked.status, asked.text.as_str()), (204, ""), "{route}");
        let methods = asked.header("Access-Control-Allow-Methods").unwrap();
        let known = client.send("FOO", path, &[], None).expect(405);
        assert_eq!(Some(methods), known.header("Allow"), "{route}: those of the route");
        assert!(methods.split(", ").any(|one| one == method), "{route}: {methods}");
        assert_eq!(
            asked.header("Access-Control-Allow-Headers"),
            Some("Authorization, Content-Type, If-None-Match, X-Request-Id"),
            "{route}"
        );
        assert_eq!(asked.header("Access-Control-Max-Age"), Some("600"), "{route}");
        is_readable(&asked, &route);
        if FOR_ALL.contains(&path) {
            assert_eq!(answer.header(ALLOWED), Some("*"), "{route}");
        } else {
            is_readable(&answer, &route);
        }
        walked += 1;
    }
    assert!(walked > 30, "only {walked} routes were walked");
    ask(&client, APP, "GET", "/nothing").refused(404, "not_found");
    client.send("OPTIONS", "/login", &[("Origin", APP)], None).refused(405, "method_not_allowed");
}

#[test]
fn refusals_are_readable_too_whoever_refuses() {
    let server = Server::with(&[], &[LISTED, ("DOORWARD_MAX_CONNECTIONS", "1")]);
    let client = server.client();
    let json = ("Content-Type", "application/json");
    let origin = ("Origin", APP);
    let long = vec![b' '; 20_000];
    for (method, path, headers, body, status) in [
        ("GET", "/test", &[origin][..], None, 401),
        ("GET", "/nothing", &[origin], None, 404),
        ("PUT", "/login", &[origin], None, 405),
        ("FOO", "/login", &[origin], None, 405),
        ("POST", "/login", &[origin, json], Some(&b"{}"[..]), 422),
        ("POST", "/login", &[origin, json], Some(b"{"), 400),
        ("POST", "/login", &[origin], Some(b"{}"), 415),
        ("POST", "/login", &[origin, json], Some(&long), 413),
        ("GET", "/test", &[origin, ("Authorization", "Bearer a"), ("Authorization", "Bearer b")], None, 400),
    ] {
        is_readable(&client.send(method, path, headers, body).expect(status), &format!("{method} {path} {status}"));
    }
    client.register("arun").expect(201);
    let wrong = json!({"username": "arun", "password": "not my password"}).to_string();
    let guess = || client.send("POST", "/login", &[origin, json], Some(wrong.as_bytes()));
    let waits = std::iter::repeat_with(guess).take(30).find(|answer| answer.status == 429).expect("who guesses must wait");
    is_readable(&waits, "429");
    client.get("/health").expect(200);
    // That connection is kept; another is one too many.
    let busy = server.client().impatient().send("GET", "/health", &[origin], None).refused(503, "overloaded");
    is_readable(&busy, "503");
}

/// All but what differs from answer to answer.
fn lasting(answer: &Answer) -> (u16, Vec<(String, String)>) {
    let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let mut headers: Vec<_> = headers.filter(|(name, _)| name != "x-request-id" && name != "date").collect();
    headers.sort();
    (answer.status, headers)
}

#[test]
fn whoever_is_not_listed_is_answered_as_if_nobody_were() {
    let (listing, plain) = (Server::with(&[], &[LISTED]), Server::start());
    let others = [
        "https://evil.example",
        "null",
        "http://localhost:3001",
        "https://localhost:3000",
        "http://LOCALHOST:3000",
        "http://localhost:3000/",
    ];
    for origin in others.into_iter().chain(["http://localhost:3000, https://app.example.com", "*", ""]) {
        for (method, path) in [
            ("OPTIONS", "/login"),
            ("OPTIONS", "/test"),
            ("POST", "/login"),
            ("GET", "/test"),
            ("GET", "/nothing"),
            ("GET", "/"),
            ("GET", "/openapi.json"),
        ] {
            let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
            let [mut here, there] = [&listing, &plain].map(|server| server.client().send(method, path, &headers, None));
            // A cache must not show a listed page what it keeps for others (Fetch, "CORS protocol and HTTP caches").
            let vary = here.headers.remove("vary");
            assert_eq!(vary.is_some(), path != "/openapi.json", "{method} {path}");
            assert_eq!(lasting(&here), lasting(&there), "{origin} {method} {path}");
            assert_eq!(cors_headers(&here).is_empty(), path != "/openapi.json", "{origin} {method} {path}");
        }
    }
    let two = [("Origin", APP), ("Origin", APP)];
    assert_eq!(cors_headers(&listing.client().send("GET", "/test", &two, None)), BTreeSet::new());
    assert_eq!(listing.client().get("/").header("Vary"), Some("Origin"), "also where nobody says an origin");
    assert_eq!(plain.client().send("GET", "/", &[("Origin", APP)], None).header("Vary"), None);
}

#[test]
fn a_listed_origin_has_nothing_of_the_cookie() {
    let server = Server::with(&[], &[LISTED]);
    let client = server.client();
    client.register("arun").expect(201);
    let (_, cookie) = keep_signed_in(&client, "arun");
    let sent = [("Origin", APP), ("Cookie", cookie.as_str())];
    let refused = client.send("POST", "/logout", &sent, None).refused(401, "authorization_required");
    is_readable(&refused, "a logout by cookie");
    let granted = ask(&client, APP, "POST", "/logout").expect(204);
    assert!(!granted.header("Access-Control-Allow-Headers").unwrap().to_lowercase().contains("csrf"), "{granted:?}");
    assert!(!cors_headers(&granted).contains("access-control-allow-credentials"));
    let shown = client.send("GET", "/verify", &sent, None).expect(200);
    assert_eq!(cors_headers(&shown), BTreeSet::new(), "no page may read who it is");
    for path in ["/me", "/test", "/me/sessions"] {
        client.send("GET", path, &sent, None).refused(401, "authorization_required");
    }
    let asking = json!({"username": "arun", "password": PASSWORD, "keep_signed_in": true}).to_string();
    let headers = [("Origin", APP), ("Content-Type", "application/json")];
    let given = client.send("POST", "/login", &headers, Some(asking.as_bytes())).expect(200);
    is_readable(&given, "without leave for credentials no browser keeps the cookie");
    verify(&client, &cookie).expect(200);
}

#[test]
fn public_documents_are_for_pages_of_every_origin() {
    for environment in [&[HTTPS][..], &[HTTPS, LISTED]] {
        let server = Server::with(&[], environment);
        for path in FOR_ALL {
            for headers in [&[][..], &[("Origin", "https://any.example")], &[("Origin", APP)]] {
                let answer = server.client().send("GET", path, headers, None).expect(200);
                assert_eq!((answer.header(ALLOWED), answer.header("Vary")), (Some("*"), None), "{path}");
                assert_eq!(answer.header("Cross-Origin-Resource-Policy"), Some("cross-origin"), "{path}");
            }
        }
        let other = server.client().get("/health");
        assert_eq!((other.header(ALLOWED), other.header("Cross-Origin-Resource-Policy")), (None, Some("same-origin")));
    }
}

#[test]
fn a_server_that_knows_its_https_address_tells_where_its_keys_are() {
    const PATH: &str = "/.well-known/oauth-authorization-server";
    Server::start().client().get(PATH).refused(404, "not_found");
    let server = Server::with(&[], &[HTTPS, ("DOORWARD_BASE_PATH", "/auth")]);
    let client = server.client();
    let answer = client.get(PATH).expect(200);
    assert_eq!((answer.header("Content-Type"), answer.header("Cache-Control")), (Some("application/json"), Some("no-cache")));
    client.send("GET", PATH, &[("If-None-Match", answer.header("ETag").unwrap())], None).expect(304);
    let metadata = answer.json();
    assert_eq!(metadata["issuer"], HTTPS.1);
    assert_eq!((&metadata["response_types_supported"], &metadata["token_endpoint"]), (&json!([]), &Value::Null));
    client.register("arun").expect(201);
    let token = client.login("arun").access;
    let claims = unjudged(&token);
    assert_eq!(claims["iss"], metadata["issuer"]);
    for (name, method) in
        [("jwks_uri", "GET"), ("introspection_endpoint", "POST"), ("revocation_endpoint", "POST"), ("service_documentation", "GET")]
    {
        let path = metadata[name].as_str().unwrap().strip_prefix("https://login.example.com/auth").unwrap();
        let answer = client.send(method, path, &[], None);
        assert!(answer.status != 404 && answer.status != 405, "{name}: {answer:?}");
    }
    let document = client.get("/openapi.json").json();
    assert!(document["paths"][PATH]["get"].is_object());
}

/// The claims of a token, unjudged.
fn unjudged(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn what_is_no_origin_is_refused_at_the_start_with_what_to_write() {
    let directory = tempfile::TempDir::new().unwrap();
    let check = |origins: &str, more: &[(&str, &str)]| {
        let mut command = doorward(directory.path());
        let out = command.args(["config", "check"]).env(LISTED.0, origins).envs(more.iter().copied()).output().unwrap();
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    for (origins, said) in [
        ("*", "such as https://app.example.com"),
        ("null", "such as https://app.example.com"),
        ("https://*.example.com", "such as https://app.example.com"),
        ("http://localhost:3000/", "write \"http://localhost:3000\""),
        ("https://app.example.com/login", "write \"https://app.example.com\""),
        ("http://localhost:3000, https://App.example.com:443", "write \"https://app.example.com\""),
    ] {
        let (code, words) = check(origins, &[]);
        assert!(code == Some(78) && words.contains("cors_origins") && words.contains(said), "{origins}: {words}");
    }
    let open = ("DOORWARD_USER_ROUTES", "open");
    let (code, words) = check("https://app.example.com", &[open]);
    assert!(code == Some(78) && words.contains("pages of https://app.example.com"), "{words}");
    assert_eq!(check(APP, &[open]).0, Some(0));
    let (code, words) = check("http://app.example.com", &[]);
    assert!(code == Some(0) && words.contains("cors_origins has http://app.example.com"), "{words}");
    assert!(!check(LISTED.1, &[]).1.contains("cors_origins"));
}

#[test]
fn a_page_does_all_that_the_readme_promises_with_tokens_alone() {
    let server = Server::with(&[], &[LISTED]);
    let client = server.client();
    let body = credentials("arun").to_string();
    let send = |method: &str, path: &str, token: Option<&str>, body: Option<&str>| {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("Origin", APP)];
        headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        headers.extend(body.map(|_| ("Content-Type", "application/json")));
        let answer = client.send(method, path, &headers, body.map(str::as_bytes));
        is_readable(&answer, path);
        answer
    };
    send("POST", "/register", None, Some(&body)).expect(201);
    let login = send("POST", "/login", None, Some(&body)).expect(200).json();
    let access = login["access_token"].as_str().unwrap();
    send("GET", "/test", Some(access), None).expect(200);
    send("GET", "/me", Some(access), None).expect(200);
    send("POST", "/refresh", login["refresh_token"].as_str(), None).expect(200);
    send("POST", "/logout", Some(access), None).expect(200);
    send("GET", "/test", Some(access), None).refused(401, "token_revoked");
}
