//! The reader against files that `SQLite` wrote: tests/flask/make.py.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::path::PathBuf;

use super::*;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flask").join(name)
}

fn users(path: &Path) -> Result<Vec<(i64, [Value; 3])>, Fault> {
    rows(path, "users", ["id", "username", "password"])
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn every_row_of_a_deep_tree_is_read_once_and_in_order() {
    let rows = users(&file("deep.db")).unwrap();
    let ids: Vec<_> = (1..=400).filter(|id| id % 10 != 0).collect();
    assert_eq!(rows.len(), ids.len() + 3);
    assert_eq!(rows[0], (-5, [Value::Integer(-5), text("below zero"), Value::Other]));
    for (row, id) in rows[1..].iter().zip(&ids) {
        assert_eq!(*row, (*id, [Value::Integer(*id), text(&format!("user{id}")), text(&format!("hash of {id}"))]));
    }
    assert_eq!(rows[rows.len() - 2].1, [Value::Integer(100_000), text("longest"), text(&"x".repeat(3000))]);
    // SQLite keeps a number in a VARCHAR as text.
    assert_eq!(rows[rows.len() - 1].1, [Value::Integer(i64::MAX), text("últimø"), text("7")]);
}

#[test]
fn columns_come_in_the_order_asked_for_and_one_added_later_is_null() {
    let found = rows(&file("deep.db"), "USERS", ["email", "Username"]).unwrap();
    assert_eq!(found[1].1, [Value::Null, text("user1")]);
}

#[test]
fn what_was_committed_to_the_log_counts_and_what_was_not_does_not() {
    let rows = users(&file("logged.db")).unwrap();
    let names: Vec<_> = rows.iter().map(|(_, [id, name, _])| (id.clone(), name.clone())).collect();
    assert_eq!(names[..2], [(Value::Integer(1), text("arun2")), (Value::Integer(2), text("mira"))]);
    assert!(names[2..].iter().zip(100..140).all(|(name, id)| *name == (Value::Integer(id), text(&format!("user{id}")))), "{names:?}");
    assert_eq!(names.len(), 42);
    // Without its log, it is as it was at the last checkpoint.
    let directory = tempfile::TempDir::new().unwrap();
    let copy = directory.path().join("users.db");
    std::fs::copy(file("logged.db"), &copy).unwrap();
    assert_eq!(users(&copy).unwrap().len(), 1);
    // A log that is damaged counts up to the damage.
    let mut log = std::fs::read(file("logged.db-wal")).unwrap();
    log[40] ^= 1;
    std::fs::write(directory.path().join("users.db-wal"), &log).unwrap();
    assert_eq!(users(&copy).unwrap().len(), 1);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2, "something was written beside it");
}

#[test]
fn what_is_not_there_is_named() {
    let said = |result: Result<Vec<(i64, [Value; 1])>, Fault>| result.unwrap_err().to_string();
    assert_eq!(said(rows(&file("deep.db"), "people", ["id"])), "it has no table people; it has: other, users");
    assert_eq!(said(rows(&file("deep.db"), "other", ["username"])), "its table has no column username");
    assert_eq!(said(rows(&file("make.py"), "users", ["id"])), "it is no SQLite database");
    assert!(said(rows(&file("none.db"), "users", ["id"])).starts_with("it cannot be read: "));
}

#[test]
fn an_unfinished_change_is_refused() {
    let directory = tempfile::TempDir::new().unwrap();
    let copy = directory.path().join("users.db");
    std::fs::copy(file("users.db"), &copy).unwrap();
    std::fs::write(directory.path().join("users.db-journal"), [0; 512]).unwrap();
    assert_eq!(users(&copy).unwrap().len(), 6);
    std::fs::write(directory.path().join("users.db-journal"), [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7, 0]).unwrap();
    assert!(users(&copy).unwrap_err().to_string().contains("not finished"));
}

#[test]
fn no_damage_makes_the_reader_panic_or_run_for_ever() {
    let directory = tempfile::TempDir::new().unwrap();
    let copy = directory.path().join("users.db");
    let mut random = fastrand::Rng::with_seed(7);
    for name in ["deep.db", "users.db"] {
        let whole = std::fs::read(file(name)).unwrap();
        for _ in 0..400 {
            let mut damaged = whole.clone();
            for _ in 0..random.usize(1..20) {
                let at = if random.bool() { random.usize(..damaged.len()) } else { random.usize(..2048) };
                damaged[at] = random.u8(..);
            }
            damaged.truncate(if random.u8(..4) == 0 { random.usize(..damaged.len()) } else { damaged.len() });
            std::fs::write(&copy, &damaged).unwrap();
            let _ = users(&copy);
        }
    }
}

/// A copy of users.db with one record as often as there is room for it, in a page that the rest of the file, a hole, has room for.
fn repeated(directory: &Path, change: impl FnOnce(&mut Vec<u8>, usize)) -> PathBuf {
    let (path, mut bytes) = (directory.join("users.db"), std::fs::read(file("users.db")).unwrap());
    let page = usize::from(u16_at(&bytes, 16).unwrap());
    let (root, _) = find(&Pages::open(&file("users.db")).unwrap(), "users").unwrap();
    change(&mut bytes, (root as usize - 1) * page);
    std::fs::write(&path, bytes).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
    path
}

#[test]
fn a_file_that_has_one_record_many_times_over_is_damaged_and_not_unrolled() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = repeated(directory.path(), |bytes, start| {
        let first = [bytes[start + 8], bytes[start + 9]];
        let many = (usize::from(u16::from_be_bytes(first)) - 8) / 2;
        for at in 0..many {
            bytes[start + 8 + 2 * at..][..2].copy_from_slice(&first);
        }
        bytes[start + 3..][..2].copy_from_slice(&u16::try_from(many).unwrap().to_be_bytes());
    });
    assert!(matches!(users(&path), Err(Fault::Damaged)), "thousands of rows out of a file of 12 KiB");
}

#[test]
fn a_tree_that_has_a_page_twice_is_damaged_however_long_the_file_is() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = repeated(directory.path(), |bytes, start| {
        // The table's page moves to the end, and its inner page names that twice.
        let (page, count) = (usize::from(u16_at(bytes, 16).unwrap()), bytes.len());
        bytes.extend_from_within(start..start + page);
        let moved = u32::try_from(count / page + 1).unwrap().to_be_bytes();
        bytes[start..start + page].fill(0);
        bytes[start] = 0x05;
        bytes[start + 4] = 1;
        bytes[start + 8..][..4].copy_from_slice(&moved);
        bytes[start + 13] = 20;
        bytes[start + 20..][..4].copy_from_slice(&moved);
    });
    assert!(matches!(users(&path), Err(Fault::Damaged)));
}
