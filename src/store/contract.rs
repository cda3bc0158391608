//! What every [`Store`] must do: one suite, run against each implementation. Names are what is promised.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::contract_services::{
    a_service_is_found_by_its_key_until_it_is_removed, the_feed_tells_each_revocation_once_with_what_it_names,
    the_feed_tells_of_users_who_are_cut_off, the_last_use_of_a_service_is_kept_and_never_moves_back,
    there_are_never_more_services_than_fit_one_answer,
};
use super::memory::MemoryStore;
use super::{NewUser, SledStore, Standing, Store, StoreOptions, UserChange, Which};
use crate::auth::clock::Timestamp;
use crate::auth::keys::{Algorithm, KeyChange, Purpose, SLACK, State, StoredKey};
use crate::auth::password::PasswordHash;
use crate::auth::session::{Lifetimes, Presented, SESSIONS_PER_USER, Session, SessionId};
use crate::auth::token::TokenId;
use crate::auth::user::{CustomClaims, Role, User, UserId, Username};
use crate::error::Error;

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
        SledStore::open(&self.options()).unwrap()
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
    assert!(store.open_session(session.clone(), user.password.clone(), None).await.unwrap());
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

/// Each function of this file, against each implementation.
macro_rules! contract {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(std::sync::Arc::new(super::MemoryStore::default())).await;
            })*
        }
        mod sled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let dir = super::TempDir::new();
                let store = std::sync::Arc::new(dir.open());
                super::$name(std::sync::Arc::clone(&store) as _).await;
                super::Store::close(&*store).await.unwrap();
                let mut options = dir.options();
                super::super::opening::tests::forget_clean_stop(dir.path());
                options.lock_wait = std::time::Duration::from_secs(20);
                super::Store::close(&super::SledStore::open(&options).expect("the thorough check finds nothing")).await.unwrap();
            })*
        }
    };
}

contract! {
    a_user_reads_back_as_it_was_inserted
    of_64_who_want_one_name_exactly_one_gets_it
    a_name_is_free_again_after_its_user_is_deleted_but_the_id_never
    users_come_in_order_page_by_page
    a_change_changes_what_it_names_and_nothing_else
    the_last_admin_who_can_act_stays
    a_session_opens_only_for_the_hash_that_was_verified
    a_rehash_replaces_the_hash_with_the_session
    nobody_has_more_than_the_most_sessions_and_the_least_recently_used_ends
    sessions_come_the_most_recently_used_first
    of_64_who_refresh_with_one_token_one_rotates_and_the_others_repeat
    an_old_refresh_token_ends_its_session_and_its_access_tokens
    a_refresh_token_of_another_user_or_of_no_session_changes_nothing
    ending_one_session_revokes_it_and_the_token
    ending_a_session_without_a_record_revokes_it_until_the_token_expires
    nobody_ends_a_session_of_somebody_else
    a_token_can_be_revoked_alone
    ending_the_others_keeps_the_one
    ending_all_also_cuts_off_tokens_without_a_session
    nothing_is_revoked_that_has_expired_anyway
    a_clock_that_is_ahead_for_a_moment_does_not_keep_a_revocation_from_being_remembered
    disabling_ends_all_sessions_and_enabling_brings_none_back
    deleting_ends_all_sessions
    the_later_of_two_revocations_of_an_id_counts
    the_sweep_takes_what_ended_and_keeps_what_was_extended
    the_sweep_stops_at_its_limit
    keys_and_the_clock_mark_are_kept
    a_service_is_found_by_its_key_until_it_is_removed
    the_last_use_of_a_service_is_kept_and_never_moves_back
    there_are_never_more_services_than_fit_one_answer
    the_feed_tells_each_revocation_once_with_what_it_names
    the_feed_tells_of_users_who_are_cut_off
    keys_change_by_their_rules_and_a_refused_change_changes_nothing
    of_64_who_rotate_at_once_one_key_is_left_signing
    after_the_close_nothing_is_written
}

