//! The secret of the app that is left: with it, the tokens it issued stay good. It is never copied anywhere.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use secrecy::ExposeSecret as _;

use crate::cli::Failure;
use crate::config::{Settings, read_secret_file};

/// Whether a server with these settings accepts what was signed with the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// It does.
    InEffect,
    /// It does not, yet.
    Missing,
}

impl Secret {
    /// Compares the secret in a file with the settings.
    ///
    /// # Errors
    /// The file cannot be read, or is empty.
    pub fn of(file: &Path, settings: &Settings) -> Result<Self, Failure> {
        let secret = zeroize::Zeroizing::new(read_secret_file("--secret-file", file)?);
        if secret.is_empty() {
            return Err(Failure::Refused(format!("{} is empty; it is to hold the JWT_SECRET_KEY of the app", file.display())));
        }
        let ours = settings.shared_secrets.current.iter().chain(&settings.shared_secrets.previous);
        Ok(if ours.into_iter().any(|ours| ours.expose_secret() == secret.as_str()) { Self::InEffect } else { Self::Missing })
    }

    /// For programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::InEffect => "in_effect",
            Self::Missing => "missing",
        }
    }

    /// What is to be done, for people.
    pub fn advice(self, file: &Path) -> String {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let open = std::fs::metadata(&file).is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
        let open = if open {
            format!("\nOther users can read the secret; whoever has it can be anybody: chmod 600 {}", file.display())
        } else {
            String::new()
        };
        match self {
            Self::InEffect => format!("The app's secret is in the settings: the tokens it issued are good here until they expire.{open}"),
            Self::Missing => format!(
                "The app's secret is not in these settings: the tokens it issued are refused. Before you start the server, write into Rocket.toml\n\n    \
                 [default]\n    jwt_secret_key_file = \"{0}\"\n\nor set JWT_SECRET_KEY_FILE={0}, and let nobody but the server's user read it.{open}",
                file.display()
            ),
        }
    }
}
