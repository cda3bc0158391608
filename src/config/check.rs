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
        all_of(checked.into_iter().filter_map(Result::err))
    }

    fn check_times(&self) -> Result<(), ConfigError> {
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
        if self.iat_backdate.0 > Duration::from_secs(60) || (access + self.iat_backdate.0).as_secs() > MAX_ACCESS_SECS {
            return Err(wrong(format!("iat_backdate is {}; at most 60s, and with access_token_expires at most 24h", self.iat_backdate)));
        }
        if self.jwks_max_age.0 > Duration::from_secs(86_400) {
            return Err(wrong(format!("jwks_max_age is {}; at most 24h", self.jwks_max_age)));
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), ConfigError> {
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
        if self.checkpoint_keep == 0 {
            return Err(wrong("checkpoint_keep must be at least 1; checkpoint_interval = 0 makes none"));
        }
        if self.throttle_failures == 0 || self.throttle_registrations == 0 {
            return Err(wrong("throttle_failures and throttle_registrations must be at least 1; throttle = false switches both off"));
        }
        Ok(())
    }

    fn check_texts(&self) -> Result<(), ConfigError> {
        if let Err(fault) = CustomClaims::try_from(self.claims.as_map().clone()) {
            return Err(wrong(format!("setting claims: {fault}")));
        }
        if let Some(url) = &self.public_url {
            let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
            if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
                return Err(wrong(format!("public_url is {url:?}; it must look like https://login.example.com, without a path")));
            }
        }
        Ok(())
    }

    fn check_places(&self) -> Result<(), ConfigError> {
        if !self.is_localhost() && self.ip().is_none() {
            return Err(wrong(format!(
                "address is {:?}; it must be localhost or an IP address, 0.0.0.0 for all of this machine",
                self.address
            )));
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err(wrong("tls_cert and tls_key belong together: set both, or neither"));
        }
        Ok(())
    }

    /// `open` is for this machine alone. Who asks from elsewhere by a proxy on it that says nothing of itself (nginx, unless it is
    /// told to) cannot be told from who asks on it, so nothing in the settings may say that there is one.
    fn check_open(&self) -> Result<(), ConfigError> {
        if self.user_routes != UserRoutes::Open {
            return Ok(());
        }
        let refused = |who: String, instead: &str| {
            Err(wrong(format!("user_routes is open, so {who} could delete users; use user_routes = \"guarded\", or {instead}")))
        };
        if !self.is_loopback() {
            return refused(format!("anyone at address {}", self.address), "address = \"localhost\"");
        }
        if let Some(origin) = self.cors_origins.elsewhere().next() {
            return refused(format!("pages of {origin} (cors_origins)"), "list localhost only");
        }
        if let Some(url) = self.public_url.as_ref().filter(|url| !is_of_this_machine(url)) {
            return refused(format!("whoever reaches {url} (public_url)"), "leave public_url out");
        }
        if !self.trusted_proxies.is_nobody() {
            return refused("whoever comes through a proxy (trusted_proxies)".to_owned(), "name no proxy");
        }
        Ok(())
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
