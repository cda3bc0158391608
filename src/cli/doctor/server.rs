//! What only a server knows, asked for by the door that every command takes: its records, time, people, keys.

use serde_json::Value;

use super::finding::Finding;
use crate::auth::clock::Timestamp;
use crate::cli::Failure;
use crate::cli::local::{expect, harmless, text};
use crate::http::client::Client;

/// A service that nobody has used for so long has perhaps no program any more, in seconds.
const UNUSED: u64 = 7 * 86_400;
/// A key that signs for longer may be known to somebody by now, in seconds.
const OLD_KEY: u64 = 2 * 365 * 86_400;
/// Clocks differ by so much, and nobody cares, in seconds.
const DRIFT: u64 = 60;
/// From here on a start is refused, in seconds.
const FAR: u64 = 86_400;

/// What it answered.
pub struct Answers {
    /// `GET /doctor`
    pub checkup: Result<Value, Failure>,
    /// `GET /keys`
    keys: Result<Value, Failure>,
    /// `GET /services`
    services: Result<Value, Failure>,
    /// As it says itself, over the local socket.
    version: Option<String>,
    /// Whether there is one that runs.
    is_server: bool,
}

impl Answers {
    /// Whether a server that runs gave them.
    pub const fn is_live(&self) -> bool {
        self.is_server
    }

    /// Where browsers reach the server that runs, as its own settings say; null: they say nothing.
    pub fn public_url(&self) -> Option<&Value> {
        self.checkup.as_ref().ok().filter(|_| self.is_server)?.get("public_url")
    }
}

/// Asks.
pub async fn ask(client: &Client) -> Answers {
    let checkup = expect(client.send_long("GET", "/doctor", None).await, 200);
    let keys = expect(client.send("GET", "/keys", None).await, 200);
    let services = expect(client.send("GET", "/services", None).await, 200);
    Answers { checkup, keys, services, version: client.server_version().map(str::to_owned), is_server: client.is_of_a_server() }
}

/// Judges what was answered, by the clock here.
pub fn judge(answers: &Answers, now: Timestamp) -> Vec<Finding> {
    let mut findings = vec![version(answers)];
    match &answers.checkup {
        Ok(checkup) => {
            findings.extend([database(&checkup["database"]), clock(&checkup["clock"], now)]);
            findings.push(administrators(checkup["administrators"].as_array().map_or(&[], Vec::as_slice)));
        }
        Err(error) => {
            let what = format!("it could not be looked at: {error}");
            findings.push(Finding::fix(
                "database",
                what,
                "see the other findings and the server's log; with --url, whether the token is an administrator's",
            ));
        }
    }
    let list = |answer: &Result<Value, Failure>, name: &str| answer.as_ref().ok().and_then(|answer| answer[name].as_array().cloned());
    findings.push(list(&answers.keys, "keys").map_or_else(|| Finding::skip("keys", "no answer"), |list| keys(&list, now.secs())));
    let of_services = |list: Vec<Value>| services(&list, now.secs());
    findings.push(list(&answers.services, "services").map_or_else(|| Finding::skip("services", "no answer"), of_services));
    findings
}

fn version(answers: &Answers) -> Finding {
    const CHECK: &str = "version";
    let ours = env!("CARGO_PKG_VERSION");
    match &answers.version {
        Some(theirs) if theirs != ours => {
            let what = format!("the server is version {theirs}, this command is version {ours}");
            Finding::look(CHECK, what, "restart the server, so that the executable that was installed last runs")
        }
        Some(_) => Finding::ok(CHECK, format!("server and command are version {ours}")),
        None if answers.is_server => Finding::skip(CHECK, "told at the local socket only; doorward verify judges it from afar"),
        None => Finding::ok(CHECK, format!("{ours}; no server runs")),
    }
}

fn database(database: &Value) -> Finding {
    const CHECK: &str = "database";
    let [users, sessions, sequence] = ["users", "sessions", "sequence"].map(|name| text(&database[name]));
    match database["fault"].as_str() {
        Some(fault) => {
            let advice = "keep a copy of the data directory, stop the server, then: doorward restore latest --replace";
            Finding::fix(CHECK, format!("it is damaged: {fault}"), advice)
        }
        None => Finding::ok(CHECK, format!("every record fits the others: {users} users, {sessions} sessions, {sequence} changes")),
    }
}