async fn a_user_reads_back_as_it_was_inserted(store: Arc<dyn Store>) {
    let new = NewUser { claims: claims(serde_json::json!({"team": "blue"})), ..admin("arun") };
    let user = store.insert_user(new).await.unwrap();
    assert_eq!(user.id, UserId::new(1));
    assert_eq!(store.user(user.id).await.unwrap().as_ref(), Some(&user));
    assert_eq!(store.user_named(&user.username).await.unwrap().as_ref(), Some(&user));
    assert_eq!((user.roles, user.disabled, user.created), (vec![Role::admin()], false, T0));
    assert_eq!(user.claims.as_map()["team"], "blue");
    assert!(store.live().standing(user.id).unwrap().is_active_admin());
    assert_eq!(store.user(UserId::new(2)).await.unwrap(), None);
    assert_eq!(store.user_named(&Username::parse("aru").unwrap()).await.unwrap(), None);
    assert_eq!(store.live().standing(UserId::new(2)), None);
}

async fn of_64_who_want_one_name_exactly_one_gets_it(store: Arc<dyn Store>) {
    let tries: Vec<_> = (0..64)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.insert_user(named("arun")).await })
        })
        .collect();
    let mut won = Vec::new();
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(user) => won.push(user),
            Err(refused) => assert!(matches!(refused, Error::UsernameTaken), "{refused}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(store.users(None, 100).await.unwrap(), won);
    assert_eq!(store.live().user_count(), 1);
}

async fn a_name_is_free_again_after_its_user_is_deleted_but_the_id_never(store: Arc<dyn Store>) {
    let mut last = UserId::new(0);
    for _ in 0..5 {
        let user = store.insert_user(named("arun")).await.unwrap();
        assert!(user.id > last);
        last = user.id;
        assert!(store.delete_user(user.id, T0).await.unwrap());
        assert!(!store.delete_user(user.id, T0).await.unwrap());
        assert_eq!(store.user(user.id).await.unwrap(), None);
        assert_eq!(store.live().standing(user.id), None);
    }
}

async fn users_come_in_order_page_by_page(store: Arc<dyn Store>) {
    for number in 0..7 {
        store.insert_user(named(&format!("user{number}"))).await.unwrap();
    }
    store.delete_user(UserId::new(3), T0).await.unwrap();
    let page = async |after: Option<u64>, limit| {
        let users = store.users(after.map(UserId::new), limit).await.unwrap();
        users.into_iter().map(|user| user.id.get()).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 3).await, [1, 2, 4]);
    assert_eq!(page(Some(4), 3).await, [5, 6, 7]);
    assert_eq!(page(Some(2), 1).await, [4]);
    assert_eq!(page(Some(7), 3).await, [0; 0]);
    assert_eq!(page(Some(u64::MAX), 3).await, [0; 0]);
    assert_eq!(page(None, 0).await, [0; 0]);
}

async fn a_change_changes_what_it_names_and_nothing_else(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let editor = vec![Role::try_from("editor".to_owned()).unwrap()];
    let changed =
        store.change_user(user.id, UserChange { roles: Some(editor.clone()), ..UserChange::default() }, T0).await.unwrap().unwrap();
    assert_eq!(changed, User { roles: editor.clone(), ..user.clone() });
    let blue = claims(serde_json::json!({"team": "blue"}));
    let changed =
        store.change_user(user.id, UserChange { claims: Some(blue.clone()), ..UserChange::default() }, T0).await.unwrap().unwrap();
    assert_eq!(changed, User { roles: editor.clone(), claims: blue, ..user.clone() });
    assert_eq!(store.user(user.id).await.unwrap(), Some(changed.clone()));
    assert_eq!(store.change_user(user.id, UserChange::default(), T0).await.unwrap(), Some(changed));
    assert_eq!(store.live().standing(user.id).unwrap().roles, editor);
    assert_eq!(store.change_user(UserId::new(9), UserChange::default(), T0).await.unwrap(), None);
}

