//! Settings: built-in defaults < `Rocket.toml` in the working directory (or `--config FILE`) < environment < flags.
//!
//! The file has profiles: `[default]`, then `[debug]` in a debug build or `[release]` in a release build; which one is
//! fixed when the program is built. In the environment each key is `DOORWARD_…` or `ROCKET_…` in capitals; the names of
//! Flask-JWT-Extended work, too: `JWT_SECRET_KEY`, `JWT_SECRET_KEY_FILE`, `JWT_ACCESS_TOKEN_EXPIRES`, `JWT_REFRESH_TOKEN_EXPIRES`.
//! Texts and secrets are taken as they are. What is not known is refused, naming the nearest that is.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::auth::hasher::Cost;
use crate::auth::session::Lifetimes;
use crate::auth::token::{Issuer, MAX_ACCESS_SECS};
use crate::auth::user::CustomClaims;
use crate::auth::{Policy, Registration};
use crate::http::headers::Security;
use crate::http::{Surface, UserRoutes};

/// Every setting: its name and what it is, as `doorward config show` and the documentation tell it.
pub const KEYS: &[(&str, &str)] = &[
    ("access_token_expires", "how long an access token is good for; at most 24h"),
    ("address", "where to listen: localhost (127.0.0.1 and ::1), or one IP address"),
    ("argon2_iterations", "Argon2id passes for new password hashes; with 19456 KiB at least 2"),
    ("argon2_memory_kib", "Argon2id memory for new password hashes, per hashing thread; at least 19456"),
    ("audience", "the claim aud of access tokens; none unless set"),
    ("claims", "custom claims of every access token"),
    ("data_dir", "where everything is kept"),
    ("hashing_threads", "passwords hashed at once; 0 is one per core"),
    ("issuer", "the claim iss; public_url or doorward unless set"),
    ("jwt_secret_key_file", "a file with the secret shared with Flask-JWT-Extended apps (HS256)"),
    ("log", "which log lines: error, warn, info, debug, or a filter such as warn,audit=info"),
    ("log_format", "text or json"),
    ("max_connections", "connections open at once; more are answered 503"),
    ("max_connections_per_address", "connections open at once from one address, but loopback; more are answered 429"),
    ("port", "which port; 0 is any free one"),
    ("public_url", "where browsers reach the server, if not where it listens; https turns HSTS on"),
    ("refresh_grace", "how long after a refresh the token before it gets the same answer again"),
    ("refresh_token_expires", "how long a session lasts that is not refreshed"),
    ("registration", "open or closed"),
    ("session_expires", "how long a session lasts, however often it is refreshed"),
    ("user_routes", "who may use /user/<id>: guarded (oneself, administrators) or open (anyone on this machine)"),
];

/// Settings of Rocket's own listener and logger, which this server does not use, and what to do instead.
const DEAD: &[(&str, &str)] = &[
    ("cli_colors", "set NO_COLOR"),
    ("config", "use --config"),
    ("ident", "no Server header is sent"),
    ("ip_header", "the client address is the connection's"),
    ("keep_alive", "idle connections are kept 75 s"),
    ("limits", "bodies may have 16 KiB"),
    ("log_level", "use log"),
    ("max_blocking", "use hashing_threads"),
    ("profile", "debug builds use [debug], release builds [release]"),
    ("secret_key", "no cookie is encrypted; for Flask's secret use JWT_SECRET_KEY"),
    ("shutdown", "requests under way have 5 s to finish"),
    ("temp_dir", "nothing is written outside data_dir"),
    ("tls", "put a proxy with TLS in front"),
    ("workers", "there is one per core"),
];

/// Keys whose values are taken from the environment as they are.
const TEXTS: &[&str] = &["address", "audience", "data_dir", "issuer", "jwt_secret_key_file", "log", "public_url"];

