//! The README's examples are run, line by line, against the executable.
//!
//! Each block of kind `console` is one shell session: a line after `$ ` is a command (a `\` at its end joins the next), the
//! lines below it what it prints, with `…` for anything.

use crate::server::{Server, tool};

/// The commands of the README, each with what it should print.
fn examples() -> Vec<(String, String)> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README");
    let mut examples: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside {
            match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => examples.push((command.to_owned(), String::new())),
                (None, Some((command, _))) if command.ends_with('\\') => {
                    *command = format!("{}{}", command.trim_end_matches('\\'), line.trim_start());
                }
                (None, Some((_, output))) => output.extend([line, "\n"]),
                (None, None) => panic!("output before the first command: {line}"),
            }
        }
    }
    examples
}

/// Whether `text` is `pattern` with anything in place of each `…`.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, others)) = pattern.split_once('…') else { return pattern == text };
    let (middle, last) = others.rsplit_once('…').unwrap_or(("", others));
    let Some(mut rest) = text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    middle.split('…').all(|part| {
        let found = rest.find(part);
        rest = found.map_or("", |at| &rest[at + part.len()..]);
        found.is_some()
    })
}

#[test]
fn the_readmes_examples_answer_as_it_says() {
    let server = Server::open();
    let examples = examples();
    assert!(examples.len() >= 8, "{examples:?}");
    let mut script = String::from("set -u\n");
    for (command, _) in &examples {
        script.extend([command, "\necho; echo '=== next'\n"]);
    }
    let script = script.replace("http://localhost:5000", &server.url);
    let output = tool("bash").args(["-c", &script]).current_dir(server.directory.path()).output().expect("bash");
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<_> = printed.split("=== next\n").collect();
    // The last of them is what follows the last mark.
    assert_eq!((printed.len(), printed.last()), (examples.len() + 1, Some(&"")), "the session ended early: {printed:?}");
    for ((command, expected), printed) in examples.iter().zip(printed) {
        assert!(fits(expected.trim(), printed.trim()), "{command}\nexpected: {expected}\nprinted: {printed}");
    }
}

#[test]
fn the_pattern_of_an_example_can_fail() {
    assert!(fits("a…c", "abcbc") && fits("a…b…c", "axbxbc") && fits("…", "") && fits("x", "x") && fits("{\"t\":\"…\"}", "{\"t\":\"123\"}"));
    assert!(!fits("a…c", "abd") && !fits("ab…bc", "abc") && !fits("a…b…c", "axc") && !fits("x", "xy") && !fits("a…c", "abcd"));
}