async fn the_last_admin_who_can_act_stays(store: Arc<dyn Store>) {
    let first = store.insert_user(admin("first")).await.unwrap().id;
    let second = store.insert_user(admin("second")).await.unwrap().id;
    let demoted = UserChange { roles: Some(Vec::new()), ..UserChange::default() };
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    let enabled = UserChange { disabled: Some(false), ..UserChange::default() };
    store.change_user(first, disabled.clone(), T0).await.unwrap();
    for change in [&demoted, &disabled] {
        let refused = store.change_user(second, change.clone(), T0).await.unwrap_err();
        assert!(matches!(refused, Error::LastAdmin), "{refused}");
    }
    assert!(matches!(store.delete_user(second, T0).await.unwrap_err(), Error::LastAdmin));
    assert!(store.live().standing(second).unwrap().is_active_admin());
    // One who cannot act does not count, and may go.
    store.change_user(first, demoted.clone(), T0).await.unwrap();
    store.change_user(first, UserChange { roles: Some(vec![Role::admin()]), ..enabled }, T0).await.unwrap();
    store.change_user(second, demoted, T0).await.unwrap();
    assert!(store.delete_user(second, T0).await.unwrap());
    assert!(matches!(store.delete_user(first, T0).await.unwrap_err(), Error::LastAdmin));
}

async fn a_session_opens_only_for_the_hash_that_was_verified(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let try_open = async |verified: PasswordHash, id| {
        store.open_session(Session::open(id, T0, &lifetimes()), verified, Some(hash("second"))).await.unwrap()
    };
    assert!(!try_open(hash("other"), user.id).await);
    assert!(!try_open(hash("first"), UserId::new(9)).await);
    assert_eq!(store.user(user.id).await.unwrap(), Some(user.clone()), "a refusal does not rehash");
    store.change_user(user.id, UserChange { disabled: Some(true), ..UserChange::default() }, T0).await.unwrap();
    assert!(!try_open(hash("first"), user.id).await);
    assert_eq!(store.sessions(user.id).await.unwrap(), []);
}

async fn a_rehash_replaces_the_hash_with_the_session(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let session = Session::open(user.id, T0, &lifetimes());
    assert!(store.open_session(session.clone(), hash("first"), Some(hash("second"))).await.unwrap());
    assert_eq!(store.user(user.id).await.unwrap().unwrap().password, hash("second"));
    assert_eq!(store.sessions(user.id).await.unwrap(), [session]);
    assert!(!store.open_session(Session::open(user.id, T0, &lifetimes()), hash("first"), None).await.unwrap());
}

async fn nobody_has_more_than_the_most_sessions_and_the_least_recently_used_ends(store: Arc<dyn Store>) {
    let (user, first) = logged_in(&*store, "arun").await;
    let second = open(&*store, &user, T0 + MINUTE).await;
    for minutes in 2..50 {
        open(&*store, &user, T0 + minutes * MINUTE / 10).await;
    }
    rotate(&*store, &first, 0, T0 + 8 * MINUTE).await;
    let before = ids(&*store, user.id).await;
    assert_eq!(before.len(), SESSIONS_PER_USER);
    let oldest = store.sessions(user.id).await.unwrap().pop().unwrap();
    let newest = open(&*store, &user, T0 + 9 * MINUTE).await;
    let after = ids(&*store, user.id).await;
    assert_eq!(after.len(), SESSIONS_PER_USER);
    assert!(after.contains(&first.id) && after.contains(&second.id) && after.contains(&newest.id));
    assert_eq!(before.difference(&after).copied().collect::<Vec<_>>(), [oldest.id]);
    assert!(store.live().is_revoked(oldest.id.0), "its access tokens are still out");
}

