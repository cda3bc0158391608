//! The accept loop: lets connections in or turns them away, and outlives the want of descriptors.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::bind::Listeners;
use super::caps::{Admission, Caps};
use super::connection::{self, Purpose, Stage};
use super::local::LocalSocket;
use super::service::{Front, Peer};
use super::tls;
use crate::http::problem::{Kind, Problem};
use crate::task;

/// How long to wait when the system has no room for another connection, unless one of ours closes first.
const BREATHER: Duration = Duration::from_millis(250);

/// Accepts connections until it is dropped. Never waits for any of them.
pub(super) async fn accept(front: &Arc<Front>, listeners: &mut Listeners, caps: &Arc<Caps>, stage: &watch::Receiver<Stage>) {
    let mut out_of_room = false;
    loop {
        match std::future::poll_fn(|cx| listeners.poll_accept(cx)).await {
            Ok((stream, peer)) => {
                out_of_room = false;
                welcome(front, caps, stage, stream, peer);
            }
            Err(error) if concerns_one_peer(&error) => {}
            Err(error) => {
                if !out_of_room {
                    tracing::warn!(error = &error as &dyn std::error::Error, open = caps.open(), "cannot accept connections; trying on");
                }
                out_of_room = true;
                let _ = tokio::time::timeout(BREATHER, caps.one_closed()).await;
            }
        }
    }
}

/// The same for the local socket, if there is one.
pub(super) async fn accept_local(front: &Arc<Front>, socket: Option<&LocalSocket>, caps: &Arc<Caps>, stage: &watch::Receiver<Stage>) {
    let Some(socket) = socket else { return std::future::pending().await };
    let mut out_of_room = false;
    loop {
        match socket.accept().await {
            Ok((stream, uid)) => {
                out_of_room = false;
                // Beyond its share it is cut off: whoever may come in here has no need of an explanation by HTTP.
                if let Some(slot) = caps.admit_local() {
                    task::spawn(connection::run(slot, Arc::clone(front), stream, Peer::Local(uid), Purpose::Serve, stage.clone()));
                }
            }
            Err(error) => {
                if !out_of_room {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept local connections; trying on");
                }
                out_of_room = true;
                let _ = tokio::time::timeout(BREATHER, caps.one_closed()).await;
            }
        }
    }
}

/// Gives a connection its task.
fn welcome(front: &Arc<Front>, caps: &Arc<Caps>, stage: &watch::Receiver<Stage>, stream: TcpStream, peer: SocketAddr) {
    let (slot, purpose) = match caps.admit(peer.ip()) {
        Admission::Welcome(slot) => (slot, Purpose::Serve),
        Admission::Full(slot) => {
            let problem = Problem::new(Kind::Overloaded).message("Too many connections are open.").header("Retry-After", "5");
            (slot, Purpose::TurnAway(problem))
        }
        Admission::Greedy(slot) => {
            let problem = Problem::new(Kind::TooManyRequests).message("Too many connections from your address.").header("Retry-After", "5");
            (slot, Purpose::TurnAway(problem))
        }
        Admission::Crowded => return,
    };
    // Answers go out whole; waiting for more to send would only delay them. Failing means the peer has gone.
    let _ = stream.set_nodelay(true);
    let (served, peer, stage) = (Arc::clone(front), Peer::Remote(peer), stage.clone());
    match front.tls.clone() {
        None => drop(task::spawn(connection::run(slot, served, stream, peer, purpose, stage))),
        Some(tls) => drop(task::spawn(tls::run(slot, served, tls, stream, peer, purpose, stage))),
    }
}

/// The peer went before it was accepted. The next one may be fine.
fn concerns_one_peer(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused)
}
