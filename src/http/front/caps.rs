//! Who gets in: connections are counted in all and per address. Nothing here knows sockets.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::http::proxies::TrustedProxies;

/// Connections that are told why they cannot stay, at most; whoever comes on top is cut off without a word.
const REFUSING: usize = 64;

/// Connections by the local socket, at most. They count for nothing else.
const LOCAL: usize = 64;

/// Counts connections. Shared by the accept loop and every connection's [`Slot`].
#[derive(Debug)]
pub(super) struct Caps {
    total: usize,
    per_address: usize,
    exempt_loopback: bool,
    exempt: TrustedProxies,
    counts: Mutex<Counts>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    open: usize,
    refusing: usize,
    local: usize,
    by_address: HashMap<IpAddr, usize>,
    refused: Refused,
}

/// Connections that were not served, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// There were too many in all.
    pub full: u64,
    /// There were too many from their address.
    pub greedy: u64,
    /// Too many were being refused already; these were cut off.
    pub crowded: u64,
}

/// What becomes of a new connection.
#[derive(Debug)]
pub(super) enum Admission {
    /// Serve it.
    Welcome(Slot),
    /// The server is full: say so and close.
    Full(Slot),
    /// Its address has its share: say so and close.
    Greedy(Slot),
    /// Too many are being refused already: close at once.
    Crowded,
}

/// One counted connection; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Slot {
    caps: Arc<Caps>,
    counted: Counted,
}

#[derive(Debug)]
enum Counted {
    Open(Option<IpAddr>),
    Refusing,
    Local,
}

impl Caps {
    /// At most `total` connections, and `per_address` from each address that is not exempt: proxies speak for many.
    pub(super) fn new(total: usize, per_address: usize, exempt_loopback: bool, exempt: TrustedProxies) -> Arc<Self> {
        Arc::new(Self { total, per_address, exempt_loopback, exempt, counts: Mutex::default(), closed: Notify::new() })
    }