async fn sessions_come_the_most_recently_used_first(store: Arc<dyn Store>) {
    let (user, first) = logged_in(&*store, "arun").await;
    let second = open(&*store, &user, T0 + MINUTE).await;
    let third = open(&*store, &user, T0 + 2 * MINUTE).await;
    rotate(&*store, &first, 0, T0 + 3 * MINUTE).await;
    let order: Vec<_> = store.sessions(user.id).await.unwrap().into_iter().map(|session| session.id).collect();
    assert_eq!(order, [first.id, third.id, second.id]);
}

async fn of_64_who_refresh_with_one_token_one_rotates_and_the_others_repeat(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let tries: Vec<_> = (0..64)
        .map(|_| {
            let (store, session) = (Arc::clone(&store), session.clone());
            tokio::spawn(async move { rotate(&*store, &session, 0, T0 + MINUTE).await })
        })
        .collect();
    let mut rotated = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            Presented::Rotated(next) => {
                rotated += 1;
                assert_eq!(next.counter, 1);
            }
            Presented::Repeated(same) => assert_eq!(same.counter, 1),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rotated, 1);
    assert_eq!(store.sessions(user.id).await.unwrap()[0].counter, 1);
}

async fn an_old_refresh_token_ends_its_session_and_its_access_tokens(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let other = open(&*store, &user, T0).await;
    rotate(&*store, &session, 0, T0).await;
    rotate(&*store, &session, 1, T0 + MINUTE).await;
    assert_eq!(rotate(&*store, &session, 0, T0 + 2 * MINUTE).await, Presented::Reused);
    assert_eq!(store.live().revoked_until(session.id.0), Some(T0 + 16 * MINUTE));
    assert_eq!(ids(&*store, user.id).await, BTreeSet::from([other.id]));
    assert_eq!(rotate(&*store, &session, 2, T0 + 2 * MINUTE).await, Presented::Unknown);
}

async fn a_refresh_token_of_another_user_or_of_no_session_changes_nothing(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let (other, _) = logged_in(&*store, "bina").await;
    let foreign = Session { user: other.id, ..session.clone() };
    assert_eq!(rotate(&*store, &foreign, 0, T0).await, Presented::Unknown);
    assert_eq!(rotate(&*store, &Session::open(user.id, T0, &lifetimes()), 0, T0).await, Presented::Unknown);
    assert_eq!(rotate(&*store, &session, 1, T0).await, Presented::Unknown);
    assert_eq!(store.sessions(user.id).await.unwrap(), [session]);
    assert_eq!(store.live().revocation_count(), 0);
}

async fn ending_one_session_revokes_it_and_the_token(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let other = open(&*store, &user, T0).await;
    let token = (TokenId::random(), T0 + 15 * MINUTE);
    assert_eq!(store.end_sessions(user.id, Which::One(session.id), Some(token), T0 + MINUTE).await.unwrap(), 1);
    assert_eq!(store.live().revoked_until(token.0.0), Some(token.1));
    assert_eq!(store.live().revoked_until(session.id.0), Some(session.access_expires));
    assert_eq!(ids(&*store, user.id).await, BTreeSet::from([other.id]));
    assert_eq!(rotate(&*store, &session, 0, T0 + MINUTE).await, Presented::Unknown);
    assert_eq!(store.end_sessions(user.id, Which::One(session.id), Some(token), T0 + MINUTE).await.unwrap(), 0);
    assert_eq!(store.live().standing(user.id).unwrap().not_before, Timestamp::default());
}

async fn ending_a_session_without_a_record_revokes_it_until_the_token_expires(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let (sid, token) = (SessionId::random(), (TokenId::random(), T0 + 5 * MINUTE));
    assert_eq!(store.end_sessions(user.id, Which::One(sid), None, T0).await.unwrap(), 0);
    assert_eq!(store.live().revocation_count(), 0);
    assert_eq!(store.end_sessions(user.id, Which::One(sid), Some(token), T0).await.unwrap(), 0);
    assert_eq!(store.live().revoked_until(sid.0), Some(token.1));
    assert!(store.live().is_revoked(token.0.0));
}

