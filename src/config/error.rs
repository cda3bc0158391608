//! What is wrong with settings, for whoever wrote them.

/// A setting that cannot be used: one line that says which, where it comes from and what would do; of several, all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// One, in these words.
pub(super) fn wrong(text: impl Into<String>) -> ConfigError {
    ConfigError(text.into())
}

/// All of them, on one line, if there are any.
pub(super) fn all_of(faults: impl IntoIterator<Item = ConfigError>) -> Result<(), ConfigError> {
    let faults: Vec<_> = faults.into_iter().map(|fault| fault.0).collect();
    if faults.is_empty() { Ok(()) } else { Err(ConfigError(faults.join(". Also: "))) }
}
