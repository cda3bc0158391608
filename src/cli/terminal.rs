//! What may reach a terminal: names, addresses and user agents are chosen by others; colours are not for everybody.

use std::ffi::OsStr;
use std::io::IsTerminal;

/// Whether what is written there may have colours (<https://no-color.org>).
pub fn takes_colours(stream: &impl IsTerminal) -> bool {
    !is_refused(std::env::var_os("NO_COLOR").as_deref()) && stream.is_terminal()
}

/// An empty variable is as good as none.
fn is_refused(no_color: Option<&OsStr>) -> bool {
    no_color.is_some_and(|value| !value.is_empty())
}

/// A text without what would steer the terminal or mislead the eye.
pub fn harmless(text: &str) -> String {
    text.replace(steers, "?")
}

/// Whether a character does: those of control, C0 and C1; those that format (Unicode 16, `General_Category` Cf), among them the
/// bidirectional ones (UAX #9 §2) and those that nobody sees; the separators of lines and paragraphs.
pub fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_refused_by_a_variable_that_is_not_empty() {
        assert!(is_refused(Some(OsStr::new("1"))) && is_refused(Some(OsStr::new("0"))));
        assert!(!is_refused(Some(OsStr::new(""))) && !is_refused(None));
    }

    #[test]
    fn what_steers_or_misleads_is_replaced_and_letters_of_all_scripts_stay() {
        for odd in ["\u{1b}", "\n", "\u{9b}", "\u{202e}", "\u{2066}", "\u{200f}", "\u{61c}", "\u{200b}", "\u{ad}", "\u{2028}", "\u{e0041}"]
        {
            assert_eq!(harmless(&format!("a{odd}b")), "a?b", "{odd:?}");
        }
        for text in ["jürgen", "сосо", "عربي", "עברית", "日本 – “x” €"] {
            assert_eq!(harmless(text), text);
        }
    }
}
