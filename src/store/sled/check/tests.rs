//! Records that only a mistake of ours, or an earlier version, could leave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use uuid::Uuid;

use super::super::reading::Records;
use super::super::records::encode;
use super::super::steps;
use super::super::tree::{Step, Tree, found};
use super::*;
use crate::auth::clock::Timestamp;
use crate::auth::session::Session;
use crate::auth::token::TokenId;
use crate::auth::user::Username;
use crate::store::Which;
use crate::store::contract::{T0, TempDir, hash, lifetimes, named};

/// What the check says of a small database after a step that only a mistake of ours could take.
fn said_after(mistake: impl FnOnce(&mut Step<'_>, &Session) -> Result<(), StorageError>) -> String {
    let dir = TempDir::new();
    let db = sled::Config::new().path(dir.path()).flush_every_ms(None).open().unwrap();
    let (live, mut tree) = (Live::default(), Tree::new(db.clone(), found(&db, Uuid::new_v4()).unwrap()));
    let session = Session::open(UserId::new(1), T0, &lifetimes());
    let (opened, token) = (session.clone(), (TokenId::random(), session.expires));
    tree.take(&live, |step| steps::insert_user(step, named("arun"))).unwrap();
    tree.take(&live, |step| steps::open_session(step, None, opened, &hash("first"), None)).unwrap();
    tree.take(&live, |step| steps::end_sessions(step, UserId::new(1), Which::Others(session.id), Some(token), T0)).unwrap();
    tree.take(&live, |step| Ok(mistake(step, &session)?)).unwrap();
    tree.apply().unwrap();
    let meta = meta(&db).ok().unwrap().unwrap();
    match records(&db, &meta, true) {
        Ok(_) => "fine".to_owned(),
        Err(fault) => fault.in_dir(dir.path()).to_string(),
    }
}

#[test]
fn users_deleted_by_an_earlier_version_are_told_of_as_if_it_were_now() {
    let dir = TempDir::new();
    let db = sled::Config::new().path(dir.path()).flush_every_ms(None).open().unwrap();
    let (live, mut tree) = (Live::default(), Tree::new(db.clone(), found(&db, Uuid::new_v4()).unwrap()));
    tree.load(&key::deleted(UserId::new(7)), &[]).unwrap();
    tree.load(&key::deleted(UserId::new(8)), &encode("deleted user", &None::<Timestamp>).unwrap()).unwrap();
    tree.take(&live, |step| {
        step.set_clock_mark(T0);
        Ok(())
    })
    .unwrap();
    tree.apply().unwrap();
    let meta = meta(&db).ok().unwrap().unwrap();
    for found in [records(&db, &meta, true), needed(&db, &meta)] {
        let news = found.ok().unwrap().live.feed().since(None, T0, 9);
        assert_eq!(news.cut_offs, [(UserId::new(7), T0 + Duration::from_secs(1))]);
    }
}

#[test]
fn records_that_do_not_fit_each_other_are_named() {
    assert_eq!(said_after(|_, _| Ok(())), "fine");
    let id = UserId::new(1);
    let name = |name: &str| Username::parse(name).unwrap();
    let said = [
        (said_after(|step, _| step.put_name(&name("bina"), UserId::new(2))), "1 usernames of no user"),
        (said_after(|step, _| step.put_name(&name("bina"), id)), "a username does not fit"),
        (said_after(|step, _| step.remove_user(id, &name("arun"), T0)), "1 sessions of no user"),
        (said_after(|step, _| step.remove_user(id, &name("bina"), T0)), "1 usernames of no user"),
        (said_after(|step, _| step.put_standing(UserId::new(7), Standing { disabled: true, ..Standing::default() })), "for user 7"),
        (
            said_after(|step, of| {
                step.insert_session(Session { id: of.id, ..Session::open(id, T0 + Duration::from_secs(1), &lifetimes()) })
            }),
            "an entry of the expiry index does not fit",
        ),
        (
            said_after(|step, of| {
                let user = step.user_record(of.user)?.ok_or(StorageError::Stopped)?;
                step.put_user(UserId::new(2), &user)
            }),
            "there is a user 2, but the next is to be 2",
        ),
    ];
    for (said, expected) in said {
        assert!(said.contains(expected), "{said} / {expected}");
    }
}
