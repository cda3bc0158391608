//! Where `--url` points: scheme, host, port, and the path a proxy serves us under.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use hyper::http::uri::Scheme;

/// `http` or `https`, a host, perhaps a port and a path; no user, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    pub(super) tls: bool,
    /// As in a `Host` header.
    pub(super) authority: String,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// Empty, or from its first slash on, without one at the end.
    pub(super) path: String,
}

impl FromStr for ServerUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "use a URL such as https://login.example.com";
        let uri: Uri = text.parse().map_err(|_| WANTED)?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(WANTED),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@') && !authority.host().is_empty());
        let authority = authority.filter(|_| uri.query().is_none() && !text.contains('#')).ok_or(WANTED)?;
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => {
                if tls {
                    443
                } else {
                    80
                }
            }
            // `Authority::port` passes over one that is none.
            rest => rest.and_then(|rest| rest.strip_prefix(':')?.parse().ok()).ok_or(WANTED)?,
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { tls, authority: authority.to_string(), host, port, path: uri.path().trim_end_matches('/').to_owned() })
    }
}

impl ServerUrl {
    /// Whether it is https.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        self.tls
    }

    /// Under which path the server is shown; empty, or from its first slash on, without one at the end.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether others on the way could read what is sent there.
    #[must_use]
    pub fn is_readable_on_the_way(&self) -> bool {
        let here = self.host == "localhost" || self.host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        !self.tls && !here
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.tls { "https" } else { "http" }, self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_scheme_a_host_and_perhaps_a_port_and_a_path() {
        for (text, tls, host, port, path) in [
            ("https://login.example.com", true, "login.example.com", 443, ""),
            ("http://localhost:5000/", false, "localhost", 5000, ""),
            ("https://[::1]:8443/auth/", true, "::1", 8443, "/auth"),
        ] {
            let url: ServerUrl = text.parse().expect(text);
            assert_eq!((url.tls, url.host.as_str(), url.port, url.path.as_str()), (tls, host, port, path), "{text}");
            assert_eq!(url.to_string(), text.trim_end_matches('/'));
        }
        for bad in [
            "",
            "localhost",
            "localhost:5000",
            "ftp://x",
            "https://",
            "https://a@b",
            "https://a?b",
            "https://a#b",
            "http://a:99999",
            "http://a:",
            "/x",
        ] {
            assert!(bad.parse::<ServerUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_plain_http_to_another_machine_can_be_read_on_the_way() {
        for (text, readable) in [
            ("http://login.example.com", true),
            ("http://192.0.2.1:5000", true),
            ("https://login.example.com", false),
            ("http://localhost:5000", false),
            ("http://127.0.0.1", false),
            ("http://[::1]", false),
        ] {
            assert_eq!(text.parse::<ServerUrl>().expect(text).is_readable_on_the_way(), readable, "{text}");
        }
    }
}