/// Every effective setting. Made by [`Settings::load`] only, which has checked it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "KEYS documents each")]
pub struct Settings {
    pub access_token_expires: Span,
    pub address: String,
    pub argon2_iterations: u32,
    pub argon2_memory_kib: u32,
    pub audience: Option<String>,
    pub claims: CustomClaims,
    pub data_dir: PathBuf,
    pub hashing_threads: usize,
    pub issuer: Option<String>,
    pub jwt_secret_key_file: Option<PathBuf>,
    pub log: String,
    pub log_format: LogFormat,
    pub max_connections: usize,
    pub max_connections_per_address: usize,
    pub port: u16,
    pub public_url: Option<String>,
    pub refresh_grace: Span,
    pub refresh_token_expires: Span,
    pub registration: Registration,
    pub session_expires: Span,
    pub user_routes: UserRoutes,
    /// From `JWT_SECRET_KEY` or the file; never printed.
    #[serde(skip)]
    pub shared_secret: Option<SecretString>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_token_expires: Span(Duration::from_secs(15 * 60)),
            address: "localhost".to_owned(),
            argon2_iterations: Cost::OWASP.iterations,
            argon2_memory_kib: Cost::OWASP.memory_kib,
            audience: None,
            claims: CustomClaims::default(),
            data_dir: PathBuf::from("data"),
            hashing_threads: 0,
            issuer: None,
            jwt_secret_key_file: None,
            log: "warn,audit=info".to_owned(),
            log_format: LogFormat::Text,
            max_connections: 8192,
            max_connections_per_address: 256,
            port: 5000,
            public_url: None,
            refresh_grace: Span(Duration::from_secs(30)),
            refresh_token_expires: Span(Duration::from_secs(30 * 86_400)),
            registration: Registration::Open,
            session_expires: Span(Duration::from_secs(90 * 86_400)),
            user_routes: UserRoutes::Guarded,
            shared_secret: None,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// A length of time: `90s`, `15m`, `12h`, `30d`, or a bare number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

impl Span {
    fn parse(text: &str) -> Option<Self> {
        let (number, factor) = match UNITS.iter().find(|(unit, _)| text.ends_with(*unit)) {
            Some((unit, factor)) => (text.trim_end_matches(*unit), *factor),
            None => (text, 1),
        };
        let seconds = number.trim().parse::<u64>().ok()?.checked_mul(factor)?;
        Some(Self(Duration::from_secs(seconds)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (unit, factor) =
            UNITS.into_iter().find(|(_, factor)| seconds >= *factor && seconds.is_multiple_of(*factor)).unwrap_or(('s', 1));
        write!(f, "{}{unit}", seconds / factor)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Seconds(u64),
            Text(String),
        }
        let span = match Written::deserialize(deserializer) {
            Ok(Written::Seconds(seconds)) => Some(Self(Duration::from_secs(seconds))),
            Ok(Written::Text(text)) => Self::parse(&text),
            Err(_) => None,
        };
        span.ok_or_else(|| serde::de::Error::custom("not a length of time such as 90s, 15m, 12h or 30d"))
    }
}

/// A setting that cannot be used: one line that says which, where it comes from and what would do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

fn wrong(text: impl Into<String>) -> ConfigError {
    ConfigError(text.into())
}

/// Flags of the command line that are settings; what was not given leaves the layers below as they are.
#[derive(Debug, Clone, Default, Serialize)]
#[expect(missing_docs, reason = "KEYS documents each")]
pub struct Flags {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_routes: Option<UserRoutes>,
}

/// One effective setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Its name.
    pub key: String,
    /// Its value; a secret's is hidden.
    pub value: String,
    /// Where it comes from.
    pub source: String,
}

/// Settings and where each comes from.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    figment: Figment,
}

