//! Checkpoints of stores with an arbitrary history: what they hold, what is restored of them, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use uuid::Uuid;

use super::super::contract::{T0, TempDir, named};
use super::super::machine::{Cast, Contents, contents, history};
use super::super::{ImportedUser, NewUser, SledStore, Store, StoreOptions};
use super::*;
use crate::auth::audit::Wanted;
use crate::auth::keys::{Algorithm, Purpose, State, StoredKey};
use crate::auth::user::UserId;

/// Long after everything in the histories.
const LATER: Timestamp = Timestamp::from_secs(4_000_000_000);

fn order(now: Timestamp) -> Order {
    Order { now, keys: true, keep: None }
}

fn path_of(dir: &Path, made: &Checkpoint) -> PathBuf {
    dir.join(FOLDER).join(&made.name)
}

fn patient(dir: &Path) -> StoreOptions {
    StoreOptions { free_space_floor: 0, lock_wait: Duration::from_secs(30), ..StoreOptions::new(dir) }
}

fn restored(dir: &Path, from: Option<&Path>, replace: bool, now: Timestamp) -> Result<Restored, StorageError> {
    restore(&patient(dir), from, replace, now, &mut |_, _| ())
}

fn copy_database(from: &Path, to: &Path) {
    for path in restore::database_of(from).unwrap() {
        let copied = to.join(path.file_name().unwrap());
        if path.is_dir() { fs::create_dir(copied).unwrap() } else { fs::copy(&path, copied).map(drop).unwrap() }
    }
}

/// A directory with a history and a checkpoint of all of it.
struct Sample {
    dir: TempDir,
    ids: Vec<Uuid>,
    contents: Contents,
    made: Checkpoint,
}

impl Sample {
    async fn new(seed: u8) -> Self {
        let (dir, mut cast) = (TempDir::new(), Cast::default());
        let store = dir.open();
        for step in history(seed, 300) {
            cast.call(step).run(&store).await;
        }
        let contents = contents(&store, &cast.ids).await;
        let made = store.back_up(order(T0)).await.unwrap();
        store.close().await.unwrap();
        Self { dir, ids: cast.ids, contents, made }
    }

    fn path(&self) -> PathBuf {
        path_of(self.dir.path(), &self.made)
    }

    /// The file as it is, or changed, in a place of its own.
    fn file(&self, change: impl FnOnce(&mut Vec<u8>)) -> (TempDir, PathBuf) {
        let dir = TempDir::new();
        let mut content = fs::read(self.path()).unwrap();
        change(&mut content);
        let path = dir.path().join("a checkpoint");
        fs::write(&path, content).unwrap();
        (dir, path)
    }
}

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
async fn a_file_that_is_cut_or_has_a_bit_flipped_is_refused_and_nothing_is_made() {
    let sample = Sample::new(7).await;
    let (mut random, length) = (fastrand::Rng::with_seed(3), fs::metadata(sample.path()).unwrap().len());
    let length = usize::try_from(length).unwrap();
    let refuse = |case: String, change: &dyn Fn(&mut Vec<u8>)| {
        let ((place, path), new) = (sample.file(change), TempDir::new());
        let dir = new.path().join("data");
        match restored(&dir, Some(&path), false, T0) {
            Err(StorageError::Checkpoint { what, .. }) => assert!(what.contains("Nothing was changed"), "{case}: {what}"),
            other => panic!("{case}: {other:?}"),
        }
        assert!(!dir.exists(), "{case}");
        drop(place);
    };
    for _ in 0..200 {
        let (at, bit) = (random.usize(..length), random.u32(..8));
        refuse(format!("bit {bit} of byte {at}"), &|content| content[at] ^= 1 << bit);
    }
    for kept in [0, 1, length / 3, length / 2, length - 100, length - 1] {
        refuse(format!("{kept} bytes"), &|content| content.truncate(kept));
    }
    refuse("longer".to_owned(), &|content| content.push(b'\n'));
    refuse("twice".to_owned(), &|content| content.extend(content.clone()));
}

/// The last line made to fit again, as who edits a file would.
fn sealed(lines: &[String]) -> Vec<u8> {
    let body = [lines.join("\n").as_str(), "\n"].concat();
    let mut sum = Meta::new(Uuid::nil());
    let mut counts = Counts::new();
    for line in &lines[1..] {
        let (key, value) = read::record(line.as_bytes()).unwrap();
        *counts.entry(word(&key).unwrap().to_owned()).or_default() += 1;
        sum.note(&key, None, Some(&value));
    }
    let sha256 = hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes()).as_ref());
    let tail = serde_json::to_string(&Tail { counts, digest: sum.digest, sha256 }).unwrap();
    format!("{body}{tail}\n").into_bytes()
}

