//! The data directory: whose it is, who can read it, on what it lies.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::finding::Finding;
use crate::http::front::SOCKET;

/// Longest path of a socket (`sun_path`, unix(7)).
const MAX_SOCKET_PATH: usize = 107;
/// Files that are looked at; no data directory has so many.
const MAX_FILES: usize = 10_000;

/// Whether it is there, whose it is and who may enter.
pub fn permissions(dir: &Path) -> Finding {
    const CHECK: &str = "directory";
    let shown = dir.display();
    let found = match fs::metadata(dir) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Finding::red(
                CHECK,
                format!("{shown} is not there"),
                "start the server once, which makes it; or name the right one with --data-dir",
            );
        }
        Err(error) => {
            return Finding::red(CHECK, format!("{shown} cannot be looked at ({error})"), "run this as the user that the server runs as");
        }
    };
    if !found.is_dir() {
        return Finding::red(CHECK, format!("{shown} is not a directory"), "name the right one with --data-dir");
    }
    let (mode, us) = (found.mode() & 0o7777, rustix::process::geteuid().as_raw());
    if mode & 0o077 != 0 {
        let advice = format!("run: chmod 700 {shown}; until then no server starts on it");
        return Finding::red(CHECK, format!("{shown} is open to other users (mode {mode:04o})"), advice);
    }
    // Root goes through the server that runs there.
    if found.uid() != us && us != 0 {
        let what = format!("{shown} belongs to user {}, and this is run by user {us}", found.uid());
        return Finding::yellow(CHECK, what, "the server must run as that user; run this as that user, too");
    }
    Finding::green(CHECK, format!("{shown}, for its owner alone"))
}

/// Whether every file in it is its owner's alone, and of one owner.
pub fn files(dir: &Path) -> Finding {
    const CHECK: &str = "files";
    let Ok(owner) = fs::metadata(dir).map(|found| found.uid()) else { return Finding::skipped(CHECK, "there is no directory") };
    let (mut seen, mut open, mut foreign) = (0, Vec::new(), Vec::new());
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            // A trial, or a checkpoint, has ended meanwhile.
            Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                let what = format!("{} cannot be read ({error})", folder.display());
                return Finding::red(CHECK, what, "run this as the user that the server runs as");
            }
        };
        for path in entries.flatten().map(|entry| entry.path()).take(MAX_FILES) {
            let Ok(found) = fs::symlink_metadata(&path) else { continue };
            seen += 1;
            if found.is_dir() {
                folders.push(path.clone());
            }
            if !found.is_symlink() && found.mode() & 0o077 != 0 {
                open.push(path.clone());
            }
            if found.uid() != owner {
                foreign.push(path);
            }
        }
    }
    if let Some(first) = foreign.first() {
        let what = format!("{} of {seen} belong to somebody else, {} for one", foreign.len(), first.display());
        return Finding::red(CHECK, what, format!("give them to the directory's owner: chown -R {owner} {}", dir.display()));
    }
    if let Some(first) = open.first() {
        let what = format!("{} of {seen} are open to other users, {} for one", open.len(), first.display());
        return Finding::red(CHECK, what, format!("run: chmod -R go-rwx {}", dir.display()));
    }
    Finding::green(CHECK, format!("{seen}, for their owner alone"))
}

/// Whether there can be a socket in it.
pub fn has_room_for_socket(dir: &Path) -> bool {
    socket_length(dir) <= MAX_SOCKET_PATH
}

fn socket_length(dir: &Path) -> usize {
    dir.join(SOCKET).as_os_str().as_bytes().len()
}

/// Whether commands can reach a server here.
pub fn socket(dir: &Path) -> Finding {
    const CHECK: &str = "local socket";
    if !has_room_for_socket(dir) {
        let length = socket_length(dir);
        let what = format!("its path has {length} bytes, and {MAX_SOCKET_PATH} are possible, so commands cannot go through the server");
        return Finding::yellow(CHECK, what, "choose a shorter data_dir, or use --url");
    }
    Finding::green(CHECK, format!("{} fits", dir.join(SOCKET).display()))
}

/// On what it lies: some file systems forget, some do not lock or sync as the database needs.
pub fn file_system(dir: &Path) -> Finding {
    judge_file_system(magic(dir).and_then(kind))
}

fn judge_file_system(kind: Option<(&'static str, Kind)>) -> Finding {
    const CHECK: &str = "file system";
    match kind {
        Some((name, Kind::Memory)) => {
            let what = format!("{name} is in memory: everything is gone when the machine restarts");
            Finding::red(CHECK, what, "move the directory to a disk, with the server stopped, and set data_dir")
        }
        Some((name, Kind::Network)) => {
            let what = format!("{name} is a network's: locks and syncs may not hold there, so acknowledged data could be lost");
            Finding::red(CHECK, what, "move the directory to a local disk, with the server stopped, and set data_dir")
        }
        Some((name, Kind::Unknown)) => {
            Finding::yellow(CHECK, format!("{name} is as good as what it stands on"), "see that it keeps what is synced; a local disk does")
        }
        None => Finding::green(CHECK, "local"),
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Memory,
    Network,
    Unknown,
}

/// The number by which file systems are told apart (statfs(2)).
#[cfg(target_os = "linux")]
fn magic(dir: &Path) -> Option<u32> {
    u32::try_from(i128::from(rustix::fs::statfs(dir).ok()?.f_type) & 0xffff_ffff).ok()
}

#[cfg(not(target_os = "linux"))]
fn magic(_: &Path) -> Option<u32> {
    None
}

/// What is known to be wrong with one.
fn kind(magic: u32) -> Option<(&'static str, Kind)> {
    Some(match magic {
        0x0102_1994 => ("tmpfs", Kind::Memory),
        0x8584_58f6 => ("ramfs", Kind::Memory),
        0x6969 => ("NFS", Kind::Network),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => ("SMB", Kind::Network),
        0x0102_1997 => ("9P", Kind::Network),
        0x00c3_6400 => ("Ceph", Kind::Network),
        0x6573_5546 => ("FUSE", Kind::Unknown),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict::{Green, Red, Yellow};
    use super::*;

    #[test]
    fn a_file_system_that_forgets_or_is_a_networks_is_told_by_its_name() {
        // Of linux/magic.h: ext4, XFS and Btrfs are as good as the disk.
        for magic in [0xef53, 0x5846_5342, 0x9123_683e] {
            assert_eq!(judge_file_system(kind(magic)).verdict, Green, "{magic:x}");
        }
        for (magic, verdict, name) in [
            (0x6969, Red, "NFS is a network's"),
            (0xff53_4d42, Red, "SMB is a network's"),
            (0x0102_1997, Red, "9P is a network's"),
            (0x0102_1994, Red, "tmpfs is in memory"),
            (0x6573_5546, Yellow, "FUSE is as good as"),
        ] {
            let finding = judge_file_system(kind(magic));
            assert!(finding.verdict == verdict && finding.what.starts_with(name) && finding.advice.is_some(), "{magic:x}: {finding:?}");
        }
    }
}
