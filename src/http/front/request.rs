//! hyper's request → Rocket's: what is refused before Rocket sees it, and how the rest is handed over.
//!
//! Rocket's own mapping is lenient where this one is not: it matches paths decoded and without their empty segments,
//! drops header values it cannot read, takes the first of two `Authorization` headers and knows no 405.

use std::str::FromStr;
use std::time::Instant;

use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Method as HyperMethod, Version};
use rocket::http::uri::{Host, Origin};
use rocket::http::{ContentType, Cookie, Header, Method};
use rocket::local::asynchronous::{Client, LocalRequest};
use rocket::{Orbit, Rocket};

use super::service::Peer;
use crate::http::allowed_methods;
use crate::http::guard::Door;
use crate::http::headers::{Passed, ThroughTheFront};
use crate::http::problem::{Kind, Problem};
use crate::http::proxies::{Sent, is_forwarded, is_of_a_proxy};

/// Where forms are the protocol (RFC 7662 §2.1, RFC 7009 §2.1). Everywhere else a form is what another site's page
/// could make a browser send.
const FORM_PATHS: [&str; 2] = ["/introspect", "/revoke"];

/// Where a proxy asks with the headers of somebody's request, its `Content-Type` among them, and without the body.
const FORWARD_AUTH_PATH: &str = "/verify";

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A request that may go to Rocket.
#[derive(Debug)]
pub(super) struct Vetted<'h> {
    method: Method,
    uri: Origin<'h>,
    host: Option<Host<'h>>,
}

/// A request that may not.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) problem: Problem,
    /// The message itself is in doubt, and with it where the next one begins: close.
    pub(super) severs: bool,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, severs: false }
    }
}

impl Refusal {
    /// For what [`super::line_ends`] found.
    pub(super) fn bare_line_feed() -> Self {
        malformed("A line of the head ends without a carriage return.")
    }
}

/// A request nobody can be sure to have understood.
fn malformed(why: &'static str) -> Refusal {
    Refusal { problem: Problem::new(Kind::InvalidRequest).message(why), severs: true }
}

/// How long the head was, but for space that it need not have had.
pub(super) fn head_bytes(parts: &Parts) -> usize {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = parts.method.as_str().len() + target + "  HTTP/1.1\r\n".len();
    let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line + headers.sum::<usize>() + "\r\n".len()
}

/// Decides whether a request goes to Rocket.
///
/// # Errors
/// What to answer instead.
pub(super) fn vet<'h>(parts: &'h Parts, rocket: &Rocket<Orbit>) -> Result<Vetted<'h>, Refusal> {
    framing(&parts.headers)?;
    let host = host(parts)?;
    if parts.headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        return Err(malformed("More than one Authorization header."));
    }
    let path = parts.uri.path();
    if parts.method == HyperMethod::CONNECT || !path.starts_with('/') {
        return Err(malformed("This server serves paths only."));
    }
    if is_odd(path) {
        return Err(Problem::new(Kind::NotFound).into());
    }
    let method = method(&parts.method).ok_or_else(|| no_such_method(rocket, path))?;
    media(&parts.headers, method, path)?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let uri = Origin::parse(target).map_err(|_| Problem::new(Kind::InvalidRequest).message("The request target is not a valid URI."))?;
    Ok(Vetted { method, uri, host })
}

/// What hyper lets through although a message's end, or a header's meaning, would be in doubt.
fn framing(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.values().any(|value| std::str::from_utf8(value.as_bytes()).is_err()) {
        return Err(malformed("A header value is not UTF-8."));
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = codings.next().is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    // hyper strips one layer, `chunked`, and would hand over the rest still encoded.
    if !chunked || codings.next().is_some() {
        return Err(malformed("The only Transfer-Encoding is chunked."));
    }
    Ok(())
}

/// The `Host` header: exactly one (RFC 9112 §3.2); HTTP/1.0 may leave it out.
fn host(parts: &Parts) -> Result<Option<Host<'_>>, Refusal> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let first = hosts.next();
    if hosts.next().is_some() {
        return Err(malformed("More than one Host header."));
    }
    match first {
        None if parts.version == Version::HTTP_10 => Ok(None),
        None => Err(malformed("The Host header is missing.")),
        Some(value) => {
            let text = value.to_str().ok().filter(|text| !text.contains('@'));
            let host = text.and_then(|text| Host::parse(text).ok()).ok_or_else(|| malformed("The Host header is not valid."))?;
            Ok(Some(host))
        }
    }
}

