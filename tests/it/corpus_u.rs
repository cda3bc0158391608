//! Corpus U, names: what may be registered. Whoever logs in with a name that cannot be one is not told so.

use serde_json::json;

use crate::corpus::Corpus;
use crate::server::{Answer, PASSWORD, credentials};

/// Names that nobody can have.
const REFUSED: &[(&str, &[&str])] = &[
    ("U1 empty", &[""]),
    ("U2 spaces", &[" ", "   ", "\u{3000}"]),
    ("U10 space around, and of other kinds", &[" mira", "mira ", "\tmira", "mira\t", "mira\u{a0}", "\u{2003}mira", "mi ra"]),
    (
        "U11 nothing to be seen",
        &["mi\u{200b}ra", "mi\u{200c}ra", "mi\u{200d}ra", "\u{feff}mira", "mi\u{ad}ra", "mira\u{2060}", "mi\u{34f}ra", "mira\u{fe0f}"],
    ),
    (
        "U12 of two scripts, or of letters that stand for others",
        &["аdmin", "mirа", "αlice", "ﬁnn", "ſam", "\u{212a}im", "mira①", "ａｄｍｉｎ", "ＲＯＯＴ", "ℳira", "𝐦𝐢𝐫𝐚"],
    ),
    ("U12 a reserved name in other letters", &["admın", "ADMİN", "rооt", "supportt\u{337}", "adrnin", "nu11"]),
    ("U14 right to left", &["mi\u{202e}ra", "\u{202d}mira", "\u{200f}mira", "miraא", "אmira", "mi\u{2066}ra"]),
    ("U15 no letters of any script", &["😀", "mira😀", "mira\u{378}", "mira\u{e000}", "mira\u{fffe}", "mira\u{10ffff}", "mira\u{fdd0}"]),
    ("U16 controls", &["mi\nra", "mi\rra", "mira\t", "mi\0ra", "mi\u{1b}[31mra", "mira\u{7f}", "mira\u{85}", "mira\u{2028}"]),
    (
        "U17 paths and switches",
        &["../../etc/passwd", "a/b", "a\\b", ".", "..", ".mira", "-rf", "--help", "~root", "mira:1", "c:", "mira%00", "%2e%2e"],
    ),
    (
        "U18 what other languages would run",
        &[
            "' OR 1=1--",
            "mira';--",
            "{{7*7}}",
            "${jndi:ldap://x}",
            "<script>",
            "\"><b>",
            "=cmd()",
            "@@version()",
            "a|b",
            "a;b",
            "a&b",
            "$(id)",
            "`id`",
        ],
    ),
    ("U19 reserved", &["admin", "root", "system", "api", "null", "me", "self", "doorward", "Administrator", "SUPPORT", "ROOT"]),
    ("U20 looks like an id", &["1", "42", "18446744073709551616", "-1", "1.5", "١٢٣"]),
];

/// Names that are, and how they are kept. The last is a letter of a script with vowel signs.
const ACCEPTED: &[(&str, &str, &str)] = &[
    ("U3", "x", "x"),
    ("U4", "xy", "xy"),
    ("U5", "xyz", "xyz"),
    ("U17 a device of another system", "con", "con"),
    ("U20 a letter among digits", "7of9", "7of9"),
    ("U20 a UUID", "67e55044-10b1-426f-9247-bb680e5fe0c8", "67e55044-10b1-426f-9247-bb680e5fe0c8"),
    ("U21", "user@example.com", "user@example.com"),
    ("U12 another script alone", "Мария", "мария"),
    ("U13 composed", "Jose\u{301}", "josé"),
    ("U15 marks of a script", "राम", "राम"),
];

impl Corpus {
    #[track_caller]
    fn log_in(&self, name: &str) -> Answer {
        self.send_from_elsewhere("/login", &json!({"username": name, "password": PASSWORD}))
    }
}

#[test]
fn u_names_that_mislead_are_refused_and_a_login_with_one_says_no_more_than_no() {
    let corpus = Corpus::start("U");
    let nobody = corpus.log_in("nobody-of-this-name");
    let lengths = [65, 256, 257, 1_000, 15_000].map(|length| "m".repeat(length));
    let long: Vec<_> = lengths.iter().map(String::as_str).collect();
    for (row, names) in REFUSED.iter().chain([&("U6-U8 too long", long.as_slice())]) {
        for name in *names {
            corpus.invalid(&format!("{row} {name:?}"), &corpus.client.register(name), "username");
            let refused = corpus.log_in(name);
            corpus.refused(&format!("{row} {name:?} logs in"), &refused, 401, "invalid_credentials");
            assert_eq!(refused.text, nobody.text, "{row} {name:?}");
        }
    }
    let said = std::fs::read_to_string(corpus.server.directory.path().join("stderr")).unwrap();
    assert!(!said.contains('\u{1b}') && !said.contains("mi") && !said.contains("script"), "U16: a name is in the log: {said}");
}

#[test]
fn u_names_of_people_are_accepted_and_kept_in_one_form() {
    let corpus = Corpus::start("U");
    let longest = "m".repeat(64);
    for (row, typed, kept) in ACCEPTED.iter().chain([&("U5 64 characters", longest.as_str(), longest.as_str())]) {
        corpus.accepted(row, &corpus.client.register(typed));
        for name in [*typed, *kept] {
            let pair = corpus.client.login(name);
            assert_eq!(corpus.client.with_token("GET", "/me", &pair.access).json()["username"], *kept, "{row}");
            corpus.refused(&format!("{row} {name} again"), &corpus.client.register(name), 409, "username_taken");
        }
    }
}

#[test]
fn u9_u12_and_u13_spellings_of_one_name_are_one_name() {
    let corpus = Corpus::start("U");
    for name in ["Kim", "josé", "straße"] {
        corpus.accepted(&format!("U9 {name}"), &corpus.client.register(name));
    }
    for (row, name) in [
        ("U9", "kim"),
        ("U9", "KIM"),
        ("U9", "ARUN"),
        ("U12 fullwidth", "ａｒｕｎ"),
        ("U13 decomposed", "jose\u{301}"),
        ("U13 decomposed capital", "JOSE\u{301}"),
        ("U13 composed capital", "JOSÉ"),
    ] {
        corpus.refused(&format!("{row} {name}"), &corpus.client.register(name), 409, "username_taken");
        corpus.accepted(row, &corpus.client.try_login(name, PASSWORD));
    }
    // Not the same name by RFC 8265, which maps case to case and folds nothing.
    corpus.accepted("U12 ss", &corpus.client.register("strasse"));
}

#[test]
fn u19_a_reserved_name_is_not_an_administrators_to_give_either() {
    let corpus = Corpus::start("U");
    for name in ["admin", "System", "admın"] {
        let answer = corpus.client.json("POST", "/users", Some(&corpus.boss.access), &credentials(name));
        corpus.invalid(&format!("U19 {name}"), &answer, "username");
    }
}

#[test]
fn u22_the_next_user_of_a_name_has_another_id_and_none_of_its_tokens() {
    let corpus = Corpus::start("U");
    for id in 2..6 {
        let gone = corpus.client.login("arun");
        corpus.accepted("U22", &corpus.client.with_token("DELETE", &format!("/user/{id}"), &corpus.boss.access));
        let again = corpus.client.register("arun");
        assert_eq!(again.header("location"), Some(format!("/user/{}", id + 1).as_str()), "U22");
        corpus.accepted("U22", &again);
        corpus.refused("U22", &corpus.client.test(&gone.access), 401, "token_revoked");
        corpus.refused("U22", &corpus.client.refresh(&gone.refresh), 401, "token_revoked");
    }
}
