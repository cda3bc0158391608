//! How checkpoints are made: of one moment, on a full disk, how many stay, and under which names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::super::{FOLDER, Order, all, newest, read, stamp};
use super::{names_in, order, path_of, patient, with_a_user};
use crate::auth::user::UserId;
use crate::store::contract::{T0, TempDir, named};
use crate::store::{SledStore, StorageError, Store, StoreOptions};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_checkpoint_made_while_eight_write_is_of_one_moment() {
    let dir = TempDir::new();
    let store = Arc::new(dir.open());
    for number in 0..3000 {
        // Enough that a copy takes a while; all at once, for each alone would wait for the disk.
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.insert_user(named(&format!("before-{number}"))).await.unwrap() });
    }
    while store.live().user_count() < 3000 {
        tokio::task::yield_now().await;
    }
    let (stop, highest) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (store, stop, highest) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&highest));
            tokio::spawn(async move {
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return number;
                    }
                    let user = store.insert_user(named(&format!("w{writer}-{number}"))).await.unwrap();
                    highest.fetch_max(user.id.get(), Ordering::SeqCst);
                    // Names that come and go, of users early and late in the order of the keys.
                    let gone = UserId::new(1 + (writer * 300 + number) % 3000);
                    store.delete_user(gone, T0).await.unwrap();
                }
                0
            })
        })
        .collect();
    for _ in 0..5 {
        let acknowledged = highest.load(Ordering::SeqCst);
        let made = store.back_up(order(T0)).await.unwrap();
        let head = read::head(&path_of(dir.path(), &made)).unwrap();
        assert!(head.next_user > acknowledged, "all that was acknowledged before is in it");
        fs::remove_file(path_of(dir.path(), &made)).unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    let mut written = 0;
    for writer in writers {
        written += writer.await.unwrap();
    }
    assert!(written > 20, "the load did nothing: {written}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn of_the_schedule_as_many_stay_as_are_to_and_all_that_were_asked_for() {
    let (dir, store) = with_a_user().await;
    let at = |minute: u64| T0 + Duration::from_secs(60 * minute);
    let asked = store.back_up(order(at(0))).await.unwrap();
    let mut names = vec![asked.name];
    for minute in 1..=5 {
        names.push(store.back_up(Order { keep: Some(3), ..order(at(minute)) }).await.unwrap().name);
    }
    assert_eq!(names_in(dir.path()), [0, 3, 4, 5].map(|at| names[at].clone()));
    for path in all(dir.path()).unwrap() {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(fs::metadata(dir.path().join(FOLDER)).unwrap().permissions().mode() & 0o777, 0o700);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_finished_leaves_nothing_and_the_others_stay() {
    let (dir, store) = with_a_user().await;
    let good = store.back_up(Order { keep: Some(1), ..order(T0) }).await.unwrap();
    store.close().await.unwrap();
    let store = SledStore::open(&StoreOptions { free_space_floor: 0, ..patient(dir.path()) }).unwrap();
    fs::write(dir.path().join(FOLDER).join("doorward-half.jsonl.part"), "what a killed process left").unwrap();
    // A folder that cannot be written to.
    let folder = dir.path().join(FOLDER);
    let planted = folder.join(format!("doorward-{}-000000000003.scheduled.jsonl.part", stamp(T0 + Duration::from_secs(9))));
    fs::create_dir(&planted).unwrap();
    let failed = store.back_up(Order { keep: Some(1), ..order(T0 + Duration::from_secs(9)) }).await;
    assert!(failed.is_err(), "{failed:?}");
    assert_eq!(all(dir.path()).unwrap(), [path_of(dir.path(), &good)]);
    fs::remove_dir(&planted).unwrap();
    assert!(store.back_up(order(T0)).await.is_ok(), "and it goes on");
    let left = fs::read_dir(&folder).unwrap().count();
    assert_eq!(left, 2, "no draft is left");
    store.insert_user(named("bina")).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn on_a_disk_without_room_for_it_a_backup_ends_and_the_store_goes_on() {
    let dir = TempDir::new();
    let stat = rustix::fs::statvfs(dir.path()).unwrap();
    // Room enough for the writer, not for twice that.
    let free_space_floor = stat.f_bavail * stat.f_frsize / 5 * 3;
    let store = SledStore::open(&StoreOptions { free_space_floor, ..patient(dir.path()) }).unwrap();
    store.insert_user(named("arun")).await.unwrap();
    let ended = store.back_up(order(T0)).await;
    assert!(matches!(ended, Err(crate::Error::Storage(StorageError::NoRoom { .. }))), "{ended:?}");
    assert_eq!(fs::read_dir(dir.path().join(FOLDER)).unwrap().count(), 0, "nothing is left");
    store.insert_user(named("bina")).await.unwrap();
    assert!(!store.is_full() && store.failed().borrow().is_none());
    store.close().await.unwrap();
}

#[tokio::test]
async fn checkpoints_of_one_second_do_not_take_each_others_place_and_too_many_at_once_are_refused() {
    let (dir, store) = with_a_user().await;
    let store = Arc::new(store);
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.back_up(order(T0)).await })
        })
        .collect();
    let (mut names, mut refused) = (BTreeSet::new(), 0);
    for made in waiting {
        match made.await.unwrap() {
            Ok(made) => assert!(names.insert(made.name), "one name twice"),
            Err(error) => {
                assert!(matches!(error, crate::Error::Storage(StorageError::Busy)), "{error}");
                refused += 1;
            }
        }
    }
    assert!(names.len() >= 4 && refused > 0, "{} made, {refused} refused", names.len());
    assert_eq!(BTreeSet::from_iter(names_in(dir.path())), names);
    store.close().await.unwrap();
}

#[tokio::test]
async fn after_the_clock_was_set_back_a_new_checkpoint_stays_in_place_of_those_of_times_to_come() {
    let (dir, store) = with_a_user().await;
    let mut names = Vec::new();
    for hour in [1000, 1001, 1002, 0, 1] {
        let now = T0 + Duration::from_secs(3600 * hour);
        store.insert_user(named(&format!("hour-{hour}"))).await.unwrap();
        names.push(store.back_up(Order { keep: Some(3), ..order(now) }).await.unwrap().name);
    }
    assert_eq!(names_in(dir.path()), [3, 4, 2].map(|at: usize| names[at].clone()));
    assert_eq!(newest(dir.path()).unwrap(), Some(dir.path().join(FOLDER).join(&names[4])));
    store.close().await.unwrap();
}