async fn nobody_ends_a_session_of_somebody_else(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let (other, _) = logged_in(&*store, "bina").await;
    let token = (TokenId::random(), T0 + 5 * MINUTE);
    assert_eq!(store.end_sessions(other.id, Which::One(session.id), Some(token), T0).await.unwrap(), 0);
    assert_eq!(store.sessions(user.id).await.unwrap(), std::slice::from_ref(&session));
    assert!(!store.live().is_revoked(session.id.0));
}

async fn a_token_can_be_revoked_alone(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let token = (TokenId::random(), T0 + 5 * MINUTE);
    assert_eq!(store.end_sessions(user.id, Which::None, Some(token), T0).await.unwrap(), 0);
    assert_eq!(store.live().revoked_until(token.0.0), Some(token.1));
    assert_eq!(store.sessions(user.id).await.unwrap(), [session]);
    assert_eq!(store.live().revocation_count(), 1);
}

async fn ending_the_others_keeps_the_one(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let others = [open(&*store, &user, T0).await, open(&*store, &user, T0).await];
    let (bina, _) = logged_in(&*store, "bina").await;
    assert_eq!(store.end_sessions(user.id, Which::Others(session.id), None, T0).await.unwrap(), 2);
    assert_eq!(ids(&*store, user.id).await, BTreeSet::from([session.id]));
    assert!(others.iter().all(|other| store.live().is_revoked(other.id.0)));
    assert!(!store.live().is_revoked(session.id.0));
    assert_eq!(store.sessions(bina.id).await.unwrap().len(), 1);
}

async fn ending_all_also_cuts_off_tokens_without_a_session(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let later = T0 + MINUTE;
    assert_eq!(store.end_sessions(user.id, Which::All, None, later).await.unwrap(), 1);
    assert_eq!(*store.live().standing(user.id).unwrap(), Standing { not_before: later, ..Standing::default() });
    assert!(store.live().is_revoked(session.id.0));
    assert_eq!(store.end_sessions(user.id, Which::All, None, T0).await.unwrap(), 0);
    assert_eq!(store.live().standing(user.id).unwrap().not_before, later, "the cut-off does not move back");
    open(&*store, &user, later).await;
    assert_eq!(store.sessions(user.id).await.unwrap().len(), 1, "a login in the same second survives");
    assert_eq!(store.end_sessions(UserId::new(9), Which::All, None, later).await.unwrap(), 0);
    assert_eq!(store.live().standing(UserId::new(9)), None);
}

async fn nothing_is_revoked_that_has_expired_anyway(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let token = (TokenId::random(), session.access_expires);
    store.set_clock_mark(session.access_expires).await.unwrap();
    assert_eq!(store.end_sessions(user.id, Which::One(session.id), Some(token), session.access_expires).await.unwrap(), 1);
    assert_eq!(store.live().revocation_count(), 0);
    assert_eq!(store.sessions(user.id).await.unwrap(), []);
}

async fn a_clock_that_is_ahead_for_a_moment_does_not_keep_a_revocation_from_being_remembered(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let token = (TokenId::random(), session.access_expires);
    store.set_clock_mark(T0).await.unwrap();
    assert_eq!(store.end_sessions(user.id, Which::One(session.id), Some(token), T0 + DAY).await.unwrap(), 1);
    assert!(store.live().is_revoked(session.id.0) && store.live().is_revoked(token.0.0));
}

