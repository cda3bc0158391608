//! `doorward doctor`: ok where all is well, and each finding provoked for real: with a server, without one, and from afar.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::{run_in, said};
use crate::server::{Server, add_admin, with_admin_and};

/// What the command said: its exit code, and its findings.
pub struct Diagnosis {
    pub code: Option<i32>,
    report: Value,
    /// All that it printed.
    pub text: String,
}

impl Diagnosis {
    #[track_caller]
    fn of(&self, check: &str) -> &Value {
        let findings = self.report["findings"].as_array().expect("findings");
        findings.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("no {check}: {}", self.report))
    }

    /// That a check found something, and says so.
    #[track_caller]
    pub fn says(&self, check: &str, verdict: &str, what: &str) {
        let finding = self.of(check);
        assert_eq!(finding["verdict"], verdict, "{finding}");
        assert!(finding["what"].as_str().unwrap().contains(what), "{finding} / {what}");
        let has_advice = finding["advice"].as_str().is_some_and(|advice| !advice.is_empty());
        assert_eq!(has_advice, matches!(verdict, "look" | "fix"), "{finding}");
    }

    /// What it says to do about that.
    #[track_caller]
    pub fn advice(&self, check: &str) -> &str {
        self.of(check)["advice"].as_str().unwrap_or_default()
    }

    /// That the command succeeded, but for what the machine of the test may be short of.
    #[track_caller]
    pub fn has_nothing_to_fix(&self) {
        let fix = self.report["findings"].as_array().unwrap().iter().filter(|finding| finding["verdict"] == "fix");
        let fix: Vec<_> = fix.filter(|finding| finding["check"] != "file system").collect();
        assert!(fix.is_empty(), "{fix:?}");
    }

    /// That nothing is amiss but what the machine of the test may be short of.
    #[track_caller]
    pub fn is_well(&self) {
        let may_be = ["file system", "password time"];
        for finding in self.report["findings"].as_array().unwrap() {
            let is_good = matches!(finding["verdict"].as_str(), Some("ok" | "skip"));
            assert!(is_good || may_be.iter().any(|check| finding["check"] == *check), "{finding}");
        }
        let fix = self.report["counts"]["fix"].as_u64().unwrap();
        assert_eq!((self.code, &self.report["ok"]), (Some(i32::from(fix > 0)), &json!(fix == 0)), "{}", self.report);
    }
}

