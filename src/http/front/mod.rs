//! The connection front: sockets in, requests to Rocket, answers out.
//!
//! Rocket 0.5 has no deadline for heads, bodies or idle connections and no cap on connections, and it looks at a body
//! before any code of ours runs; one laptop can hold it. So the sockets are ours: hyper reads them, and each request goes
//! to Rocket in-process, through its local client. Rocket keeps routing, guards, catchers, fairings and responders.
//! `rocket` is pinned for this room's sake; when a Rocket brings listeners and timeouts of its own, only this room goes.
//!
//! ```text
//! accept (caps) ─▶ connection (hyper, deadlines, line ends) ─▶ service ─ request ─▶ Rocket ─▶ response
//! ```
//!
//! # Deadlines
//! | What | [`Limits`] | Then |
//! | --- | --- | --- |
//! | first byte of a head to its last | `head` | closed |
//! | body | `body` | 408 `timeout`, closed |
//! | an answer the peer does not read | `write_stall`, from byte to byte | closed |
//! | an answer to the next request's first byte | `idle` (longer than nginx's 60 s, so that a proxy closes first) | closed |
//! | a TLS handshake | `handshake` | closed |
//!
//! The stream keeps all but the body's (see `deadlines`); hyper's `header_read_timeout` is off. What of a head came in
//! the same packet as the request before it does not start the head's clock; its idle time runs on. A handler has no
//! deadline here. hyper does not notice a peer that goes while its request is handled (`half_close`, so that a peer
//! that has only finished sending gets its answer): the handler runs to its end, as under Rocket's own server.
//!
//! # TLS
//! Where the listeners have a certificate ([`Listeners::with_tls`]), each connection begins with a handshake, in its own task and
//! counted like any other. Plain HTTP is answered 400, bare, and closed. See `tls`.
//!
//! # The local socket
//! `<data_dir>/doorward.sock`, if the caller gives one ([`Listeners::with_local`]): same deadlines, same requests, but each
//! carries the mark of a local administrator, and its answers the program's version. See `local`.
//!
//! # Caps
//! Connections in all and per address (IPv6: per /64; loopback and trusted proxies exempt). Whoever comes on top gets 503 `overloaded` or 429
//! `too_many_requests` with `Retry-After`, in a task of its own; when very many do, they are cut off. The local socket has a small share of its own, so that a full server can be administered. The descriptor limit is
//! raised to its hard limit, and the cap lowered to fit it. When accepting fails, the loop waits a moment, says so once, and goes on.
//! A head has at most `head_bytes` and 100 headers, a body `body_bytes`, a response `response_bytes`.
//!
//! # What Rocket never sees
//! - CONNECT, `*` and other targets without a path; a target Rocket cannot parse: 400. Of an absolute-form target the path and
//!   query count; `Host` remains the header's.
//! - A path with `%`, `\`, `//`, a dot segment or a trailing slash: 404. Rocket would match it as another.
//! - A method no route can have, in whatever case, TRACE too: 405 with `Allow`, or 404, as [`super::allowed_methods`] says.
//! - `Host` missing (HTTP/1.0 may) or not valid, two of them, two `Authorization`; a header value that is not UTF-8; a
//!   `Transfer-Encoding` other than `chunked`, once; a bare LF in the head: 400, closed.
//! - Forms, except POST to `/introspect` and `/revoke`, and any `Content-Encoding` but `identity`: 415. A body whose first field
//!   is `_method`, whatever its type: 400. Rocket would turn a form POST into a DELETE.
//! - A body that is too long (413) or malformed (400). Announced too long, it is not read: `Expect: 100-continue` gets the
//!   413 in place of the 100. The connection is closed, but read on for a moment, or a reset could overtake the answer.
//! - A head over `head_bytes` that hyper has let pass, up to about half as long again: 431.
//!
//! These are `Problem`s; the front adds the standard headers to them as to Rocket's answers. **hyper's own are bare**: 400 for a malformed head (bad
//! `Content-Length`, folded or malformed header, no HTTP/1 at all), 431 for one that is too long or has too many headers,
//! 414 for a target over 65,534 bytes (which `head_bytes` makes a 431). They have no body and none of our headers; the
//! connection closes. A conflict of `Content-Length` and `Transfer-Encoding` is settled for the latter, and the connection closed.
//!
//! # Answers
//! Read whole, then sent with an exact `Content-Length`. One that fails half-way, is too long, or is not as long as its
//! responder said, is 500 `internal`; so is a panic in a fairing or in here (Rocket catches those in handlers), which also closes
//! the connection. HEAD has GET's `Content-Length` when the responder knows it beforehand (strings, bytes and JSON do; a file
//! does not, and then there is none). 204 and 304 have neither body nor length. Streams and upgrades do not work through here.
//!
//! # Stopping
//! Listening ends; idle connections close, the others after the answer they are at (`Connection: close`). After `grace` what
//! is left is cut off, half-sent heads among it. [`serve`] returns at most a second later; a handler that blocks its
//! thread may still be running then. Signals, fairings' shutdown and the store are the caller's.