impl Settings {
    /// Loads and checks every layer. `environment` are the process's variables, `file` what `--config` named.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn load(file: Option<&Path>, environment: &BTreeMap<String, String>, flags: &Flags) -> Result<Loaded, ConfigError> {
        let figment = Figment::from(Serialized::defaults(Self::default()).key("").profile(Profile::Default))
            .merge(config_file(file)?)
            .merge(Environment::of(environment)?)
            .merge(NamedFlags(flags))
            .select(build_profile());
        refuse_unknown(&figment)?;
        let mut settings: Self = figment.extract().map_err(|error| explain(&error))?;
        settings.shared_secret = shared_secret(environment, settings.jwt_secret_key_file.as_deref())?;
        settings.check()?;
        Ok(Loaded { settings, figment })
    }

    fn check(&self) -> Result<(), ConfigError> {
        let (access, idle, absolute) = (self.access_token_expires.0, self.refresh_token_expires.0, self.session_expires.0);
        if access.is_zero() || access.as_secs() > MAX_ACCESS_SECS {
            return Err(wrong(format!("access_token_expires is {}; it must be between 1s and 24h", self.access_token_expires)));
        }
        if idle < access || absolute < idle {
            return Err(wrong("access_token_expires must not be longer than refresh_token_expires, nor that than session_expires"));
        }
        if self.refresh_grace.0 > Duration::from_secs(300) {
            return Err(wrong(format!("refresh_grace is {}; at most 5m, or a stolen token would go unnoticed", self.refresh_grace)));
        }
        if self.argon2_memory_kib < 19_456
            || self.argon2_iterations < 2
            || self.argon2_memory_kib > 256 * 1024
            || self.argon2_iterations > 16
        {
            return Err(wrong(
                "argon2_memory_kib must be 19456 to 262144, and argon2_iterations 2 to 16 (OWASP Password Storage Cheat Sheet)",
            ));
        }
        if self.max_connections == 0 || self.max_connections_per_address == 0 {
            return Err(wrong("max_connections and max_connections_per_address must be at least 1"));
        }
        if let Some(url) = &self.public_url {
            let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
            if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
                return Err(wrong(format!("public_url is {url:?}; it must look like https://login.example.com, without a path")));
            }
        }
        if self.user_routes == UserRoutes::Open && !self.is_loopback() {
            let address = &self.address;
            return Err(wrong(format!(
                "user_routes is open, so anyone could delete users at address {address}; use user_routes = \"guarded\", or address = \"localhost\""
            )));
        }
        Ok(())
    }

    fn is_loopback(&self) -> bool {
        self.address == "localhost" || self.address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// What the domain needs of them.
    #[must_use]
    pub fn policy(&self, accept_clock: bool) -> Policy {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let issuer = self.issuer.clone().or_else(|| self.public_url.clone()).unwrap_or_else(|| "doorward".to_owned());
        Policy {
            lifetimes: Lifetimes {
                access: self.access_token_expires.0,
                idle: self.refresh_token_expires.0,
                absolute: self.session_expires.0,
                grace: self.refresh_grace.0,
            },
            issuer: Issuer { name: issuer, audience: self.audience.clone(), claims: self.claims.clone() },
            shared_secret: self.shared_secret.clone(),
            registration: self.registration,
            hashing: Cost { memory_kib: self.argon2_memory_kib, iterations: self.argon2_iterations, lanes: 1 },
            hashing_threads: if self.hashing_threads == 0 { cores } else { self.hashing_threads },
            accept_clock,
        }
    }

    /// What the HTTP surface needs of them.
    #[must_use]
    pub fn surface(&self) -> Surface {
        let https = self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
        Surface { user_routes: self.user_routes, security: Security { https } }
    }

    /// What an operator should know about these settings before others find out.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.user_routes == UserRoutes::Open {
            warnings.push("user_routes is open: anyone on this machine can read and delete users, as in the template; set user_routes = \"guarded\" for real use".to_owned());
        }
        if let Some(secret) = &self.shared_secret {
            let bytes = secret.expose_secret().len();
            if bytes < 32 {
                warnings
                    .push(format!("JWT_SECRET_KEY has {bytes} bytes; with fewer than 32 it can be guessed from any token (RFC 7518 §3.2)"));
            }
        }
        warnings
    }
}

