//! Who asked, when a proxy asks on somebody's behalf: `X-Forwarded-*` is believed from `trusted_proxies` alone.
//!
//! `X-Forwarded-For` is read from its end, where the nearest proxy wrote: each trusted address hands on to the one before it, and
//! the first that is not trusted is the client. What a client wrote itself stands before that and is never reached.

use std::net::{IpAddr, SocketAddr};
use std::sync::Once;

use ipnet::{IpNet, Ipv4Net};
use rocket::{Orbit, Request, Rocket};
use serde::{Deserialize, Serialize};

use super::headers::ThroughTheFront;
use crate::auth::throttle::ClientAddress;

/// The networks whose `X-Forwarded-*` headers are believed. Nobody's, unless set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct TrustedProxies(Vec<IpNet>);

/// In a settings file a list, or, as in the environment, one text with commas.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Written {
    /// As it is.
    List(Vec<String>),
    /// With commas.
    Text(String),
}

impl Written {
    /// What is in it, without the spaces around.
    pub(super) fn items(self) -> impl Iterator<Item = String> {
        let items = match self {
            Self::List(items) => items,
            Self::Text(text) => text.split(',').map(str::to_owned).collect(),
        };
        items.into_iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty())
    }
}

impl TryFrom<Written> for TrustedProxies {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        written.items().map(|text| network(&text)).collect::<Result<_, _>>().map(Self)
    }
}

/// An address, or a network in CIDR form (RFC 4632).
fn network(text: &str) -> Result<IpNet, String> {
    let parsed = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    parsed.map(canonical).map_err(|_| format!("{text:?} is neither an IP address nor a network such as 10.0.0.0/8"))
}

/// Peers are compared as IPv4 where they are, so networks must be, too (RFC 4291 §2.5.5.2).
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    mapped.and_then(|(v4, length)| Ipv4Net::new(v4, length).ok()).map_or(network, IpNet::V4)
}

impl From<TrustedProxies> for String {
    fn from(proxies: TrustedProxies) -> Self {
        proxies.0.iter().map(IpNet::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl TrustedProxies {
    /// Whether a peer is one of them.
    #[must_use]
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }

    /// Whether nobody's are believed.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.0.is_empty()
    }

    /// The client's address: the peer's, unless the peer is trusted; then what the `X-Forwarded-For` headers, in the order
    /// they came, say it is. A proxy that wrote no address there is taken for the client.
    #[must_use]
    pub fn client<'a>(&self, peer: IpAddr, forwarded_for: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut client = peer.to_canonical();
        for hop in forwarded_for.rev().flat_map(|line| line.rsplit(',')) {
            if !self.contains(client) {
                break;
            }
            let Some(before) = address(hop.trim()) else { break };
            client = before;
        }
        client
    }
}

/// An address with or without a port, as proxies write it.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| bare.parse().ok().map(|with_port: SocketAddr| with_port.ip()))?;
    Some(IpAddr::to_canonical(&address))
}

/// The client's address; `None` for the command line.
pub(super) fn client(request: &Request<'_>) -> Option<ClientAddress> {
    let headers = request.headers();
    let sent = Sent { forwarded_for: headers.get("X-Forwarded-For").collect(), forwarded: is_forwarded(request) };
    Some(sent.client(request.rocket(), request.remote()?.ip()))
}

/// Whether a request says that a proxy passed it on, believed or not. Of one that says nothing it cannot be told.
pub(super) fn is_forwarded(request: &Request<'_>) -> bool {
    match request.local_cache(ThroughTheFront::default) {
        ThroughTheFront(Some(passed)) => passed.forwarded,
        ThroughTheFront(None) => request.headers().iter().any(|header| is_of_a_proxy(header.name().as_str())),
    }
}

/// Whether a header of this name is one that proxies add: `Forwarded` (RFC 7239), `Via` (RFC 9110 §7.6.3), `X-Real-IP` or
/// `X-Forwarded-*`.
pub(super) fn is_of_a_proxy(name: &str) -> bool {
    ["forwarded", "via", "x-real-ip"].iter().any(|one| name.eq_ignore_ascii_case(one))
        || name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("x-forwarded-"))
}

/// What a request says of where it comes from.
pub(super) struct Sent<'r> {
    /// `X-Forwarded-For`, line by line.
    pub forwarded_for: Vec<&'r str>,
    /// [`is_forwarded`]
    pub forwarded: bool,
}

