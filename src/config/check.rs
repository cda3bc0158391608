//! Which settings can be used, and fit together; and which an operator should know more about.

use std::net::IpAddr;
use std::time::Duration;

use super::{ConfigError, Settings, all_of, secrets, wrong};
use crate::auth::token::MAX_ACCESS_SECS;
use crate::auth::user::CustomClaims;
use crate::http::UserRoutes;
use crate::http::cors::is_of_this_machine;

impl Settings {
    /// Whether they can be used.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let checked = [self.check_times(), self.check_numbers(), self.check_texts(), self.check_places(), self.check_open()];
        all_of(checked.into_iter().flatten())
    }

    fn check_times(&self) -> Vec<ConfigError> {
        let (access, idle, absolute) = (self.access_token_expires.0, self.refresh_token_expires.0, self.session_expires.0);
        faults([
            (access.is_zero() || access.as_secs() > MAX_ACCESS_SECS)
                .then(|| format!("access_token_expires is {}; it must be between 1s and 24h", self.access_token_expires)),
            (idle < access || absolute < idle)
                .then(|| "access_token_expires must not be longer than refresh_token_expires, nor that than session_expires".to_owned()),
            (self.refresh_grace.0 > Duration::from_secs(300))
                .then(|| format!("refresh_grace is {}; at most 5m, or a stolen token would go unnoticed", self.refresh_grace)),
            self.is_backdated_too_far()
                .then(|| format!("iat_backdate is {}; at most 60s, and with access_token_expires at most 24h", self.iat_backdate)),
            (self.jwks_max_age.0 > Duration::from_secs(86_400)).then(|| format!("jwks_max_age is {}; at most 24h", self.jwks_max_age)),
        ])
    }

    fn is_backdated_too_far(&self) -> bool {
        let (access, back) = (self.access_token_expires.0, self.iat_backdate.0);
        // Of a token that lives too long by itself that is said.
        let room = Duration::from_secs(MAX_ACCESS_SECS).checked_sub(access);
        back > Duration::from_secs(60) || room.is_some_and(|room| back > room)
    }

    fn check_numbers(&self) -> Vec<ConfigError> {
        let memory = 19_456..=256 * 1024;
        faults([
            (!memory.contains(&self.argon2_memory_kib) || !(2..=16).contains(&self.argon2_iterations))
                .then_some("argon2_memory_kib must be 19456 to 262144, and argon2_iterations 2 to 16 (OWASP Password Storage Cheat Sheet)"),
            (self.max_connections == 0 || self.max_connections_per_address == 0)
                .then_some("max_connections and max_connections_per_address must be at least 1"),
            (self.checkpoint_keep == 0).then_some("checkpoint_keep must be at least 1; checkpoint_interval = 0 makes none"),
            (self.throttle_failures == 0 || self.throttle_registrations == 0)
                .then_some("throttle_failures and throttle_registrations must be at least 1; throttle = false switches both off"),
        ])
    }

    fn check_texts(&self) -> Vec<ConfigError> {
        let claims = CustomClaims::try_from(self.claims.as_map().clone()).err();
        let is_origin = |url: &String| {
            let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
            !host.is_empty() && !host.contains(['/', '?', '#', ' '])
        };
        let url = self.public_url.as_ref().filter(|url| !is_origin(url));
        faults([
            claims.map(|fault| format!("setting claims: {fault}")),
            url.map(|url| format!("public_url is {url:?}; it must look like https://login.example.com, without a path")),
        ])
    }

    fn check_places(&self) -> Vec<ConfigError> {
        faults([
            (!self.is_localhost() && self.ip().is_none())
                .then(|| format!("address is {:?}; it must be localhost or an IP address, 0.0.0.0 for all of this machine", self.address)),
            (self.tls_cert.is_some() != self.tls_key.is_some())
                .then(|| "tls_cert and tls_key belong together: set both, or neither".to_owned()),
        ])
    }

    /// `open` is for this machine alone. Who asks from elsewhere by a proxy on it that says nothing of itself (nginx, unless it is
    /// told to) cannot be told from who asks on it, so nothing in the settings may say that there is one.
    fn check_open(&self) -> Vec<ConfigError> {
        if self.user_routes != UserRoutes::Open {
            return Vec::new();
        }
        let refused = |who: String, instead: &str| {
            format!("user_routes is open, so {who} could delete users; use user_routes = \"guarded\", or {instead}")
        };
        let url = self.public_url.as_ref().filter(|url| !is_of_this_machine(url));
        faults([
            (!self.is_loopback()).then(|| refused(format!("anyone at address {}", self.address), "address = \"localhost\"")),
            self.cors_origins.elsewhere().next().map(|origin| refused(format!("pages of {origin} (cors_origins)"), "list localhost only")),
            url.map(|url| refused(format!("whoever reaches {url} (public_url)"), "leave public_url out")),
            (!self.trusted_proxies.is_nobody())
                .then(|| refused("whoever comes through a proxy (trusted_proxies)".to_owned(), "name no proxy")),
        ])
    }

    /// What an operator should know about these settings before others find out.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.user_routes == UserRoutes::Open {
            warnings.push("user_routes is open: anyone on this machine can read and delete users, as in the template; set user_routes = \"guarded\" for real use".to_owned());
        }
        if !self.throttle {
            warnings.push("throttle is false: nobody who guesses passwords is made to wait".to_owned());
        }
        if self.tls_cert.is_some() && !self.surface().security.https {
            warnings.push(
                "tls_cert is set, and public_url is not https: set it, or browsers may be led to plain http, and no cookie is kept"
                    .to_owned(),
            );
        }
        if !self.is_loopback() && self.tls_cert.is_none() && self.trusted_proxies.is_nobody() {
            warnings.push(format!(
                "address is {}, without tls_cert and without a proxy in trusted_proxies: passwords and tokens travel in clear, for others on the way to read",
                self.address
            ));
        }
        if let Some(address) = self.metrics_address.filter(|address| !address.ip().to_canonical().is_loopback()) {
            warnings.push(format!("metrics_address is {address}: whoever reaches it can read the metrics; see that only Prometheus does"));
        }
        for origin in self.cors_origins.readable_on_the_way() {
            warnings.push(format!(
                "cors_origins has {origin}: whoever is on the way to its pages can put a program there that calls this server; use https"
            ));
        }
        warnings.extend(secrets::warnings(&self.shared_secrets));
        warnings
    }

    fn is_loopback(&self) -> bool {
        self.is_localhost() || self.ip().is_some_and(|address| address.is_loopback())
    }

    fn is_localhost(&self) -> bool {
        self.address.eq_ignore_ascii_case("localhost")
    }

    /// The address to listen on, with or without the brackets of a URL.
    fn ip(&self) -> Option<IpAddr> {
        let bare = self.address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        bare.unwrap_or(&self.address).parse().ok()
    }
}

/// Those that there are.
fn faults<T: Into<String>>(found: impl IntoIterator<Item = Option<T>>) -> Vec<ConfigError> {
    found.into_iter().flatten().map(wrong).collect()
}
