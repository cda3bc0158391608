//! The secrets shared with other programs: from the environment or a file, as they are, never printed.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigError, Settings, Shown, wrong};
use crate::auth::keys::SharedSecrets;

/// Fewer can be guessed from any token.
const MIN_BYTES: usize = 32;

/// Reads them all. A file may end with one line break; that of the previous secrets has one on each line.
///
/// # Errors
/// [`ConfigError`]
pub(super) fn read(environment: &BTreeMap<String, String>, settings: &Settings) -> Result<SharedSecrets, ConfigError> {
    let of = |variable: &str, setting: &str, file: Option<&Path>| match (environment.get(variable), file) {
        (Some(_), Some(_)) => Err(wrong(format!("{variable} and {setting} are both set; use one"))),
        (Some(secret), None) => Ok(Some(secret.clone())),
        (None, Some(file)) => read_file(setting, file).map(Some),
        (None, None) => Ok(None),
    };
    let current = of("JWT_SECRET_KEY", "jwt_secret_key_file", settings.jwt_secret_key_file.as_deref())?;
    let previous = of("JWT_PREVIOUS_SECRET_KEY", "jwt_previous_secrets_file", settings.jwt_previous_secrets_file.as_deref())?;
    let previous = previous.map_or_else(Vec::new, |text| match settings.jwt_previous_secrets_file {
        Some(_) => text.lines().map(str::to_owned).collect(),
        None => vec![text],
    });
    if current.iter().chain(&previous).any(String::is_empty) {
        return Err(wrong(
            "a shared secret (JWT_SECRET_KEY, JWT_PREVIOUS_SECRET_KEY or the file of either) is empty; anyone could sign tokens with it",
        ));
    }
    Ok(SharedSecrets { current: current.map(SecretString::from), previous: previous.into_iter().map(SecretString::from).collect() })
}

/// The secret in a file, as a setting of this name reads it: all of it but one line break at the end.
///
/// # Errors
/// [`ConfigError`]
pub fn read_file(setting: &str, file: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("cannot read {setting} {}: {error}", file.display())))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// One line about each secret that is too short.
pub(super) fn warnings(secrets: &SharedSecrets) -> impl Iterator<Item = String> {
    let named = secrets.current.iter().map(|secret| ("JWT_SECRET_KEY", secret));
    let named = named.chain(secrets.previous.iter().map(|secret| ("a previous JWT_SECRET_KEY", secret)));
    named.map(|(name, secret)| (name, secret.expose_secret().len())).filter(|(_, bytes)| *bytes < MIN_BYTES).map(|(name, bytes)| {
        format!("{name} has {bytes} bytes; with fewer than {MIN_BYTES} it can be guessed from any token (RFC 7518 §3.2)")
    })
}

/// That they are there, and where they come from.
pub(super) fn show(settings: &Settings) -> [Shown; 2] {
    let one = |key: &str, set: bool, file: bool, setting: &str, variable: &str| {
        let (value, source) = match (set, file) {
            (false, _) => ("-", "default"),
            (true, true) => ("(hidden)", setting),
            (true, false) => ("(hidden)", variable),
        };
        Shown { key: key.to_owned(), value: value.to_owned(), source: source.to_owned() }
    };
    let Settings { shared_secrets: secrets, jwt_secret_key_file: file, jwt_previous_secrets_file: previous, .. } = settings;
    [
        one("jwt_secret_key", secrets.current.is_some(), file.is_some(), "jwt_secret_key_file", "JWT_SECRET_KEY"),
        one(
            "jwt_previous_secret_key",
            !secrets.previous.is_empty(),
            previous.is_some(),
            "jwt_previous_secrets_file",
            "JWT_PREVIOUS_SECRET_KEY",
        ),
    ]
}