impl Sent<'_> {
    /// The client's address, where this came from `peer`.
    pub fn client(self, rocket: &Rocket<Orbit>, peer: IpAddr) -> ClientAddress {
        let peer = peer.to_canonical();
        let trusted = rocket.state::<TrustedProxies>();
        if self.forwarded && !trusted.is_some_and(|proxies| proxies.contains(peer)) {
            warn_of_nameless_proxy(peer);
        }
        let ip = trusted.map_or(peer, |proxies| proxies.client(peer, self.forwarded_for.into_iter()));
        ClientAddress { ip, forwarded: self.forwarded }
    }
}

/// Where a request seems to come from.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// Who connected.
    peer: IpAddr,
    /// Who is taken for the client.
    client: IpAddr,
    /// Whether there was an `X-Forwarded-For`, believed or not.
    forwarded: bool,
    /// Whether who connected is one of `trusted_proxies`.
    trusted: bool,
}

/// The same for whoever asks about it; `None` for the command line on this machine.
pub(super) fn seen(request: &Request<'_>) -> Option<Seen> {
    let peer = request.remote()?.ip().to_canonical();
    let lines: Vec<_> = request.headers().get("X-Forwarded-For").collect();
    let forwarded = !lines.is_empty();
    let proxies = request.rocket().state::<TrustedProxies>()?;
    let (client, trusted) = (proxies.client(peer, lines.into_iter()), proxies.contains(peer));
    Some(Seen { peer, client, forwarded, trusted })
}

/// Once: behind a proxy that is not named all clients look like one, and who fails too often makes all others wait.
fn warn_of_nameless_proxy(peer: IpAddr) {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            %peer,
            "a request came with a header that proxies add (X-Forwarded-For or the like) from an address that is not in trusted_proxies; if that is your proxy, name it there, or all its clients count as one"
        );
    });
}

/// Whether a trusted proxy asks: then what its other `X-Forwarded-*` headers say is believed.
pub(super) fn is_from_trusted(request: &Request<'_>) -> bool {
    let (peer, trusted) = (request.remote(), request.rocket().state::<TrustedProxies>());
    peer.zip(trusted).is_some_and(|(peer, trusted)| trusted.contains(peer.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(text: &str) -> TrustedProxies {
        TrustedProxies::try_from(Written::Text(text.to_owned())).expect("networks")
    }

    fn client(proxies: &TrustedProxies, peer: &str, lines: &[&str]) -> String {
        proxies.client(peer.parse().expect("an address"), lines.iter().copied()).to_string()
    }

    #[test]
    fn without_trusted_proxies_the_peer_is_the_client_whatever_it_says() {
        assert_eq!(client(&TrustedProxies::default(), "127.0.0.1", &["192.0.2.1"]), "127.0.0.1");
        assert_eq!(client(&proxies("10.0.0.0/8"), "127.0.0.1", &["192.0.2.1"]), "127.0.0.1");
    }

    #[test]
    fn the_first_address_from_the_end_that_is_not_a_proxys_is_the_clients() {
        let proxies = proxies("127.0.0.1, 10.0.0.0/8,fd00::/8");
        assert_eq!(client(&proxies, "127.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(client(&proxies, "::ffff:127.0.0.1", &["203.0.113.9, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(client(&proxies, "10.1.2.3", &["203.0.113.9", "192.0.2.1, 10.0.0.7", "fd00::1"]), "192.0.2.1");
        assert_eq!(client(&proxies, "127.0.0.1", &["10.0.0.1, 10.0.0.2"]), "10.0.0.1");
        assert_eq!(client(&proxies, "127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn addresses_may_have_ports_and_brackets_and_what_is_none_ends_the_walk() {
        let proxies = proxies("127.0.0.1");
        assert_eq!(client(&proxies, "127.0.0.1", &["192.0.2.1:4711"]), "192.0.2.1");
        assert_eq!(client(&proxies, "127.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client(&proxies, "127.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client(&proxies, "127.0.0.1", &["::ffff:192.0.2.1"]), "192.0.2.1");
        for odd in ["", "unknown", "_hidden", "192.0.2.1, ", "192.0.2.1, 999.1.1.1", "192.0.2.1 10.0.0.1", "for=192.0.2.1"] {
            assert_eq!(client(&proxies, "127.0.0.1", &[odd]), "127.0.0.1", "{odd}");
        }
    }

    #[test]
    fn only_addresses_and_networks_are_taken() {
        for bad in ["localhost", "10.0.0.0/33", "10.0.0.0/8;127.0.0.1", "*"] {
            assert!(TrustedProxies::try_from(Written::Text(bad.to_owned())).is_err(), "{bad}");
        }
        assert_eq!(String::from(proxies("::1,10.0.0.0/8")), "::1/128, 10.0.0.0/8");
        assert_eq!(String::from(proxies("::ffff:10.0.0.1,::ffff:10.0.0.0/104")), "10.0.0.1/32, 10.0.0.0/8");
    }
}
