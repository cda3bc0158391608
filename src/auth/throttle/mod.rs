//! Who must wait, and how long: failures are counted per user and address, per address, and per user.
//!
//! | where | free failures | then |
//! |---|---|---|
//! | one user at one address | 5 | 1 s, doubling up to 15 min; forgotten after a right password, or a day |
//! | one address (IPv6: a /64), by kind ([`Kind`]) | 50 in 10 min, as set | until the 10 min are over |
//! | one user, at addresses where it has not logged in before | 100 in an hour | 1 s, each time 1 s longer |
//! | one session that guesses at its own user's password, anywhere | 5 | as at one address |
//! | registrations from one address | 20 in an hour, as set | until the hour is over |
//!
//! An attempt reserves its place before its password is judged ([`Guess`]), and is a failure unless it turns out otherwise.
//! Who is made to wait is not judged, and that counts as nothing. The limits of an address and of a user do not keep a user out where
//! it has logged in before (`home.rs`): nobody elsewhere can lock it out there. Somebody at that very address can, by guessing at its
//! name: the limit of a user at an address comes before the password is looked at, or it would be no limit. Names are kept as
//! keyed digests, whether there is such a user or not. All of it is in memory of a fixed size and is forgotten at the end of the process.

mod block;
mod client;
mod count;
mod guess;
mod holder;
mod home;
mod names;
mod network;
mod table;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use aws_lc_rs::rand::SystemRandom;
use tokio::sync::{Notify, Semaphore};

use super::user::Username;
use crate::error::{Error, Result};
pub use block::{Block, Scope};
pub use client::ClientAddress;
use count::{Admission, Count, Rule};
use guess::MOST_WAITING;
pub use guess::{Guess, Outcome, Refusal};
pub use holder::Holder;
pub use network::Network;
use table::{Entry, Table};

/// Most entries of a table that is filled at the pace of hashing.
const PLACES: usize = 65_536;
/// Most entries of one that is filled faster, by what costs a client nothing, or takes a session each.
const CHEAP_PLACES: usize = 16_384;

/// What an operator decides about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Whether anyone ever waits.
    pub on: bool,
    /// Free failures of each kind at one address in ten minutes.
    pub failures_per_address: u32,
    /// Users that register from one address in an hour.
    pub registrations_per_address: u32,
    /// Whether the last two hold for what this machine itself asks, too: a trusted proxy on it may not say for whom it asks.
    pub loopback_too: bool,
}

/// Failures that are counted per address alone, each kind by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of reset codes and invites.
    Code,
    /// Of refresh tokens that nobody issued.
    Token,
    /// Of service keys.
    ServiceKey,
}

/// Digest of a username under a key of this process.
type Name = [u8; 16];

/// Where a guess at a password counts.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    name: Name,
    network: Network,
    /// Whether the limits of an address hold here.
    limited: bool,
}

/// Logins of a user at an address.
#[derive(Debug, Default)]
struct Seen {
    logins: u32,
    last: Duration,
}

impl Entry for Seen {
    type Worth = (u32, Duration);

    fn worth(&self, _: Duration) -> Self::Worth {
        (self.logins, self.last)
    }
}

/// See the module's page.
pub struct Throttle {
    limits: Limits,
    key: Key,
    start: Instant,
    tables: Mutex<Tables>,
    /// Told whenever an attempt has come to its end.
    ended: Notify,
    /// Places for who waits for that.
    waiting: Semaphore,
}

struct Tables {
    pairs: Table<(Name, Network), Count>,
    addresses: Table<Network, Count>,
    users: Table<Name, Count>,
    seen: Table<(Name, Network), Seen>,
    /// Guesses at users where they are at home, made while others make all wait there.
    homes: Table<(Name, Network), Count>,
    holders: Table<Holder, Count>,
    registrations: Table<Network, Count>,
    codes: Table<Network, Count>,
    tokens: Table<Network, Count>,
    service_keys: Table<Network, Count>,
}