/// Spellings that Rocket, or a proxy's access rules, would take for another path.
fn is_odd(path: &str) -> bool {
    let trailing = path.len() > 1 && path.ends_with('/');
    trailing || path.contains(['%', '\\']) || path.contains("//") || path.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// The methods routes can have. Case counts (RFC 9110 §9.1), although Rocket's own parser ignores it.
fn method(method: &HyperMethod) -> Option<Method> {
    match *method {
        HyperMethod::GET => Some(Method::Get),
        HyperMethod::HEAD => Some(Method::Head),
        HyperMethod::POST => Some(Method::Post),
        HyperMethod::PUT => Some(Method::Put),
        HyperMethod::PATCH => Some(Method::Patch),
        HyperMethod::DELETE => Some(Method::Delete),
        HyperMethod::OPTIONS => Some(Method::Options),
        _ => None,
    }
}

/// As the catcher answers a known method on the wrong path.
fn no_such_method(rocket: &Rocket<Orbit>, path: &str) -> Refusal {
    match allowed_methods(rocket, path) {
        Some(allow) => Problem::new(Kind::MethodNotAllowed).header("Allow", allow).into(),
        None => Problem::new(Kind::NotFound).into(),
    }
}

/// Forms, and bodies we could not read.
fn media(headers: &HeaderMap, method: Method, path: &str) -> Result<(), Refusal> {
    if path == FORWARD_AUTH_PATH && matches!(method, Method::Get | Method::Head) {
        return Ok(());
    }
    let encoded = texts(headers, CONTENT_ENCODING).any(|coding| !coding.trim().eq_ignore_ascii_case("identity"));
    let forms_welcome = method == Method::Post && FORM_PATHS.contains(&path);
    if encoded || (!forms_welcome && texts(headers, CONTENT_TYPE).any(is_form)) {
        return Err(Problem::new(Kind::UnsupportedMediaType).into());
    }
    Ok(())
}

/// By Rocket's reading, for Rocket would act on it, and by a plain one.
fn is_form(content_type: &str) -> bool {
    let essence = content_type.split([';', ',']).next().unwrap_or_default().trim();
    ["application/x-www-form-urlencoded", "multipart/form-data"].iter().any(|form| essence.eq_ignore_ascii_case(form))
        || ContentType::from_str(content_type).is_ok_and(|parsed| parsed.is_form() || parsed.is_form_data())
}

fn texts(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
}

/// What the request says of where it comes from. Rocket's map of headers would tell, too, after hashing each name with a slower function.
pub(super) fn sent<'h>(parts: &'h Parts, request: &LocalRequest<'_>) -> Sent<'h> {
    Sent { forwarded_for: texts(&parts.headers, X_FORWARDED_FOR).collect(), forwarded: is_forwarded(request.inner()) }
}

/// Whether the peer waits for leave to send its body (RFC 9110 §10.1.1).
pub(super) fn waits_for_leave(parts: &Parts) -> bool {
    parts.headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

impl<'h> Vetted<'h> {
    /// Rocket's request: headers borrowed from `parts`, cookies, host, peer or the mark of a local administrator, and the mark that the headers are ours to add.
    pub(super) fn hand_over<'c>(self, client: &'c Client, parts: &'h Parts, body: &[u8], peer: Peer) -> LocalRequest<'c>
    where
        'h: 'c,
    {
        let mut local = client.req(self.method, self.uri);
        local.set_body(body);
        match peer {
            Peer::Remote(address) => local.inner_mut().set_remote(address),
            Peer::Local(_) => _ = local.inner_mut().local_cache(|| Door::Local),
        }
        for raw in texts(&parts.headers, COOKIE).flat_map(|line| line.split(';')) {
            if let Ok(cookie) = Cookie::parse_encoded(raw.trim()) {
                local = local.cookie(cookie);
            }
        }
        let request = local.inner_mut();
        if let Some(host) = self.host {
            request.set_host(host);
        }
        let mut forwarded = false;
        for (name, value) in &parts.headers {
            forwarded |= is_of_a_proxy(name.as_str());
            if let Ok(text) = std::str::from_utf8(value.as_bytes()) {
                request.add_header(Header::new(name.as_str(), text));
            }
        }
        request.local_cache(|| ThroughTheFront(Some(Passed { began: Instant::now(), forwarded })));
        local
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_spelling_of_a_path_is_served() {
        for path in ["/", "/login", "/user/7", "/.well-known/jwks.json", "/a..b", "/login;a=b"] {
            assert!(!is_odd(path), "{path}");
        }
        for path in ["//", "//login", "/login/", "/a//b", "/./a", "/a/..", "/../a", "/%6Cogin", "/login%00", "/a\\b"] {
            assert!(is_odd(path), "{path}");
        }
    }

    #[test]
    fn forms_are_recognised_however_they_are_written() {
        for form in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-Urlencoded;charset=utf-8",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded, application/json",
            "application/x-www-form-urlencoded ; a=b",
        ] {
            assert!(is_form(form), "{form}");
        }
        for other in ["application/json", "text/plain", "", "json"] {
            assert!(!is_form(other), "{other}");
        }
    }
}
