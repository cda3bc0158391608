//! Who the server takes for the client when somebody asks it where browsers do. No token is sent there: only a look, which is
//! good for this one question.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::finding::Finding;
use crate::cli::local::text;
use crate::error::chain;
use crate::http::LOOK;
use crate::http::client::{Ask, Probe, ServerUrl};

const CHECK: &str = "proxy";
/// For the whole question.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks `GET /health` at the address that browsers use. `direct`: the server speaks as that address does, so that there may be
/// no proxy at all.
pub async fn look(url: &ServerUrl, look: &str, direct: bool) -> Finding {
    match timeout(PATIENCE, seen(url, look)).await {
        Ok(Ok(seen)) => judge(&seen, url, direct),
        Ok(Err(why)) => unreachable(url, &why),
        Err(_) => unreachable(url, "no answer within 10 s"),
    }
}

fn unreachable(url: &ServerUrl, why: &str) -> Finding {
    let advice = "if browsers reach it, this machine does not: try from another; else see that the proxy runs, the name leads to it, and base_path fits";
    Finding::look(CHECK, format!("{url} could not be asked from here: {why}"), advice)
}

async fn seen(url: &ServerUrl, look: &str) -> Result<Value, String> {
    let probe = Probe::new(url, None).map_err(|error| chain(&error))?;
    let heard = probe.ask(&Ask::get("/health").with(LOOK, look)).await.map_err(|error| chain(&error))?;
    if heard.status == 200 { Ok(heard.json()["seen"].clone()) } else { Err(format!("it answered {}", heard.status)) }
}

fn judge(seen: &Value, url: &ServerUrl, direct: bool) -> Finding {
    if !seen.is_object() {
        let what = format!("{url} answers, but not as this server: it is another, or what stands between drops headers");
        return Finding::look(CHECK, what, "see where the proxy sends what it gets");
    }
    let [peer, client] = ["peer", "client"].map(|name| text(&seen[name]));
    match (seen["forwarded"] == true, seen["trusted"] == true) {
        (true, true) => Finding::ok(CHECK, format!("through {peer}, which is trusted, a request from here is taken for {client}'s")),
        (true, false) => Finding::fix(
            CHECK,
            format!("{peer} says in X-Forwarded-For for whom it asks, and is not believed: all clients look like one"),
            format!("set trusted_proxies = [\"{peer}\"], if that is your proxy, and restart the server"),
        ),
        (false, false) if direct => Finding::ok(CHECK, format!("none: {url} is this server, asked from {client}")),
        (false, _) => Finding::fix(
            CHECK,
            format!("the proxy at {peer} does not say for whom it asks: all clients look like one"),
            "let it set X-Forwarded-For (Caddy does; nginx: proxy_set_header X-Forwarded-For $remote_addr), and name it in trusted_proxies",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_proxy_must_name_its_clients_and_be_believed() {
        let url: ServerUrl = "https://login.example.com".parse().expect("a URL");
        let verdict = |seen: Value, direct| judge(&seen, &url, direct).verdict;
        let seen = |forwarded: bool, trusted: bool| json!({"peer": "10.0.0.1", "client": "x", "forwarded": forwarded, "trusted": trusted});
        assert_eq!(verdict(seen(true, true), false), Verdict::Ok);
        assert_eq!(verdict(seen(true, false), true), Verdict::Fix);
        assert_eq!([verdict(seen(false, false), false), verdict(seen(false, true), true)], [Verdict::Fix, Verdict::Fix]);
        assert_eq!(verdict(seen(false, false), true), Verdict::Ok);
        assert_eq!(verdict(Value::Null, true), Verdict::Look);
    }
}
