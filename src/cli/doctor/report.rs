//! What was found, on one screen: a line for each check, under it what to do, and how many of each there are.

use serde_json::json;

use super::finding::{Finding, Verdict};
use crate::cli::terminal::{harmless, takes_colours};
use crate::cli::{Failure, table};

/// Prints the findings.
///
/// # Errors
/// What is printed cannot be written.
pub fn print(findings: &[Finding], as_json: bool) -> Result<(), Failure> {
    if as_json {
        let [ok, look, fix, skip] = counts(findings);
        let counts = json!({"ok": ok, "look": look, "fix": fix, "skip": skip});
        return table::print_json(&json!({"ok": fix == 0, "counts": counts, "findings": findings}));
    }
    let colours = takes_colours(&std::io::stdout());
    table::line(&written(findings, colours))
}

/// How many there are of each verdict, in the order of [`Verdict::ALL`].
pub fn counts(findings: &[Finding]) -> [usize; 4] {
    Verdict::ALL.map(|verdict| findings.iter().filter(|finding| finding.verdict == verdict).count())
}

fn written(findings: &[Finding], colours: bool) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for Finding { check, verdict, what, advice } in findings {
        // The word says it, too: colour alone would tell many people nothing.
        let word = format!("{:<4}", verdict.word());
        let word = if colours { format!("\x1b[{}m{word}\x1b[0m", verdict.colour()) } else { word };
        lines.push(format!("{word}  {check:<width$}  {}", harmless(what)));
        lines.extend(advice.iter().map(|advice| format!("{:4}  {:width$}  -> {}", "", "", harmless(advice))));
    }
    let [ok, look, fix, skip] = counts(findings);
    lines.push(format!("\n{} checks: {ok} ok, {look} to look at, {fix} to fix, {skip} skipped", findings.len()));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_word_advice_stands_below_and_colour_is_never_alone() {
        let findings =
            [Finding::ok("clock", "right"), Finding::fix("disk space", "full\u{1b}[2J", "make room"), Finding::skip("proxy", "far away")];
        let plain = written(&findings, false);
        let lines: Vec<_> = plain.lines().collect();
        assert_eq!(
            lines,
            [
                "ok    clock       right",
                "fix   disk space  full?[2J",
                "                  -> make room",
                "skip  proxy       far away",
                "",
                "3 checks: 1 ok, 0 to look at, 1 to fix, 1 skipped",
            ]
        );
        let coloured = written(&findings, true);
        assert!(coloured.contains("\u{1b}[31mfix \u{1b}[0m"), "{coloured}");
    }
}
