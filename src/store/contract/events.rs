//! What every [`Store`] must do about audit events.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::sync::Arc;

use super::{T0, TempDir, named};
use crate::auth::audit::{By, Event, KEPT_OF_EACH, Record, Wanted, Word};
use crate::auth::session::SessionId;
use crate::auth::user::UserId;
use crate::store::Store;
use crate::trace::Trace;

contract! {
    events_are_read_the_newest_first_page_by_page
    events_are_found_by_word_and_by_whoever_caused_or_met_them
    of_each_class_the_newest_stay_and_none_pushes_out_another
    an_event_is_as_it_was_noted
}

fn note(store: &dyn Store, word: Word, by: impl Into<By>, user: Option<u64>) {
    store.note(word.class(), Event::new(word, by).of(user.map(UserId::new)).at(T0, Trace::default()));
}

async fn events(store: &dyn Store, wanted: Wanted) -> Vec<(u64, Record)> {
    store.events(wanted).await.unwrap()
}

fn page(before: Option<u64>, limit: usize) -> Wanted {
    Wanted { before, limit, ..Wanted::default() }
}

async fn ids(store: &dyn Store, wanted: Wanted) -> Vec<u64> {
    events(store, wanted).await.into_iter().map(|(id, _)| id).collect()
}

async fn events_are_read_the_newest_first_page_by_page(store: Arc<dyn Store>) {
    assert_eq!(ids(&*store, page(None, 10)).await, [0; 0]);
    for word in [Word::Login, Word::UserAdded, Word::LoginFailed, Word::Logout, Word::UserDeleted] {
        note(&*store, word, By::Anyone, None);
    }
    assert_eq!(ids(&*store, page(None, 2)).await, [5, 4]);
    assert_eq!(ids(&*store, page(Some(4), 2)).await, [3, 2]);
    assert_eq!(ids(&*store, page(Some(2), 2)).await, [1]);
    assert_eq!(ids(&*store, page(Some(1), 2)).await, [0; 0]);
    assert_eq!(ids(&*store, page(Some(u64::MAX), 9)).await, [5, 4, 3, 2, 1]);
    assert_eq!(ids(&*store, page(Some(0), 9)).await, [0; 0]);
}

async fn events_are_found_by_word_and_by_whoever_caused_or_met_them(store: Arc<dyn Store>) {
    note(&*store, Word::Login, UserId::new(1), Some(1));
    note(&*store, Word::UserDisabled, UserId::new(1), Some(2));
    note(&*store, Word::LoginFailed, By::Anyone, Some(2));
    note(&*store, Word::LoginFailed, By::Anyone, Some(11));
    let of = |user: Option<u64>, event: Option<Word>| Wanted { user: user.map(UserId::new), event, limit: 9, before: None };
    assert_eq!(ids(&*store, of(Some(1), None)).await, [2, 1]);
    assert_eq!(ids(&*store, of(Some(2), None)).await, [3, 2]);
    assert_eq!(ids(&*store, of(None, Some(Word::LoginFailed))).await, [4, 3]);
    assert_eq!(ids(&*store, of(Some(2), Some(Word::LoginFailed))).await, [3]);
    assert_eq!(ids(&*store, of(Some(3), None)).await, [0; 0]);
    assert_eq!(ids(&*store, Wanted { limit: 1, ..of(None, Some(Word::Login)) }).await, [1], "the limit counts what fits");
}

async fn of_each_class_the_newest_stay_and_none_pushes_out_another(store: Arc<dyn Store>) {
    note(&*store, Word::LoginFailed, By::Anyone, None);
    note(&*store, Word::Login, UserId::new(1), Some(1));
    note(&*store, Word::PasswordChanged, UserId::new(1), Some(1));
    for number in 1..=KEPT_OF_EACH + 300 {
        note(&*store, Word::UserAdded, By::Local, Some(number));
        // Fewer than a store lets wait.
        if number % 200 == 0 {
            events(&*store, page(None, 1)).await;
        }
    }
    let all = events(&*store, page(None, usize::MAX)).await;
    assert_eq!(all.len() as u64, KEPT_OF_EACH + 3);
    let last = all.iter().rev().map(|(id, record)| (*id, record.event.as_str())).take(4).collect::<Vec<_>>();
    assert_eq!(last, [(1, "login_failed"), (2, "login"), (3, "password_changed"), (304, "user_added")]);
}

async fn an_event_is_as_it_was_noted(store: Arc<dyn Store>) {
    let trace = Trace { request: Some(crate::trace::RequestId::next()), address: Some([192, 0, 2, 1].into()), uid: None };
    let event = Event::new(Word::RolesChanged, By::Local).of(UserId::new(7)).session(SessionId::random());
    let record = event.detail("from", ["a"]).detail("to", ["b", "\n\"\u{9b}"]).at(T0, trace);
    store.note(Word::RolesChanged.class(), record.clone());
    assert_eq!(events(&*store, page(None, 9)).await, [(1, record)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_outlive_a_restart_and_their_ids_are_not_used_again() {
    let dir = TempDir::new();
    let store = dir.open();
    store.insert_user(named("arun")).await.unwrap();
    for number in 1..=150 {
        note(&store, Word::LoginFailed, By::Anyone, Some(number));
    }
    note(&store, Word::Login, By::Local, None);
    store.close().await.unwrap();
    let store = dir.open();
    assert_eq!(ids(&store, page(None, 2)).await, [101, 100], "of one second a hundred refusals");
    note(&store, Word::Login, By::Local, None);
    assert_eq!(ids(&store, page(None, 2)).await, [102, 101]);
    store.close().await.unwrap();
}