pub fn doctor_with(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Diagnosis {
    let (code, out, err) = said(&run_in(directory, &[&["doctor", "--json"], arguments].concat(), environment, ""));
    let report = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    Diagnosis { code, report, text: out + &err }
}

pub fn doctor(directory: &Path) -> Diagnosis {
    doctor_with(directory, &[], &[])
}

pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_new_server_with_an_administrator_is_well_with_and_without_its_process() {
    let (mut server, client, _) = with_admin_and(&[]);
    client.register("arun").expect(201);
    let live = doctor(server.directory.path());
    live.is_well();
    live.says("lock", "ok", &format!("process {}", server.pid().as_raw_nonzero()));
    live.says("database", "ok", "2 users, 1 sessions");
    live.says("backup", "ok", "none yet");
    live.says("version", "ok", env!("CARGO_PKG_VERSION"));
    live.says("administrators", "ok", "1, each has logged in");
    let (code, _, err) = said(&run_in(server.directory.path(), &["backup", "--quiet"], &[], ""));
    assert_eq!(code, Some(0), "{err}");
    server.stop();
    let alone = doctor(server.directory.path());
    alone.is_well();
    alone.says("lock", "ok", "nobody holds the directory");
    alone.says("trial restore", "ok", "2 users");
    for name in fs::read_dir(server.data_dir()).unwrap().flatten().map(|entry| entry.file_name()) {
        assert!(!name.to_string_lossy().starts_with("trial-"), "{name:?} is left");
    }
    let counts = alone.report["counts"].as_object().unwrap();
    let total: u64 = counts.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(total, alone.report["findings"].as_array().unwrap().len() as u64);
}

#[test]
fn for_people_it_is_a_line_for_each_check_in_words_with_what_to_do_below_and_a_sum_at_the_end() {
    let server = Server::start();
    let (code, out, _) = said(&run_in(server.directory.path(), &["doctor"], &[("JWT_SECRET_KEY", "secret")], ""));
    assert_eq!(code, Some(1));
    assert!(!out.contains('\x1b'), "no colours where nobody sees them: {out}");
    let lines: Vec<_> = out.lines().collect();
    let at = lines.iter().position(|line| line.starts_with("fix   JWT_SECRET_KEY")).expect(&out);
    assert!(lines[at + 1].trim_start().starts_with("-> make one: openssl rand"), "{out}");
    assert!(lines.iter().any(|line| line.starts_with("look  administrators")), "{out}");
    let last = lines.last().unwrap();
    assert!(last.contains(" checks: ") && last.contains(" to fix, "), "{out}");
}

#[test]
fn a_directory_or_a_file_that_others_may_read_is_to_be_fixed() {
    let (mut server, ..) = with_admin_and(&[]);
    let (directory, data) = (server.directory.path().to_owned(), server.data_dir());
    chmod(&data.join("db"), 0o644);
    let found = doctor(&directory);
    found.says("files", "fix", "db");
    assert_eq!(found.code, Some(1));
    chmod(&data.join("db"), 0o600);
    chmod(&data, 0o755);
    let live = doctor(&directory);
    live.says("directory", "fix", "mode 0755");
    assert_eq!(live.code, Some(1));
    live.says("database", "ok", "every record fits");
    server.stop();
    let alone = doctor(&directory);
    alone.says("directory", "fix", "mode 0755");
    alone.says("database", "fix", "chmod 700");
    alone.says("disk space", "ok", "free");
    assert_eq!(alone.code, Some(74), "nothing could be opened");
    chmod(&data, 0o700);
    doctor(&directory).is_well();
}

#[test]
fn where_nothing_is_yet_it_says_so_and_makes_nothing() {
    let directory = tempfile::TempDir::new().unwrap();
    let found = doctor(directory.path());
    found.says("directory", "fix", "is not there");
    assert_eq!(found.code, Some(1));
    assert!(!directory.path().join("data").exists());
}

#[test]
fn a_damaged_database_is_named_with_the_cure_and_the_rest_is_looked_at_all_the_same() {
    let (mut server, client, _) = with_admin_and(&[]);
    client.register("arun").expect(201);
    let directory = server.directory.path().to_owned();
    let (code, ..) = said(&run_in(&directory, &["backup"], &[], ""));
    assert_eq!(code, Some(0));
    server.stop();
    let database = server.data_dir().join("db");
    let content = fs::read(&database).unwrap();
    let used = content.iter().rposition(|byte| *byte != 0).unwrap();
    fs::write(&database, &content[..used / 2]).unwrap();
    let found = doctor(&directory);
    assert_eq!(found.code, Some(74));
    found.says("database", "fix", "restore latest --replace");
    found.says("trial restore", "ok", "2 users");
    found.says("directory", "ok", "for its owner alone");
    fs::remove_file(server.data_dir().join("MARKER")).unwrap();
    let found = doctor(&directory);
    assert_eq!(found.code, Some(74));
    found.says("database", "fix", "MARKER");
    let (code, _, err) = said(&run_in(&directory, &["restore", "latest", "--replace"], &[], ""));
    assert_eq!(code, Some(0), "{err}");
    server.start_again();
    server.client().login("boss");
    doctor(&directory).is_well();
}

#[test]
fn a_marker_that_was_put_back_from_elsewhere_is_found_while_the_server_runs() {
    let (server, other) = (Server::start(), Server::start());
    fs::copy(other.data_dir().join("MARKER"), server.data_dir().join("MARKER")).unwrap();
    let found = doctor(server.directory.path());
    assert_eq!(found.code, Some(1));
    found.says("database", "fix", "do not belong together");
}

#[test]
fn a_lock_left_behind_is_fine_and_one_whose_holder_does_not_answer_is_not() {
    let mut server = Server::start();
    let directory = server.directory.path().to_owned();
    let pid = server.pid().as_raw_nonzero();
    fs::remove_file(server.data_dir().join("doorward.sock")).unwrap();
    let found = doctor(&directory);
    assert_eq!(found.code, Some(74));
    found.says("lock", "fix", &format!("process {pid} holds the directory"));
    found.says("database", "fix", "in use by process");
    server.kill();
    doctor(&directory).says("lock", "ok", &format!("process {pid} did and has ended"));
}

/// Makes a backup one of long ago: its first line says so, and its last has the SHA-256 of that.
fn make_old(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let made = text.split("\"created\":").nth(1).unwrap().split(',').next().unwrap();
    let long_ago = made.parse::<u64>().unwrap() - 30 * 86_400;
    let text = text.replacen(&format!("\"created\":{made}"), &format!("\"created\":{long_ago}"), 1);
    let (body, last) = text.trim_end().rsplit_once('\n').unwrap();
    let body = format!("{body}\n");
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
    let sum = sum.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let start = last.split("\"sha256\":\"").next().unwrap();
    fs::write(path, format!("{body}{start}\"sha256\":\"{sum}\"}}\n")).unwrap();
}

#[test]
fn backups_that_are_missing_old_or_damaged_are_told() {
    let server = Server::start();
    let directory = server.directory.path();
    let never = [("DOORWARD_CHECKPOINT_INTERVAL", "0")];
    let found = doctor_with(directory, &[], &never);
    assert_eq!(found.code, Some(1));
    found.says("backup", "fix", "checkpoint_interval is 0");
    let conf = File::options().write(true).open(server.data_dir().join("conf")).unwrap();
    let day = std::time::Duration::from_secs(86_400);
    conf.set_modified(std::time::SystemTime::now() - day).unwrap();
    doctor(directory).says("backup", "fix", "there is none in the folder backups");
    let (code, ..) = said(&run_in(directory, &["backup"], &[], ""));
    assert_eq!(code, Some(0));
    let found = doctor(directory);
    assert_eq!(found.code, Some(0));
    found.says("backup", "ok", " old");
    let folder = server.data_dir().join("backups");
    let backup = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    make_old(&backup);
    let found = doctor(directory);
    assert_eq!(found.code, Some(0), "to look at, not to fix");
    found.says("backup", "look", "30 days old, though one is due every 1d");
    found.says("trial restore", "ok", "can be restored");
    let mut content = fs::read(&backup).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 4;
    fs::write(&backup, content).unwrap();
    let found = doctor(directory);
    assert_eq!(found.code, Some(1));
    found.says("trial restore", "fix", "is damaged");
}

#[test]
fn administrators_who_are_missing_or_never_came_are_told() {
    let mut server = Server::start();
    let directory = server.directory.path().to_owned();
    doctor(&directory).says("administrators", "look", "there is none");
    server.stop();
    add_admin(&directory, "boss");
    let found = doctor(&directory);
    assert_eq!(found.code, Some(0));
    found.says("administrators", "look", "1 of 1 never logged in, as far as is remembered: boss");
    server.start_again();
    let client = server.client();
    let boss = client.login("boss");
    client.logout(&boss.access).expect(200);
    doctor(&directory).says("administrators", "ok", "each has logged in");
}

#[test]
fn from_afar_it_asks_the_server_and_says_what_it_cannot_look_at() {
    let (server, _, boss) = with_admin_and(&[]);
    let nowhere = tempfile::TempDir::new().unwrap();
    let look = |token: &str| doctor_with(nowhere.path(), &["--url", &server.url], &[("DOORWARD_TOKEN", token)]);
    let found = look(&boss.access);
    assert!(found.code == Some(0) && !found.text.contains(&boss.access), "{}", found.text);
    found.says("database", "ok", "1 users");
    found.says("clock", "ok", "");
    found.says("keys", "ok", "ES256 signs");
    found.says("proxy", "ok", "none: ");
    for check in ["directory", "disk space", "JWT_SECRET_KEY", "backup", "certificate"] {
        found.says(check, "skip", "on the server's own machine only");
    }
    let refused = look("not.a.token");
    assert_eq!(refused.code, Some(1));
    refused.says("database", "fix", "could not be looked at");
    let (code, _, err) = said(&run_in(nowhere.path(), &["doctor", "--url", &server.url], &[], ""));
    assert!(code == Some(2) && err.contains("needs an administrator's access token"), "{err}");
}
