//! What the checks found: a bar while they run, a table or JSON at the end.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use serde::Serialize;

use super::super::{Failure, table};

/// How wide the bar is.
const WIDTH: usize = 30;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As expected.
    Ok,
    /// Otherwise.
    Failed,
    /// Not made, and why is said.
    Skipped,
}

/// One check.
#[derive(Debug, Serialize)]
struct Row {
    check: &'static str,
    result: Outcome,
    expected: String,
    got: String,
    /// Null when nothing was asked.
    ms: Option<u64>,
}

/// See the module's page.
pub struct Report {
    rows: Vec<Row>,
    total: usize,
    has_bar: bool,
}

impl Report {
    /// Of so many checks. A bar is shown on a terminal only.
    pub fn new(total: usize, quiet: bool) -> Self {
        Self { rows: Vec::new(), total, has_bar: !quiet && std::io::stderr().is_terminal() }
    }

    /// Says what is being done.
    pub fn doing(&self, what: &str) {
        if self.has_bar {
            let done = self.rows.len().min(self.total);
            let full = WIDTH * done / self.total.max(1);
            // Back to the start of the line, and clear it (ECMA-48 EL).
            draw(&format!("\r\u{1b}[K[{}{}] {done}/{} {what}", "#".repeat(full), ".".repeat(WIDTH - full), self.total));
        }
    }

    /// Takes the bar away.
    pub fn done(&self) {
        if self.has_bar {
            draw("\r\u{1b}[K");
        }
    }

    /// Adds a check.
    pub fn add(&mut self, check: &'static str, result: Outcome, expected: String, got: String, took: Option<Duration>) {
        let ms = took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        self.rows.push(Row { check, result, expected, got, ms });
    }

    /// Whether there is one of each that was announced.
    pub const fn is_whole(&self) -> bool {
        self.rows.len() == self.total
    }

    /// How many ended so.
    pub fn count(&self, result: Outcome) -> usize {
        self.rows.iter().filter(|row| row.result == result).count()
    }

    /// Prints it; `remains` is the user that could not be deleted.
    ///
    /// # Errors
    /// What is printed cannot be written.
    pub fn print(&self, url: &str, is_good: bool, remains: Option<&str>, as_json: bool) -> Result<(), Failure> {
        if as_json {
            let report = serde_json::json!({"url": url, "ok": is_good, "remains": remains, "checks": self.rows});
            return table::print_json(&report);
        }
        let cells = |row: &Row| {
            let result = match row.result {
                Outcome::Ok => "ok",
                Outcome::Failed => "FAILED",
                Outcome::Skipped => "skipped",
            };
            let ms = row.ms.map_or_else(String::new, |ms| ms.to_string());
            [result.to_owned(), ms, row.check.to_owned(), row.expected.clone(), row.got.clone()]
        };
        table::print(["RESULT", "MS", "CHECK", "EXPECTED", "GOT"], &self.rows.iter().map(cells).collect::<Vec<_>>())?;
        let [good, failed, skipped] = [Outcome::Ok, Outcome::Failed, Outcome::Skipped].map(|result| self.count(result));
        table::line(&format!("\n{} checks: {good} ok, {failed} failed, {skipped} skipped", self.rows.len()))
    }
}

/// Whoever closed standard error does not want to know.
fn draw(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
