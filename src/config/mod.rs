//! Settings: built-in defaults < `Rocket.toml` in the working directory (or `--config FILE`) < environment < flags.
//!
//! The file has profiles: `[default]`, then `[debug]` in a debug build or `[release]` in a release build; which one is
//! fixed when the program is built. In the environment each key is `DOORWARD_…` or `ROCKET_…` in capitals; the names of
//! Flask-JWT-Extended work, too: `JWT_SECRET_KEY`, `JWT_SECRET_KEY_FILE`, `JWT_ACCESS_TOKEN_EXPIRES`, `JWT_REFRESH_TOKEN_EXPIRES`;
//! beside them `JWT_PREVIOUS_SECRET_KEY` and `JWT_PREVIOUS_SECRETS_FILE`.
//! Texts and secrets are taken as they are. What is not known is refused, naming the nearest that is.

mod address;
mod check;
mod error;
mod layers;
mod loaded;
mod secrets;
mod span;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::auth::hasher::Cost;
use crate::auth::keys::SharedSecrets;
use crate::auth::session::Lifetimes;
use crate::auth::throttle;
use crate::auth::token::Issuer;
use crate::auth::user::CustomClaims;
use crate::auth::{Policy, Registration};
use crate::http::base_path::BasePath;
use crate::http::cors::CorsOrigins;
use crate::http::front::CertificateFiles;
use crate::http::headers::Security;
use crate::http::proxies::TrustedProxies;
use crate::http::{Metadata, RevocationReaders, Surface, UserRoutes};
use crate::log_filter::LogControl;
use error::{all_of, wrong};

pub use error::ConfigError;
pub use layers::{environment, likely_data_dir};
pub use loaded::{Loaded, Shown};
pub use secrets::read_file as read_secret_file;
pub use span::Span;

/// Every setting: its name and what it is, as `doorward config show` and the documentation tell it.
pub const KEYS: &[(&str, &str)] = &[
    ("access_token_expires", "how long an access token is good for; at most 24h"),
    ("address", "where to listen: localhost (127.0.0.1 and ::1), or one IP address"),
    ("argon2_iterations", "Argon2id passes for new password hashes; with 19456 KiB at least 2"),
    ("argon2_memory_kib", "Argon2id memory for new password hashes, per hashing thread; at least 19456"),
    ("audience", "the claim aud of access tokens; none unless set"),
    ("base_path", "the path under which a proxy shows this server, such as /auth, and that it takes away before it asks here"),
    ("checkpoint_interval", "how often a copy of the database is put into the folder backups of data_dir; 0 is never"),
    ("checkpoint_keep", "how many of these stay"),
    ("claims", "custom claims of every access token"),
    (
        "cors_origins",
        "origins such as https://app.example.com whose pages may call this server from browsers, with tokens, never by cookie; none unless set",
    ),
    ("data_dir", "where everything is kept"),
    ("hashing_threads", "passwords hashed at once; 0 is one per core"),
    ("iat_backdate", "how far back access tokens are dated, for a verifier whose clock is behind; at most 60s"),
    ("issuer", "the claim iss; public_url or doorward unless set"),
    ("jwks_max_age", "how long verifiers may keep the public keys; a new key waits as long before it signs; at most 24h"),
    ("jwt_previous_secrets_file", "a file with earlier shared secrets, one a line; they verify, and do not sign"),
    ("jwt_secret_key_file", "a file with the secret shared with Flask-JWT-Extended apps (HS256)"),
    ("log", "which log lines: error, warn, info, debug, or a filter such as warn,audit=info"),
    ("log_format", "text or json"),
    ("max_connections", "connections open at once; more are answered 503"),
    ("max_connections_per_address", "connections open at once from one address, but loopback; more are answered 429"),
    ("metrics_address", "where GET /metrics answers Prometheus, such as 127.0.0.1:9100, and nothing else does; nowhere unless set"),
    ("port", "which port; 0 is any free one"),
    ("public_url", "where browsers reach the server, if not where it listens; https turns HSTS on"),
    ("refresh_grace", "how long after a refresh the token before it gets the same answer again"),
    ("refresh_token_expires", "how long a session lasts that is not refreshed"),
    ("registration", "who may register: open (anyone), invite (whoever an administrator gave a code) or closed"),
    ("revocations", "who may follow GET /revocations: services (with a key of that scope) or public (anyone)"),
    ("session_expires", "how long a session lasts, however often it is refreshed"),
    ("throttle", "whether failed logins and the like make wait: true or false"),
    ("throttle_failures", "failures from one address in ten minutes before it must wait; for many people behind one address, more"),
    ("throttle_registrations", "users that may register from one address in an hour; for many people behind one address, more"),
    ("tls_cert", "a file with the server's certificate chain, in PEM, for https without a proxy; read again when it changes"),
    ("tls_key", "a file with the certificate's private key, in PEM"),
    ("trusted_proxies", "addresses and networks (CIDR) of proxies whose X-Forwarded-* headers are believed; none unless set"),
    ("user_routes", "who may use /user/<id>: guarded (oneself, administrators) or open (anyone on this machine)"),
];

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
    pub base_path: BasePath,
    pub checkpoint_interval: Span,
    pub checkpoint_keep: usize,
    pub claims: CustomClaims,
    pub cors_origins: CorsOrigins,
    pub data_dir: PathBuf,
    pub hashing_threads: usize,
    pub iat_backdate: Span,
    pub issuer: Option<String>,
    pub jwks_max_age: Span,
    pub jwt_previous_secrets_file: Option<PathBuf>,
    pub jwt_secret_key_file: Option<PathBuf>,
    pub log: String,
    pub log_format: LogFormat,
    pub max_connections: usize,
    pub max_connections_per_address: usize,
    pub metrics_address: Option<SocketAddr>,
    pub port: u16,
    pub public_url: Option<String>,
    pub refresh_grace: Span,
    pub refresh_token_expires: Span,
    pub registration: Registration,
    pub revocations: RevocationReaders,
    pub session_expires: Span,
    pub throttle: bool,
    pub throttle_failures: u32,
    pub throttle_registrations: u32,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub trusted_proxies: TrustedProxies,
    pub user_routes: UserRoutes,
    /// From the environment or the files; never printed.
    #[serde(skip)]
    pub shared_secrets: SharedSecrets,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_token_expires: Span(Lifetimes::USUAL.access),
            address: "localhost".to_owned(),
            argon2_iterations: Cost::OWASP.iterations,
            argon2_memory_kib: Cost::OWASP.memory_kib,
            audience: None,
            base_path: BasePath::default(),
            checkpoint_interval: Span(Duration::from_secs(86_400)),
            checkpoint_keep: 3,
            claims: CustomClaims::default(),
            cors_origins: CorsOrigins::default(),
            data_dir: PathBuf::from("data"),
            hashing_threads: 0,
            iat_backdate: Span(Duration::ZERO),
            issuer: None,
            jwks_max_age: Span(Duration::from_secs(300)),
            jwt_previous_secrets_file: None,
            jwt_secret_key_file: None,
            log: "warn,audit=info".to_owned(),
            log_format: LogFormat::Text,
            max_connections: 8192,
            max_connections_per_address: 256,
            metrics_address: None,
            port: 5000,
            public_url: None,
            refresh_grace: Span(Lifetimes::USUAL.grace),
            refresh_token_expires: Span(Lifetimes::USUAL.idle),
            registration: Registration::Open,
            revocations: RevocationReaders::Services,
            session_expires: Span(Lifetimes::USUAL.absolute),
            throttle: true,
            throttle_failures: 50,
            throttle_registrations: 20,
            tls_cert: None,
            tls_key: None,
            trusted_proxies: TrustedProxies::default(),
            user_routes: UserRoutes::Guarded,
            shared_secrets: SharedSecrets::default(),
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

