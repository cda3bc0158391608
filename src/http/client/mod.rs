//! The same requests from our own side, for the command line: dispatched in this process when no server runs, sent over the
//! local socket when one does, or to a URL with an administrator's token.

mod probe;
mod tls;
mod url;
mod wire;

use std::path::Path;

use rocket::http::{ContentType, Method};
use rocket::local::asynchronous::Client as Dispatcher;
use serde_json::Value;

use super::guard::Door;
use super::{RocketError, Surface, local};
use crate::auth::Auth;
use crate::trace::Trace;

pub use self::probe::{Ask, Heard, Probe};
pub use self::url::ServerUrl;
use self::wire::Wire;

/// Sends requests to one server.
pub struct Client(Way);

enum Way {
    InProcess(Box<Dispatcher>),
    Wire(Box<Wire>),
}

/// What was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body; null when there is none.
    pub body: Value,
}

/// Why there is no answer. Each says what to do, where there is something to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there, or the way is blocked.
    #[error("cannot reach {place}")]
    Unreachable {
        /// The socket's path or the URL.
        place: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A connection that broke, or something else than HTTP on it.
    #[error("{place} gave no answer; whether the request was carried out is not known")]
    Broken {
        /// The socket's path or the URL.
        place: String,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took too long.
    #[error("{place} did not answer within {secs} s; whether the request was carried out is not known")]
    TooSlow {
        /// The socket's path or the URL.
        place: String,
        /// How long it had.
        secs: u64,
    },
    /// A status and a body that are no JSON of ours.
    #[error("{place} answered {status}, and not as Doorward does; is it another program?")]
    NotDoorward {
        /// The URL.
        place: String,
        /// What it answered.
        status: u16,
    },
    /// No certificates to judge a server by.
    #[error("cannot tell whom to trust: {0}; SSL_CERT_FILE names a file of certificates")]
    NoRoots(String),
}

impl Client {
    /// Dispatches requests in this process, as the local administrator.
    ///
    /// # Errors
    /// When the routes do not fit together: a fault of the program.
    pub async fn in_process(auth: Auth) -> Result<Self, Box<RocketError>> {
        local(Surface::default(), auth).await.map(|client| Self(Way::InProcess(Box::new(client)))).map_err(Box::new)
    }

    /// Sends them over the local socket, as the local administrator. `None`: no server listens there.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when it cannot be told.
    pub async fn socket(path: &Path) -> Result<Option<Self>, ClientError> {
        Ok(Wire::socket(path).await?.map(|wire| Self(Way::Wire(Box::new(wire)))))
    }

    /// Sends them to a URL, with an administrator's access token.
    ///
    /// # Errors
    /// [`ClientError::NoRoots`]
    pub fn url(url: ServerUrl, token: &str) -> Result<Self, ClientError> {
        Wire::url(url, Some(token), None).map(|wire| Self(Way::Wire(Box::new(wire))))
    }

    /// Sends them to a URL as anybody, for what needs no token.
    ///
    /// # Errors
    /// [`ClientError::NoRoots`]
    pub fn stranger(url: ServerUrl) -> Result<Self, ClientError> {
        Wire::url(url, None, None).map(|wire| Self(Way::Wire(Box::new(wire))))
    }

    /// Whether a server that runs is at the other end.
    #[must_use]
    pub const fn is_of_a_server(&self) -> bool {
        matches!(self.0, Way::Wire(_))
    }

    /// Sends one request and reads its JSON answer.
    ///
    /// # Errors
    /// [`ClientError`]; never in this process.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, ClientError> {
        match &self.0 {
            Way::InProcess(client) => Ok(dispatch(client, method, path, body).await),
            Way::Wire(wire) => wire.send(method, path, body).await,
        }
    }

    /// The same for what takes its time, such as a backup of a great many users.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_long(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, ClientError> {
        match &self.0 {
            Way::InProcess(client) => Ok(dispatch(client, method, path, body).await),
            Way::Wire(wire) => wire.send_within(wire::LONG, method, path, body).await,
        }
    }

    /// The version of the server, where it tells: over the local socket, once it has answered.
    #[must_use]
    pub fn server_version(&self) -> Option<&str> {
        match &self.0 {
            Way::InProcess(_) => None,
            Way::Wire(wire) => wire.server_version(),
        }
    }
}

async fn dispatch(client: &Dispatcher, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let method = method.parse().unwrap_or(Method::Get);
    let mut request = client.req(method, path.to_owned());
    request.inner().local_cache(|| Door::Local);
    if let Some(body) = body {
        request.add_header(ContentType::JSON);
        request.set_body(body.to_string());
    }
    let trace = Trace { uid: Some(rustix::process::getuid().as_raw()), ..Trace::default() };
    let response = trace.around(request.dispatch()).await;
    let status = response.status().code;
    let text = response.into_string().await.unwrap_or_default();
    Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
}