impl Throttle {
    /// One that has counted nothing.
    ///
    /// # Errors
    /// [`Error::Crypto`]
    pub fn new(limits: Limits) -> Result<Self> {
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new())
            .map_err(|source| Error::Crypto { action: "making a key for names", source: source.into() })?;
        let tables = Tables {
            pairs: Table::holding(PLACES),
            addresses: Table::holding(PLACES),
            users: Table::holding(PLACES),
            seen: Table::holding(PLACES),
            homes: Table::holding(CHEAP_PLACES),
            holders: Table::holding(CHEAP_PLACES),
            registrations: Table::holding(PLACES),
            codes: Table::holding(CHEAP_PLACES),
            tokens: Table::holding(CHEAP_PLACES),
            service_keys: Table::holding(CHEAP_PLACES),
        };
        Ok(Self {
            limits,
            key,
            start: Instant::now(),
            tables: Mutex::new(tables),
            ended: Notify::new(),
            waiting: Semaphore::new(MOST_WAITING),
        })
    }

    /// The time by which everything here is counted: since the start, on the monotonic clock. The system's clock may be set,
    /// which is to open nothing and to prolong nothing.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// However a name is spelled, and whether there is such a user or not.
    fn name(&self, typed: &str) -> Name {
        let name = Username::parse(typed);
        let tag = sign(&self.key, name.as_ref().map_or(typed, Username::as_str).as_bytes());
        let mut name = Name::default();
        name.copy_from_slice(&tag.as_ref()[..16]);
        name
    }

    /// Whether the limits of addresses hold at this one.
    fn limits_at(&self, address: ClientAddress) -> bool {
        self.limits.loopback_too || !address.is_here()
    }

    /// Where a guess at a user's password counts; `None` for the command line, and if nobody ever waits.
    pub(super) fn place(&self, username: &str, address: Option<ClientAddress>) -> Option<Place> {
        let address = address.filter(|_| self.limits.on)?;
        Some(Place { name: self.name(username), network: address.ip.into(), limited: self.limits_at(address) })
    }

    fn limited(&self, address: Option<ClientAddress>) -> Option<Network> {
        address.filter(|address| self.limits.on && self.limits_at(*address)).map(|address| address.ip.into())
    }

    /// Counts a failure of this kind; what begins with it.
    ///
    /// # Errors
    /// [`Error::Throttled`] when the address must wait already; then nothing is counted.
    pub(super) fn fail(&self, kind: Kind, address: Option<ClientAddress>, now: Duration) -> Result<Option<Block>> {
        let Some(network) = self.limited(address) else { return Ok(None) };
        let mut tables = self.tables();
        let (scope, table) = match kind {
            Kind::Code => (Scope::Codes, &mut tables.codes),
            Kind::Token => (Scope::RefreshTokens, &mut tables.tokens),
            Kind::ServiceKey => (Scope::ServiceKeys, &mut tables.service_keys),
        };
        count_one(table, network, Rule::address(self.limits.failures_per_address), scope, now)
    }

    /// Counts a registration; what begins with it.
    ///
    /// # Errors
    /// [`Error::Throttled`] when there were too many; then it is not counted.
    pub(super) fn register(&self, address: Option<ClientAddress>, now: Duration) -> Result<Option<Block>> {
        let Some(network) = self.limited(address) else { return Ok(None) };
        count_one(&mut self.tables().registrations, network, self.registrations(), Scope::Registrations, now)
    }

    /// Takes back a registration that came to nothing and told nothing.
    pub(super) fn unregister(&self, address: Option<ClientAddress>) {
        let Some(network) = self.limited(address) else { return };
        if let Some(count) = self.tables().registrations.find_mut(&network) {
            count.unfail(self.registrations());
        }
    }

    const fn registrations(&self) -> Rule {
        Rule::registrations(self.limits.registrations_per_address)
    }

    /// Everyone who must wait at `now`, the longest first.
    pub(super) fn blocks(&self, now: Duration) -> Vec<Block> {
        let tables = self.tables();
        let block = |scope, network: Option<&Network>, count: &Count| {
            let (failures, left) = count.block(now)?;
            Some(Block { scope, user: count.user, network: network.copied(), failures, left })
        };
        let at = |scope, table: &Table<Network, Count>| -> Vec<Block> {
            table.iter().filter_map(|(network, count)| block(scope, Some(network), count)).collect()
        };
        let mut blocks = at(Scope::Address, &tables.addresses);
        let pairs = tables.pairs.iter().chain(tables.homes.iter());
        blocks.extend(pairs.filter_map(|((_, network), count)| block(Scope::UserAtAddress, Some(network), count)));
        blocks.extend(tables.users.iter().filter_map(|(_, count)| block(Scope::User, None, count)));
        blocks.extend(tables.holders.iter().filter_map(|(_, count)| block(Scope::Session, None, count)));
        blocks.extend(at(Scope::Registrations, &tables.registrations));
        blocks.extend(at(Scope::Codes, &tables.codes));
        blocks.extend(at(Scope::RefreshTokens, &tables.tokens));
        blocks.extend(at(Scope::ServiceKeys, &tables.service_keys));
        drop(tables);
        blocks.sort_unstable_by_key(|block| std::cmp::Reverse(block.left));
        blocks
    }
}

/// One more at an address, unless it must wait already.
fn count_one(table: &mut Table<Network, Count>, network: Network, rule: Rule, scope: Scope, now: Duration) -> Result<Option<Block>> {
    let before = table.find(&network).map_or(Admission::Now, |count| count.admission(rule, now));
    if let Admission::NotFor(left) = before {
        return Err(Error::Throttled { retry_after: left });
    }
    let count = table.entry(network, now);
    let begins = count.fail(rule, now);
    Ok(begins.then(|| count.block(now)).flatten().map(|(failures, left)| Block {
        scope,
        user: None,
        network: Some(network),
        failures,
        left,
    }))
}