impl Loaded {
    /// Every effective setting with its source.
    #[must_use]
    pub fn show(&self) -> Vec<Shown> {
        let values = serde_json::to_value(&self.settings).unwrap_or_default();
        let mut shown: Vec<_> = KEYS
            .iter()
            .map(|(key, _)| {
                let value = match &values[key] {
                    serde_json::Value::Null => "-".to_owned(),
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                Shown { key: (*key).to_owned(), value, source: source(&self.figment, key) }
            })
            .collect();
        let (value, source) = match (&self.settings.shared_secret, &self.settings.jwt_secret_key_file) {
            (None, _) => ("-", "default"),
            (Some(_), Some(_)) => ("(hidden)", "jwt_secret_key_file"),
            (Some(_), None) => ("(hidden)", "JWT_SECRET_KEY"),
        };
        shown.push(Shown { key: "jwt_secret_key".to_owned(), value: value.to_owned(), source: source.to_owned() });
        shown
    }
}

fn build_profile() -> Profile {
    if cfg!(debug_assertions) { Profile::const_new("debug") } else { Profile::const_new("release") }
}

/// Where a key's value comes from.
fn source(figment: &Figment, key: &str) -> String {
    figment.find_metadata(key).map_or_else(|| "default".to_owned(), |metadata| origin(metadata, key))
}

fn origin(metadata: &Metadata, key: &str) -> String {
    match (&metadata.source, metadata.name.as_ref()) {
        (Some(figment::Source::File(path)), _) => path.display().to_string(),
        (_, "environment") => environment_name(key),
        (_, "flags") => format!("--{}", key.replace('_', "-")),
        _ => "default".to_owned(),
    }
}

/// The variable a key was read from.
fn environment_name(key: &str) -> String {
    let capitals = key.to_uppercase();
    let mut names = ["DOORWARD_", "ROCKET_", "JWT_"].into_iter().map(|prefix| match prefix {
        "JWT_" if capitals.starts_with("JWT_") => capitals.clone(),
        _ => format!("{prefix}{capitals}"),
    });
    names.find(|name| std::env::var_os(name).is_some()).unwrap_or_else(|| "environment".to_owned())
}

/// The file that `--config` names, or `Rocket.toml` right here if there is one.
fn config_file(named: Option<&Path>) -> Result<figment::providers::Data<Toml>, ConfigError> {
    let path = named.unwrap_or(Path::new("Rocket.toml"));
    if named.is_some() && !path.is_file() {
        return Err(wrong(format!("the settings file {} does not exist", path.display())));
    }
    let file = if path.is_file() { Toml::file_exact(path) } else { Toml::string("") }.nested();
    let profiles = file.data().map_err(|error| wrong(format!("{}: {}", path.display(), settings_belong(&error))))?;
    for profile in profiles.keys() {
        let name = profile.as_str().as_str();
        if !["default", "debug", "release", "global"].contains(&name) {
            let nearest = nearest(name, ["default", "debug", "release"].into_iter());
            return Err(wrong(format!(
                "{}: unknown profile [{name}]{nearest}; there are [default], [debug] and [release]",
                path.display()
            )));
        }
    }
    Ok(file)
}

/// One line of a TOML error: where and what, without the picture between.
fn settings_belong(error: &figment::Error) -> String {
    let text = error.to_string();
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let line = match lines[..] {
        [first, .., last] => format!("{first}: {last}"),
        _ => text.trim().to_owned(),
    };
    if line.contains("expected a map") { format!("{line}; settings stand under a profile, such as [default]") } else { line }
}

/// The environment's layer. `DOORWARD_` counts before `ROCKET_` and `JWT_`.
struct Environment(Dict);

impl Environment {
    fn of(variables: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut dict = Dict::new();
        let prefixed =
            |prefix| variables.iter().filter_map(move |(name, value)| Some((name, name.strip_prefix(prefix)?.to_lowercase(), value)));
        for (_, key, value) in prefixed("ROCKET_").chain(prefixed("DOORWARD_")) {
            if key == "config" && variables.contains_key("DOORWARD_CONFIG") {
                continue;
            }
            let value = if TEXTS.contains(&key.as_str()) {
                Value::from(value.as_str())
            } else {
                value.parse().unwrap_or_else(|never| match never {})
            };
            dict.insert(key, value);
        }
        for (name, key, value) in prefixed("JWT_") {
            match key.as_str() {
                "secret_key_file" => drop(dict.entry("jwt_secret_key_file".to_owned()).or_insert_with(|| value.as_str().into())),
                "access_token_expires" | "refresh_token_expires" => {
                    let seconds: u64 = value
                        .parse()
                        .map_err(|_| wrong(format!("{name} is {value:?}; it must be a number of seconds, and tokens must expire")))?;
                    dict.entry(key).or_insert_with(|| seconds.into());
                }
                // The secret is read by itself; a Flask app's other settings may stand in the same environment.
                _ => {}
            }
        }
        Ok(Self(dict))
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Global.collect(self.0.clone()))
    }
}

