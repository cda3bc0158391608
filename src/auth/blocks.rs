//! Use cases of waiting: guesses are counted before and failures after they are judged ([`super::throttle`]), an administrator
//! sees who must wait, and lets a user or an address go on.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::audit::{By, Event, Word};
use super::clock::Timestamp;
use super::throttle::{Block, ClientAddress, Guess, Kind, Network, Outcome, Refusal, Scope};
use super::token::Claims;
use super::user::{User, UserId, Username};
use super::{Actor, Auth};
use crate::error::{Error, Result};

/// How long an answer takes that needs a look into the store: nobody is to learn from the time what was found.
const LOOK: Duration = Duration::from_millis(20);
/// Most blocks in one answer.
const MAX_BLOCKS: usize = 1000;

/// A guess at a user's password while it is judged. Dropped, it has failed: who hangs up has guessed, too.
pub(super) struct Attempt {
    auth: Auth,
    guess: Option<Guess>,
    /// How it is answered if it is wrong: as everybody else is, where its user alone is let through.
    refusal: Option<Refusal>,
    /// Whose password it is, once that is known.
    pub user: Option<UserId>,
}

impl Attempt {
    /// Says what became of it. A refusal for another reason than the credentials tells nothing about them, and counts for nothing.
    pub fn judged<T>(mut self, result: Result<T>) -> Result<T> {
        self.settle(match result {
            Ok(_) => Outcome::Right,
            Err(Error::InvalidCredentials) => Outcome::Wrong,
            Err(_) => Outcome::Void,
        });
        match (result, self.refusal) {
            (Err(Error::InvalidCredentials), Some(refusal)) => Err(refused(refusal)),
            (result, _) => result,
        }
    }

    /// Goes on with what is not decided yet; a refusal ends it.
    pub fn unless_refused<T>(self, result: Result<T>) -> Result<(Self, T)> {
        match result {
            Ok(so_far) => Ok((self, so_far)),
            Err(error) => self.judged(Err(error)),
        }
    }

    fn settle(&mut self, outcome: Outcome) {
        if let Some(guess) = self.guess.take() {
            for block in self.auth.0.throttle.settle(guess, outcome, self.user) {
                self.auth.note_block(block);
            }
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.settle(Outcome::Wrong);
    }
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Pair(left) | Refusal::Around(left) => Error::Throttled { retry_after: left },
        Refusal::Busy(left) => Error::Overloaded { retry_after: left },
    }
}

/// Who must wait, as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// What for.
    pub scope: Scope,
    /// As which user; `None` if it is about none, or about a name that nobody has.
    pub user: Option<UserId>,
    /// From where; `None` if it is about a user wherever it is tried.
    pub address: Option<Network>,
    /// How many failures led to it; of registrations, how many there were.
    pub failures: u32,
    /// When it ends.
    pub until: Timestamp,
}

impl Auth {
    /// Takes the place of a guess at the password of a user, however its name is spelled and whether there is one. Who is let
    /// through only because the user is at home here, and is wrong, gets the refusal all the same: else it would tell who is.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Overloaded`]; storage errors.
    pub(super) async fn attempt(&self, username: &str, address: Option<ClientAddress>) -> Result<Attempt> {
        let throttle = &self.0.throttle;
        let Some(place) = throttle.place(username, address) else { return Ok(self.attempting(None, None, None)) };
        let refusal = match throttle.guess(place).await {
            Ok(guess) => return Ok(self.attempting(Some(guess), None, None)),
            Err(refusal @ Refusal::Pair(_)) => return Err(refused(refusal)),
            Err(refusal) => refusal,
        };
        let is_home = throttle.remembers(place) || self.is_logged_in_at(username, address).await?;
        let guess = is_home.then(|| throttle.guess_at_home(place)).flatten().ok_or_else(|| refused(refusal))?;
        Ok(self.attempting(Some(guess), Some(refusal), None))
    }