mod accept;
mod bind;
mod body;
mod caps;
mod certificate;
mod connection;
mod connections;
mod deadlines;
mod descriptors;
mod line_ends;
mod local;
mod request;
mod response;
mod service;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use rocket::local::asynchronous::Client;
use tokio::sync::watch;
use tokio::time::timeout;

pub use self::bind::{BindError, Listeners, bind};
use self::caps::Caps;
pub use self::certificate::{CertificateError, CertificateFiles};
use self::connection::Stage;
pub use self::connections::Connections;
pub use self::local::{LocalBindError, LocalSocket, SOCKET};
use self::service::Front;
pub use self::service::VERSION_HEADER;
pub use self::tls::Tls;
use crate::http::proxies::TrustedProxies;

/// How long connections that were cut off may take to be gone.
const AFTERMATH: Duration = Duration::from_millis(500);

/// What a peer may ask of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte of a head to its end.
    pub head: Duration,
    /// For a whole body.
    pub body: Duration,
    /// For the peer to take another byte of an answer.
    pub write_stall: Duration,
    /// From an answer, or from connecting, to the first byte of a request.
    pub idle: Duration,
    /// From connecting to the end of a TLS handshake, where there is TLS.
    pub handshake: Duration,
    /// For open requests when the server stops.
    pub grace: Duration,
    /// Open connections; lowered to what the descriptor limit allows.
    pub connections: usize,
    /// Open connections from one address (IPv6: one /64).
    pub per_address: usize,
    /// Connections from this machine do not count for `per_address`.
    pub exempt_loopback: bool,
    /// Request line and headers, in bytes. At least 8 KiB.
    pub head_bytes: usize,
    /// A request's body, in bytes.
    pub body_bytes: u64,
    /// A response's body, in bytes.
    pub response_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(15),
            write_stall: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            handshake: Duration::from_secs(10),
            grace: Duration::from_secs(5),
            connections: 8192,
            per_address: 256,
            exempt_loopback: true,
            head_bytes: 32 << 10,
            body_bytes: 16 << 10,
            response_bytes: 1 << 20,
        }
    }
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Connections that were still open when the grace was over, and were cut off.
    pub cut_off: usize,
}

/// Serves connections until `stop` is ready, then ends them: those in a request have `limits.grace` to finish. Returns at
/// most a second after that, and holds no clone of `client` then unless a handler blocks its thread.
///
/// Must run on a tokio runtime with I/O and time.
pub async fn serve(client: Arc<Client>, mut listeners: Listeners, limits: Limits, stop: impl Future<Output = ()>) -> Summary {
    let room = descriptors::raise();
    let proxies = client.rocket().state::<TrustedProxies>().cloned().unwrap_or_default();
    let caps = Caps::new(limits.connections.min(room), limits.per_address, limits.exempt_loopback, proxies);
    let grace = limits.grace;
    if let Some(connections) = client.rocket().state::<Arc<Connections>>() {
        connections.are_counted_by(&caps);
    }
    let local = listeners.take_local();
    let front = Arc::new(Front::new(client, limits, listeners.tls()));
    let (stage, watching) = watch::channel(Stage::Serving);
    tokio::select! {
        () = stop => {}
        () = accept::accept(&front, &mut listeners, &caps, &watching) => {}
        () = accept::accept_local(&front, local.as_ref(), &caps, &watching) => {}
    }
    drop((listeners, local, front, watching));

    stage.send_replace(Stage::Stopping);
    if timeout(grace, caps.all_closed()).await.is_ok() {
        return Summary { cut_off: 0 };
    }
    let cut_off = caps.open();
    stage.send_replace(Stage::Over);
    if timeout(AFTERMATH, caps.all_closed()).await.is_err() {
        tracing::warn!(open = caps.open(), "connections do not end; a handler blocks its thread");
    }
    Summary { cut_off }
}
