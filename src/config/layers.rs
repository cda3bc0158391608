//! The layers: the file, the environment, the flags; and one line for what is wrong in any of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::error::{Actual, Kind, OneOf};
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::{ConfigError, Flags, KEYS, Settings, all_of, wrong};

/// Settings of Rocket's own listener and logger, which this server does not use, and what to do instead.
const DEAD: &[(&str, &str)] = &[
    ("cli_colors", "set NO_COLOR"),
    ("config", "use --config"),
    ("ident", "no Server header is sent"),
    ("ip_header", "use trusted_proxies; X-Forwarded-For is the header that counts"),
    ("keep_alive", "idle connections are kept 75 s"),
    ("limits", "bodies may have 16 KiB"),
    ("log_level", "use log"),
    ("max_blocking", "use hashing_threads"),
    ("profile", "debug builds use [debug], release builds [release]"),
    ("secret_key", "no cookie is encrypted; for Flask's secret use JWT_SECRET_KEY"),
    ("shutdown", "requests under way have 5 s to finish"),
    ("temp_dir", "nothing is written outside data_dir"),
    ("tls", "use tls_cert and tls_key"),
    ("workers", "there is one per core"),
];

/// How variables that are settings begin.
const PREFIXES: [&str; 3] = ["DOORWARD_", "ROCKET_", "JWT_"];

/// Keys whose values are taken from the environment as they are.
const TEXTS: &[&str] = &[
    "address",
    "audience",
    "base_path",
    "cors_origins",
    "data_dir",
    "issuer",
    "jwt_previous_secrets_file",
    "jwt_secret_key_file",
    "log",
    "metrics_address",
    "public_url",
    "tls_cert",
    "tls_key",
    "trusted_proxies",
];

/// All layers, lowest first, in the profile of this build.
///
/// # Errors
/// [`ConfigError`]
pub(super) fn stack(file: Option<&Path>, environment: &BTreeMap<String, String>, flags: &Flags) -> Result<Figment, ConfigError> {
    let figment = Figment::from(Serialized::defaults(Settings::default()))
        .merge(config_file(file)?)
        .merge(Environment::of(environment)?)
        .merge(NamedFlags(flags))
        .select(build_profile());
    refuse_unknown(&figment)?;
    Ok(figment)
}

/// Reads them. Every setting that cannot be read is named: each is set aside for its default until the rest can be.
pub(super) fn extract(figment: &Figment) -> Result<Settings, ConfigError> {
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let (mut rest, mut faults) = (figment.clone(), Vec::new());
    loop {
        let error = match rest.extract() {
            Ok(settings) => return all_of(faults).map(|()| settings),
            Err(error) => error,
        };
        faults.push(explain(&error));
        match error.path.first().and_then(|key| Some((key, defaults.get(key)?))) {
            Some((key, default)) if faults.len() <= KEYS.len() => rest = rest.merge(Serialized::global(key, default)),
            _ => return all_of(faults).and(Err(explain(&error))),
        }
    }
}

/// The data directory that layers name, though something else in them cannot be used.
#[must_use]
pub fn likely_data_dir(file: Option<&Path>, environment: &BTreeMap<String, String>) -> PathBuf {
    let named = ["DOORWARD_DATA_DIR", "ROCKET_DATA_DIR"].into_iter().find_map(|name| environment.get(name).map(PathBuf::from));
    let in_file = || {
        let figment = Figment::from(Toml::file_exact(file.unwrap_or(Path::new("Rocket.toml"))).nested()).select(build_profile());
        figment.extract_inner("data_dir").ok()
    };
    named.or_else(in_file).unwrap_or_else(|| Settings::default().data_dir)
}

fn build_profile() -> Profile {
    if cfg!(debug_assertions) { Profile::const_new("debug") } else { Profile::const_new("release") }
}

/// Where a key's value comes from.
pub(super) fn source(figment: &Figment, key: &str) -> String {
    figment.find_metadata(key).map_or_else(|| "default".to_owned(), |metadata| origin(metadata, key))
}

fn origin(metadata: &Metadata, key: &str) -> String {
    match (&metadata.source, metadata.name.as_ref()) {
        (Some(figment::Source::File(path)), _) => path.display().to_string(),
        (_, "environment") => metadata.interpolate(&Profile::Global, &[key]),
        (_, "flags") => format!("--{}", key.replace('_', "-")),
        _ => "default".to_owned(),
    }
}

