//! Apps of other origins (<https://fetch.spec.whatwg.org/#http-cors-protocol>): whose pages may call this server, and how answers
//! tell browsers so. Nobody's, unless `cors_origins` lists them; then their tokens come in headers, as from any program.
//!
//! **Never with the cookie.** No answer has `Access-Control-Allow-Credentials`, so a browser shows such a page nothing that it asked
//! for with a cookie, and keeps none for it. `X-CSRF-Token`, with which a cookie logs out, is no header it may send, and
//! `/verify`, which proxies ask, is closed to it.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode, Uri};
use rocket::http::Header;
use rocket::response::{Responder, Result as Answer};
use rocket::{Orbit, Request, Rocket};
use serde::{Deserialize, Serialize};

use super::allowed_methods;
use super::proxies::Written;

/// Closed to every origin: what is asked there is asked by proxies.
const CLOSED: &str = "/verify";

/// What the API reads, and the name that some clients give a request. Not `X-CSRF-Token`.
const SENT: HeaderValue = HeaderValue::from_static("Authorization, Content-Type, If-None-Match, X-Request-Id");

/// What an answer says beside its body that a page may not read unless it is named.
const SHOWN: HeaderValue = HeaderValue::from_static("Allow, ETag, Location, Retry-After, WWW-Authenticate, X-Request-Id");

/// For how long a browser need not ask for leave again, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins whose pages may call this server. None, unless set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct CorsOrigins(Vec<String>);

impl TryFrom<Written> for CorsOrigins {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        written.items().map(|text| origin(&text)).collect::<Result<_, _>>().map(Self)
    }
}

impl From<CorsOrigins> for String {
    fn from(origins: CorsOrigins) -> Self {
        origins.0.join(", ")
    }
}

/// An origin as browsers write it (RFC 6454 §6.2); they are compared letter by letter.
fn origin(text: &str) -> Result<String, String> {
    let none = || format!("{text:?} is not an origin; write each one out, such as https://app.example.com or http://localhost:3000");
    let written = text.parse::<Uri>().ok().and_then(|uri| as_browsers_write(&uri)).ok_or_else(none)?;
    if written == text { Ok(written) } else { Err(format!("{text:?} is not how browsers write an origin; write {written:?}")) }
}

/// Scheme, host and, if it is not the scheme's own, port; `None`: no browser has such an origin.
fn as_browsers_write(uri: &Uri) -> Option<String> {
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    // A name with an `@` comes before the host, and then this is none.
    let port = match authority.as_str().strip_prefix(authority.host())? {
        "" => None,
        port => Some(port.strip_prefix(':')?.parse().ok()?).filter(|port: &u16| *port != usual),
    };
    let host = authority.host().to_ascii_lowercase();
    let is_name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map_or_else(
        || !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
        |address| address.parse::<std::net::Ipv6Addr>().is_ok(),
    );
    is_name.then(|| format!("{scheme}://{host}{}", port.map(|port| format!(":{port}")).unwrap_or_default()))
}

/// Whether an origin's pages come from the machine that shows them.
#[must_use]
pub fn is_of_this_machine(origin: &str) -> bool {
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    let host =
        authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(authority, |(host, _)| host);
    matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
}

impl CorsOrigins {
    /// Those whose pages come over the network as they are: whoever is on the way can put a program of his own in them.
    pub fn readable_on_the_way(&self) -> impl Iterator<Item = &str> {
        self.elsewhere().filter(|origin| origin.starts_with("http://"))
    }

    /// Those of other machines than the one that shows them.
    pub fn elsewhere(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str).filter(|origin| !is_of_this_machine(origin))
    }

    /// The origin that asks, if it may.
    fn asking<'r>(&self, parts: &'r Parts) -> Option<&'r HeaderValue> {
        let mut sent = parts.headers.get_all(ORIGIN).iter();
        let origin = sent.next().filter(|_| parts.uri.path() != CLOSED)?;
        let listed = sent.next().is_none() && self.0.iter().any(|one| one.as_bytes() == origin.as_bytes());
        listed.then_some(origin)
    }

    /// What a browser is answered that asks, before it sends a page's request, whether it may. `None`: it does not ask that, or
    /// for an origin that may not, or the path is unknown, or a program's own route answers there.
    pub(super) fn leave(&self, parts: &Parts, rocket: &Rocket<Orbit>) -> Option<Response<Full<Bytes>>> {
        if parts.method != Method::OPTIONS || !parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        self.asking(parts)?;
        let methods = allowed_methods(rocket, parts.uri.path()).filter(|methods| !methods.contains("OPTIONS"))?;
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_str(&methods).ok()?);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, SENT);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        Some(response)
    }

    /// Adds to an answer what its reader needs, unless it is for all. Whatever was asked without an `Origin`, too, says that it is
    /// another with one: a browser would show its copy of that to a page.
    pub(super) fn complete(&self, parts: &Parts, headers: &mut HeaderMap) {
        if self.0.is_empty() || headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.asking(parts) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
        }
    }
}

/// A document that says nothing of anybody: for pages of every origin.
pub struct Public<R>(pub R);

/// Its headers.
const PUBLIC: [(&str, &str); 2] = [("Access-Control-Allow-Origin", "*"), ("Cross-Origin-Resource-Policy", "cross-origin")];

impl<'r, 'o: 'r, R: Responder<'r, 'o>> Responder<'r, 'o> for Public<R> {
    fn respond_to(self, request: &'r Request<'_>) -> Answer<'o> {
        self.0.respond_to(request).map(for_all)
    }
}

/// An answer with the headers of one that is [`Public`].
#[must_use]
pub fn for_all(mut response: rocket::Response<'_>) -> rocket::Response<'_> {
    for (name, value) in PUBLIC {
        response.set_header(Header::new(name, value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_taken_only_as_browsers_write_it() {
        for good in ["http://localhost:3000", "https://app.example.com", "https://app.example.com:8443", "http://[::1]:5173"] {
            assert_eq!(origin(good).as_deref(), Ok(good));
        }
        for (close, written) in [
            ("https://app.example.com/", "https://app.example.com"),
            ("https://app.example.com/login?a=b", "https://app.example.com"),
            ("https://App.Example.com", "https://app.example.com"),
            ("HTTPS://app.example.com:443", "https://app.example.com"),
            ("http://localhost:80", "http://localhost"),
        ] {
            assert!(origin(close).unwrap_err().ends_with(&format!("write {written:?}")), "{close}: {:?}", origin(close));
        }
        for bad in [
            "*",
            "null",
            "",
            "localhost:3000",
            "//localhost",
            "https://*.example.com",
            "https://",
            "https://a@b.example",
            "https://b\u{fc}cher.example",
            "ftp://a.example",
            "http://127.0.0.1:80801",
            "http://a:",
            "file:///a",
            "https://[::g]",
            "https://a b",
        ] {
            assert!(origin(bad).unwrap_err().contains("http://localhost:3000"), "{bad}: {:?}", origin(bad));
        }
    }

    #[test]
    fn what_comes_from_the_same_machine_is_not_read_on_the_way() {
        let origins = [
            "http://localhost:3000",
            "http://app.localhost",
            "http://127.0.0.1:1",
            "http://[::1]",
            "http://192.0.2.1:80",
            "https://a.example",
        ];
        let origins = CorsOrigins(origins.map(str::to_owned).to_vec());
        assert_eq!(origins.readable_on_the_way().collect::<Vec<_>>(), ["http://192.0.2.1:80"]);
        assert_eq!(origins.elsewhere().collect::<Vec<_>>(), ["http://192.0.2.1:80", "https://a.example"]);
    }
}