    /// The same for the current password of a user, asked of who holds a token of it: see [`super::throttle::Holder`].
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Overloaded`].
    pub(super) async fn attempt_of(&self, user: &User, claims: &Claims, address: Option<ClientAddress>) -> Result<Attempt> {
        let throttle = &self.0.throttle;
        let guess = match throttle.holder(&user.username, claims) {
            Some(holder) => Some(throttle.guess_of(holder, throttle.place(user.username.as_str(), address)).await.map_err(refused)?),
            None => None,
        };
        Ok(self.attempting(guess, None, Some(user.id)))
    }

    fn attempting(&self, guess: Option<Guess>, refusal: Option<Refusal>, user: Option<UserId>) -> Attempt {
        Attempt { auth: self.clone(), guess, refusal, user }
    }

    /// Whether a session of the user was opened from this address: what is remembered of logins ends with the process.
    async fn is_logged_in_at(&self, username: &str, address: Option<ClientAddress>) -> Result<bool> {
        let began = Instant::now();
        let user = match Username::parse(username) {
            Ok(name) => self.0.store.user_named(&name).await?,
            Err(_) => None,
        };
        let sessions = match &user {
            Some(user) => self.0.store.sessions(user.id).await?,
            None => Vec::new(),
        };
        let here = address.map(|address| Network::from(address.ip));
        let found =
            sessions.iter().filter_map(|session| session.address.as_ref()?.parse::<IpAddr>().ok()).any(|at| here == Some(at.into()));
        tokio::time::sleep_until(began + LOOK).await;
        Ok(found)
    }

    /// Counts a failure that cost no hashing, where it came from.
    ///
    /// # Errors
    /// [`Error::Throttled`] when there were too many; this one is then not to be noted.
    pub(super) fn count_failure(&self, kind: Kind, address: Option<ClientAddress>) -> Result<()> {
        let throttle = &self.0.throttle;
        if let Some(block) = throttle.fail(kind, address, throttle.now())? {
            self.note_block(block);
        }
        Ok(())
    }

    /// Counts a service key that is none; see [`Auth::service_with_key`].
    ///
    /// # Errors
    /// [`Error::Throttled`]
    pub fn refuse_service_key(&self, address: Option<ClientAddress>) -> Result<()> {
        self.count_failure(Kind::ServiceKey, address)
    }

    /// Does a registration of this name where anyone may, and counts it if it leads to a user or tells that the name is taken.
    ///
    /// # Errors
    /// [`Error::Throttled`] when there were too many; those of the work.
    pub(super) async fn registering<T>(
        &self,
        name: Username,
        address: Option<ClientAddress>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let throttle = &self.0.throttle;
        if let Some(block) = throttle.register(address, throttle.now())? {
            self.note_block(block);
        }
        let done = work.await;
        match done {
            Ok(_) => throttle.welcome(&name, address),
            Err(Error::UsernameTaken) => {}
            Err(_) => throttle.unregister(address),
        }
        done
    }

    /// That a block has begun; what it refuses is not noted.
    fn note_block(&self, block: Block) {
        self.note(Event::new(Word::Throttled, By::Anyone).of(block.user).detail("scope", block.scope));
    }

    /// Who must wait, those who must longest first.
    #[must_use]
    pub fn waiting(&self, _actor: Actor) -> Vec<Waiting> {
        let (throttle, now) = (&self.0.throttle, self.0.clock.now());
        let blocks = throttle.blocks(throttle.now()).into_iter().take(MAX_BLOCKS);
        blocks
            .map(|Block { scope, user, network, failures, left }| {
                // Rounded up: then it is over for certain.
                Waiting { scope, user, address: network, failures, until: now + left + Duration::from_secs(1) }
            })
            .collect()
    }

    /// Lets a user go on at once, wherever it failed. An address that must wait for the sake of many users still does.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`]; storage errors.
    pub async fn unlock(&self, actor: Actor, user: Option<UserId>) -> Result<()> {
        let id = user.ok_or(Error::NoSuchUser)?;
        let user = self.0.store.user(id).await?.ok_or(Error::NoSuchUser)?;
        self.0.throttle.forgive(&user.username);
        self.note(Event::new(Word::UserUnlocked, actor).of(id));
        Ok(())
    }

    /// Lets everybody at an address go on at once. Who must wait as a user wherever it is tried, or in a session, still does.
    pub fn unlock_address(&self, actor: Actor, network: Network) {
        self.0.throttle.forgive_at(network);
        self.note(Event::new(Word::AddressUnlocked, actor).detail("address", network));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, Settings};
    use crate::store::{SledStore, StoreOptions};

    const HERE: Option<ClientAddress> = Some(ClientAddress { ip: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), forwarded: false });

    async fn auth() -> (Auth, tempfile::TempDir) {
        let directory = tempfile::TempDir::new().unwrap();
        let store = SledStore::open(&StoreOptions::new(directory.path().join("data"))).unwrap();
        let settings = Settings::load(None, &std::collections::BTreeMap::new(), &Flags::default()).unwrap().settings;
        (Auth::start(std::sync::Arc::new(store), settings.policy(false)).await.unwrap(), directory)
    }

    #[tokio::test]
    async fn an_attempt_that_nobody_waits_for_has_failed() {
        let (auth, _directory) = auth().await;
        for _ in 0..5 {
            drop(auth.attempt("arun", HERE).await.unwrap());
        }
        assert!(matches!(auth.attempt("arun", HERE).await, Err(Error::Throttled { .. })));
    }

    #[tokio::test]
    async fn a_refusal_that_tells_nothing_about_the_password_is_no_failure() {
        let (auth, _directory) = auth().await;
        for _ in 0..9 {
            let overloaded: Result<()> = Err(Error::Overloaded { retry_after: LOOK });
            assert!(auth.attempt("arun", HERE).await.unwrap().judged(overloaded).is_err());
        }
        for _ in 0..5 {
            let wrong: Result<()> = Err(Error::InvalidCredentials);
            assert!(auth.attempt("arun", HERE).await.unwrap().judged(wrong).is_err());
        }
        assert!(matches!(auth.attempt("arun", HERE).await, Err(Error::Throttled { .. })));
    }

    #[tokio::test]
    async fn a_registration_that_came_to_nothing_is_not_counted() {
        let (auth, _directory) = auth().await;
        let name = || Username::parse("arun").unwrap();
        for _ in 0..30 {
            let full: Result<()> = auth.registering(name(), HERE, async { Err(Error::Overloaded { retry_after: LOOK }) }).await;
            assert!(matches!(full, Err(Error::Overloaded { .. })));
        }
        for _ in 0..20 {
            let taken: Result<()> = auth.registering(name(), HERE, async { Err(Error::UsernameTaken) }).await;
            assert!(matches!(taken, Err(Error::UsernameTaken)));
        }
        assert!(matches!(auth.registering(name(), HERE, async { Ok(()) }).await, Err(Error::Throttled { .. })));
    }

    #[tokio::test]
    async fn whether_a_user_is_known_somewhere_takes_as_long_for_one_that_is_not_there() {
        let (auth, _directory) = auth().await;
        for name in ["nobody", "no such \0 name"] {
            let began = Instant::now();
            assert!(!auth.is_logged_in_at(name, HERE).await.unwrap());
            assert!(began.elapsed() >= LOOK);
        }
    }
}
