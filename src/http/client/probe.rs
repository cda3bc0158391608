//! Requests as any stranger makes them, and answers as they came: what a check of a deployment sends and looks at.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Request};
use serde_json::Value;
use zeroize::Zeroizing;

use super::ClientError;
use super::url::ServerUrl;
use super::wire::Wire;

/// A request. Does not print its token or its body.
#[derive(Clone)]
pub struct Ask {
    method: &'static str,
    path: String,
    token: Option<Zeroizing<String>>,
    content_type: Option<&'static str>,
    header: Option<(&'static str, String)>,
    body: Bytes,
}

impl Ask {
    /// Without a token or a body.
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), token: None, content_type: None, header: None, body: Bytes::new() }
    }

    /// A `GET`.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// A `POST`.
    pub fn post(path: impl Into<String>) -> Self {
        Self::new("POST", path)
    }

    /// As the holder of a token.
    #[must_use]
    pub fn bearing(self, token: &str) -> Self {
        Self { token: Some(Zeroizing::new(token.to_owned())), ..self }
    }

    /// With a header more.
    #[must_use]
    pub fn with(self, name: &'static str, value: &str) -> Self {
        Self { header: Some((name, value.to_owned())), ..self }
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    /// With a body as it is.
    #[must_use]
    pub fn raw(self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { content_type: Some(content_type), body: body.into(), ..self }
    }
}

/// An answer.
pub struct Heard {
    /// The status code.
    pub status: u16,
    /// From the request to the end of the answer; connecting is in it.
    pub took: Duration,
    headers: HeaderMap,
    body: Bytes,
}

impl Heard {
    /// The value of a header; the first, if there are several.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body; null when it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Asks one server.
pub struct Probe {
    wire: Wire,
    host: String,
    base: String,
}

impl Probe {
    /// `ca` is a file of certificates, in PEM, to trust beside those of the system.
    ///
    /// # Errors
    /// [`ClientError::NoRoots`]
    pub fn new(url: &ServerUrl, ca: Option<&Path>) -> Result<Self, ClientError> {
        Ok(Self { host: url.authority.clone(), base: url.path.clone(), wire: Wire::url(url.clone(), None, ca)? })
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// [`ClientError`], when there is none.
    pub async fn ask(&self, ask: &Ask) -> Result<Heard, ClientError> {
        let mut request = Request::builder().method(ask.method).uri(format!("{}{}", self.base, ask.path)).header(HOST, &self.host);
        if let Some(token) = &ask.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", **token));
        }
        if let Some(media) = ask.content_type {
            request = request.header(CONTENT_TYPE, media);
        }
        if let Some((name, value)) = &ask.header {
            request = request.header(*name, value);
        }
        let request = request.body(Full::from(ask.body.clone())).map_err(|error| self.wire.broken(error.into()))?;
        let begun = Instant::now();
        let (head, body) = self.wire.exchange(request).await?.into_parts();
        Ok(Heard { status: head.status.as_u16(), took: begun.elapsed(), headers: head.headers, body })
    }
}