#[tokio::test]
async fn records_that_do_not_fit_each_other_are_refused_although_the_sums_are_right() {
    const KINDS: [&str; 6] = ["user", "name", "session", "owned", "revocation", "expiry"];
    // The first history that leaves a record of each kind.
    let mut whole: Vec<String> = Vec::new();
    for seed in 7.. {
        let text = fs::read_to_string(Sample::new(seed).await.path()).unwrap();
        if KINDS.iter().all(|kind| text.contains(&format!("\n{{\"kind\":\"{kind}\""))) {
            whole.extend(text.lines().map(str::to_owned));
            break;
        }
    }
    whole.pop();
    let judge = |lines: &[String]| read::judged(&*sealed(lines), &mut |_| Ok(()));
    assert!(judge(&whole).is_ok());
    let of = |kind: &str| whole.iter().position(|line| line.starts_with(&format!("{{\"kind\":\"{kind}\""))).unwrap();
    for kind in KINDS {
        let mut without = whole.clone();
        without.remove(of(kind));
        assert!(matches!(judge(&without), Err(read::Why::Damaged(_))), "without a {kind}");
    }
    let mut twice = whole.clone();
    twice.insert(of("event"), whole[of("event")].clone());
    assert!(matches!(judge(&twice), Err(read::Why::Damaged(what)) if what.contains("twice")));
    let head = |from: &str, to: &str| {
        let mut other = whole.clone();
        other[0] = other[0].replace(from, to);
        assert_ne!(other[0], whole[0]);
        judge(&other).err().unwrap()
    };
    assert!(matches!(head("\"doorward_checkpoint\":1", "\"doorward_checkpoint\":2"), read::Why::Newer(_)));
    assert!(matches!(head("\"schema\":1", "\"schema\":2,\"new\":7"), read::Why::Newer(version) if version == env!("CARGO_PKG_VERSION")));
    assert!(matches!(head("\"keys\":true", "\"keys\":false"), read::Why::Damaged(what) if what.contains("a key")));
    let next = format!("\"next_user\":{}", serde_json::from_str::<Head>(&whole[0]).unwrap().next_user);
    assert!(matches!(head(&next, "\"next_user\":1"), read::Why::Damaged(what) if what.contains("the next is to be 1")));
    assert!(matches!(head(&next, "\"next_user\":9999999999999999"), read::Why::Damaged(_)));
    assert!(matches!(read::judged(&b"id,username,password\n"[..], &mut |_| Ok(())), Err(read::Why::Foreign)));
}

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
    let dir = TempDir::new();
    let store = dir.open();
    store.insert_user(named("arun")).await.unwrap();
    let at = |minute: u64| T0 + Duration::from_secs(60 * minute);
    let asked = store.back_up(order(at(0))).await.unwrap();
    let mut names = vec![asked.name];
    for minute in 1..=5 {
        names.push(store.back_up(Order { keep: Some(3), ..order(at(minute)) }).await.unwrap().name);
    }
    let left: Vec<_> = all(dir.path()).unwrap().iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(left, [0, 3, 4, 5].map(|at| names[at].clone()));
    for path in all(dir.path()).unwrap() {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(fs::metadata(dir.path().join(FOLDER)).unwrap().permissions().mode() & 0o777, 0o700);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_finished_leaves_nothing_and_the_others_stay() {
    let dir = TempDir::new();
    let store = dir.open();
    store.insert_user(named("arun")).await.unwrap();
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
    assert!(matches!(ended, Err(crate::Error::Storage(StorageError::DiskFull { .. }))), "{ended:?}");
    assert_eq!(fs::read_dir(dir.path().join(FOLDER)).unwrap().count(), 0, "nothing is left");
    store.insert_user(named("bina")).await.unwrap();
    assert!(!store.is_full() && store.failed().borrow().is_none());
    store.close().await.unwrap();
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
        let before = restore::database_of(dir.path()).unwrap();
        restore::moves(dir.path(), &ready, &before, &dir.path().join("aside")).unwrap().into_iter().take(done).for_each(|(from, to)| {
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
    let dir = TempDir::new();
    let store = dir.open();
    store.insert_user(named("arun")).await.unwrap();
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
    let dir = TempDir::new();
    let store = dir.open();
    store.insert_user(named("arun")).await.unwrap();
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

#[tokio::test]
async fn checkpoints_of_one_second_do_not_take_each_others_place_and_too_many_at_once_are_refused() {
    let dir = TempDir::new();
    let store = Arc::new(dir.open());
    store.insert_user(named("arun")).await.unwrap();
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
    let left: BTreeSet<_> = all(dir.path()).unwrap().iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(left, names);
    store.close().await.unwrap();
}

#[tokio::test]
async fn after_the_clock_was_set_back_a_new_checkpoint_stays_in_place_of_those_of_times_to_come() {
    let dir = TempDir::new();
    let store = dir.open();
    store.insert_user(named("arun")).await.unwrap();
    let mut names = Vec::new();
    for hour in [1000, 1001, 1002, 0, 1] {
        let now = T0 + Duration::from_secs(3600 * hour);
        store.insert_user(named(&format!("hour-{hour}"))).await.unwrap();
        names.push(store.back_up(Order { keep: Some(3), ..order(now) }).await.unwrap().name);
    }
    let left: Vec<_> = all(dir.path()).unwrap().iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(left, [3, 4, 2].map(|at: usize| names[at].clone()));
    assert_eq!(newest(dir.path()).unwrap(), Some(dir.path().join(FOLDER).join(&names[4])));
    store.close().await.unwrap();
}