fn clock(clock: &Value, now: Timestamp) -> Finding {
    const CHECK: &str = "clock";
    let [system, mark] = ["system", "mark"].map(|name| clock[name].as_u64().unwrap_or_default());
    let sync = "set the clock, and let the machine keep it: timedatectl set-ntp true";
    if mark.saturating_sub(system) > FAR {
        let what = format!("it is {} h behind the time already seen: the next start is refused", (mark - system) / 3600);
        return Finding::fix(CHECK, what, sync);
    }
    if mark.saturating_sub(system) > DRIFT {
        return Finding::look(CHECK, format!("it is {} s behind the time already seen, and waited for", mark - system), sync);
    }
    if system.saturating_sub(mark) > DRIFT * 60 {
        let what = format!("it has stepped {} min ahead, and is not believed yet", (system - mark) / 60);
        return Finding::look(CHECK, what, sync);
    }
    let apart = system.abs_diff(now.secs());
    if apart > DRIFT {
        return Finding::look(CHECK, format!("the server's and the one here are {apart} s apart"), sync);
    }
    Finding::ok(CHECK, Timestamp::from_secs(system).to_string())
}

fn administrators(administrators: &[Value]) -> Finding {
    const CHECK: &str = "administrators";
    if administrators.is_empty() {
        let advice = "add one: doorward user add NAME --admin; commands on this machine work without";
        return Finding::look(CHECK, "there is none who can act", advice);
    }
    let never: Vec<_> = administrators.iter().filter(|one| one["last_used"].is_null()).map(|one| harmless(&one["username"])).collect();
    if never.is_empty() {
        return Finding::ok(CHECK, format!("{}, each has logged in", administrators.len()));
    }
    let what = format!("{} of {} never logged in, as far as is remembered: {}", never.len(), administrators.len(), never.join(", "));
    Finding::look(
        CHECK,
        what,
        "who needs the role should log in and keep the password to itself; take it from others: doorward user role NAME --none",
    )
}

fn keys(keys: &[Value], now: u64) -> Finding {
    const CHECK: &str = "keys";
    let Some(active) = keys.iter().find(|key| key["signs"] == true) else {
        return Finding::fix(CHECK, "none signs", "make one: doorward key rotate --now");
    };
    let age = now.saturating_sub(active["created"].as_u64().unwrap_or(now));
    let next = keys.iter().filter(|key| key["state"] == "next").count();
    let verifying = keys.iter().filter(|key| key["state"] == "verifying").count();
    let what = format!("{} signs, {} days old; {next} next, {verifying} still verify", text(&active["algorithm"]), age / 86_400);
    if age > OLD_KEY {
        return Finding::look(CHECK, what, "take a new one: doorward key rotate; no token that is good is refused by that");
    }
    Finding::ok(CHECK, what)
}

fn services(services: &[Value], now: u64) -> Finding {
    const CHECK: &str = "services";
    let old = |one: &&Value| now.saturating_sub(one["created"].as_u64().unwrap_or(now)) > UNUSED;
    let unused: Vec<_> = services.iter().filter(|one| one["last_used"].is_null()).filter(old).map(|one| harmless(&one["name"])).collect();
    if unused.is_empty() {
        return Finding::ok(CHECK, format!("{}", services.len()));
    }
    let what = format!("{} of {} never asked for anything: {}", unused.len(), services.len(), unused.join(", "));
    Finding::look(CHECK, what, "remove what is not needed: doorward service list, doorward service rm ID")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::Verdict;
    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn a_clock_that_is_behind_ahead_or_elsewhere_is_told() {
        let judged = |system: u64, mark: u64| clock(&json!({"system": system, "mark": mark}), Timestamp::from_secs(NOW)).verdict;
        assert_eq!(judged(NOW, NOW), Verdict::Ok);
        assert_eq!(judged(NOW, NOW + 90), Verdict::Look);
        assert_eq!(judged(NOW, NOW + FAR + 1), Verdict::Fix);
        assert_eq!(judged(NOW, NOW - 2 * 3600), Verdict::Look);
        assert_eq!(judged(NOW + 300, NOW + 300), Verdict::Look);
    }

    #[test]
    fn a_service_that_was_never_used_is_told_when_it_is_a_week_old() {
        let service = |age: u64, used: Value| json!([{"name": "shop", "created": NOW - age, "last_used": used}]);
        let judged = |list: Value| services(list.as_array().expect("a list"), NOW).verdict;
        assert_eq!(judged(service(UNUSED + 1, Value::Null)), Verdict::Look);
        assert_eq!(judged(service(UNUSED - 1, Value::Null)), Verdict::Ok);
        assert_eq!(judged(service(UNUSED + 1, json!(NOW))), Verdict::Ok);
    }

    #[test]
    fn an_old_key_is_told_and_a_shared_secret_has_no_age() {
        let judged = |list: Value| keys(list.as_array().expect("a list"), NOW).verdict;
        assert_eq!(judged(json!([{"signs": true, "algorithm": "ES256", "created": NOW - OLD_KEY - 1}])), Verdict::Look);
        assert_eq!(judged(json!([{"signs": true, "algorithm": "HS256"}])), Verdict::Ok);
        assert_eq!(judged(json!([])), Verdict::Fix);
    }
}
