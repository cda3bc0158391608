//! Random words that are sent to the executable, and the search for them in what it wrote.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::server::{Answer, Pair};

/// Where a canary may be found.
#[derive(Clone, Copy, PartialEq)]
pub enum Home {
    Nowhere,
    /// In the data directory, where it is kept by design.
    Data,
    /// There too, but perhaps in another form.
    Recast,
}

/// Everything that was sent.
#[derive(Default)]
pub struct Canaries(pub Vec<(String, String, Home)>);

impl Canaries {
    /// A new word, which is found nowhere afterwards.
    pub fn secret(&mut self, what: &str) -> String {
        self.add(what, &format!("canary{}", uuid::Uuid::new_v4().simple()), Home::Nowhere)
    }

    /// A new word that is kept, but not logged.
    pub fn kept(&mut self, what: &str) -> String {
        self.add(what, &format!("canary{}", uuid::Uuid::new_v4().simple()), Home::Data)
    }

    pub fn add(&mut self, what: &str, value: &str, home: Home) -> String {
        self.0.push((what.to_owned(), value.to_owned(), home));
        value.to_owned()
    }

    /// The parts of a token that are its own.
    pub fn token(&mut self, what: &str, token: &str) {
        token.split('.').skip(1).for_each(|part| drop(self.add(what, part, Home::Nowhere)));
    }

    pub fn pair(&mut self, answer: &Answer) -> Pair {
        let pair = Pair::of(answer);
        self.token("access token", &pair.access);
        self.token("refresh token", &pair.refresh);
        pair
    }

    #[track_caller]
    pub fn are_not_in(&self, place: &str, bytes: &[u8], homes: &[Home]) {
        for (what, value, _) in self.0.iter().filter(|(_, _, home)| homes.contains(home)) {
            assert_eq!(form_found(bytes, value), None, "a {what} is in {place}");
        }
    }
}

/// The ways in which a word may have been written: as it is, by its bytes, and in the middle of something in base64.
fn forms(word: &str) -> Vec<String> {
    let bytes = word.as_bytes();
    let each = |format: fn(&u8) -> String, between: &str| bytes.iter().map(format).collect::<Vec<_>>().join(between);
    let mut forms = vec![
        word.to_owned(),
        each(|b| format!("{b:02x}"), ""),
        each(|b| format!("{b:02X}"), ""),
        each(|b| format!("%{b:02x}"), ""),
        each(|b| format!("%{b:02X}"), ""),
        each(u8::to_string, ", "),
        each(u8::to_string, ","),
    ];
    for before in 0..3 {
        let shifted = [vec![b' '; before], bytes.to_vec()].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let text = engine.encode(&shifted);
            // Without the letters that hold bits of the neighbours.
            forms.push(text[(before * 8).div_ceil(6)..text.len() - 1].to_owned());
        }
    }
    forms
}

/// The form in which the bytes hold a word, if they do.
pub fn form_found(bytes: &[u8], word: &str) -> Option<String> {
    forms(word).into_iter().find(|form| memchr::memmem::find(bytes, form.as_bytes()).is_some())
}

#[test]
fn a_canary_is_found_in_each_of_its_forms() {
    let word = "canary0123456789";
    for form in [
        format!("x{word}x"),
        STANDARD_NO_PAD.encode(format!("user:{word}:x")),
        URL_SAFE_NO_PAD.encode(format!("ab{word}")),
        STANDARD_NO_PAD.encode(format!("abc{word}yz")),
        "%63%61%6e%61%72%79%30%31%32%33%34%35%36%37%38%39".to_owned(),
        format!("{:?}", word.as_bytes()),
    ] {
        assert!(form_found(form.as_bytes(), word).is_some(), "{form}");
    }
    assert_eq!(form_found(b"canary012345678", word), None);
}
