//! Standard output: lines and tables for people, JSON for programs.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};

use serde::Serialize;

use super::Failure;
use super::terminal::harmless;

/// Prints rows under headings, each column as wide as it must be; where there are none, it says so. What would steer the
/// terminal does not get there.
///
/// # Errors
/// [`line`]'s
pub fn print<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    if rows.is_empty() {
        return line("none");
    }
    let rows: Vec<_> = rows.iter().map(|row| row.each_ref().map(|cell| harmless(cell))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).chain([headings[column].len()]).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let padded = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).fold(String::new(), |mut line, (cell, width)| {
            let _ = write!(line, "{cell:<width$}  ");
            line
        });
        cells.trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| padded(std::array::from_fn(|column| row[column].as_str())));
    line(&[padded(headings)].into_iter().chain(rows).collect::<Vec<_>>().join("\n"))
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
