//! What the documents show: every `doorward` command in them can be given like that, and every file they name is there.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;

use super::Cli;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README, changelog and everything in `docs/`.
fn documents() -> Vec<(PathBuf, String)> {
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let all = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root().join(name)).into_iter().chain(pages);
    let documents: Vec<_> = all.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    documents.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// What stands between backticks within a line or a paragraph, not as a block.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").step_by(2).flat_map(|between| between.split('`').skip(1).step_by(2))
}

/// The words of a command after `doorward`, without what stands before and after it in its line of shell.
fn words(line: &str) -> Option<Vec<String>> {
    let command = line.split(" #").next()?.trim();
    let command = command.strip_prefix("$ ").unwrap_or(command);
    let command = command.strip_prefix("sudo ").unwrap_or(command);
    let mut words = command.split_whitespace().skip_while(|word| word.contains('=') && word.starts_with(char::is_uppercase));
    (words.next() == Some("doorward")).then(|| {
        words.take_while(|word| !["|", "<", ">", "&&", ";"].contains(word)).map(|word| word.trim_matches(['"', '\'']).to_owned()).collect()
    })
}

#[test]
fn every_command_in_the_documents_can_be_given_like_that() {
    let mut commands = 0;
    for (page, text) in documents() {
        for block in text.split("```").skip(1).step_by(2).filter(|block| block.starts_with("sh\n") || block.starts_with("console\n")) {
            for words in block.lines().filter_map(words) {
                commands += 1;
                let given = Cli::try_parse_from(std::iter::once("doorward".to_owned()).chain(words.clone()));
                if let Err(error) = given {
                    let asks = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
                    assert!(asks, "{}: doorward {}: {error}", page.display(), words.join(" "));
                }
            }
        }
    }
    assert!(commands > 20, "only {commands} commands were found");
}

#[test]
fn every_command_named_within_a_sentence_is_one() {
    let mut commands = 0;
    for (page, text) in documents().iter().filter(|(page, _)| !page.ends_with("CHANGELOG.md")) {
        for words in spans(text).filter_map(words) {
            commands += 1;
            let named = Cli::try_parse_from(std::iter::once("doorward").chain(words.iter().map(String::as_str)));
            if let Err(error) = named {
                // What is left out there, the sentence need not say.
                let is_short = matches!(
                    error.kind(),
                    ErrorKind::DisplayHelp
                        | ErrorKind::DisplayVersion
                        | ErrorKind::MissingRequiredArgument
                        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                );
                assert!(is_short, "{}: doorward {}: {error}", page.display(), words.join(" "));
            }
        }
    }
    assert!(commands > 20, "only {commands} commands were found");
}

#[test]
fn every_file_that_the_documents_link_to_is_there() {
    let mut links = 0;
    for (page, text) in documents() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if !target.is_empty() && !target.contains(':') {
                links += 1;
                assert!(page.parent().unwrap().join(target).exists(), "{}: {target} is not there", page.display());
            }
        }
    }
    assert!(links > 1, "only {links} links were found");
}
