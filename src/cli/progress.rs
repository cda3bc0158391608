//! How far long work has come, on a terminal; elsewhere nothing.

use std::io::{IsTerminal as _, Write as _};

/// Characters of the bar, where there is room for them.
const WIDTH: usize = 30;
/// A shorter one would show nothing that the number does not.
const LEAST: usize = 8;
/// Where the terminal does not say how wide it is.
const USUAL_COLUMNS: usize = 80;

/// A bar on standard error; gone when it is dropped.
pub struct Progress {
    what: &'static str,
    is_shown: bool,
    last: Option<u64>,
}

impl Progress {
    /// Of this work, unless nobody wants to see it.
    pub fn new(what: &'static str, quiet: bool) -> Self {
        Self { what, is_shown: !quiet && std::io::stderr().is_terminal() && can_erase(), last: None }
    }

    /// So much of so much is done.
    pub fn show(&mut self, done: u64, of: u64) {
        let percent = done.saturating_mul(100).checked_div(of).unwrap_or(100);
        if self.is_shown && self.last != Some(percent) {
            self.last = Some(percent);
            write(&bar(self.what, percent, columns()));
        }
    }

    /// So many bytes are there; nobody knows of how many.
    pub fn count(&mut self, bytes: u64) {
        let kib = bytes >> 10;
        if self.is_shown && self.last != Some(kib) {
            self.last = Some(kib);
            write(&cut(format!("{} {kib} KiB", self.what), columns()));
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

/// Whether the terminal knows the code by which a line is erased (`terminfo(5)`; editors that show a command's output are dumb).
fn can_erase() -> bool {
    std::env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb")
}

/// Looked at each time: windows change.
fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(USUAL_COLUMNS)
}

/// What fits into one line; of a second one the begin would stay when it is erased. The last column stays free, too: behind it
/// some terminals are in the next line already.
fn cut(mut line: String, columns: usize) -> String {
    line.truncate(columns.saturating_sub(1));
    line
}

fn bar(what: &str, percent: u64, columns: usize) -> String {
    let number = format!("{percent:3} %");
    let width = columns.saturating_sub(1 + what.len() + " [] ".len() + number.len()).min(WIDTH);
    if width < LEAST {
        return cut(format!("{what} {number}"), columns);
    }
    let full = usize::try_from(percent.min(100)).unwrap_or_default() * width / 100;
    format!("{what} [{}{}] {number}", "#".repeat(full), ".".repeat(width - full))
}

/// In place of the line before (ECMA-48: back to its begin, and the rest erased).
fn write(line: &str) {
    let mut stderr = std::io::stderr().lock();
    // Whoever closed it does not want to know.
    let _ = write!(stderr, "\r{line}\x1b[K").and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::{bar, cut};

    #[test]
    fn the_bar_fills_as_the_work_goes_on() {
        assert_eq!(bar("reading", 0, 80), format!("reading [{}]   0 %", ".".repeat(30)));
        assert_eq!(bar("reading", 50, 80), format!("reading [{}{}]  50 %", "#".repeat(15), ".".repeat(15)));
        assert_eq!(bar("reading", 100, 80), format!("reading [{}] 100 %", "#".repeat(30)));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_less_one() {
        assert_eq!(bar("backing up", 100, 40), format!("backing up [{}] 100 %", "#".repeat(20)));
        assert_eq!((bar("backing up", 7, 27), bar("backing up", 7, 12)), ("backing up   7 %".to_owned(), "backing up ".to_owned()));
        for columns in 1..100 {
            for percent in [0, 7, 100] {
                let line = bar("restoring", percent, columns);
                assert!(line.len() < columns.max(1) || line.is_empty(), "{columns}: {line:?}");
            }
            assert!(cut("backing up 123456 KiB".to_owned(), columns).len() < columns);
        }
    }
}
