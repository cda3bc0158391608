//! Directories that are not ours, or that nothing can be written to: refused with what is wrong, and untouched.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::opening::{open, start};
use crate::server::{doorward, skip};

/// The user with no rights, by custom.
const NOBODY: u32 = 65534;

/// The executable where everybody may run it.
fn for_everybody(directory: &Path) -> PathBuf {
    let binary = directory.join("doorward");
    fs::copy(env!("CARGO_BIN_EXE_doorward"), &binary).unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
    binary
}

/// The executable run by [`NOBODY`]; `None` where we may not become somebody else.
fn by_nobody(directory: &Path) -> Option<Command> {
    let mut probe = Command::new("setpriv");
    let become_nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    if !probe.args(become_nobody).arg("true").status().is_ok_and(|status| status.success()) {
        skip("foreign directories", "this is not root, or setpriv is missing");
        return None;
    }
    let mut command = Command::new("setpriv");
    command.args(become_nobody).arg(for_everybody(directory)).env_clear().current_dir(directory);
    Some(command)
}

/// Everything in a directory, with content and rights.
fn listing(directory: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file());
    let mut all: Vec<_> =
        entries.map(|entry| (entry.path(), entry.metadata().unwrap().permissions().mode(), fs::read(entry.path()).unwrap())).collect();
    all.sort();
    all
}

#[test]
fn a_directory_of_another_user_is_refused_and_untouched() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    open(directory.path()).serves("our own").stop();
    let Some(command) = by_nobody(directory.path()) else { return };
    let before = listing(&data);
    let said = start(command).refuses("ours, run by nobody");
    assert!(said.contains("belongs to user 0") && said.contains("run it as that user"), "{said}");
    assert_eq!(listing(&data), before);
    // The other way round: root could, and would leave files nobody can read.
    chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    let said = open(directory.path()).refuses("nobody's, run by root");
    assert!(said.contains("belongs to user 65534") && said.contains("run it as that user"), "{said}");
    assert_eq!(listing(&data), before);
}

#[test]
fn root_tries_no_backup_in_a_directory_of_another_user() {
    let directory = TempDir::new().unwrap();
    open(directory.path()).serves("our own").stop();
    let run = |command: &str| doorward(directory.path()).arg(command).output().unwrap();
    assert!(run("backup").status.success());
    if by_nobody(directory.path()).is_none() {
        return;
    }
    let data = directory.path().join("data");
    chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    let before = fs::metadata(&data).unwrap().modified().unwrap();
    let said = String::from_utf8(run("doctor").stdout).unwrap();
    let line = said.lines().find(|line| line.contains("trial restore")).unwrap_or_default();
    assert!(line.starts_with("skip") && line.contains("belongs to user 65534"), "{said}");
    assert_eq!(fs::metadata(&data).unwrap().modified().unwrap(), before, "root made something there");
}

/// To make one there is no right, and nothing is known of those that there are.
#[test]
fn to_another_user_no_backup_is_advised() {
    let directory = TempDir::new().unwrap();
    open(directory.path()).serves("our own").stop();
    let Some(mut command) = by_nobody(directory.path()) else { return };
    let said = String::from_utf8(command.arg("doctor").output().unwrap().stdout).unwrap();
    let line = said.lines().find(|line| line.contains("  backup ")).unwrap_or_default();
    assert!(line.starts_with("skip") && line.contains("run this as the user that the server runs as"), "{said}");
    assert!(!said.contains("doorward backup"), "{said}");
}

#[test]
fn a_directory_of_ours_with_files_of_another_user_is_refused() {
    let directory = TempDir::new().unwrap();
    open(directory.path()).serves("our own").stop();
    let data = directory.path().join("data");
    chown(&data, Some(NOBODY), Some(NOBODY)).ok();
    let Some(command) = by_nobody(directory.path()) else { return };
    let before = listing(&data);
    let said = start(command).refuses("files of root in a directory of nobody's");
    assert!(said.contains("Permission denied") && said.contains("data/"), "{said}");
    assert_eq!(listing(&data), before);
}

#[test]
fn a_directory_that_may_not_be_written_to_is_refused() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o500)).unwrap();
    chown(&data, Some(NOBODY), Some(NOBODY)).ok();
    let Some(command) = by_nobody(directory.path()) else { return };
    let said = start(command).refuses("without the right to write");
    assert!(said.contains("Permission denied") && said.contains("data/LOCK"), "{said}");
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
}

#[test]
fn a_read_only_file_system_is_refused_and_untouched() {
    let directory = TempDir::new().unwrap();
    open(directory.path()).serves("while it can be written to").stop();
    let data = directory.path().join("data");
    let before = listing(&data);
    let mut command = Command::new("unshare");
    let script = r#"mount --bind data data && mount -o remount,ro,bind data && exec "$0" "$@""#;
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    if !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success()) {
        return skip("a read-only file system", "no file system may be mounted");
    }
    command.arg(doorward(directory.path()).get_program()).current_dir(directory.path());
    let said = start(command).refuses("read-only");
    assert!(said.contains("Read-only file system"), "{said}");
    assert_eq!(listing(&data), before);
}
