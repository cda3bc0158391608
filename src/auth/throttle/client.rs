//! A client's address, and whether its request came by way of a proxy.

use std::net::IpAddr;

/// Where a request comes from, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress {
    /// The address: a proxy's, where that is not believed.
    pub ip: IpAddr,
    /// Whether a proxy has passed the request on, believed or not: then it was not made on this machine, wherever it seems to
    /// come from.
    pub forwarded: bool,
}

impl ClientAddress {
    /// Whether it was made on this machine.
    pub(super) fn is_here(&self) -> bool {
        !self.forwarded && self.ip.to_canonical().is_loopback()
    }
}

/// Of a request that was made there itself.
impl From<IpAddr> for ClientAddress {
    fn from(ip: IpAddr) -> Self {
        Self { ip, forwarded: false }
    }
}