async fn disabling_ends_all_sessions_and_enabling_brings_none_back(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let set = |disabled| UserChange { disabled: Some(disabled), ..UserChange::default() };
    let disabled = store.change_user(user.id, set(true), T0 + MINUTE).await.unwrap().unwrap();
    assert_eq!(disabled, User { disabled: true, ..user.clone() });
    assert!(store.live().standing(user.id).unwrap().disabled);
    assert!(store.live().is_revoked(session.id.0));
    assert_eq!(rotate(&*store, &session, 0, T0 + MINUTE).await, Presented::Unknown);
    assert_eq!(store.change_user(user.id, set(false), T0 + 2 * MINUTE).await.unwrap(), Some(user.clone()));
    assert_eq!(store.sessions(user.id).await.unwrap(), []);
    assert_eq!(*store.live().standing(user.id).unwrap(), Standing { not_before: T0 + MINUTE, ..Standing::default() });
}

async fn deleting_ends_all_sessions(store: Arc<dyn Store>) {
    let (user, session) = logged_in(&*store, "arun").await;
    let other = open(&*store, &user, T0).await;
    assert!(store.delete_user(user.id, T0 + MINUTE).await.unwrap());
    for ended in [session, other] {
        assert!(store.live().is_revoked(ended.id.0));
        assert_eq!(rotate(&*store, &ended, 0, T0 + MINUTE).await, Presented::Unknown);
    }
    assert_eq!(store.sessions(user.id).await.unwrap(), []);
}

async fn the_later_of_two_revocations_of_an_id_counts(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let (sid, id) = (SessionId::random(), TokenId::random());
    for minutes in [10, 20, 5] {
        store.end_sessions(user.id, Which::One(sid), Some((id, T0 + minutes * MINUTE)), T0).await.unwrap();
    }
    assert_eq!(store.live().revoked_until(id.0), Some(T0 + 20 * MINUTE));
    assert_eq!(store.sweep_expired(T0 + 15 * MINUTE, 100).await.unwrap(), 0);
    // One id under both names, in one step.
    let twice = SessionId(id.0);
    store.end_sessions(user.id, Which::One(twice), Some((id, T0 + 30 * MINUTE)), T0).await.unwrap();
    assert_eq!(store.sweep_expired(T0 + 31 * MINUTE, 100).await.unwrap(), 2);
    assert_eq!(store.live().revocation_count(), 0);
}

async fn the_sweep_takes_what_ended_and_keeps_what_was_extended(store: Arc<dyn Store>) {
    let (user, dying) = logged_in(&*store, "arun").await;
    let living = open(&*store, &user, T0).await;
    store.end_sessions(user.id, Which::One(SessionId::random()), Some((TokenId::random(), T0 + DAY)), T0).await.unwrap();
    rotate(&*store, &living, 0, T0 + 20 * DAY).await;
    assert_eq!(store.sweep_expired(dying.expires, 1000).await.unwrap(), 2, "what ends at that very moment stays");
    assert_eq!(store.live().revocation_count(), 0);
    assert_eq!(store.sessions(user.id).await.unwrap().len(), 2);
    assert_eq!(store.sweep_expired(T0 + 50 * DAY, 1000).await.unwrap(), 1);
    assert_eq!(ids(&*store, user.id).await, BTreeSet::from([living.id]));
    assert_eq!(store.sweep_expired(T0 + 50 * DAY, 1000).await.unwrap(), 0);
    assert_eq!(store.sweep_expired(T0 + 51 * DAY, 1000).await.unwrap(), 1);
    assert_eq!(store.sessions(user.id).await.unwrap(), []);
}

async fn the_sweep_stops_at_its_limit(store: Arc<dyn Store>) {
    let user = store.insert_user(named("arun")).await.unwrap();
    let mut revoked = Vec::new();
    for minute in 1..=151 {
        let id = TokenId::random();
        revoked.push(id);
        store.end_sessions(user.id, Which::Others(SessionId::random()), Some((id, T0 + minute * MINUTE)), T0).await.unwrap();
    }
    assert_eq!(store.sweep_expired(T0 + DAY, 0).await.unwrap(), 0);
    assert_eq!(store.sweep_expired(T0 + DAY, 120).await.unwrap(), 120);
    assert!(!store.live().is_revoked(revoked[119].0) && store.live().is_revoked(revoked[120].0), "the oldest go first");
    assert_eq!(store.sweep_expired(T0 + DAY, 120).await.unwrap(), 31);
}

