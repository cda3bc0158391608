//! What was lost, altered, exchanged or never finished: found, or harmless.

use super::*;

#[tokio::test]
async fn what_a_killed_process_leaves_behind_is_all_there() {
    for clean in [false, true] {
        let sample = Sample::new(clean).await;
        assert!(!sample.is_refused(&sample.copy(), "undamaged").await);
    }
}

#[tokio::test]
async fn a_database_that_lost_its_end_is_refused_again_and_again() {
    for clean in [false, true] {
        let sample = Sample::new(clean).await;
        let whole = sample.database();
        // sled fills the segment it writes to with zeros when it opens.
        let end = whole.iter().rposition(|byte| *byte != 0).unwrap() as u64;
        for kept in [end - 1, end - 100, end - 5000, end / 2, 1] {
            let case = format!("clean: {clean}, {kept} of {} bytes, {end} in use", whole.len());
            let cut = sample.copy();
            OpenOptions::new().write(true).open(cut.path().join(DATABASE)).unwrap().set_len(kept).unwrap();
            if !sample.is_refused(&cut, &case).await {
                assert!(kept + 100 >= end, "{case}: opened, and yet it is all there?");
                continue;
            }
            // A copy, because sled lets go of its own lock late, or never after a panic.
            assert!(sample.is_refused(&copy(cut.path()), &case).await, "{case}, second attempt");
        }
    }
}

#[tokio::test]
async fn a_flipped_byte_is_found_or_harmless() {
    for clean in [false, true] {
        let sample = Sample::new(clean).await;
        let (mut random, whole) = (fastrand::Rng::with_seed(11), sample.database());
        let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
        let (mut found, mut flips) = (0, 0);
        // What has been written anew elsewhere may be flipped without harm, and that may be most of it, but not all.
        while flips < 40 || (found <= 5 && flips < 400) {
            flips += 1;
            let at = random.usize(..=used);
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << random.u32(..8);
            let dir = sample.copy();
            fs::write(dir.path().join(DATABASE), &flipped).unwrap();
            found += usize::from(sample.is_refused(&dir, &format!("byte {at} of {used}")).await);
        }
        assert!(found > 5, "only {found} of {flips} flips mattered: the sample is too small to tell");
    }
}

#[tokio::test]
async fn damage_to_the_engines_other_files_is_found_or_harmless() {
    let sample = Sample::new(true).await;
    let names = fs::read_dir(sample.dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let others: Vec<_> = names.filter(|name| name == "conf" || name.starts_with("snap.")).collect();
    assert_eq!(others.len(), 2, "{others:?}");
    for name in others {
        let whole = fs::read(sample.dir.path().join(&name)).unwrap();
        for (case, content) in [("emptied", Vec::new()), ("cut", whole[..10].to_vec()), ("garbage", vec![0xA5; whole.len()])] {
            let dir = sample.copy();
            fs::write(dir.path().join(&name), content).unwrap();
            sample.is_refused(&dir, &format!("{name} {case}")).await;
        }
        let dir = sample.copy();
        fs::remove_file(dir.path().join(&name)).unwrap();
        sample.is_refused(&dir, &format!("{name} removed")).await;
    }
}

#[tokio::test]
async fn an_emptied_database_is_no_new_one() {
    let sample = Sample::new(true).await;
    let emptied = sample.copy();
    fs::write(emptied.path().join(DATABASE), "").unwrap();
    let removed = sample.copy();
    fs::remove_file(removed.path().join(DATABASE)).unwrap();
    let replaced = sample.copy();
    for entry in fs::read_dir(replaced.path()).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != "MARKER") {
        fs::remove_file(entry.path()).unwrap();
    }
    drop(open_sled(replaced.path(), Instant::now()).unwrap());
    for dir in [&emptied, &removed, &replaced] {
        let refusal = refused(copy(dir.path()).path());
        assert!(refusal.contains("is empty, but") && refusal.contains("backup"), "{refusal}");
        assert!(Marker::read(dir.path()).unwrap().unwrap().clean, "a refusal leaves the marker as it was");
    }
}

#[tokio::test]
async fn a_marker_that_is_missing_or_not_its_own_is_noticed() {
    let (sample, other) = (Sample::new(true).await, TempDir::new());
    other.open().close().await.unwrap();
    let missing = sample.copy();
    fs::remove_file(missing.path().join("MARKER")).unwrap();
    assert!(refused(missing.path()).contains("is missing"));
    let swapped = sample.copy();
    fs::copy(other.path().join("MARKER"), swapped.path().join("MARKER")).unwrap();
    assert!(refused(swapped.path()).contains("do not belong together"));
    let ahead = sample.copy();
    Marker::read(ahead.path()).unwrap().unwrap().advance(Reached { sequence: 99_999, ..Reached::default() }).unwrap();
    let refusal = refused(ahead.path());
    assert!(refusal.contains("but 99999 had been acknowledged"), "{refusal}");
}

#[tokio::test]
async fn a_record_that_fell_back_to_an_older_state_is_noticed() {
    let sample = Sample::new(true).await;
    let dir = sample.copy();
    let store = dir.open();
    logged_in(&store, "somebody").await;
    store.close().await.unwrap();
    let db = open_sled(dir.path(), Instant::now() + Duration::from_secs(60)).unwrap();
    let (key, value) = db.scan_prefix(b"s").next().unwrap().unwrap();
    let older = String::from_utf8(value.to_vec()).unwrap().replace("\"counter\":0", "\"counter\":1");
    assert_ne!(older.as_bytes(), &*value);
    db.insert(key, older.as_bytes()).unwrap();
    db.flush().unwrap();
    let refusal = refused(copy(dir.path()).path());
    assert!(refusal.contains("lost, out of date or altered"), "{refusal}");
    let (key, _) = db.scan_prefix(b"u").next().unwrap().unwrap();
    db.remove(key).unwrap();
    db.flush().unwrap();
    let refusal = refused(copy(dir.path()).path());
    assert!(refusal.contains("users") && refusal.contains("but should hold"), "{refusal}");
}

#[tokio::test]
async fn a_snapshot_that_was_never_finished_is_removed() {
    let sample = Sample::new(false).await;
    for content in [&b""[..], b"8 bytes.", &[0xA5; 4096]] {
        let dir = sample.copy();
        let planted = dir.path().join("snap.FFFFFFFFFFFFFFFF.generating");
        fs::write(&planted, content).unwrap();
        assert!(!sample.is_refused(&dir, "planted").await);
        assert!(!planted.exists());
    }
}
