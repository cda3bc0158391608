//! Where the server listens: names and addresses to sockets, and what to say when that fails. Accepting is
//! [`super::accept`]'s.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::local::LocalSocket;
use super::tls::Tls;

/// How often a free port is looked for that is free on both 127.0.0.1 and `::1`.
const ATTEMPTS: usize = 32;

/// Connections that may wait to be accepted; the system lowers it to its own limit (`somaxconn`). With the usual 128, a
/// burst of connections is dropped, and its clients try again only after a second.
const BACKLOG: u32 = 4096;

/// Sockets that listen on one port.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<TcpListener>,
    /// As it stands in a URL.
    host: String,
    port: u16,
    /// The socket that is asked first next time, so that a busy one cannot starve the other.
    first: usize,
    local: Option<LocalSocket>,
    tls: Option<Arc<Tls>>,
}

/// Why the server cannot listen where it was told to. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Neither `localhost` nor an IP address.
    #[error("`{0}` is not an address to listen on; use localhost, an address of this machine, or 0.0.0.0 for all of them")]
    NotAnAddress(String),
    /// Another program listens there.
    #[error("port {port} is already in use by another program{}; stop it, or choose another port with --port", airplay(*.port))]
    PortTaken {
        /// The port that was wanted.
        port: u16,
    },
    /// A port that needs privileges.
    #[error("port {port} needs privileges this process does not have (ports below 1024 often do); choose a higher one with --port")]
    NotPermitted {
        /// The port that was wanted.
        port: u16,
    },
    /// No interface of this machine has the address.
    #[error("this machine does not have the address {0}; use localhost, one of its own, or 0.0.0.0 for all of them")]
    NotOurs(IpAddr),
    /// Anything else the operating system said.
    #[error("cannot listen on {address}")]
    Io {
        /// Where it was tried.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

/// macOS answers `AirPlay` on 5000, the port Flask has made customary.
fn airplay(port: u16) -> &'static str {
    if cfg!(target_os = "macos") && port == 5000 {
        " (on macOS often AirPlay Receiver: System Settings > General > AirDrop & Handoff)"
    } else {
        ""
    }
}

impl BindError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::PortTaken { port: address.port() },
            io::ErrorKind::PermissionDenied => Self::NotPermitted { port: address.port() },
            io::ErrorKind::AddrNotAvailable => Self::NotOurs(address.ip()),
            _ => Self::Io { address, source },
        }
    }
}

/// Listens at `address`: `localhost` is 127.0.0.1 and `::1` on the same port (a machine without IPv6 does with the
/// first), anything else an IP address, with or without the brackets of a URL. Port 0 is any free one.
///
/// # Errors
/// [`BindError`], which says what to do.
///
/// # Panics
/// Outside a tokio runtime with I/O.
pub fn bind(address: &str, port: u16) -> Result<Listeners, BindError> {
    if address.eq_ignore_ascii_case("localhost") {
        let sockets = both_loopbacks(port)?;
        return Listeners::new(sockets, "localhost".to_owned(), port);
    }
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let ip: IpAddr = bare.parse().map_err(|_| BindError::NotAnAddress(address.to_owned()))?;
    let socket = listen(SocketAddr::new(ip, port))?;
    let host = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
    Listeners::new(vec![socket], host, port)
}

fn listen(address: SocketAddr) -> Result<TcpListener, BindError> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A predecessor's connections that are still closing do not keep the port from us.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| BindError::new(address, source))
}

/// 127.0.0.1 and, where there is IPv6, `::1`, on one port.
fn both_loopbacks(port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut attempts = ATTEMPTS;
    loop {
        let v4 = listen((Ipv4Addr::LOCALHOST, port).into())?;
        let chosen = v4.local_addr().map_or(port, |address| address.port());
        match listen((Ipv6Addr::LOCALHOST, chosen).into()) {
            Ok(v6) => return Ok(vec![v4, v6]),
            // Somebody has the port on ::1. Browsers try ::1 first for "localhost", so half a port would be a trap.
            Err(BindError::PortTaken { .. }) if port == 0 && attempts > 0 => attempts -= 1,
            Err(taken @ BindError::PortTaken { .. }) => return Err(taken),
            Err(_) => return Ok(vec![v4]),
        }
    }
}

impl Listeners {
    fn new(sockets: Vec<TcpListener>, host: String, port: u16) -> Result<Self, BindError> {
        let unknown = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
        let local = match sockets.first() {
            Some(socket) => socket.local_addr().map_err(|source| BindError::Io { address: unknown, source })?,
            None => unknown,
        };
        Ok(Self { sockets, host, port: local.port(), first: 0, local: None, tls: None })
    }

    /// With the socket for who administers this server from its own machine.
    #[must_use]
    pub fn with_local(self, local: Option<LocalSocket>) -> Self {
        Self { local, ..self }
    }

    /// With TLS on every connection but the local socket's.
    #[must_use]
    pub fn with_tls(self, tls: Option<Arc<Tls>>) -> Self {
        Self { tls, ..self }
    }

    pub(super) fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    /// Hands over that socket.
    pub(super) fn take_local(&mut self) -> Option<LocalSocket> {
        self.local.take()
    }

    /// The port, also when any free one was asked for.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What to open in a browser: `http://localhost:5000`, `https://[::1]:5000`.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    /// The next connection on any of the sockets.
    pub(super) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let count = self.sockets.len();
        for step in 0..count {
            let at = (self.first + step) % count;
            if let Poll::Ready(accepted) = self.sockets[at].poll_accept(cx) {
                self.first = at + 1;
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream as Peer;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_of_connections_waits_to_be_accepted() {
        let room = std::fs::read_to_string("/proc/sys/net/core/somaxconn").map_or(128, |text| text.trim().parse().expect("a number"));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_io().build().expect("a runtime");
        let listeners = runtime.block_on(async { bind("127.0.0.1", 0) }).expect("a free port");
        let address = (Ipv4Addr::LOCALHOST, listeners.port()).into();
        let burst: io::Result<Vec<_>> = (0..room.min(1000)).map(|_| Peer::connect_timeout(&address, Duration::from_millis(500))).collect();
        assert!(burst.is_ok(), "{burst:?}");
    }
}
