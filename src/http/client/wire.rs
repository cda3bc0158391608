//! Requests over a connection: the local socket, or TCP with or without TLS. One connection serves a command; when it was
//! closed in between, another is made.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::tls::Tls;
use super::url::ServerUrl;
use super::{Answer, ClientError};
use crate::http::front::VERSION_HEADER;
use crate::task;

/// For a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// For an answer. Longer than the server lets a password wait, and than it takes to give up a commit.
const ANSWER: Duration = Duration::from_secs(30);
/// The same for what takes its time.
pub(super) const LONG: Duration = Duration::from_secs(3600);
/// Longest answer: more than the front sends.
const MAX_ANSWER: usize = 4 << 20;

/// See the module's page.
pub(super) struct Wire {
    way: Way,
    /// As in a `Host` header.
    host: String,
    /// Goes before each path.
    base: String,
    authorization: Option<HeaderValue>,
    open: Mutex<Option<SendRequest<Full<Bytes>>>>,
    version: OnceLock<String>,
}

enum Way {
    Socket(PathBuf),
    Url(ServerUrl, Option<Tls>),
}

/// A fault that is not the answer's.
pub(super) type Fault = Box<dyn StdError + Send + Sync>;

impl Wire {
    /// `None`: no server listens there.
    pub(super) async fn socket(path: &Path) -> Result<Option<Self>, ClientError> {
        let wire = Self::new(Way::Socket(path.to_owned()), "localhost".to_owned(), String::new(), None);
        match wire.connect().await {
            Ok(open) => {
                *wire.open.lock().await = Some(open);
                Ok(Some(wire))
            }
            // `InvalidInput`: a path too long for a socket, so no server has bound one there.
            Err(ClientError::Unreachable { source, .. })
                if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::InvalidInput) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// [`ClientError::NoRoots`]
    pub(super) fn url(url: ServerUrl, token: Option<&str>, ca: Option<&Path>) -> Result<Self, ClientError> {
        // What cannot stand in a header is no token; the server says so.
        let authorization = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok()).map(|mut value| {
            value.set_sensitive(true);
            value
        });
        let tls = if url.tls { Some(Tls::new(ca)?) } else { None };
        let (host, base) = (url.authority.clone(), url.path.clone());
        Ok(Self::new(Way::Url(url, tls), host, base, authorization))
    }

    fn new(way: Way, host: String, base: String, authorization: Option<HeaderValue>) -> Self {
        Self { way, host, base, authorization, open: Mutex::default(), version: OnceLock::new() }
    }

    pub(super) fn server_version(&self) -> Option<&str> {
        self.version.get().map(String::as_str)
    }

    fn place(&self) -> String {
        match &self.way {
            Way::Socket(path) => path.display().to_string(),
            Way::Url(url, _) => url.to_string(),
        }
    }

    pub(super) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, ClientError> {
        self.send_within(ANSWER, method, path, body).await
    }

    pub(super) async fn send_within(&self, limit: Duration, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, ClientError> {
        let request = self.request(method, path, body).map_err(|error| self.broken(error.into()))?;
        let answer = self.exchange_within(limit, request).await?;
        let status = answer.status().as_u16();
        // Every answer of ours has a JSON object; a proxy's error page has not.
        match serde_json::from_slice(answer.body()) {
            Ok(body @ Value::Object(_)) => Ok(Answer { status, body }),
            _ => Err(ClientError::NotDoorward { place: self.place(), status }),
        }
    }

    /// Sends a request, over the connection that is open or a new one, and reads its answer to the end.
    pub(super) async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, ClientError> {
        self.exchange_within(ANSWER, request).await
    }

    async fn exchange_within(&self, limit: Duration, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, ClientError> {
        let mut open = self.open.lock().await;
        if let Some(sender) = open.as_mut()
            && sender.ready().await.is_err()
        {
            *open = None;
        }
        let sender = match &mut *open {
            Some(sender) => sender,
            none => none.insert(self.connect().await?),
        };
        let exchange = async {
            let response = sender.send_request(request).await.map_err(Fault::from)?;
            self.note_version(&response);
            let (head, body) = response.into_parts();
            Ok(Response::from_parts(head, Limited::new(body, MAX_ANSWER).collect().await?.to_bytes()))
        };
        let answer = match timeout(limit, exchange).await {
            Ok(exchanged) => exchanged.map_err(|source| self.broken(source)),
            Err(_) => Err(ClientError::TooSlow { place: self.place(), secs: limit.as_secs() }),
        };
        // The next request is not sent where nobody reads any more, nor behind one that is still waiting.
        if answer.as_ref().map_or(true, closes) {
            *open = None;
        }
        answer
    }

    pub(super) fn broken(&self, source: Fault) -> ClientError {
        ClientError::Broken { place: self.place(), source }
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base)).header(HOST, &self.host);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::from(body.map(Value::to_string).unwrap_or_default()))
    }

    fn note_version(&self, response: &Response<Incoming>) {
        if let Some(version) = response.headers().get(VERSION_HEADER).and_then(|value| value.to_str().ok()) {
            self.version.get_or_init(|| version.to_owned());
        }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        let unreachable = |source| ClientError::Unreachable { place: self.place(), source };
        let connecting = async {
            match &self.way {
                Way::Socket(path) => begin(UnixStream::connect(path).await?).await,
                Way::Url(url, tls) => {
                    let stream = TcpStream::connect((url.host.as_str(), url.port)).await?;
                    match tls {
                        Some(tls) => begin(tls.connect(&url.host, stream).await?).await,
                        None => begin(stream).await,
                    }
                }
            }
        };
        match timeout(CONNECT, connecting).await {
            Ok(connected) => connected.map_err(unreachable),
            Err(_) => Err(unreachable(ErrorKind::TimedOut.into())),
        }
    }
}

/// Whether the other side closes the connection after this answer (RFC 9112 §9.6).
fn closes(answer: &Response<Bytes>) -> bool {
    answer.headers().get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}

/// Speaks HTTP on a stream, for as long as the sender is kept.
async fn begin(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> std::io::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    // How it ends shows in what the sender answers.
    task::spawn(async move { drop(connection.await) });
    Ok(sender)
}
