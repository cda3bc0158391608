//! Settings and where each comes from, as `doorward config show` tells it.

use figment::Figment;
use serde::Serialize;

use super::{ConfigError, KEYS, Settings, layers, secrets, wrong};

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
    pub(super) figment: Figment,
}

impl Loaded {
    /// That a setting is wrong, for a check that only its user can make.
    pub(crate) fn refuse(&self, key: &str, fault: &str) -> ConfigError {
        wrong(format!("setting {key} ({}): {fault}", layers::source(&self.figment, key)))
    }

    /// Where a setting comes from: a file, a variable, a flag, or `default`.
    #[must_use]
    pub fn source(&self, key: &str) -> String {
        layers::source(&self.figment, key)
    }

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
                Shown { key: (*key).to_owned(), value, source: layers::source(&self.figment, key) }
            })
            .collect();
        shown.extend(secrets::show(&self.settings));
        shown
    }
}
