//! The address that counts: of IPv6, the network that one customer has whole.

use std::fmt;
use std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// An IPv4 address, or an IPv6 network of 64 bits (RFC 6177 §2 gives each site at least that).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Network {
    /// One address.
    V4(Ipv4Addr),
    /// The first half of the address.
    V6([u8; 8]),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let mut half = [0; 8];
                half.copy_from_slice(&address.octets()[..8]);
                Self::V6(half)
            }
        }
    }
}

/// An address, or a network as it is written here.
impl FromStr for Network {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix("/64") {
            Some(network) => network.parse::<Ipv6Addr>().map(|address| Self::from(IpAddr::V6(address))),
            None => text.parse::<IpAddr>().map(Self::from),
        }
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(half) => {
                let mut octets = [0; 16];
                octets[..8].copy_from_slice(half);
                write!(f, "{}/64", Ipv6Addr::from(octets))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_is_one_and_an_ipv6_address_stands_for_its_half() {
        let of = |text: &str| Network::from(text.parse::<IpAddr>().expect("an address")).to_string();
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(of("2001:db8:1:2::"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("::1"), "::/64");
    }

    #[test]
    fn what_is_shown_of_it_reads_back_as_the_same() {
        for text in ["192.0.2.1", "2001:db8:1:2::/64", "::/64"] {
            assert_eq!(text.parse::<Network>().map(|network| network.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("2001:db8:1:2:3::4".parse::<Network>(), "2001:db8:1:2::/64".parse());
        for other in ["", "192.0.2", "192.0.2.1/64", "192.0.2.0/24", "2001:db8::/32", "arun", "[::1]"] {
            assert!(other.parse::<Network>().is_err(), "{other}");
        }
    }
}
