//! What the fuzz targets do with an input, and what must be true of the answer. Not a part of the API: there for `cargo test`,
//! which tries the kept inputs and changed ones, and behind the feature `fuzzing` for libFuzzer (`fuzz/`, `scripts/fuzz`).
//!
//! A target panics when a promise is broken. An input that is refused is never a fault.

pub use crate::auth::fuzzing::{claims, hashes, ids, keys, names, passwords, tokens};
pub use crate::http::fuzzing::{bodies, cookies, forms, forwarded};
pub use crate::store::checkpoint::fuzz as backup;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::catch_unwind;
    use std::path::{Path, PathBuf};

    use super::*;

    type Target = fn(&[u8]);

    /// Every target with its name, which is also that of its folder in `fuzz/corpus/`.
    const TARGETS: [(&str, Target); 12] = [
        ("backup", backup),
        ("bodies", bodies),
        ("claims", claims),
        ("cookies", cookies),
        ("forms", forms),
        ("forwarded", forwarded),
        ("hashes", hashes),
        ("ids", ids),
        ("keys", keys),
        ("names", names),
        ("passwords", passwords),
        ("tokens", tokens),
    ];

    /// Changed inputs per target; `FUZZ_INPUTS` says otherwise.
    const INPUTS: usize = 2000;

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|file| fs::read(file).unwrap()).collect()
    }

    /// One kept input after a few cuts, changes and insertions, some of them from another.
    fn changed(random: &mut fastrand::Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = random.choice(corpus).cloned().unwrap_or_default();
        for _ in 0..random.usize(1..5) {
            let at = random.usize(..=input.len());
            let to = random.usize(at..=input.len().min(at + 16));
            let new = match random.u8(..4) {
                0 => Vec::new(),
                1 => vec![random.u8(..)],
                2 => {
                    random.choice(&[&b"\""[..], b"\\u0000", b",", b"=", b";", b"\xcc\x81", b"\xff", b"%00", b"-1", b"."]).unwrap().to_vec()
                }
                _ => random.choice(corpus).map(|other| other[random.usize(..=other.len())..].to_vec()).unwrap_or_default(),
            };
            input.splice(at..to, new);
        }
        input
    }

    /// Tries an input; one that breaks a promise is said, so that it can go into the corpus.
    fn attempt(name: &str, target: Target, input: &[u8]) {
        assert!(catch_unwind(|| target(input)).is_ok(), "{name}: {}", input.escape_ascii());
    }

    #[test]
    fn every_target_can_be_run_by_libfuzzer() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), TARGETS.len());
        for (name, _) in TARGETS {
            let source = fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
            assert!(source.contains(&format!("doorward::fuzzing::{name}(input)")), "{name}");
        }
    }

    #[test]
    fn no_kept_input_breaks_a_promise() {
        for (name, target) in TARGETS {
            let corpus = corpus(name);
            assert!(!corpus.is_empty(), "{name}");
            for input in &corpus {
                attempt(name, target, input);
            }
        }
    }

    #[test]
    fn no_changed_input_breaks_a_promise() {
        let inputs = std::env::var("FUZZ_INPUTS").map_or(INPUTS, |inputs| inputs.parse().unwrap());
        let mut random = fastrand::Rng::with_seed(1);
        for (name, target) in TARGETS {
            let corpus = corpus(name);
            for _ in 0..inputs {
                attempt(name, target, &changed(&mut random, &corpus));
            }
        }
    }
}
