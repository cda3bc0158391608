//! What needs no user: services, headers, and every refusal that anybody can bring about.

use serde_json::json;

use super::run::Run;
use super::want::Want;
use crate::http::client::{Ask, Heard, ServerUrl};

/// How many checks these are.
pub const CHECKS: usize = 20;
/// Longer than a body may be.
const TOO_LONG: usize = 17 << 10;

/// What every answer carries: the check, the header, and what must be in its value.
const HEADERS: [(&str, &str, &str); 5] = [
    ("not kept by caches", "Cache-Control", "no-store"),
    ("nothing is loaded", "Content-Security-Policy", "default-src 'none'"),
    ("no referrer", "Referrer-Policy", "no-referrer"),
    ("no guessing of types", "X-Content-Type-Options", "nosniff"),
    ("no frames", "X-Frame-Options", "DENY"),
];

/// Makes them. Whether the server is shown where it was asked, as far as it came to that.
pub async fn look(run: &mut Run, url: &ServerUrl) -> bool {
    let is_in_place = services(run, url).await;
    headers(run, url).await;
    bodies(run).await;
    paths(run).await;
    is_in_place
}

async fn services(run: &mut Run, url: &ServerUrl) -> bool {
    let says = |word: &'static str| move |heard: &Heard| heard.json()["status"] == word;
    let health =
        run.check("health", Ok(Ask::get("/health")), Want::of(200).with("status ok", says("ok")).with("X-Request-Id", has_id)).await;
    let before = health.as_ref().and_then(|heard| heard.header("X-Request-Id"));
    let another = |heard: &Heard| has_id(heard) && heard.header("X-Request-Id") != before;
    run.check(
        "ready",
        Ok(Ask::get("/ready")),
        Want::of(200).with("status ready", says("ready")).with("an X-Request-Id of its own", another),
    )
    .await;
    let has_key = |heard: &Heard| {
        heard.json()["keys"].as_array().is_some_and(|keys| keys.iter().all(|key| key["kty"].is_string() && key["d"].is_null()))
    };
    let keys = Want::of(200).with("public keys", has_key).header("Cache-Control", "max-age");
    run.check("published keys", Ok(Ask::get("/.well-known/jwks.json")), keys).await;
    let ours = env!("CARGO_PKG_VERSION");
    let document = Want::of(200).with(format!("version {ours}, as this command"), move |heard| heard.json()["info"]["version"] == ours);
    run.check("version", Ok(Ask::get("/openapi.json")), document).await;
    let path = if url.path().is_empty() { "/" } else { url.path() };
    let shown = Want::of(200).with(format!("base_path {path}"), |heard| heard.json()["servers"][0]["url"] == path);
    run.check("where a proxy shows it", Ok(Ask::get("/openapi.json")), shown).await.is_some() || run.is_stopped()
}

/// 32 hexadecimal digits.
fn has_id(heard: &Heard) -> bool {
    heard.header("X-Request-Id").is_some_and(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

async fn headers(run: &mut Run, url: &ServerUrl) {
    for (check, name, part) in HEADERS {
        run.check(check, Ok(Ask::get("/health")), Want::of(200).header(name, part)).await;
    }
    let planned = if url.is_private() { Ok(Ask::get("/health")) } else { Err("the URL is http".to_owned()) };
    let insists = Want::of(200).with("Strict-Transport-Security (public_url)", |heard| {
        heard.header("Strict-Transport-Security").is_some_and(|value| value.contains("max-age="))
    });
    run.check("insists on https", planned, insists).await;
    let page = Want::of(200).header("Content-Type", "text/html").header("Content-Security-Policy", "script-src 'self'");
    run.check("page", Ok(Ask::get("/")), page).await;
}

async fn bodies(run: &mut Run) {
    let login = || Ask::post("/login");
    let broken = login().raw("application/json", "{\"username\": ");
    run.check("malformed JSON", Ok(broken), Want::refused(400, "malformed_json")).await;
    let names_both = |heard: &Heard| ["username", "password"].iter().all(|field| heard.json()["errors"]["json"][field].is_array());
    let missing = Want::refused(422, "validation_failed").with("both fields named", names_both);
    run.check("missing fields", Ok(login().json(&json!({}))), missing).await;
    let text = login().raw("text/plain", "{}");
    run.check("wrong content type", Ok(text), Want::refused(415, "unsupported_media_type")).await;
    let long = login().json(&json!({"username": "a".repeat(TOO_LONG), "password": ""}));
    run.check("a body that is too long", Ok(long), Want::refused(413, "too_large")).await;
}

async fn paths(run: &mut Run) {
    run.check("unknown path", Ok(Ask::get("/verify/no/such/path")), Want::refused(404, "not_found")).await;
    let method = Want::refused(405, "method_not_allowed").header("Allow", "POST");
    run.check("wrong method", Ok(Ask::get("/login")), method).await;
    let asks = || Want::refused(401, "authorization_required").header("WWW-Authenticate", "Bearer");
    run.check("no token", Ok(Ask::get("/test")), asks()).await;
    let names = Want::refused(401, "invalid_token").header("WWW-Authenticate", "error=\"invalid_token\"");
    run.check("garbage for a token", Ok(Ask::get("/test").bearing("not.a.token")), names).await;
}
