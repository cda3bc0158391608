//! What a person sees of long work on a terminal: `script` (util-linux) gives the command one, and its screen is drawn here.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::cli::run_in;
use crate::server::{PASSWORD, Server, doorward};

/// What a command writes to a terminal so wide, of this kind.
fn on_terminal(directory: &Path, columns: usize, kind: &str, arguments: &str) -> String {
    let command = format!("stty cols {columns} rows 24 && exec {} {arguments}", doorward(directory).get_program().display());
    let mut script = Command::new("script");
    script.args(["--quiet", "--flush", "--command", &command, "/dev/null"]).current_dir(directory);
    let output = script.env_clear().envs([("TERM", kind), ("PATH", "/usr/bin:/bin")]).output().expect("script of util-linux");
    String::from_utf8(output.stdout).unwrap()
}

/// The lines that are left on the screen. One that is too long goes on in the next, where erasing does not reach back to its begin.
fn screen(text: &str, columns: usize) -> Vec<String> {
    let (mut lines, mut at) = (vec![Vec::new()], 0);
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\r' => at = 0,
            '\n' => lines.push(Vec::new()),
            '\x1b' if rest.next_if_eq(&'[').is_some() => match rest.find(char::is_ascii_alphabetic) {
                Some('K') => lines.last_mut().unwrap().truncate(at),
                other => assert_eq!(other, Some('m'), "another code than those that erase and colour"),
            },
            shown => {
                if at >= columns {
                    lines.push(Vec::new());
                    at = 0;
                }
                let line = lines.last_mut().unwrap();
                line.resize(line.len().max(at + 1), ' ');
                line[at] = shown;
                at += 1;
            }
        }
    }
    lines.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Enough users for a bar to move.
fn users() -> String {
    let hash = format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ${}", "A".repeat(43));
    let row = |number: usize| format!("{number},user{number},\"{hash}\"\n");
    (1..=600).map(row).fold("id,username,password\n".to_owned(), |file, row| file + &row)
}

#[test]
fn a_bar_moves_on_a_terminal_however_narrow_and_only_what_came_of_it_is_left() {
    for columns in [80, 40, 24] {
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("users.csv"), users()).unwrap();
        let cases = [
            ("import flask users.csv --from csv", "importing", "600 rows: 600 added, 0 there before, 0 refused"),
            ("backup", "", "backed up 600 users, "),
            ("backup made.jsonl", "copying", " bytes, to made.jsonl"),
            ("restore made.jsonl --replace", "restoring", "The database before is kept in data/replaced-"),
            ("doctor", "looking", " checks: "),
            ("doctor", "restoring for a trial", " skipped"),
        ];
        for (arguments, what, last) in cases {
            let text = on_terminal(directory.path(), columns, "xterm", arguments);
            assert!(
                what.is_empty() || text.contains(&format!("\r{}", &what[..what.len().min(columns - 1)])),
                "{what}, {columns} columns: {text:?}"
            );
            let left = screen(&text, columns);
            assert!(left.concat().contains(last), "{what}, {columns} columns: {left:#?}");
            assert!(left.iter().all(|line| !line.contains(" %") && !line.contains("..")), "{what}, {columns} columns: {left:#?}");
        }
    }
}

#[test]
fn the_table_of_verify_fits_the_terminal_and_a_file_has_it_whole() {
    let server = Server::start();
    let arguments = format!("verify --quiet --url http://{}", server.address());
    let shown = on_terminal(server.directory.path(), 80, "xterm", &arguments);
    let lines: Vec<_> = shown.lines().map(str::trim_end).collect();
    assert!(lines[0].starts_with("RESULT") && lines.last().unwrap().contains(" checks: "), "{shown}");
    assert!(lines.iter().all(|line| line.chars().count() < 80), "{shown}");
    let filed = on_terminal(server.directory.path(), 80, "xterm", &format!("{arguments} >filed"));
    assert_eq!(filed.trim(), "");
    let filed = std::fs::read_to_string(server.directory.path().join("filed")).unwrap();
    assert!(filed.lines().any(|line| line.len() > 80) && filed.lines().count() < lines.len(), "{filed}");
}

#[test]
fn where_a_line_cannot_be_erased_or_nobody_looks_there_is_no_bar() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("users.csv"), users()).unwrap();
    for (kind, arguments) in [("dumb", ""), ("", ""), ("xterm", " 2>errors"), ("xterm", " --quiet")] {
        let text = on_terminal(directory.path(), 80, kind, &format!("import flask users.csv --from csv --dry-run{arguments}"));
        assert!(text.contains("600 rows: ") && !text.contains('\x1b') && !text.contains("importing"), "{kind}{arguments}: {text:?}");
    }
    let errors = std::fs::read_to_string(directory.path().join("errors")).unwrap();
    assert!(!errors.is_empty() && !errors.contains(['\r', '\x1b']), "{errors:?}");
}

/// `script` hands on to the terminal what it reads itself.
#[test]
fn on_a_terminal_a_user_is_deleted_after_a_yes_only() {
    let directory = TempDir::new().unwrap();
    for name in ["arun", "berta"] {
        run_in(directory.path(), &["user", "add", name, "--data-dir", "data"], &[], PASSWORD);
    }
    let rm = |arguments: &str, typed: &[u8]| {
        let command = format!("{} {arguments}", doorward(directory.path()).get_program().display());
        let mut script = Command::new("script");
        script.args(["--quiet", "--flush", "--command", &command, "/dev/null"]).current_dir(directory.path());
        script.env_clear().envs([("TERM", "dumb"), ("PATH", "/usr/bin:/bin")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = script.spawn().expect("script of util-linux");
        child.stdin.take().unwrap().write_all(typed).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    for typed in [&b"n\n"[..], b"\n"] {
        let text = rm("user rm arun", typed);
        assert!(text.contains("Delete arun") && text.contains("nothing was deleted"), "{text}");
    }
    assert!(rm("user rm arun", b"y\n").contains("deleted arun"));
    let text = rm("user rm berta --yes", b"");
    assert!(text.contains("deleted berta") && !text.contains("[y/N]"), "{text}");
}
