//! Every mounted route without a token and with each wrong kind of token.

use std::collections::BTreeSet;
use std::sync::Arc;

use doorward::auth::Auth;
use doorward::config::{Flags, Settings};
use doorward::http;
use doorward::store::{SledStore, StoreOptions};

use crate::cookies::{keep_signed_in, verify};
use crate::server::Server;

/// Routes that anyone may use; every other one must refuse.
const PUBLIC: &[&str] = &[
    "GET /",
    "GET /app.js",
    "GET /page/account.js",
    "GET /page/action.js",
    "GET /page/admin.js",
    "GET /page/api.js",
    "GET /page/dom.js",
    "GET /page/inspector.js",
    "GET /page/lesson.js",
    "GET /page/log.js",
    "GET /page/session.js",
    "GET /page/time.js",
    "GET /page/tokens.js",
    "GET /style.css",
    "GET /favicon.svg",
    "GET /postman_collection.json",
    "GET /docs",
    "GET /docs.js",
    "GET /docs.css",
    "GET /openapi.json",
    "GET /.well-known/jwks.json",
    "GET /health",
    "GET /ready",
    "POST /register",
    "POST /login",
    // The token in the body is its own credential (RFC 7009 §2.1).
    "POST /revoke",
    "POST /reset",
    "POST /setup",
];

/// Routes that take a refresh token, so that it is not a wrong kind there.
const TAKES_REFRESH: &[&str] = &["POST /refresh", "POST /logout"];

/// Routes that take a service key, to which a user's token, revoked or not, is just no key.
const TAKES_SERVICE_KEY: &[&str] = &["POST /introspect", "GET /revocations"];

/// Method and path of every mounted route, from the running program's own table.
pub fn mounted() -> BTreeSet<String> {
    of_every_route(|route| format!("{} {}", route.method, filled(route.uri.path())))
}

/// A path with 1 for each of its variables, `<id>` in routes and `{id}` in the API document.
pub fn filled(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with(['<', '{']) { "1" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// Something about every mounted route.
pub fn of_every_route<T: Ord>(see: impl Fn(&rocket::Route) -> T) -> BTreeSet<T> {
    let directory = tempfile::TempDir::new().unwrap();
    let runtime = rocket::tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let settings = Settings::load(None, &std::collections::BTreeMap::new(), &Flags::default()).unwrap().settings;
        let store = SledStore::open(&StoreOptions::new(directory.path().join("data"))).unwrap();
        let auth = Auth::start(Arc::new(store), settings.policy(false)).await.unwrap();
        let rocket = http::rocket(settings.surface(), auth.clone()).ignite().await.unwrap();
        let seen = rocket.routes().map(see).collect();
        auth.close().await.unwrap();
        seen
    })
}

#[test]
fn every_route_that_is_not_public_refuses_no_token_and_each_wrong_kind() {
    let routes = mounted();
    assert!(
        PUBLIC.iter().chain(TAKES_REFRESH).chain(TAKES_SERVICE_KEY).all(|route| routes.contains(*route)),
        "a route named here is not mounted: {routes:?}"
    );
    let server = Server::start();
    let client = server.client();
    let pair = client.newcomer("arun");
    let revoked = client.login("arun");
    client.logout(&revoked.access).expect(200);
    let other = Server::start();
    let foreign = other.client().newcomer("arun");
    let mut walked = 0;
    for route in routes.iter().filter(|route| !PUBLIC.contains(&route.as_str())) {
        let (method, path) = route.split_once(' ').unwrap();
        let send = |token: Option<&str>| {
            let value = token.map(|token| format!("Bearer {token}"));
            let headers: Vec<_> = value.as_deref().map(|value| ("Authorization", value)).into_iter().collect();
            client.send(method, path, &headers, None)
        };
        send(None).refused(401, "authorization_required");
        send(Some("not.a.token")).refused(401, "invalid_token");
        send(Some(&foreign.access)).refused(401, "invalid_token");
        send(Some(&foreign.refresh)).refused(401, "invalid_token");
        send(Some(&format!("{}A", pair.access))).refused(401, "invalid_token");
        let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", pair.access.split('.').nth(1).unwrap());
        send(Some(&unsigned)).refused(401, "invalid_token");
        if TAKES_SERVICE_KEY.contains(&route.as_str()) {
            send(Some(&revoked.access)).refused(401, "invalid_token");
            send(Some(&pair.access)).refused(401, "invalid_token");
        } else if route == "POST /refresh" {
            send(Some(&pair.access)).refused(401, "invalid_token");
        } else {
            send(Some(&revoked.access)).refused(401, "token_revoked");
        }
        if !TAKES_REFRESH.contains(&route.as_str()) {
            send(Some(&pair.refresh)).refused(401, "invalid_token");
        }
        walked += 1;
    }
    assert!(walked >= 9, "only {walked} routes were walked");
    client.test(&pair.access).expect(200);
}

