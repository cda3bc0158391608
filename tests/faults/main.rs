//! Faults of the disk under the real executable: power loss, a full disk, failing writes and syncs, damaged files, and
//! directories that are not ours. What cannot be done on a machine (no strace, not root) is skipped with one line.
//!
//! The usual run takes a sample; with `FAULTS=full` in the environment it is as many cases as `docs/security.md` says.
//! Restoring a checkpoint in place of a damaged database is in `tests/it/backup.rs`.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails with the line it stands in")]

mod damage;
mod disk;
mod images;
mod opening;
mod order;
mod owners;
mod power;
mod restoring;
mod sample;
#[path = "../it/server.rs"]
#[allow(dead_code, reason = "the client of the other tests is used, not all of their server")]
mod server;
mod serving;
mod silence;
mod trace;
mod traffic;

/// How many cases: some, or all of them with `FAULTS=full`.
fn cases(some: usize, all: usize) -> usize {
    if std::env::var_os("FAULTS").is_some_and(|faults| faults == "full") { all } else { some }
}
