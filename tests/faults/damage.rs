//! Files that were altered, cut or emptied: either that is noticed and the server refuses to start, saying what to do, or
//! every answer is what it was. Nothing in between, no server error, no hang.

use std::fs;

use fastrand::Rng;
use tempfile::TempDir;

use crate::cases;
use crate::opening::{Opening, open};
use crate::sample::{Sample, alter, difference};

/// What became of a damaged copy.
#[derive(PartialEq)]
enum Outcome {
    Refused,
    Harmless,
}

/// Starts on it; anything but a good refusal or the right answers is the end of the test.
fn outcome(sample: &Sample, damaged: &TempDir, before: &[String], case: &str) -> Outcome {
    match open(damaged.path()) {
        Opening::Refuses { code, said } => {
            assert_eq!(code, Some(74), "{case}: {said}");
            assert!(said.contains("is damaged") && said.contains("put back your newest backup"), "{case}: {said}");
            Outcome::Refused
        }
        Opening::Serves(server) => {
            let difference = difference(before, &sample.answers(&server.client()));
            assert!(difference.is_none(), "{case}: it serves {}", difference.unwrap_or_default());
            Outcome::Harmless
        }
    }
}

/// Up to where a file holds something: sled fills the segment it writes to with zeros.
fn used(content: &[u8]) -> usize {
    content.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1
}

/// The answers of an undamaged copy.
fn undamaged(sample: &Sample) -> Vec<String> {
    sample.answers(&open(sample.copy().path()).serves("undamaged").client())
}

#[test]
fn a_flipped_bit_in_any_file_is_noticed_or_harmless() {
    let samples = [Sample::new(true), Sample::new(false)].map(|sample| (undamaged(&sample), sample));
    let mut files = samples[0].1.files();
    files.sort();
    assert!(files.len() >= 5 && files[0] == "LOCK" && files[1] == "MARKER", "{files:?}");
    let flips = cases(6, 200);
    std::thread::scope(|scope| {
        for (number, file) in files.iter().enumerate() {
            let samples = &samples;
            scope.spawn(move || flip(samples, file, flips, &mut Rng::with_seed(number as u64)));
        }
    });
}

/// Flips one bit each time, of the cleanly stopped sample and of the killed one in turn.
fn flip(samples: &[(Vec<String>, Sample); 2], file: &str, flips: usize, rng: &mut Rng) {
    let (mut flipped, mut refused, must_be) = (0, 0, matches!(file, "db" | "MARKER"));
    // What has been written anew elsewhere may be flipped without harm, by chance a few times in a row, but not so often.
    while flipped < flips || (must_be && refused == 0 && flipped < 20 * flips) {
        flipped += 1;
        let (before, sample) = &samples[flipped % 2];
        // The snapshot's name tells where it was made.
        let Some(name) = sample.files().into_iter().find(|name| name.split('.').next() == file.split('.').next()) else { continue };
        let damaged = sample.copy();
        let mut at = 0;
        alter(&damaged.path().join("data").join(&name), |content| {
            at = rng.usize(0..used(content));
            content[at] ^= 1 << rng.u8(0..8);
        });
        refused += usize::from(outcome(sample, &damaged, before, &format!("{name}, byte {at}")) == Outcome::Refused);
    }
    println!("{file}: {flipped} flips, {refused} refused, {} harmless", flipped - refused);
    assert!(refused > 0 || !must_be, "no flip in {file} was noticed");
    assert!(refused == 0 || file != "LOCK", "what is in LOCK does not matter");
}

#[test]
fn a_cut_emptied_or_missing_file_is_noticed_or_harmless() {
    for clean in [true, false] {
        let sample = Sample::new(clean);
        let before = undamaged(&sample);
        for name in sample.files() {
            let length = used(&fs::read(sample.directory.path().join("data").join(&name)).unwrap());
            let mut refused = Vec::new();
            for kept in [0, 1, length / 2, length - 1] {
                let damaged = sample.copy();
                alter(&damaged.path().join("data").join(&name), |content| content.truncate(kept));
                refused.push(outcome(&sample, &damaged, &before, &format!("{name}, {kept} of {length} bytes")) == Outcome::Refused);
            }
            let damaged = sample.copy();
            fs::remove_file(damaged.path().join("data").join(&name)).unwrap();
            refused.push(outcome(&sample, &damaged, &before, &format!("{name} missing")) == Outcome::Refused);
            let must_be = matches!(name.as_str(), "db" | "MARKER");
            assert!(!must_be || refused[..3].iter().all(|&refused| refused) && refused[4], "{name}: {refused:?}");
        }
    }
}