    /// Counts a new connection from `address`, if there is room.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Admission {
        let key = self.key(address);
        let mut counts = self.counts();
        let theirs = key.and_then(|key| counts.by_address.get(&key).copied()).unwrap_or_default();
        let is_greedy = key.is_some() && theirs >= self.per_address;
        let refusal = if is_greedy {
            Some(Admission::Greedy as fn(Slot) -> Admission)
        } else if counts.open >= self.total {
            Some(Admission::Full as fn(Slot) -> Admission)
        } else {
            None
        };
        match &refusal {
            Some(_) if counts.refusing >= REFUSING => counts.refused.crowded += 1,
            Some(_) if is_greedy => counts.refused.greedy += 1,
            Some(_) => counts.refused.full += 1,
            None => {}
        }
        match refusal {
            Some(_) if counts.refusing >= REFUSING => Admission::Crowded,
            Some(refusal) => {
                counts.refusing += 1;
                refusal(Slot { caps: Arc::clone(self), counted: Counted::Refusing })
            }
            None => {
                counts.open += 1;
                if let Some(key) = key {
                    *counts.by_address.entry(key).or_default() += 1;
                }
                Admission::Welcome(Slot { caps: Arc::clone(self), counted: Counted::Open(key) })
            }
        }
    }

    /// Counts a new connection by the local socket, if there is room.
    pub(super) fn admit_local(self: &Arc<Self>) -> Option<Slot> {
        let mut counts = self.counts();
        let room = counts.local < LOCAL;
        counts.local += usize::from(room);
        room.then(|| Slot { caps: Arc::clone(self), counted: Counted::Local })
    }

    /// What an address counts as: an IPv6 customer has a whole /64; loopback may be exempt, trusted proxies are.
    fn key(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        if (self.exempt_loopback && address.is_loopback()) || self.exempt.contains(address) {
            return None;
        }
        Some(match address {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
            IpAddr::V4(_) => address,
        })
    }

    /// How many connections there are, those being refused and local ones among them.
    pub(super) fn open(&self) -> usize {
        let counts = self.counts();
        counts.open + counts.refusing + counts.local
    }

    /// How many were not served.
    pub(super) fn refused(&self) -> Refused {
        self.counts().refused
    }

    /// Waits until a connection closes.
    pub(super) async fn one_closed(&self) {
        self.closed.notified().await;
    }

    /// Waits until the last connection has closed.
    pub(super) async fn all_closed(&self) {
        loop {
            let mut closed = std::pin::pin!(self.closed.notified());
            // Listen first, count second: a connection that closes between the two is not missed.
            closed.as_mut().enable();
            if self.open() == 0 {
                return;
            }
            closed.await;
        }
    }

    /// The counts hold after any panic: each change is one addition.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.caps.counts();
        match self.counted {
            Counted::Refusing => counts.refusing -= 1,
            Counted::Local => counts.local -= 1,
            Counted::Open(key) => {
                counts.open -= 1;
                if let Some(key) = key
                    && let Some(theirs) = counts.by_address.get_mut(&key)
                {
                    *theirs -= 1;
                    if *theirs == 0 {
                        counts.by_address.remove(&key);
                    }
                }
            }
        }
        drop(counts);
        self.caps.closed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_gets_its_share_and_another_address_its_own() {
        let caps = Caps::new(10, 2, true, TrustedProxies::default());
        let first = caps.admit(ip("192.0.2.1"));
        let _second = caps.admit(ip("::ffff:192.0.2.1"));
        assert!(matches!(caps.admit(ip("192.0.2.1")), Admission::Greedy(_)));
        assert!(matches!(caps.admit(ip("192.0.2.2")), Admission::Welcome(_)));
        drop(first);
        assert!(matches!(caps.admit(ip("192.0.2.1")), Admission::Welcome(_)));
        assert_eq!(caps.refused(), Refused { greedy: 1, ..Refused::default() });
    }

    #[test]
    fn a_trusted_proxy_has_no_share_but_its_neighbours_have() {
        let proxies = serde_json::from_str(r#""192.0.2.0/28""#).expect("a network");
        let caps = Caps::new(10, 1, true, proxies);
        let kept: Vec<_> = (0..3).map(|_| caps.admit(ip("192.0.2.1"))).collect();
        assert!(kept.iter().all(|admission| matches!(admission, Admission::Welcome(_))));
        let _one = caps.admit(ip("192.0.2.16"));
        assert!(matches!(caps.admit(ip("192.0.2.16")), Admission::Greedy(_)));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let caps = Caps::new(10, 1, true, TrustedProxies::default());
        let _one = caps.admit(ip("2001:db8::1"));
        assert!(matches!(caps.admit(ip("2001:db8::ffff:0:0:2")), Admission::Greedy(_)));
        assert!(matches!(caps.admit(ip("2001:db8:0:1::1")), Admission::Welcome(_)));
    }

    #[test]
    fn loopback_is_exempt_from_the_share_but_not_from_the_total() {
        let caps = Caps::new(3, 1, true, TrustedProxies::default());
        let kept: Vec<_> = (0..3).map(|_| caps.admit(ip("127.0.0.1"))).collect();
        assert!(kept.iter().all(|admission| matches!(admission, Admission::Welcome(_))));
        assert!(matches!(caps.admit(ip("::1")), Admission::Full(_)));
    }

    #[test]
    fn the_local_socket_has_a_share_of_its_own() {
        let caps = Caps::new(1, 1, true, TrustedProxies::default());
        let _all = caps.admit(ip("127.0.0.1"));
        let local: Vec<_> = (0..LOCAL).map(|_| caps.admit_local().expect("room")).collect();
        assert!(caps.admit_local().is_none());
        drop(local);
        assert_eq!(caps.open(), 1);
        assert!(caps.admit_local().is_some());
    }

    #[test]
    fn refusing_is_bounded_too_and_every_place_comes_back() {
        let caps = Caps::new(0, 1, true, TrustedProxies::default());
        let refused: Vec<_> = (0..REFUSING).map(|_| caps.admit(ip("127.0.0.1"))).collect();
        assert!(matches!(caps.admit(ip("127.0.0.1")), Admission::Crowded));
        assert_eq!(caps.open(), REFUSING);
        assert_eq!(caps.refused(), Refused { full: REFUSING as u64, greedy: 0, crowded: 1 });
        drop(refused);
        assert_eq!(caps.open(), 0);
    }

    #[test]
    fn those_that_are_refused_take_nobodys_place() {
        let caps = Caps::new(1, 1, false, TrustedProxies::default());
        let only = caps.admit(ip("192.0.2.1"));
        let full: Vec<_> = (2..REFUSING).map(|_| caps.admit(ip("192.0.2.2"))).collect();
        assert!(full.iter().all(|admission| matches!(admission, Admission::Full(_))));
        let greedy = caps.admit(ip("192.0.2.1"));
        drop(only);
        // While they are still being told.
        assert!(matches!(caps.admit(ip("192.0.2.1")), Admission::Welcome(_)));
        assert!(matches!(greedy, Admission::Greedy(_)));
    }
}