/// The flags' layer.
struct NamedFlags<'a>(&'a Flags);

impl Provider for NamedFlags<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named("flags")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Global.collect(Serialized::defaults(self.0).data()?.remove(&Profile::Default).unwrap_or_default()))
    }
}

fn refuse_unknown(figment: &Figment) -> Result<(), ConfigError> {
    let all: Dict = figment.extract().map_err(|error| explain(&error))?;
    let known = |key: &str| KEYS.iter().any(|(name, _)| *name == key);
    let Some(key) = all.keys().find(|key| !known(key)) else { return Ok(()) };
    let from = source(figment, key);
    Err(wrong(match DEAD.iter().find(|(name, _)| name == key) {
        Some((_, instead)) => format!("the setting {key} ({from}) has no effect here: {instead}"),
        None => format!("unknown setting {key} ({from}){}", nearest(key, KEYS.iter().map(|(name, _)| *name))),
    }))
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| distance * 2 <= candidate.len())
        .map_or_else(String::new, |(_, candidate)| format!("; did you mean {candidate}?"))
}

/// One line of a figment error: which setting, what is wrong, where it comes from.
fn explain(error: &figment::Error) -> ConfigError {
    let key = error.path.join(".");
    let from = error.metadata.as_ref().map_or_else(String::new, |metadata| format!(" ({})", origin(metadata, &key)));
    wrong(format!("setting {key}{from}: {}", error.kind))
}

