//! `docs/security.md` names a test for each row of the corpus. This keeps the names true and the rows complete.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Rows of each group, from 1.
const GROUPS: [(char, u32); 11] =
    [('J', 56), ('B', 26), ('U', 22), ('P', 22), ('H', 46), ('R', 16), ('E', 8), ('C', 22), ('T', 6), ('K', 6), ('L', 6)];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/security.md")).unwrap()
}

/// The tests a page names: in backquotes, with `::` between the file and the function.
fn named(page: &str) -> Vec<(&str, &str)> {
    let quoted = page.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
    quoted.filter_map(|text| text.rsplit_once("::")).collect()
}

/// Where a file that is named may be.
fn places(file: &str) -> [PathBuf; 4] {
    let root = root();
    [format!("tests/it/{file}.rs"), format!("tests/{file}.rs"), format!("tests/{file}.py"), format!("{file}.rs")]
        .map(|path| root.join(path))
}

fn is_there(file: &str, test: &str) -> bool {
    let source = places(file).into_iter().find(|path| Path::exists(path)).and_then(|path| std::fs::read_to_string(path).ok());
    source.is_some_and(|source| {
        ["fn", "def"].iter().any(|word| source.contains(&format!("{word} {test}(")))
            && (source.contains("test") || source.contains("contract"))
    })
}

/// The rows that the first cell of a line stands for: `B3`, `B4–B6`, `H1, H3`.
fn rows(line: &str) -> Vec<(char, u32)> {
    let row = |text: &str| text.chars().next().filter(char::is_ascii_uppercase).zip(text.get(1..)?.parse().ok());
    let cell = line.split('|').nth(1).unwrap_or_default();
    let of = |item: &str| match item.split_once('–') {
        Some((first, last)) => row(first).zip(row(last)).map(|(first, last)| (first.1..=last.1).map(|n| (first.0, n)).collect()),
        None => row(item).map(|row| vec![row]),
    };
    cell.split(',').filter_map(|item| of(item.trim())).flatten().collect()
}

#[test]
fn every_test_named_on_the_page_is_there() {
    let page = page();
    let named = named(&page);
    assert!(named.len() > 150, "only {} tests are named", named.len());
    let missing: BTreeSet<_> = named.into_iter().filter(|(file, test)| !is_there(file, test)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_row_of_the_corpus_is_on_the_page_once() {
    let page = page();
    let mut surplus: Vec<_> = page.lines().flat_map(rows).collect();
    let mut missing = Vec::new();
    for row in GROUPS.iter().flat_map(|(group, last)| (1..=*last).map(|number| (*group, number))) {
        match surplus.iter().position(|have| *have == row) {
            Some(at) => drop(surplus.swap_remove(at)),
            None => missing.push(row),
        }
    }
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    assert!(surplus.is_empty(), "there twice, or no row: {surplus:?}");
}

#[test]
fn a_row_without_a_test_says_why() {
    for line in page().lines().filter(|line| !rows(line).is_empty() && named(line).is_empty()) {
        let says = ["**Not there yet**", "**Does not apply**", "**To come**", "**Exception**", "**Deviation**"]
            .iter()
            .any(|word| line.contains(word));
        assert!(says, "{line}");
    }
}

#[test]
fn the_check_itself_can_fail() {
    assert!(
        is_there("security_page", "the_check_itself_can_fail") && !is_there("security_page", "no_such_test") && !is_there("none", "main")
    );
    assert_eq!(rows("| B1, B3–B5 | x |"), [('B', 1), ('B', 3), ('B', 4), ('B', 5)]);
    assert!(["| Row | What |", "| 1.1.1 (2) decode | x |", "| 1,000 | rounds |"].iter().all(|line| rows(line).is_empty()));
}
