//! Rocket's response → hyper's, and problems of the front's own.
//!
//! Responses are read whole before the first byte is sent, so that one which fails half-way is a 500 and not half an
//! answer (nor, as a local client's `into_bytes` would have it, an empty 200). They are small; the limit says how small.

use std::io;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::{Response, StatusCode};
use rocket::local::asynchronous::LocalResponse;
use rocket::tokio::io::AsyncReadExt;

use crate::http::headers::{Security, standard};
use crate::http::problem::Problem;
use crate::trace::RequestId;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Why a response cannot be sent. For the log; the client gets `internal`.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsendable {
    /// hyper knows no such final status.
    #[error("{0} is not a status that can end a request")]
    Status(u16),
    /// A header that would not survive the wire.
    #[error("the header {0} is not valid")]
    Header(String),
    /// Longer than responses may be.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// Shorter or longer than announced.
    #[error("the body is {actual} bytes long but was announced as {announced}")]
    Misannounced {
        /// What Rocket said.
        announced: usize,
        /// What came.
        actual: usize,
    },
    /// The body could not be read.
    #[error("the body could not be read")]
    Read(#[from] io::Error),
}

/// Reads Rocket's response, at most `limit` bytes of body.
///
/// # Errors
/// [`Unsendable`].
pub(super) async fn collect(mut response: LocalResponse<'_>, to_head: bool, limit: usize) -> Result<Response<Full<Bytes>>, Unsendable> {
    let code = response.status().code;
    let status = StatusCode::from_u16(code).ok().filter(|status| !status.is_informational()).ok_or(Unsendable::Status(code))?;
    let mut headers = copy_headers(&response)?;
    // What the responder said it would send; Rocket keeps it when it strips the body of an answer to HEAD.
    let announced = response.body().preset_size();
    if announced.is_some_and(|size| size > limit) {
        return Err(Unsendable::TooLong(limit));
    }
    let bodyless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = if to_head || bodyless { Bytes::new() } else { read(&mut response, announced, limit).await? };
    // hyper writes the length of a body itself. An answer to HEAD has that of the body it does not have.
    if let Some(size) = announced.filter(|_| to_head && !bodyless) {
        headers.insert(CONTENT_LENGTH, size.into());
    }
    let mut sendable = Response::new(Full::new(body));
    *sendable.status_mut() = status;
    *sendable.headers_mut() = headers;
    Ok(sendable)
}

/// All but those that frame the message, which are hyper's business.
fn copy_headers(response: &LocalResponse<'_>) -> Result<HeaderMap, Unsendable> {
    let mut headers = HeaderMap::with_capacity(16);
    for header in response.headers().iter() {
        let name = HeaderName::from_bytes(header.name().as_str().as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(header.value())) else {
            return Err(Unsendable::Header(header.name().to_string()));
        };
        if name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
            headers.append(name, value);
        }
    }
    Ok(headers)
}

async fn read(response: &mut LocalResponse<'_>, announced: Option<usize>, limit: usize) -> Result<Bytes, Unsendable> {
    // One more than may come, to see whether more does.
    let most = announced.unwrap_or(limit) + 1;
    let mut body = Vec::with_capacity(announced.map_or(1024, |_| most));
    let actual = response.take(most as u64).read_to_end(&mut body).await?;
    match announced {
        Some(announced) if actual != announced => Err(Unsendable::Misannounced { announced, actual }),
        None if actual > limit => Err(Unsendable::TooLong(limit)),
        _ => Ok(body.into()),
    }
}

/// A problem of the front's own.
pub(super) fn from_problem(problem: &Problem) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(problem.body())));
    *response.status_mut() = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in problem.headers() {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap_or(CONTENT_TYPE), value);
        }
    }
    response
}

/// The headers of every response, ready to be added.
#[derive(Debug)]
pub(super) struct Standard(Vec<(HeaderName, HeaderValue)>);

impl Standard {
    pub(super) fn new(security: Security) -> Self {
        let ready = |(name, value): (&'static str, &'static str)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_static(value)))
        };
        Self(standard(security).filter_map(ready).collect())
    }

    /// Adds those that are not there yet, and the request's id.
    pub(super) fn complete(&self, response: &mut Response<Full<Bytes>>, id: RequestId) {
        let headers = response.headers_mut();
        headers.reserve(self.0.len() + 1);
        for (name, value) in &self.0 {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if let Ok(id) = HeaderValue::from_maybe_shared(Bytes::from(id.to_string())) {
            headers.insert(REQUEST_ID, id);
        }
    }
}

/// The connection ends with this answer.
pub(super) fn closing(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