/// The secret shared with other programs, as it is. A file may end with one line break.
fn shared_secret(environment: &BTreeMap<String, String>, file: Option<&Path>) -> Result<Option<SecretString>, ConfigError> {
    let secret = match (environment.get("JWT_SECRET_KEY"), file) {
        (Some(_), Some(_)) => return Err(wrong("JWT_SECRET_KEY and jwt_secret_key_file are both set; use one")),
        (Some(secret), None) => secret.clone(),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| wrong(format!("cannot read jwt_secret_key_file {}: {error}", file.display())))?;
            let text = text.strip_suffix('\n').unwrap_or(&text);
            text.strip_suffix('\r').unwrap_or(text).to_owned()
        }
        (None, None) => return Ok(None),
    };
    if secret.is_empty() {
        return Err(wrong("the shared secret (JWT_SECRET_KEY or jwt_secret_key_file) is empty; anyone could sign tokens with it"));
    }
    Ok(Some(SecretString::from(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn load_in(toml: &str, pairs: &[(&str, &str)], flags: &Flags) -> Result<Loaded, ConfigError> {
        let file = std::env::temp_dir().join(format!("doorward-{}.toml", uuid::Uuid::new_v4()));
        std::fs::write(&file, toml).unwrap();
        let loaded = Settings::load(Some(&file), &environment(pairs), flags);
        std::fs::remove_file(&file).unwrap();
        loaded
    }

    fn refused(toml: &str, pairs: &[(&str, &str)]) -> String {
        load_in(toml, pairs, &Flags::default()).unwrap_err().to_string()
    }

    #[test]
    fn each_layer_wins_over_the_one_below() {
        let toml = "[default]\nport = 1\nissuer = \"file\"\n[debug]\nport = 2\naudience = \"profile\"";
        let flags = Flags { port: Some(4), ..Flags::default() };
        let settings = load_in(toml, &[("DOORWARD_PORT", "3"), ("ROCKET_ISSUER", "12345")], &flags).unwrap().settings;
        assert_eq!((settings.port, settings.issuer.as_deref()), (4, Some("12345")));
        assert_eq!(settings.audience.as_deref(), cfg!(debug_assertions).then_some("profile"));
        assert_eq!(load_in(toml, &[("DOORWARD_PORT", "3"), ("ROCKET_PORT", "9")], &Flags::default()).unwrap().settings.port, 3);
    }

    #[test]
    fn each_value_is_shown_with_its_source_and_secrets_are_not() {
        let loaded = load_in(
            "[default]\nport = 7",
            &[("JWT_SECRET_KEY", "hunter2hunter2")],
            &Flags { address: Some("::1".into()), ..Flags::default() },
        )
        .unwrap();
        let shown = loaded.show();
        let of = |key: &str| shown.iter().find(|shown| shown.key == key).unwrap();
        assert!(of("port").source.ends_with(".toml"), "{:?}", of("port"));
        assert_eq!((of("address").source.as_str(), of("registration").source.as_str()), ("--address", "default"));
        assert!(!format!("{shown:?} {loaded:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_not_known_is_refused_with_the_nearest_name() {
        assert!(refused("[default]\nprot = 1", &[]).contains("did you mean port?"));
        assert!(refused("[defualt]\nport = 1", &[]).contains("did you mean default?"));
        assert!(refused("[default]\nworkers = 4", &[]).contains("no effect"));
        assert!(refused("", &[("ROCKET_KEEP_ALIVE", "5")]).contains("75 s"));
        let unprofiled = refused("port = 1", &[]);
        assert!(unprofiled.contains("[default]"), "{unprofiled}");
        assert!(refused("[default]\nport = 99999", &[]).contains("port"));
        assert!(refused("[default]\naccess_token_expires = \"soon\"", &[]).contains("15m"));
        let missing = Settings::load(Some(Path::new("/no/such.toml")), &BTreeMap::new(), &Flags::default()).unwrap_err();
        assert!(missing.to_string().contains("does not exist"));
    }

    #[test]
    fn combinations_that_are_not_safe_are_refused() {
        assert!(refused("[default]\naddress = \"0.0.0.0\"\nuser_routes = \"open\"", &[]).contains("guarded"));
        assert!(refused("[default]\naccess_token_expires = \"2d\"", &[]).contains("24h"));
        assert!(refused("[default]\nargon2_memory_kib = 1024", &[]).contains("19456"));
        assert!(refused("", &[("JWT_SECRET_KEY", "")]).contains("empty"));
        assert!(refused("", &[("JWT_ACCESS_TOKEN_EXPIRES", "False")]).contains("must expire"));
        assert!(refused("[default.claims]\nsub = \"1\"", &[]).contains("reserved"));
    }

    #[test]
    fn flask_names_and_lengths_of_time_are_read() {
        let pairs = [("JWT_ACCESS_TOKEN_EXPIRES", "60"), ("JWT_SECRET_KEY", "0123"), ("JWT_TOKEN_LOCATION", "headers")];
        let settings =
            load_in("[default]\nrefresh_token_expires = \"12h\"\nsession_expires = 100000", &pairs, &Flags::default()).unwrap().settings;
        assert_eq!((settings.access_token_expires.to_string(), settings.session_expires.to_string()), ("1m".into(), "100000s".into()));
        assert_eq!(settings.refresh_token_expires.0, Duration::from_secs(43_200));
        assert_eq!(settings.shared_secret.as_ref().unwrap().expose_secret(), "0123");
        assert_eq!(settings.warnings().len(), 1);
    }

    #[test]
    fn every_setting_is_documented() {
        let serde_json::Value::Object(fields) = serde_json::to_value(Settings::default()).unwrap() else { panic!() };
        assert_eq!(fields.keys().map(String::as_str).collect::<Vec<_>>(), KEYS.iter().map(|(key, _)| *key).collect::<Vec<_>>());
    }
}
