//! Which files are no checkpoint, or no longer the one that was made.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::fs;

use uuid::Uuid;

use super::super::{Counts, Head, Meta, Tail, hex, read, word};
use super::{Sample, restored};
use crate::store::StorageError;
use crate::store::contract::{T0, TempDir};

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
    let there: Head = serde_json::from_str(&whole[0]).unwrap();
    let reached = [
        ("sequence", there.sequence),
        ("last_event", there.last_event),
        ("created", there.created.secs()),
        ("clock_mark", there.clock_mark.secs()),
        ("cut_off", there.cut_off.secs()),
    ];
    for ((field, value), beyond) in reached.into_iter().flat_map(|field| [u64::MAX, 253_402_300_800 * 20_000].map(|beyond| (field, beyond)))
    {
        let why = head(&format!("\"{field}\":{value}"), &format!("\"{field}\":{beyond}"));
        assert!(matches!(&why, read::Why::Damaged(what) if what.contains(&format!("its {field} is {beyond}"))), "{why:?}");
    }
    assert!(matches!(read::judged(&b"id,username,password\n"[..], &mut |_| Ok(())), Err(read::Why::Foreign)));
}
