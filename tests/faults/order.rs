//! The order of things: nothing is answered before what it changed was written and then synced.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::server::skip;
use crate::trace::{Call, What, can_trace, record};
use crate::traffic::{Exchange, claims, exchanges, load};

/// Bytes that are in the database only once this request was done.
fn evidence(exchange: &Exchange) -> Vec<u8> {
    let token = |token: &Value| claims(token.as_str().unwrap());
    let session = |id: &Value, counter: u64| {
        let found = format!(r#""id":{id},"user":"#);
        (found.into_bytes(), format!(r#","counter":{counter},"#).into_bytes())
    };
    let bearer = exchange.bearer.as_deref().map(claims).unwrap_or_default();
    match exchange.line.as_str() {
        "POST /register" => format!(r#""username":{},"password""#, exchange.body["username"]).into_bytes(),
        "POST /login" => session(&token(&exchange.answer["access_token"])["sid"], 0).0,
        "POST /refresh" => {
            let (id, counter) = session(&bearer["sid"], bearer["ctr"].as_u64().unwrap() + 1);
            [id, bearer["sub"].as_str().unwrap().as_bytes().to_vec(), counter].concat()
        }
        // The key of a revocation is the id in binary; sled leaves out what neighbours have in common.
        _ => uuid::Uuid::parse_str(bearer["jti"].as_str().unwrap()).unwrap().as_bytes()[4..].to_vec(),
    }
}

/// Where in the trace the request was first known to be on disk: the end of a sync that began after the write had ended.
fn durable(calls: &[Call], database: &Path, exchange: &Exchange) -> Option<usize> {
    let evidence = evidence(exchange);
    let written = calls.iter().find(|call| match &call.what {
        What::Write { path, data, .. } => path == database && data.windows(evidence.len()).any(|window| window == evidence),
        _ => false,
    })?;
    let is_sync = |call: &&Call| matches!(&call.what, What::Sync { path } if path == database) && call.begin > written.end;
    calls.iter().filter(is_sync).map(|call| call.end).min()
}

#[test]
fn every_acknowledged_write_was_synced_between_being_written_and_being_answered() {
    if !can_trace() {
        return skip("the order of writing, syncing and answering", "strace is not installed, or may not trace");
    }
    let directory = TempDir::new().unwrap();
    let root = directory.path().canonicalize().unwrap();
    let calls = record(&root, |url| load(url, "user", 6, crate::cases(4, 16)));
    let (database, mut seen) = (root.join("data/db"), 0);
    // Deletions leave nothing that could be looked for.
    let is_evident = |exchange: &&Exchange| !exchange.line.starts_with("DELETE") && exchange.status != 503;
    for exchange in exchanges(&calls).iter().filter(is_evident) {
        assert!(exchange.status < 300, "{exchange:?}");
        let durable = durable(&calls, &database, exchange);
        assert!(durable.is_some_and(|end| end < exchange.answered), "synced at {durable:?}, but: {exchange:?}");
        seen += 1;
    }
    println!("{seen} acknowledged writes, each synced before its answer");
    assert!(seen >= 300, "only {seen} exchanges were seen");
}
