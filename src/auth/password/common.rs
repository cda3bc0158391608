//! Which passwords an attacker tries first: common words, the user's own name and keyboard runs, found by folding.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::auth::user::Username;

static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("common_words.txt").split_whitespace().collect());

/// Rows and columns of keyboards, the alphabet and the digits: any stretch of one, in either direction, is a run.
const RUNS: &[&str] = &[
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop[]",
    "qwertzuiopü",
    "azertyuiop",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "!@#$%^&*()_+",
    "zaq1xsw2cde3vfr4bgt5",
];

/// Most characters around a word that do not make it less common.
const AFFIX_CHARS: usize = 5;

/// Whether an attacker would try it among the first.
pub(super) fn is_common(password: &str) -> bool {
    let plain = password.to_lowercase();
    is_run(&plain)
        || is_repeated(&plain)
        || is_digit_pattern(&plain)
        || is_dressed_up(&plain, |word| WORDS.contains(word) || WORDS.contains(unleet(word).as_str()))
}

/// Whether it is the user's name, the name reversed, the name's part before an `@`, or the server's own name, dressed up.
pub(super) fn is_about(password: &str, username: &Username) -> bool {
    let name = username.as_str();
    let local = name.split('@').next().unwrap_or(name);
    let reversed: String = name.chars().rev().collect();
    let plain = password.to_lowercase();
    is_dressed_up(&plain, |word| [name, local, &reversed, "doorward"].contains(&word))
}

/// Whether `is_word` holds for it after taking away, from either end, at most [`AFFIX_CHARS`] characters in all that are
/// not letters, or of a whole repetition of such a word.
fn is_dressed_up(password: &str, is_word: impl Fn(&str) -> bool) -> bool {
    let core = password.trim_matches(|c: char| !c.is_alphabetic());
    let stripped = password.chars().count() - core.chars().count();
    let whole = is_word(password);
    let half = password.get(..password.len() / 2).filter(|half| password.len() == half.len() * 2 && password.ends_with(half));
    whole || half.is_some_and(&is_word) || (stripped <= AFFIX_CHARS && !core.is_empty() && is_word(core))
}

fn unleet(password: &str) -> String {
    password
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | '!' | '|' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            other => other,
        })
        .collect()
}

/// Whether it is a stretch of a keyboard, the alphabet or the digits.
fn is_run(password: &str) -> bool {
    let reversed: String = password.chars().rev().collect();
    RUNS.iter().any(|run| run.contains(password) || run.contains(&reversed))
}

/// Digits that fingers or eyes find: a run, the same way forward and back, pairs, or a stretch of the keypad's columns and
/// diagonals; also with up to three letters at either end.
fn is_digit_pattern(password: &str) -> bool {
    let digits = password.trim_matches(char::is_alphabetic);
    let letters = password.chars().count() - digits.chars().count();
    if letters > 3 || digits.len() < 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let bytes = digits.as_bytes();
    let palindrome = bytes.iter().eq(bytes.iter().rev());
    let pairs = bytes.chunks(2).all(|pair| pair.first() == pair.last());
    let keypad = ["147258369", "159357", "789456123", "741852963", "963852741", "321654987", "258025802580"]
        .iter()
        .any(|stretch| stretch.contains(digits));
    palindrome || pairs || keypad || is_run(digits) || is_repeated(digits)
}

/// Whether it is one piece of at most four characters over and over.
fn is_repeated(password: &str) -> bool {
    let chars: Vec<char> = password.chars().collect();
    (1..=4).any(|unit| chars.len() > unit && chars.iter().enumerate().all(|(at, c)| *c == chars[at % unit]))
}
