//! Corpus P, passwords: what may be chosen, and that exactly that logs in.

use serde_json::json;

use crate::corpus::Corpus;
use crate::server::{Answer, PASSWORD};

impl Corpus {
    fn choose(&self, name: &str, password: &str) -> Answer {
        self.client.json("POST", "/register", None, &json!({"username": name, "password": password}))
    }

    fn present(&self, name: &str, password: &str) -> Answer {
        self.send_from_elsewhere("/login", &json!({"username": name, "password": password}))
    }

    /// Registers somebody with this password, who can then log in with it.
    #[track_caller]
    fn has(&self, case: &str, name: &str, password: &str) {
        self.accepted(case, &self.choose(name, password));
        self.accepted(case, &self.present(name, password));
    }

    #[track_caller]
    fn is_wrong(&self, case: &str, name: &str, password: &str) {
        self.refused(case, &self.present(name, password), 401, "invalid_credentials");
    }
}

/// Passwords that nobody may choose, for a user named `arunkumar`.
const REFUSED: &[(&str, &[&str])] = &[
    ("P1 to P4 too short", &["", "x", "x7m4kqw", "\u{1f600}\u{1f601}\u{1f602}\u{1f603}\u{1f604}\u{1f605}\u{1f606}"]),
    ("P16 eight marks that are four letters", &["e\u{301}e\u{300}o\u{301}u\u{301}"]),
    ("P17 controls", &["secure\0password", "secure\npassword", "secure\u{1b}[31mpassword", "secure\tpassword", "secure\u{7f}password"]),
    (
        "P18 tried first",
        &[
            "                    ",
            "aaaaaaaaaaaaaaa",
            "123456789012345",
            "password",
            "Password123!",
            "P@ssw0rd",
            "qwertyuiop",
            "iloveyou",
            "letmein123",
            "correcthorsebatterystaple",
            "11111111",
            "abcdefgh",
            "987654321",
        ],
    ),
    (
        "P19 about the user",
        &["arunkumar", "ArunKumar", "ramuknura", "arunkumar123", "123arunkumar!", "arunkumararunkumar", "doorward", "Doorward2024"],
    ),
];

#[test]
fn p_passwords_that_are_tried_first_are_refused() {
    let corpus = Corpus::start("P");
    let long = [1025, 4096, 15_000].map(|length| "x7m4kqw9".repeat(length / 8 + 1)[..length].to_owned());
    // 256 characters of four bytes are 1024 bytes; one more is too much.
    let wide = "\u{1f600}x".repeat(205);
    let long: Vec<_> = long.iter().chain([&wide]).map(String::as_str).collect();
    for (row, passwords) in REFUSED.iter().chain([&("P10 too long", long.as_slice())]) {
        for password in *passwords {
            corpus.invalid(&format!("{row} {password:?}"), &corpus.choose("arunkumar", password), "password");
        }
    }
    let surrogate = br#"{"username":"arunkumar","password":"secure\ud800password"}"#;
    let answer = corpus.client.send("POST", "/register", &[("Content-Type", "application/json")], Some(surrogate));
    corpus.refused("P17 a lone surrogate", &answer, 400, "malformed_json");
}

#[test]
fn p_passwords_of_any_length_and_letters_log_in() {
    let corpus = Corpus::start("P");
    let long = [64, 128, 1024].map(|length| "x7m4kqw9".repeat(length / 8));
    for (number, (row, password)) in [
        ("P5", "x7m4kqw9"),
        ("P6", "x7m4kqw9x7m4kqz"),
        ("P7", &long[0]),
        ("P8", &long[1]),
        ("P9", &long[2]),
        ("P16 eight emoji", "\u{1f600}\u{1f601}\u{1f602}\u{1f603}\u{1f604}\u{1f605}\u{1f606}\u{1f607}"),
        ("P18 no composition asked for", "mydogeatsgrass"),
        ("P18 digits alone", "8302958317"),
        ("P13 spaces around", "  x7m4kqw9  "),
        ("P17 right to left", "סיסמה טובה מאוד"),
    ]
    .into_iter()
    .enumerate()
    {
        corpus.has(row, &format!("user{number}"), password);
    }
}

#[test]
fn p11_to_p13_exactly_the_chosen_password_logs_in() {
    let corpus = Corpus::start("P");
    let with_end = |length: usize, end: char| format!("{}{end}", "x7m4kqw9".repeat(length / 8 + 1).split_at(length - 1).0);
    // bcrypt would not see past 72 bytes, other schemes not past 64.
    for length in [65, 73, 1024] {
        let name = format!("twin{length}");
        corpus.has("P12", &name, &with_end(length, 'a'));
        corpus.is_wrong("P12 the last character", &name, &with_end(length, 'b'));
        corpus.is_wrong("P12 one less", &name, &with_end(length, 'a')[..length - 1]);
    }
    for (case, password) in [
        ("P11 too long", PASSWORD.repeat(74)),
        ("P11 far too long", PASSWORD.repeat(1000)),
        ("P11 empty", String::new()),
        ("P13 upper case", PASSWORD.to_uppercase()),
        ("P13 one letter", "Securepassword".to_owned()),
        ("P13 a space before", format!(" {PASSWORD}")),
        ("P13 a space after", format!("{PASSWORD} ")),
    ] {
        corpus.is_wrong(case, "arun", &password);
    }
    corpus.has("P13", "mira", " x7m4kqw9 ");
    corpus.is_wrong("P13 without its spaces", "mira", "x7m4kqw9");
    corpus.client.login("arun");
}

#[test]
fn p14_and_p15_spellings_of_one_password_are_one_password() {
    let corpus = Corpus::start("P");
    corpus.has("P14 composed", "nfc", "vög\u{e9}lchen");
    corpus.accepted("P14 then decomposed", &corpus.present("nfc", "vo\u{308}ge\u{301}lchen"));
    corpus.has("P14 decomposed", "nfd", "vo\u{308}ge\u{301}lchen");
    corpus.accepted("P14 then composed", &corpus.present("nfd", "vög\u{e9}lchen"));
    corpus.has("P15 an ideographic space", "wide", "two\u{3000}words of it");
    corpus.accepted("P15 then a plain one", &corpus.present("wide", "two words of it"));
    // Only spaces are mapped: compatible letters are other letters (RFC 8265 §4.2).
    corpus.is_wrong("P15 fullwidth letters", "wide", "ｔwo words of it");
}
