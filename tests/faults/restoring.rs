//! A restore on a disk that is full, or becomes so: refused, with the database before as it was, and good once there is room.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::disk::{SmallDisk, said};
use crate::opening::open;
use crate::server::{doorward, skip};

/// Every file of the database, with its content.
fn database(data: &Path) -> Vec<(OsString, Vec<u8>)> {
    let entries = fs::read_dir(data).unwrap().map(Result::unwrap);
    let of_it =
        entries.filter(|entry| entry.file_type().unwrap().is_file() && !["LOCK", "ballast"].iter().any(|name| entry.file_name() == *name));
    let mut files: Vec<_> = of_it.map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap())).collect();
    files.sort();
    files
}

/// The names of directories that a restore makes and takes away, or leaves: there are to be none.
fn remains(data: &Path) -> Vec<String> {
    let names = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name == "restoring" || name.starts_with("replaced-")).collect()
}

#[test]
fn a_restore_on_a_full_disk_is_refused_leaves_what_is_there_and_succeeds_once_there_is_room() {
    // A backup wants 64 MiB clear.
    let Some(disk) = SmallDisk::new(96) else { return skip("a restore on a full disk", "no file system may be mounted") };
    let server = disk.start().serves("a disk with room");
    server.client().register("arun").expect(201);
    server.stop();
    let (code, said) = disk.run(&["backup"]);
    assert_eq!(code, Some(0), "{said}");
    let before = database(&disk.data());
    fs::write(disk.ballast(), vec![1; 70 << 20]).unwrap();
    let (code, said) = disk.run(&["restore", "latest", "--replace"]);
    assert!(code == Some(74) && said.contains(" MiB free, and this takes "), "{code:?} {said}");
    assert!(database(&disk.data()) == before && remains(&disk.data()).is_empty(), "{:?}", remains(&disk.data()));
    fs::remove_file(disk.ballast()).unwrap();
    let (code, said) = disk.run(&["restore", "latest", "--replace"]);
    assert!(code == Some(0) && said.contains("restored 1 users"), "{code:?} {said}");
    assert_eq!(remains(&disk.data()).len(), 1, "the database before is kept");
    let server = disk.start().serves("what was restored");
    server.client().login("arun");
    server.stop();
}

/// The disk fills while the new database is written: what measuring the room before cannot foresee.
#[test]
fn a_restore_that_runs_out_of_room_on_its_way_leaves_what_is_there_too() {
    let directory = TempDir::new().unwrap();
    let server = open(directory.path()).serves("the old database");
    let client = server.client();
    let pair = client.newcomer("arun");
    server.stop();
    let (data, run) = (directory.path().join("data"), |arguments: &[&str]| said(doorward(directory.path()).args(arguments)));
    assert_eq!(run(&["backup"]).0, Some(0));
    let before = database(&data);
    for blocks in [0, 8, 24, 64] {
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!(r#"trap "" XFSZ; ulimit -f {blocks}; exec "$0" "$@""#)]).arg(doorward(directory.path()).get_program());
        let (code, said) = said(limited.args(["restore", "latest", "--replace"]).current_dir(directory.path()));
        assert!(code == Some(74) && said.contains("File too large"), "{blocks} blocks: {code:?} {said}");
        assert!(database(&data) == before && remains(&data).is_empty(), "{blocks} blocks: {:?}", remains(&data));
    }
    let server = open(directory.path()).serves("as before");
    server.client().test(&pair.access).expect(200);
    server.stop();
    let (code, said) = run(&["restore", "latest", "--replace"]);
    assert!(code == Some(0) && said.contains("restored 1 users"), "{code:?} {said}");
    let server = open(directory.path()).serves("what was restored");
    server.client().test(&pair.access).refused(401, "invalid_token");
    server.client().login("arun");
}
