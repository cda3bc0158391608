//! What every [`Store`] must do: one suite, run against each implementation, in a file for each noun. Names are what is promised.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

/// Each of these functions, which stand in the file that names them here, against each implementation.
macro_rules! contract {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(std::sync::Arc::new(crate::store::memory::MemoryStore::default())).await;
            })*
        }
        mod sled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let dir = crate::store::contract::TempDir::new();
                let store = std::sync::Arc::new(dir.open());
                super::$name(std::sync::Arc::clone(&store) as _).await;
                crate::store::Store::close(&*store).await.unwrap();
                let mut options = dir.options();
                crate::store::opening::tests::forget_clean_stop(dir.path());
                options.lock_wait = std::time::Duration::from_secs(20);
                crate::store::Store::close(&crate::store::SledStore::open(&options).expect("the thorough check finds nothing")).await.unwrap();
            })*
        }
    };
}

mod backup;
mod codes;
mod cookies;
mod deleted;
mod events;
mod imports;
mod keys;
mod mandates;
mod measures;
mod revocations;
mod scan;
mod services;
mod sessions;
mod setup;
mod users;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::{NewUser, SledStore, Store, StoreOptions};
use crate::auth::clock::Timestamp;
use crate::auth::keys::{Algorithm, Purpose, State, StoredKey};
use crate::auth::password::PasswordHash;
use crate::auth::session::{Lifetimes, Presented, Session, SessionId};
use crate::auth::user::{CustomClaims, Role, User, UserId, Username};

/// A directory of one's own, gone with the value.
pub(super) struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        Self(std::env::temp_dir().join(format!("doorward-{}", Uuid::new_v4()))).made()
    }

    fn made(self) -> Self {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().mode(0o700).create(&self.0).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn options(&self) -> StoreOptions {
        StoreOptions { free_space_floor: 0, ..StoreOptions::new(&self.0) }
    }

    pub fn open(&self) -> SledStore {
        // Who was there before may need longer to let go, on a machine with much other work.
        SledStore::open(&StoreOptions { lock_wait: std::time::Duration::from_secs(60), ..self.options() }).unwrap()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) const T0: Timestamp = Timestamp::from_secs(1_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn lifetimes() -> Lifetimes {
    Lifetimes { access: 15 * MINUTE, idle: 30 * DAY, absolute: 90 * DAY, grace: Duration::from_secs(30) }
}

pub(super) fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_phc(format!("$test${text}"))
}

pub(super) fn named(name: &str) -> NewUser {
    NewUser {
        username: Username::parse(name).unwrap(),
        password: hash("first"),
        roles: Vec::new(),
        claims: CustomClaims::default(),
        created: T0,
    }
}

fn admin(name: &str) -> NewUser {
    NewUser { roles: vec![Role::admin()], ..named(name) }
}

pub(super) fn claims(json: serde_json::Value) -> CustomClaims {
    serde_json::from_value(json).unwrap()
}

/// A user and its one session.
pub(super) async fn logged_in(store: &dyn Store, name: &str) -> (User, Session) {
    let user = store.insert_user(named(name)).await.unwrap();
    let session = open(store, &user, T0).await;
    (user, session)
}

async fn open(store: &dyn Store, user: &User, now: Timestamp) -> Session {
    let session = Session::open(user.id, now, &lifetimes());
    assert!(store.open_session(None, session.clone(), user.password.clone(), None).await.unwrap());
    session
}

async fn rotate(store: &dyn Store, session: &Session, counter: u64, now: Timestamp) -> Presented {
    store.rotate_refresh(session.id, session.user, counter, now, lifetimes()).await.unwrap()
}

async fn ids(store: &dyn Store, user: UserId) -> BTreeSet<SessionId> {
    store.sessions(user).await.unwrap().into_iter().map(|session| session.id).collect()
}

pub(super) fn key(kid: &str) -> StoredKey {
    let (kid, secret) = (kid.to_owned(), format!("{kid}-secret"));
    StoredKey { kid, algorithm: Algorithm::HS256, purpose: Purpose::Refresh, created: T0, state: State::Active, token_secs: 900, secret }
}