/// The only routes where the cookie of a browser counts.
const TAKES_COOKIE: &[&str] = &["GET /verify", "POST /logout"];

#[test]
fn no_other_route_takes_the_cookie_for_a_token() {
    let routes = mounted();
    assert!(TAKES_COOKIE.iter().all(|route| routes.contains(*route)));
    let server = Server::start();
    let client = server.client();
    client.register("arun").expect(201);
    let (_, cookie) = keep_signed_in(&client, "arun");
    for route in routes.iter().filter(|route| !PUBLIC.contains(&route.as_str()) && !TAKES_COOKIE.contains(&route.as_str())) {
        let (method, path) = route.split_once(' ').unwrap();
        let headers = [("Cookie", cookie.as_str()), ("X-CSRF-Token", "1")];
        client.send(method, path, &headers, None).refused(401, "authorization_required");
        let value = cookie.split_once('=').unwrap().1;
        client.with_token(method, path, value).refused(401, "invalid_token");
    }
    verify(&client, &cookie).expect(200);
}

#[test]
fn every_administrators_route_refuses_a_user() {
    let server = Server::start();
    let client = server.client();
    let pair = client.newcomer("arun");
    let document = client.get("/openapi.json").expect(200).json();
    let mut walked = 0;
    for (method, path) in administrators(&document) {
        client.with_token(&method, &filled(path), &pair.access).refused(403, "forbidden");
        walked += 1;
    }
    assert!(walked >= 26, "only {walked} routes were walked");
}

/// Method and path of each route that the API document says is for administrators. What a route says there is what its row in the
/// table asks for; that every mounted route has one is another test.
fn administrators(document: &serde_json::Value) -> impl Iterator<Item = (String, &str)> {
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("operations");
        item.iter().map(move |(method, operation)| (method.to_uppercase(), path.as_str(), operation))
    });
    let says =
        |operation: &serde_json::Value| operation["description"].as_str().is_some_and(|text| text.starts_with("For an administrator."));
    operations.filter(move |(.., operation)| says(operation)).map(|(method, path, _)| (method, path))
}

/// Each file of the program's source, by its path in `src/`, and its text.
fn sources() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut paths) = (Vec::new(), vec![root.clone()]);
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            found.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    assert!(found.len() > 200, "only {} files were found", found.len());
    found
}

/// Only `http/` names Rocket and hyper, only `cli/` clap, only the store sled; `auth/` none of them.
#[test]
fn the_walls_between_the_rooms_stand() {
    let rooms: &[(&str, &[&str])] = &[
        ("rocket", &["http/"]),
        ("hyper", &["http/"]),
        ("clap", &["cli/"]),
        ("sled", &["store/"]),
        ("figment", &["config/", "http/mod.rs"]),
        ("argon2", &["auth/hasher/"]),
        ("jsonwebtoken", &["auth/keys/", "auth/rotation.rs"]),
    ];
    for (name, text) in sources() {
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            for (library, allowed) in rooms {
                assert!(!names(line, library) || allowed.iter().any(|room| name.starts_with(room)), "{name}: {line}");
            }
        }
    }
}

/// Whether a line names something of a library, in a `use` or by its path: `sled::Db`, `::sled::Db`, not `super::sled::handle`.
fn names(line: &str, library: &str) -> bool {
    line.match_indices(&format!("{library}::")).any(|(at, _)| {
        let before = &line[..at];
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        !before.strip_suffix("::").unwrap_or(before).ends_with(is_part)
    })
}

#[test]
fn a_line_that_names_a_library_is_told_from_one_that_does_not() {
    for line in ["use sled::Db;", "pub use ::sled::Db;", "db: sled::Db,", "Vec<::sled::IVec>", "use {clap::Parser, sled::Db};"] {
        assert!(names(line, "sled"), "{line}");
    }
    for line in ["use super::sled::handle;", "use crate::store::sled::Db;", "unsled::Db", "is_sled::Db", "mod sled;"] {
        assert!(!names(line, "sled"), "{line}");
    }
}

/// A file is read as a whole, and so must not be longer than that allows.
#[test]
fn no_file_of_the_source_is_longer_than_it_is_read() {
    const MOST: usize = 300;
    let long = sources().into_iter().map(|(name, text)| (text.lines().count(), name)).filter(|(lines, _)| *lines > MOST);
    let long: Vec<_> = long.map(|(lines, name)| format!("src/{name} has {lines}")).collect();
    assert!(long.is_empty(), "of {MOST} lines at most, {}: move one concern into a file of its own beside it", long.join(", "));
}
