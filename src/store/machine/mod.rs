//! Arbitrary histories, taken in sled and in the model at once: each answer must be the same, and at the end all that is kept.
//! A history that shows a difference is shortened to the few steps that make it, and kept in `proptest-regressions/`.
//!
//! The steps need no look at the model to be chosen, so a list of them is all that is drawn; `proptest-state-machine` would ask
//! for a model that can be copied and does not wait. `PROPTEST_CASES` says how many histories there are.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod arbitrary;
mod steps;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use uuid::Uuid;

use super::contract::TempDir;
use super::memory::MemoryStore;
use super::{Revoked, SledStore, Standing, Store, StoreOptions};
use crate::auth::audit::{Record, Wanted};
use crate::auth::clock::Timestamp;
use crate::auth::code::{Invite, Reset};
use crate::auth::keys::StoredKey;
use crate::auth::service::Service;
use crate::auth::session::Session;
use crate::auth::user::{User, UserId};

pub use arbitrary::write;
pub use steps::{Cast, Step};

/// Everything a store holds and shows, to compare two.
#[derive(Debug, PartialEq)]
pub struct Contents {
    users: Vec<(User, Standing, Vec<Session>, Option<Reset>)>,
    /// How many users and sessions are found by name and by id.
    found: (usize, usize),
    counted: (u64, usize, usize),
    revoked: Vec<Option<Timestamp>>,
    feed: Vec<(Uuid, Revoked, Timestamp)>,
    cut_offs: Vec<(UserId, Timestamp)>,
    invites: Vec<Invite>,
    keys: Vec<StoredKey>,
    services: Vec<Service>,
    events: Vec<(u64, Record)>,
    mark: Timestamp,
}

/// What is in a store; of revocations also what it says about `ids`.
pub async fn contents(store: &dyn Store, ids: &[Uuid]) -> Contents {
    let live = store.live();
    let (mut users, mut found) = (Vec::new(), (0, 0));
    for user in store.users(None, usize::MAX).await.unwrap() {
        found.0 += usize::from(store.user_named(&user.username).await.unwrap().as_ref() == Some(&user));
        let sessions = store.sessions(user.id).await.unwrap();
        for session in &sessions {
            found.1 += usize::from(store.session(session.id).await.unwrap().as_ref() == Some(session));
        }
        let (standing, reset) = (live.standing(user.id).unwrap(), store.reset(user.id).await.unwrap());
        users.push((user, (*standing).clone(), sessions, reset));
    }
    // Their order is that of this start.
    let mut news = live.feed().since(None, Timestamp::default(), usize::MAX);
    news.revoked.sort_by_key(|(id, ..)| *id);
    news.cut_offs.sort_unstable();
    Contents {
        users,
        found,
        counted: (live.user_count(), live.active_admins(), live.revocation_count()),
        revoked: ids.iter().map(|id| live.revoked_until(*id)).collect(),
        feed: news.revoked,
        cut_offs: news.cut_offs,
        invites: store.invites().await.unwrap(),
        keys: store.keys().await.unwrap(),
        services: live.services().all(),
        events: store.events(Wanted { limit: usize::MAX, ..Wanted::default() }).await.unwrap(),
        mark: store.clock_mark().await.unwrap(),
    }
}

impl Contents {
    /// Compares with what a checkpoint was made of: what may be taken over is as it was, what may not is gone.
    pub fn must_be_restored_of(&self, before: &Self) {
        let without = |of: &Self| of.users.iter().map(|(user, standing, ..)| (user.clone(), standing.clone())).collect::<Vec<_>>();
        assert_eq!(without(self), without(before));
        assert!(self.users.iter().all(|(_, _, sessions, reset)| sessions.is_empty() && reset.is_none()));
        assert_eq!((self.found.0, self.counted.0, self.counted.1), (before.found.0, before.counted.0, before.counted.1));
        for (after, before) in self.revoked.iter().zip(&before.revoked).filter(|(_, before)| before.is_some()) {
            assert!(after >= before, "a revocation is lost");
        }
        let sessions = before.users.iter().flat_map(|(_, _, sessions, _)| sessions);
        for session in sessions.filter(|session| session.access_expires > self.mark) {
            assert!(self.feed.contains(&(session.id.0, Revoked::Session, session.access_expires)), "whoever follows the feed is not told");
        }
        assert!(self.invites.is_empty() && self.cut_offs == before.cut_offs && self.services == before.services);
        assert!(self.keys.len() == 2 && before.keys.iter().all(|key| self.keys.iter().all(|new| new.secret != key.secret)));
        assert_eq!(self.events[0].1.event, "restored");
        let kept = self.events.len() - 1;
        assert!(kept >= before.events.len().min(1) && self.events[1..] == before.events[..kept], "events are as they were");
        assert!(self.mark >= before.mark);
    }
}

/// Which go first is not promised to the second, only how many: after a limit, the rest, too.
async fn sweep(store: &dyn Store, before: Timestamp, limit: usize) -> String {
    let first = store.sweep_expired(before, limit).await;
    let rest = if limit < usize::MAX { Some(store.sweep_expired(before, usize::MAX).await) } else { None };
    format!("{first:?} {rest:?}")
}

/// Arbitrary steps, the same for the same seed.
pub fn history(seed: u8, steps: usize) -> Vec<Step> {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
    vec(arbitrary::step(), steps).new_tree(&mut runner).unwrap().current()
}

/// So many cases, unless `PROPTEST_CASES` says how many.
pub fn cases(cases: u32) -> Config {
    let asked = Config { max_shrink_iters: 4096, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { asked } else { Config { cases, ..asked } }
}

/// Runs a case to its end.
pub fn run(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(case);
}

/// What happens next in a history.
#[derive(Debug, Clone)]
enum Turn {
    Take(Step),
    /// Another start, after a clean stop or without any.
    Restart {
        clean: bool,
    },
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        40 => arbitrary::step().prop_map(Turn::Take),
        1 => any::<bool>().prop_map(|clean| Turn::Restart { clean }),
    ]
}

async fn restarted(dir: &TempDir, store: SledStore, clean: bool) -> SledStore {
    if clean {
        store.close().await.unwrap();
    } else {
        // Events are promised to nobody; a look at them keeps those that wait.
        store.events(Wanted::default()).await.unwrap();
    }
    drop(store);
    SledStore::open(&StoreOptions { lock_wait: std::time::Duration::from_secs(30), ..dir.options() }).unwrap()
}

async fn goes_as_in_the_model(turns: Vec<Turn>) {
    let (dir, model, mut cast) = (TempDir::new(), MemoryStore::default(), Cast::default());
    let mut store = dir.open();
    for turn in turns {
        match turn {
            Turn::Take(step) => {
                let call = cast.call(step);
                assert_eq!(call.run(&store).await, call.run(&model).await, "{call:?}");
            }
            Turn::Restart { clean } => store = restarted(&dir, store, clean).await,
        }
    }
    let expected = contents(&model, &cast.ids).await;
    assert_eq!(contents(&store, &cast.ids).await, expected);
    let store = restarted(&dir, store, false).await;
    assert_eq!(contents(&store, &cast.ids).await, expected, "reopened");
    store.close().await.unwrap();
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn any_history_goes_as_in_the_model_also_across_restarts(turns in vec(turn(), 1..100)) {
        run(goes_as_in_the_model(turns));
    }
}
