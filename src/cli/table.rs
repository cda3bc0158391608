//! Standard output: lines and tables for people, JSON for programs.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};

use serde::Serialize;

use super::Failure;
use super::terminal::harmless;

/// Between two columns.
const GAP: usize = 2;

/// Prints rows under headings, each column as wide as it must be, or so wide that all of them fit the terminal; where there are no
/// rows, it says so. What would steer the terminal does not get there.
///
/// # Errors
/// [`line`]'s
pub fn print<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    if rows.is_empty() {
        return line("none");
    }
    let rows = rows.iter().map(|row| row.iter().map(|cell| harmless(cell)).collect());
    let all: Vec<Vec<String>> = [headings.map(str::to_owned).to_vec()].into_iter().chain(rows).collect();
    line(&written(&all, columns()))
}

/// How wide the terminal is; there is no end to a file.
fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(usize::MAX)
}

/// Cells broken at spaces, the widest first, until the rows fit so many columns. Words stay whole, as somebody may copy them.
fn written(rows: &[Vec<String>], columns: usize) -> String {
    let widest = |of: fn(&str) -> usize| -> Vec<usize> {
        let column = |column: usize| rows.iter().map(|row| of(&row[column])).max().unwrap_or(0);
        (0..rows[0].len()).map(column).collect()
    };
    let least = widest(|cell| cell.split(' ').map(width).max().unwrap_or(0));
    let mut widths = widest(width);
    // The last column stays free: behind it some terminals are in the next line already.
    while widths.iter().sum::<usize>() + GAP * (widths.len() - 1) >= columns {
        let Some(column) = (0..widths.len()).filter(|column| widths[*column] > least[*column]).max_by_key(|column| widths[*column]) else {
            break;
        };
        widths[column] -= 1;
    }
    let mut lines = Vec::new();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| broken(cell, *width)).collect();
        for at in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let line = cells.iter().zip(&widths).fold(String::new(), |mut line, (cell, width)| {
                let _ = write!(line, "{:<width$}", cell.get(at).map_or("", String::as_str), width = width + GAP);
                line
            });
            lines.push(line.trim_end().to_owned());
        }
    }
    lines.join("\n")
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A cell as lines no wider than this, but for words that are.
fn broken(cell: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in cell.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if width(line) + 1 + width(word) <= most => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Prints a value as JSON.
///
/// # Errors
/// [`line`]'s
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    line(&serde_json::to_string_pretty(value).unwrap_or_default())
}

/// Prints what a command did: for people in a line, as JSON what the server answered.
///
/// # Errors
/// [`line`]'s
pub fn done(json: bool, answer: &impl Serialize, said: &str) -> Result<(), Failure> {
    if json { print_json(answer) } else { line(&said.lines().map(harmless).collect::<Vec<_>>().join("\n")) }
}

/// Prints a line. A reader that has gone has seen enough: the command ends as it would have, and so closes its store.
///
/// # Errors
/// What was to be said could not be written, to a full disk for one.
pub fn line(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::System { action: "write the answer", source: error }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::written;

    fn table(rows: &[[&str; 3]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_they_must_be_where_there_is_room() {
        let rows = table(&[["ID", "NAME", "WHAT"], ["1", "ärun", "one two three"], ["20", "", "four"]]);
        let expected = "ID  NAME  WHAT\n1   ärun  one two three\n20        four";
        assert_eq!((written(&rows, usize::MAX).as_str(), written(&rows, 25).as_str()), (expected, expected));
    }

    #[test]
    fn cells_are_broken_at_spaces_so_that_the_rows_fit() {
        let rows = table(&[["ID", "NAME", "WHAT"], ["1", "ärun", "one two three"], ["20", "", "four"]]);
        assert_eq!(written(&rows, 23), "ID  NAME  WHAT\n1   ärun  one two\n          three\n20        four");
        assert_eq!(written(&rows, 3), "ID  NAME  WHAT\n1   ärun  one\n          two\n          three\n20        four", "words stay whole");
        let both = table(&[["A", "B", "C"], ["a b c d e f", "x", "a b c d e f g"]]);
        for columns in 11..40 {
            let text = written(&both, columns);
            assert!(text.lines().all(|line| line.len() < columns), "{columns}: {text}");
            assert_eq!(text.split_whitespace().count(), 3 + 14, "{columns}: {text}");
        }
        assert_eq!(written(&both, 20), "A        B  C\na b c d  x  a b c d\ne f         e f g", "the widest first");
    }
}