async fn keys_and_the_clock_mark_are_kept(store: Arc<dyn Store>) {
    assert_eq!(store.keys().await.unwrap(), []);
    assert_eq!(store.clock_mark().await.unwrap(), Timestamp::default());
    for kid in ["b", "a", "b"] {
        store.insert_key(key(kid)).await.unwrap();
    }
    assert_eq!(store.keys().await.unwrap(), [key("a"), key("b")]);
    for mark in [T0 + DAY, T0] {
        store.set_clock_mark(mark).await.unwrap();
        assert_eq!(store.clock_mark().await.unwrap(), mark);
    }
}

fn access_key(kid: &str, state: State) -> StoredKey {
    StoredKey { algorithm: Algorithm::ES256, purpose: Purpose::Access, state, ..key(kid) }
}

async fn keys_change_by_their_rules_and_a_refused_change_changes_nothing(store: Arc<dyn Store>) {
    let add = |kid: &str, state| store.change_keys(KeyChange::Add(access_key(kid, state)), T0);
    let settle = |now| store.change_keys(KeyChange::Settle { token_secs: 900 }, now);
    let retire = |kid: &str, at_once| store.change_keys(KeyChange::Retire { kid: kid.to_owned(), at_once }, T0);
    store.insert_key(key("refresh")).await.unwrap();
    assert_eq!(settle(T0).await.unwrap(), None);
    let next = State::Next { from: T0 + MINUTE };
    for (kid, state) in [("a", State::Active), ("b", next)] {
        let keys = add(kid, state).await.unwrap().expect("a change");
        assert_eq!(keys.iter().find(|key| key.kid == kid), Some(&access_key(kid, state)));
    }
    let before = store.keys().await.unwrap();
    assert_eq!(before, [access_key("a", State::Active), access_key("b", next), key("refresh")]);
    assert!(matches!(add("a", State::Active).await, Err(Error::Invalid(_))));
    assert!(matches!(retire("x", true).await, Err(Error::NoSuchKey)));
    assert!(matches!(retire("refresh", true).await, Err(Error::NoSuchKey)));
    assert_eq!(settle(T0).await.unwrap(), None);
    assert_eq!(store.keys().await.unwrap(), before);
    settle(T0 + MINUTE).await.unwrap().expect("a change");
    let until = T0 + MINUTE + 15 * MINUTE + SLACK;
    let after = [access_key("a", State::Verifying { until }), access_key("b", State::Active), key("refresh")];
    assert_eq!(store.keys().await.unwrap(), after);
    assert!(matches!(retire("b", false).await, Err(Error::LastKey)));
    settle(until).await.unwrap().expect("a change");
    assert_eq!(store.keys().await.unwrap(), after[1..]);
}

async fn of_64_who_rotate_at_once_one_key_is_left_signing(store: Arc<dyn Store>) {
    let tries: Vec<_> = (0..64)
        .map(|number: u32| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.change_keys(KeyChange::Add(access_key(&format!("k{number}"), State::Active)), T0).await })
        })
        .collect();
    for attempt in tries {
        let answer = attempt.await.unwrap();
        assert!(matches!(answer, Ok(Some(_)) | Err(Error::Invalid(_))), "{answer:?}");
    }
    let keys = store.keys().await.unwrap();
    assert_eq!((keys.len(), keys.iter().filter(|key| key.state == State::Active).count()), (crate::auth::keys::MAX_KEYS, 1));
}

async fn after_the_close_nothing_is_written(store: Arc<dyn Store>) {
    logged_in(&*store, "arun").await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    let refused = store.insert_user(named("bina")).await.unwrap_err();
    assert!(matches!(refused, Error::Storage(super::StorageError::Stopped)), "{refused}");
    assert!(store.users(None, 1).await.is_err());
    assert!(store.failed().borrow().is_none());
}
