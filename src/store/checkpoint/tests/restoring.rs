//! What is restored of a checkpoint, and what becomes of what was there before.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use super::super::{FOLDER, Order, replace};
use super::{LATER, Sample, copy_database, order, path_of, patient, restored, with_a_user};
use crate::auth::audit::Wanted;
use crate::auth::keys::{Algorithm, Purpose, State, StoredKey};
use crate::auth::user::UserId;
use crate::store::contract::{T0, TempDir, named};
use crate::store::machine::contents;
use crate::store::{ImportedUser, NewUser, SledStore, StorageError, Store};

#[tokio::test]
async fn what_may_be_taken_over_is_restored_as_it_was_and_nothing_else() {
    for seed in [3, 5, 8] {
        let sample = Sample::new(seed).await;
        for now in [T0, LATER] {
            let dir = TempDir::new();
            let told = restored(dir.path(), Some(&sample.path()), false, now).unwrap();
            let store = SledStore::open(&patient(dir.path())).unwrap();
            let after = contents(&store, &sample.ids).await;
            after.must_be_restored_of(&sample.contents);
            assert_eq!(told.users, store.live().user_count());
            assert!(store.live().cut_off() > now && store.clock_mark().await.unwrap() >= store.live().cut_off());
            let highest = store.users(None, usize::MAX).await.unwrap().last().map_or(0, |user| user.id.get());
            let id = store.insert_user(named("somebody-new")).await.unwrap().id;
            assert!(id.get() == told.next_user && id.get() > highest + 1_000_000, "{id} after {highest}");
            store.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn keys_are_made_anew_in_the_algorithm_of_the_one_that_signed() {
    let (dir, new) = (TempDir::new(), TempDir::new());
    let store = dir.open();
    store.insert_key(StoredKey::generate(Algorithm::EdDSA, T0).unwrap()).await.unwrap();
    store.insert_key(StoredKey::generate_refresh(T0).unwrap()).await.unwrap();
    let before: BTreeSet<_> = store.keys().await.unwrap().into_iter().map(|key| key.secret).collect();
    for (keys, algorithm) in [(true, Algorithm::EdDSA), (false, Algorithm::ES256)] {
        let made = store.back_up(Order { keys, ..order(T0) }).await.unwrap();
        let text = fs::read_to_string(path_of(dir.path(), &made)).unwrap();
        assert_eq!(before.iter().all(|secret| text.contains(secret)), keys);
        assert_eq!(before.iter().any(|secret| text.contains(secret)), keys);
        restored(new.path(), Some(&path_of(dir.path(), &made)), true, T0).unwrap();
        let restored = SledStore::open(&patient(new.path())).unwrap();
        let after = restored.keys().await.unwrap();
        assert!(after.len() == 2 && after.iter().all(|key| !before.contains(&key.secret) && key.state == State::Active));
        assert!(after.iter().any(|key| (key.purpose, key.algorithm) == (Purpose::Access, algorithm)), "{after:?}");
        restored.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_directory_with_a_database_is_left_alone_or_its_database_kept_aside() {
    let sample = Sample::new(9).await;
    let dir = sample.dir.path();
    let held = SledStore::open(&patient(dir)).unwrap();
    assert!(matches!(restored(dir, None, true, T0), Err(StorageError::Held { .. })));
    held.close().await.unwrap();
    let refused = restored(dir, None, false, T0).unwrap_err().to_string();
    assert!(refused.contains("--replace"), "{refused}");
    let told = restored(dir, None, true, T0).unwrap();
    assert_eq!(told.from, sample.path());
    let store = SledStore::open(&patient(dir)).unwrap();
    contents(&store, &sample.ids).await.must_be_restored_of(&sample.contents);
    store.close().await.unwrap();
    let before = SledStore::open(&patient(&told.replaced.unwrap())).unwrap();
    assert_eq!(contents(&before, &sample.ids).await, sample.contents, "what was moved aside is whole");
    before.close().await.unwrap();
    assert!(!dir.join("restoring").exists());
}

#[tokio::test]
async fn a_restore_that_is_cut_off_at_any_step_leaves_what_is_refused_or_whole_and_can_be_repeated() {
    let sample = Sample::new(9).await;
    // The steps of putting it in place, as the disk shows them: each in turn is the last.
    for done in 0..=7 {
        let dir = TempDir::new();
        let (built, ready) = (TempDir::new(), dir.path().join("restoring"));
        restored(built.path(), Some(&sample.path()), false, T0).unwrap();
        fs::create_dir(&ready).unwrap();
        copy_database(sample.dir.path(), dir.path());
        copy_database(built.path(), &ready);
        let before = replace::database_of(dir.path()).unwrap();
        replace::moves(dir.path(), &ready, &before, &dir.path().join("aside")).unwrap().into_iter().take(done).for_each(|(from, to)| {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(from, to).unwrap();
        });
        match SledStore::open(&patient(dir.path())) {
            Ok(store) => {
                let all = contents(&store, &sample.ids).await;
                if done == 0 {
                    assert_eq!(all, sample.contents);
                } else {
                    all.must_be_restored_of(&sample.contents);
                }
                store.close().await.unwrap();
            }
            Err(refused) => assert!(done > 0 && matches!(refused, StorageError::Damaged { .. }), "{done}: {refused}"),
        }
        restored(dir.path(), Some(&sample.path()), true, T0).unwrap();
        let store = SledStore::open(&patient(dir.path())).unwrap();
        contents(&store, &sample.ids).await.must_be_restored_of(&sample.contents);
        assert!(store.events(Wanted { limit: 1, ..Wanted::default() }).await.unwrap()[0].1.event == "restored");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_behind_its_newest_checkpoint_is_refused_with_the_way_to_restore_it() {
    let (dir, store) = with_a_user().await;
    store.close().await.unwrap();
    let old = TempDir::new();
    copy_database(dir.path(), old.path());
    let store = SledStore::open(&patient(dir.path())).unwrap();
    store.insert_user(named("bina")).await.unwrap();
    let made = store.back_up(order(T0)).await.unwrap();
    store.close().await.unwrap();
    fs::create_dir(old.path().join(FOLDER)).unwrap();
    fs::copy(path_of(dir.path(), &made), old.path().join(FOLDER).join(&made.name)).unwrap();
    let Err(refused) = SledStore::open(&patient(old.path())) else { panic!("it opened") };
    let said = refused.to_string();
    assert!(said.contains(&made.name) && said.contains("restore latest --replace"), "{said}");
    restored(old.path(), None, true, T0).unwrap();
    let store = SledStore::open(&patient(old.path())).unwrap();
    assert_eq!(store.live().user_count(), 2);
    store.close().await.unwrap();
}

#[tokio::test]
async fn the_same_checkpoint_restored_again_gives_no_id_twice_and_takes_no_token_from_between() {
    let (dir, store) = with_a_user().await;
    let made = path_of(dir.path(), &store.back_up(order(T0)).await.unwrap());
    let NewUser { username, password, created, .. } = named("theirs");
    store.import_users(vec![ImportedUser { id: UserId::new(5_000_000), username, password, created }], true).await.unwrap();
    store.close().await.unwrap();
    let (mut highest, mut cut_off) = (5_000_000, T0);
    for round in 0..3 {
        restored(dir.path(), Some(&made), true, T0).unwrap();
        let store = SledStore::open(&patient(dir.path())).unwrap();
        let id = store.insert_user(named(&format!("round-{round}"))).await.unwrap().id.get();
        assert!(id > highest, "{id} after {highest} in round {round}");
        assert!(store.live().cut_off() > cut_off, "round {round}");
        (highest, cut_off) = (id, store.live().cut_off());
        // The clock was ahead, and is set back before the next round.
        store.set_clock_mark(cut_off + Duration::from_secs(600)).await.unwrap();
        cut_off = cut_off + Duration::from_secs(600);
        store.close().await.unwrap();
    }
}
