//! The data directory: whose it is, who can read it. `file_system` tells on what it lies.

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
            return Finding::fix(
                CHECK,
                format!("{shown} is not there"),
                "start the server once, which makes it; or name the right one with --data-dir",
            );
        }
        Err(error) => {
            return Finding::fix(CHECK, format!("{shown} cannot be looked at ({error})"), "run this as the user that the server runs as");
        }
    };
    if !found.is_dir() {
        return Finding::fix(CHECK, format!("{shown} is not a directory"), "name the right one with --data-dir");
    }
    let (mode, us) = (found.mode() & 0o7777, rustix::process::geteuid().as_raw());
    if mode & 0o077 != 0 {
        let advice = format!("run: chmod 700 {shown}; until then no server starts on it");
        return Finding::fix(CHECK, format!("{shown} is open to other users (mode {mode:04o})"), advice);
    }
    // Root goes through the server that runs there.
    if found.uid() != us && us != 0 {
        let what = format!("{shown} belongs to user {}, and this is run by user {us}", found.uid());
        return Finding::look(CHECK, what, "the server must run as that user; run this as that user, too");
    }
    Finding::ok(CHECK, format!("{shown}, for its owner alone"))
}

/// Whether every file in it is its owner's alone, and of one owner.
pub fn files(dir: &Path) -> Finding {
    const CHECK: &str = "files";
    let Ok(owner) = fs::metadata(dir).map(|found| found.uid()) else { return Finding::skip(CHECK, "there is no directory") };
    let (mut seen, mut open, mut foreign) = (0, Vec::new(), Vec::new());
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            // A trial, or a checkpoint, has ended meanwhile.
            Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                let what = format!("{} cannot be read ({error})", folder.display());
                return Finding::fix(CHECK, what, "run this as the user that the server runs as");
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
        return Finding::fix(CHECK, what, format!("give them to the directory's owner: chown -R {owner} {}", dir.display()));
    }
    if let Some(first) = open.first() {
        let what = format!("{} of {seen} are open to other users, {} for one", open.len(), first.display());
        return Finding::fix(CHECK, what, format!("run: chmod -R go-rwx {}", dir.display()));
    }
    Finding::ok(CHECK, format!("{seen}, for their owner alone"))
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
        return Finding::look(CHECK, what, "choose a shorter data_dir, or use --url");
    }
    Finding::ok(CHECK, format!("{} fits", dir.join(SOCKET).display()))
}
