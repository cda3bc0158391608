//! One connection's life under hyper: HTTP/1 only, at its own pace, until it ends or the server does.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::caps::Slot;
use super::deadlines::{Deadlines, Pace, Paced};
use super::response;
use super::service::{Front, Peer};
use crate::http::problem::Problem;

/// How long a connection that is turned away may take over it.
pub(super) const TURNED_AWAY: Duration = Duration::from_secs(2);

/// hyper panics if told to keep less of a head.
const SMALLEST_HEAD: usize = 8 << 10;

/// How far the server has come. Only moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Connections are kept.
    Serving,
    /// They end with the request they are at.
    Stopping,
    /// They end.
    Over,
}

/// What a connection is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// Requests are answered.
    Serve,
    /// The first request is answered with this, and the connection closed.
    TurnAway(Problem),
}

/// What a connection's requests share.
struct Context {
    front: Arc<Front>,
    pace: Arc<Pace>,
    purpose: Purpose,
    stage: watch::Receiver<Stage>,
}

impl Context {
    async fn respond(&self, peer: Peer, request: Request<Incoming>, bare_line_feed: bool) -> Response<Full<Bytes>> {
        let answer = match &self.purpose {
            Purpose::Serve => self.front.answer(peer, request, bare_line_feed).await,
            Purpose::TurnAway(problem) => self.front.turn_away(problem, request),
        };
        self.pace.answered();
        // The task may learn of the stop after its request's answer is ready: each waiter is woken in its turn.
        let stopping = *self.stage.borrow() != Stage::Serving;
        if stopping { response::closing(answer) } else { answer }
    }
}

/// Serves one connection. `_slot` comes first, so that it goes last: when it is given back, nothing of the connection is left.
pub(super) async fn run(
    _slot: Slot,
    front: Arc<Front>,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    purpose: Purpose,
    mut stage: watch::Receiver<Stage>,
) {
    let limits = &front.limits;
    let (head, idle) = match purpose {
        Purpose::Serve => (limits.head, limits.idle),
        Purpose::TurnAway(_) => (limits.head.min(TURNED_AWAY), limits.idle.min(TURNED_AWAY)),
    };
    let mut http = http1::Builder::new();
    // Answers are small: head and body in one buffer cost less than a vectored write.
    http.half_close(true).writev(false).max_buf_size(limits.head_bytes.max(SMALLEST_HEAD)).header_read_timeout(None);

    let pace = Arc::new(Pace::default());
    let stream = Paced::new(stream, Arc::clone(&pace), Deadlines { head, idle, write_stall: limits.write_stall });
    let context = Arc::new(Context { front, pace, purpose, stage: stage.clone() });
    let service = service_fn(move |request| {
        let bare_line_feed = context.pace.begin();
        let context = Arc::clone(&context);
        // hyper keeps room for this future as long as the connection is open: a pointer's room, for most of them idle.
        Box::pin(async move { Ok::<_, Infallible>(context.respond(peer, request, bare_line_feed).await) })
    });

    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            biased;
            changed = stage.changed() => match (changed, *stage.borrow_and_update()) {
                (Ok(()), Stage::Serving) => {}
                (Ok(()), Stage::Stopping) => connection.as_mut().graceful_shutdown(),
                (Err(_), _) | (Ok(()), Stage::Over) => return,
            },
            // How a connection ends is the peer's affair: a reset, a timeout and a malformed head are no events of ours.
            _ = connection.as_mut() => return,
        }
    }
}
