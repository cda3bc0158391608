//! Settings that work, and do not say what somebody seems to have meant, or let in more than one might think.

use std::collections::BTreeMap;

use serde_json::Value;

use super::finding::Finding;
use crate::auth::Registration;
use crate::cli::local::text;
use crate::config::Settings;
use crate::http::UserRoutes;
use crate::http::client::ServerUrl;

/// Variables that are not ours by their prefix, and count.
const KNOWN: [&str; 6] = [
    "JWT_SECRET_KEY",
    "JWT_SECRET_KEY_FILE",
    "JWT_PREVIOUS_SECRET_KEY",
    "JWT_PREVIOUS_SECRETS_FILE",
    "JWT_ACCESS_TOKEN_EXPIRES",
    "JWT_REFRESH_TOKEN_EXPIRES",
];
/// A name that differs in so many letters is a slip.
const SLIP: usize = 2;

/// What the settings' own check warns of.
pub fn warnings(settings: &Settings) -> Vec<Finding> {
    // Of secrets and of open user routes there is a check of its own.
    let ours = |warning: &String| !warning.contains("JWT_SECRET_KEY") && !warning.starts_with("user_routes");
    let warned = settings.warnings().into_iter().filter(ours);
    let advice = |what: &String| {
        if what.contains("travel in clear") {
            "set tls_cert and tls_key; or let a proxy with TLS ask, name it in trusted_proxies, and let nobody else reach the port"
        } else {
            "change the setting, if that is not meant"
        }
    };
    let found: Vec<_> = warned.map(|what| (advice(&what), what)).map(|(advice, what)| Finding::look("settings", what, advice)).collect();
    if found.is_empty() { vec![Finding::ok("settings", "every one is known and can be")] } else { found }
}

/// Names in the environment that are nearly those of settings.
pub fn slips(environment: &BTreeMap<String, String>) -> Option<Finding> {
    let slips: Vec<_> = environment.keys().filter_map(|name| Some(format!("{name} (did you mean {}?)", meant(name)?))).collect();
    (!slips.is_empty()).then(|| {
        let what = format!("variables that count for nothing: {}", slips.join(", "));
        Finding::look("environment", what, "spell them as in doorward config show, or take them away")
    })
}

fn meant(name: &str) -> Option<String> {
    if KNOWN.contains(&name) {
        return None;
    }
    if let Some(known) = KNOWN.iter().find(|known| strsim::damerau_levenshtein(name, known) <= SLIP) {
        return Some((*known).to_owned());
    }
    let (prefix, key) = name.split_once('_')?;
    let is_slip = prefix != "DOORWARD" && strsim::damerau_levenshtein(prefix, "DOORWARD") <= SLIP;
    is_slip.then(|| format!("DOORWARD_{key}"))
}

/// Whether who can use `/user/<id>` is who should.
pub fn user_routes(settings: &Settings) -> Finding {
    const CHECK: &str = "user routes";
    if settings.user_routes == UserRoutes::Guarded {
        return Finding::ok(CHECK, "for oneself and administrators");
    }
    let reached = settings.tls_cert.is_some() || !settings.base_path.join("").is_empty();
    let what = "open: anybody on this machine can read and delete users";
    let advice = "set user_routes = \"guarded\" for real use; open is the template's table, for trying things out";
    if reached { Finding::fix(CHECK, format!("{what}, and others reach this server"), advice) } else { Finding::look(CHECK, what, advice) }
}

/// Whether anybody can get past a forward-auth proxy by registering first. A server is taken for one that stands behind other
/// apps when it has a `base_path`.
pub fn registration(settings: &Settings) -> Finding {
    const CHECK: &str = "registration";
    let behind_apps = !settings.base_path.join("").is_empty();
    match settings.registration {
        Registration::Open if behind_apps => Finding::look(
            CHECK,
            "open, and with base_path this server guards other apps: whoever registers is let through by GET /verify",
            "set registration = \"invite\" or \"closed\", or ask for a role: GET /verify?role=…",
        ),
        Registration::Open => Finding::ok(CHECK, "open to anybody"),
        Registration::Invite => Finding::ok(CHECK, "by invite"),
        Registration::Closed => Finding::ok(CHECK, "closed"),
    }
}

/// That the server that runs was started with another address for browsers than the settings found here say: then it has others, too.
pub fn differ(settings: &Settings, served: Option<&Value>) -> Option<Finding> {
    let ours = settings.public_base();
    let theirs = served.filter(|theirs| theirs.as_str() != ours.as_deref())?.as_str();
    let [theirs, ours] = [theirs, ours.as_deref()].map(|url| url.map_or_else(|| "none".to_owned(), |url| text(&url.into())));
    Some(Finding::look(
        "running settings",
        format!("the server that runs has the public_url {theirs}, and those found here have {ours}: it was started with others"),
        "run this with the server's settings: --config, and its DOORWARD_ variables; or restart the server, if these are newer",
    ))
}

/// Whether what browsers send can be read on its way. `served`: what the server that runs has, if it tells.
pub fn public_url(settings: &Settings, served: Option<&Value>) -> Finding {
    const CHECK: &str = "public_url";
    let Some(url) = served.and_then(Value::as_str).map(str::to_owned).or_else(|| settings.public_base()) else {
        return Finding::ok(CHECK, "not set");
    };
    match url.parse::<ServerUrl>() {
        Ok(parsed) if parsed.is_readable_on_the_way() => {
            let what = format!("{url} is not encrypted: passwords and tokens can be read on the way");
            Finding::fix(
                CHECK,
                what,
                "put a proxy with TLS in front, or set tls_cert and tls_key; then set public_url to the https address",
            )
        }
        Ok(_) => Finding::ok(CHECK, url),
        Err(wanted) => Finding::fix(CHECK, format!("{url} is no address"), wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_nearly_ours_are_slips_and_others_are_not() {
        assert_eq!(meant("DOORWAD_PORT").as_deref(), Some("DOORWARD_PORT"));
        assert_eq!(meant("DORWARD_DATA_DIR").as_deref(), Some("DOORWARD_DATA_DIR"));
        assert_eq!(meant("JWT_SECRETKEY").as_deref(), Some("JWT_SECRET_KEY"));
        assert_eq!(meant("JWT_SECRET_KEYS").as_deref(), Some("JWT_SECRET_KEY"));
        for other in ["JWT_SECRET_KEY", "JWT_COOKIE_SECURE", "PATH", "DOORWARD_PORT", "JWT_ALGORITHM"] {
            assert_eq!(meant(other), None, "{other}");
        }
    }
}
