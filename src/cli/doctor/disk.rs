//! Room on the disk, and how much of it the database takes that it does not need.

use std::fs;
use std::path::Path;

use super::finding::Finding;
use crate::store::StoreOptions;
use crate::store::checkpoint;

/// Below this nobody cares how much of a database is waste.
const WASTE_MATTERS: u64 = 64 << 20;
/// Nor when it is this many times what is in it: sled needs room to work.
const WASTE_FACTOR: u64 = 8;
/// So many backups should fit besides.
const BACKUPS: u64 = 3;

/// Free space against the floor and three backups.
pub fn space(dir: &Path) -> Finding {
    const CHECK: &str = "disk space";
    let free = match rustix::fs::statvfs(dir) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => return Finding::skip(CHECK, format!("it cannot be measured ({error})")),
    };
    let backup = checkpoint::newest(dir).ok().flatten().and_then(|path| fs::metadata(path).ok()).map_or(0, |found| found.len());
    judge_space(free, StoreOptions::new(dir).free_space_floor, backup)
}

fn judge_space(free: u64, floor: u64, backup: u64) -> Finding {
    const CHECK: &str = "disk space";
    let make_room = "make room on this disk, or move the directory to a larger one with the server stopped";
    let what = format!("{} free", size(free));
    if free < floor {
        return Finding::fix(CHECK, format!("{what}, below {}: nothing can be written", size(floor)), make_room);
    }
    let wanted = 2 * floor + BACKUPS * backup;
    if free < wanted {
        return Finding::look(CHECK, format!("{what}, less than {BACKUPS} backups and some room to work ({})", size(wanted)), make_room);
    }
    Finding::ok(CHECK, what)
}

/// What the database's files take, against what is in it.
pub fn waste(dir: &Path, live: u64) -> Finding {
    judge_waste(length(dir, 0), live)
}

fn judge_waste(files: u64, live: u64) -> Finding {
    const CHECK: &str = "database size";
    let what = format!("{} for {} of records", size(files), size(live));
    if files > WASTE_MATTERS && files / WASTE_FACTOR > live {
        let advice = format!(
            "the engine keeps what it no longer needs: doorward backup FILE, stop the server, doorward restore FILE --replace would bring it to \
             about {}; everybody then logs in again",
            size(live * 2 + (1 << 20))
        );
        return Finding::look(CHECK, what, advice);
    }
    Finding::ok(CHECK, what)
}

/// All files of the database, but the folders of backups and of databases that were replaced.
fn length(dir: &Path, depth: u8) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_file() => found.len(),
        Ok(found) if found.is_dir() && depth == 0 && entry.file_name() == "blobs" => length(&entry.path(), 1),
        _ => 0,
    };
    entries.flatten().map(of).sum()
}

/// As people read it.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        1_048_576..10_737_418_240 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn too_little_room_is_red_and_room_for_too_few_backups_is_yellow() {
        let verdict = |free: u64, backup: u64| judge_space(free << 20, 32 << 20, backup << 20).verdict;
        assert_eq!([verdict(31, 0), verdict(63, 0), verdict(65, 0)], [Verdict::Fix, Verdict::Look, Verdict::Ok]);
        assert_eq!([verdict(363, 100), verdict(365, 100)], [Verdict::Look, Verdict::Ok]);
    }

    #[test]
    fn only_a_large_database_with_little_in_it_is_waste() {
        let verdict = |files: u64, live: u64| judge_waste(files << 20, live << 20).verdict;
        assert_eq!([verdict(60, 0), verdict(500, 3), verdict(500, 100)], [Verdict::Ok, Verdict::Look, Verdict::Ok]);
        assert!(judge_waste(500 << 20, 3 << 20).advice.is_some_and(|advice| advice.contains("about 7 MiB")));
    }
}
