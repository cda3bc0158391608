//! What readers with each kind of cursor are told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use super::*;

const NOW: Timestamp = Timestamp::from_secs(100);
const LATER: Timestamp = Timestamp::from_secs(200);

fn ids(news: &News) -> Vec<Uuid> {
    news.revoked.iter().map(|(id, ..)| *id).collect()
}

#[test]
fn a_reader_gets_each_entry_once_in_order_page_by_page() {
    let (feed, revoked) = (Feed::default(), [(); 5].map(|()| Uuid::new_v4()));
    for id in revoked {
        feed.revoke(id, Revoked::Token, LATER);
    }
    let first = feed.since(None, NOW, 2);
    assert_eq!((ids(&first), first.reset, first.more), (revoked[..2].to_vec(), true, true));
    let rest = feed.since(Some(first.cursor), NOW, 3);
    assert_eq!((ids(&rest), rest.reset, rest.more), (revoked[2..].to_vec(), false, false));
    let none = feed.since(Some(rest.cursor), NOW, 3);
    assert_eq!((ids(&none), none.cursor, none.reset), (vec![], rest.cursor, false));
}

#[test]
fn what_is_extended_is_news_and_what_is_repeated_is_not() {
    let (feed, id) = (Feed::default(), Uuid::new_v4());
    feed.revoke(id, Revoked::Session, LATER);
    let seen = feed.since(None, NOW, 9).cursor;
    feed.revoke(id, Revoked::Session, NOW);
    assert_eq!(feed.since(Some(seen), NOW, 9).cursor, seen);
    let end = Timestamp::from_secs(300);
    feed.revoke(id, Revoked::Session, end);
    assert_eq!(feed.since(Some(seen), NOW, 9).revoked, [(id, Revoked::Session, end)]);
    assert_eq!(feed.since(None, NOW, 9).revoked.len(), 1);
}

#[test]
fn what_has_expired_or_was_forgotten_is_left_out() {
    let (feed, kept) = (Feed::default(), Uuid::new_v4());
    feed.revoke(Uuid::new_v4(), Revoked::Token, NOW);
    feed.revoke(kept, Revoked::Token, LATER);
    let gone = Uuid::new_v4();
    feed.revoke(gone, Revoked::Token, LATER);
    feed.forget(gone);
    assert_eq!(ids(&feed.since(None, NOW, 9)), [kept]);
}

#[test]
fn a_users_newest_cut_off_is_told_until_the_user_is_deleted_and_told_of_for_long_enough() {
    let (feed, user) = (Feed::default(), UserId::new(7));
    feed.cut_off(user, Timestamp::default());
    feed.cut_off(user, NOW);
    let seen = feed.since(None, NOW, 9).cursor;
    feed.cut_off(user, NOW);
    assert_eq!(feed.since(Some(seen), NOW, 9).cursor, seen);
    feed.cut_off(user, LATER);
    assert_eq!(feed.since(Some(seen), NOW, 9).cut_offs, [(user, LATER)]);
    assert_eq!(feed.since(None, NOW, 9).cut_offs, [(user, LATER)]);
    let (gone, end) = (LATER + Duration::from_secs(1), LATER + Duration::from_secs(1) + TOLD_OF_DELETED);
    feed.delete_user(user, gone);
    assert_eq!(feed.since(None, end, 9).cut_offs, [(user, gone)]);
    assert_eq!(feed.told_enough(end, 9), []);
    assert_eq!(
        (feed.told_enough(end + Duration::from_secs(1), 9), feed.told_enough(Timestamp::from_secs(u64::MAX), 0)),
        (vec![user], vec![])
    );
    feed.forget_user(user);
    assert_eq!((feed.since(None, NOW, 9).cut_offs, feed.told_enough(Timestamp::from_secs(u64::MAX), 9)), (vec![], vec![]));
}

#[test]
fn a_cursor_of_another_start_or_from_the_future_begins_anew() {
    let (feed, other) = (Feed::default(), Feed::default());
    feed.revoke(Uuid::new_v4(), Revoked::Token, LATER);
    let foreign = other.since(None, NOW, 9).cursor;
    let future = Cursor { epoch: feed.epoch, position: 2 };
    for cursor in [foreign, future] {
        let news = feed.since(Some(cursor), NOW, 9);
        assert_eq!((news.reset, news.revoked.len()), (true, 1));
    }
}

#[test]
fn a_cursor_reads_back_as_it_was_shown() {
    let cursor = Cursor { epoch: Uuid::new_v4(), position: u64::MAX - 1 };
    let shown = cursor.to_string();
    assert_eq!((shown.len(), Cursor::parse(&shown)), (32, Some(cursor)));
    for text in ["", "0", &shown[1..], &format!("{shown}A"), "ä", &"A".repeat(10_000)] {
        assert_eq!(Cursor::parse(text), None, "{text}");
    }
}
