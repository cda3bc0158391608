//! How far long work has come, on a terminal; elsewhere nothing.

use std::io::{IsTerminal as _, Write as _};

/// Characters of the bar.
const WIDTH: u64 = 30;

/// A bar on standard error; gone when it is dropped.
pub struct Progress {
    what: &'static str,
    is_shown: bool,
    last: Option<u64>,
}

impl Progress {
    /// Of this work, unless nobody wants to see it.
    pub fn new(what: &'static str, quiet: bool) -> Self {
        Self { what, is_shown: !quiet && std::io::stderr().is_terminal(), last: None }
    }

    /// So much of so much is done.
    pub fn show(&mut self, done: u64, of: u64) {
        let percent = done.saturating_mul(100).checked_div(of).unwrap_or(100);
        if self.is_shown && self.last != Some(percent) {
            self.last = Some(percent);
            write(&bar(self.what, percent));
        }
    }

    /// So many bytes are there; nobody knows of how many.
    pub fn count(&mut self, bytes: u64) {
        let kib = bytes >> 10;
        if self.is_shown && self.last != Some(kib) {
            self.last = Some(kib);
            write(&format!("{} {kib} KiB", self.what));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.last.is_some() {
            write("");
        }
    }
}

fn bar(what: &str, percent: u64) -> String {
    let full = percent.min(100) * WIDTH / 100;
    let marks: String = (0..WIDTH).map(|place| if place < full { '#' } else { '.' }).collect();
    format!("{what} [{marks}] {percent:3} %")
}

/// In place of the line before (ECMA-48: back to its begin, and the rest erased).
fn write(line: &str) {
    let mut stderr = std::io::stderr().lock();
    // Whoever closed it does not want to know.
    let _ = write!(stderr, "\r{line}\x1b[K").and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn the_bar_fills_as_the_work_goes_on() {
        assert_eq!(bar("reading", 0), format!("reading [{}]   0 %", ".".repeat(30)));
        assert_eq!(bar("reading", 50), format!("reading [{}{}]  50 %", "#".repeat(15), ".".repeat(15)));
        assert_eq!(bar("reading", 100), format!("reading [{}] 100 %", "#".repeat(30)));
    }
}