impl Settings {
    /// Loads and checks every layer. `environment` are the process's variables, `file` what `--config` named.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn load(file: Option<&Path>, environment: &BTreeMap<String, String>, flags: &Flags) -> Result<Loaded, ConfigError> {
        let figment = layers::stack(file, environment, flags)?;
        let mut settings = layers::extract(&figment)?;
        let secrets = secrets::read(environment, &settings).map(|secrets| settings.shared_secrets = secrets);
        all_of([secrets, settings.check()].into_iter().filter_map(Result::err))?;
        Ok(Loaded { settings, figment })
    }

    /// What the domain needs of them.
    #[must_use]
    pub fn policy(&self, accept_clock: bool) -> Policy {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Policy {
            lifetimes: Lifetimes {
                access: self.access_token_expires.0,
                idle: self.refresh_token_expires.0,
                absolute: self.session_expires.0,
                grace: self.refresh_grace.0,
            },
            issuer: Issuer {
                name: self.issuer_name().to_owned(),
                audience: self.audience.clone(),
                claims: self.claims.clone(),
                backdate: self.iat_backdate.0,
            },
            shared_secrets: self.shared_secrets.clone(),
            jwks_max_age: self.jwks_max_age.0,
            registration: self.registration,
            throttle: self.throttle_limits(),
            hashing: self.cost_of_hashing(),
            hashing_threads: if self.hashing_threads == 0 { cores } else { self.hashing_threads },
            accept_clock,
        }
    }

    fn cost_of_hashing(&self) -> Cost {
        // Most tests are not about what a password costs, and would spend most of their time on it.
        if cfg!(debug_assertions) && std::env::var_os("CHEAP_PASSWORDS_FOR_TESTS").is_some_and(|value| value == "1") {
            return Cost { memory_kib: 64, iterations: 1, lanes: 1 };
        }
        Cost { memory_kib: self.argon2_memory_kib, iterations: self.argon2_iterations, lanes: 1 }
    }

    /// The claim `iss`.
    fn issuer_name(&self) -> &str {
        self.issuer.as_deref().or(self.public_url.as_deref()).unwrap_or("doorward")
    }

    fn throttle_limits(&self) -> throttle::Limits {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        throttle::Limits {
            on: self.throttle,
            failures_per_address: self.throttle_failures,
            registrations_per_address: self.throttle_registrations,
            // Then what seems to come from this machine comes through its proxy, which did not say from whom.
            loopback_too: loopback.into_iter().any(|address| self.trusted_proxies.contains(address)),
        }
    }

    /// The certificate to serve with, where there is TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<CertificateFiles> {
        Some(CertificateFiles { certificate: self.tls_cert.clone()?, key: self.tls_key.clone()? })
    }

    /// What the HTTP surface needs of them.
    #[must_use]
    pub fn surface(&self) -> Surface {
        let https = self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
        Surface {
            user_routes: self.user_routes,
            revocations: self.revocations,
            security: Security { https },
            trusted_proxies: self.trusted_proxies.clone(),
            public_base: self.public_base(),
            base_path: self.base_path.clone(),
            page: self.page(),
            cors_origins: self.cors_origins.clone(),
            metadata: Metadata::of(self.issuer_name(), self.public_base().as_deref()),
            log: LogControl::default(),
        }
    }
}