/// The file that `--config` names, or `Rocket.toml` right here if there is one.
fn config_file(named: Option<&Path>) -> Result<figment::providers::Data<Toml>, ConfigError> {
    let path = named.unwrap_or(Path::new("Rocket.toml"));
    if named.is_some() && !path.is_file() {
        return Err(wrong(format!("the settings file {} does not exist", path.display())));
    }
    let file = if path.is_file() { Toml::file_exact(path) } else { Toml::string("") }.nested();
    let profiles = file.data().map_err(|error| wrong(format!("{}: {}", path.display(), settings_belong(&error))))?;
    for (profile, settings) in &profiles {
        let name = profile.as_str().as_str();
        if !["default", "debug", "release", "global"].contains(&name) {
            let nearest = nearest(name, ["default", "debug", "release"].into_iter());
            return Err(wrong(format!(
                "{}: unknown profile [{name}]{nearest}; there are [default], [debug] and [release]",
                path.display()
            )));
        }
        // Those of the other build as well: they are tried out in this one.
        let from = format!("{}, [{name}]", path.display());
        all_of(settings.keys().filter(|key| !is_known(key)).map(|key| unknown(key, &from)))?;
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

/// The variables of a process as texts. One of ours that is no text is refused, by name only: its value may be a secret.
///
/// # Errors
/// [`ConfigError`]
pub fn environment(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut texts = BTreeMap::new();
    for (name, value) in variables {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => _ = texts.insert(name, value),
            (name, _) => {
                let name = name.unwrap_or_else(|name| name.to_string_lossy().into_owned());
                if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
                    return Err(wrong(format!("the environment variable {name} is not UTF-8")));
                }
            }
        }
    }
    Ok(texts)
}

/// The environment's layer. `DOORWARD_` counts before `ROCKET_` and `JWT_`.
struct Environment {
    values: Dict,
    /// Of which variable each key is.
    names: BTreeMap<String, String>,
}

impl Environment {
    fn of(variables: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let (mut values, mut names) = (Dict::new(), BTreeMap::new());
        let prefixed =
            |prefix| variables.iter().filter_map(move |(name, value)| Some((name, name.strip_prefix(prefix)?.to_lowercase(), value)));
        for (name, key, value) in prefixed("ROCKET_").chain(prefixed("DOORWARD_")) {
            // Two that are flags, not settings.
            if name == "DOORWARD_TOKEN" || (key == "config" && variables.contains_key("DOORWARD_CONFIG")) {
                continue;
            }
            let value = if TEXTS.contains(&key.as_str()) {
                Value::from(value.as_str())
            } else {
                value.parse().unwrap_or_else(|never| match never {})
            };
            names.insert(key.clone(), name.clone());
            values.insert(key, value);
        }
        for (name, key, value) in prefixed("JWT_") {
            let (key, value) = match key.as_str() {
                "secret_key_file" | "previous_secrets_file" => (name.to_lowercase(), value.as_str().into()),
                "access_token_expires" | "refresh_token_expires" => {
                    let seconds: u64 = value
                        .parse()
                        .map_err(|_| wrong(format!("{name} is {value:?}; it must be a number of seconds, and tokens must expire")))?;
                    (key, seconds.into())
                }
                // The secret is read by itself; a Flask app's other settings may stand in the same environment.
                _ => continue,
            };
            names.entry(key.clone()).or_insert_with(|| name.clone());
            values.entry(key).or_insert(value);
        }
        Ok(Self { values, names })
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        let names = self.names.clone();
        // Of a table's keys the table's.
        let name = move |key: &&str| names.get(key.split('.').next()?).cloned();
        Metadata::named("environment")
            .interpolater(move |_: &Profile, keys: &[&str]| keys.first().and_then(&name).unwrap_or_else(|| "environment".to_owned()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Global.collect(self.values.clone()))
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
    all_of(all.keys().filter(|key| !is_known(key)).map(|key| unknown(key, &source(figment, key))))
}

fn is_known(key: &str) -> bool {
    KEYS.iter().any(|(name, _)| *name == key)
}

fn unknown(key: &str, from: &str) -> ConfigError {
    wrong(match DEAD.iter().find(|(name, _)| *name == key) {
        Some((_, instead)) => format!("the setting {key} ({from}) has no effect here: {instead}"),
        None => format!("unknown setting {key} ({from}){}", nearest(key, KEYS.iter().map(|(name, _)| *name))),
    })
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| distance * 2 <= candidate.len())
        .map_or_else(String::new, |(_, candidate)| format!("; did you mean {candidate}?"))
}

/// A value that does not fit, as it was written.
fn seen(found: &Actual) -> String {
    match found {
        Actual::Signed(number) => number.to_string(),
        Actual::Unsigned(number) => number.to_string(),
        Actual::Str(text) => format!("\"{text}\""),
        other => other.to_string(),
    }
}

/// What serde calls a type, for people.
fn plain(expected: &str) -> &str {
    match expected {
        "u16" => "a whole number up to 65535",
        "u32" | "u64" | "usize" => "a whole number",
        "bool" | "a boolean" => "true or false",
        "a map" => "a table such as {tenant = \"acme\"}",
        other => other,
    }
}

/// One line of a figment error: which setting, what is wrong, where it comes from.
fn explain(error: &figment::Error) -> ConfigError {
    let key = error.path.join(".");
    let from = error.metadata.as_ref().map_or_else(String::new, |metadata| format!(" ({})", origin(metadata, &key)));
    let fault = match &error.kind {
        // figment puts its own quotes around quotes.
        Kind::UnknownVariant(found, known) => format!("unknown variant: found `{found}`, expected {}", OneOf(known)),
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("found {}, expected {}", seen(found), plain(expected))
        }
        kind => kind.to_string(),
    };
    let example = if key == "metrics_address" { "; such as 127.0.0.1:9100" } else { "" };
    wrong(format!("setting {key}{from}: {fault}{example}"))
}
