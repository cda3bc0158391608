//! What an answer must be, written so that it can be judged and read: `401 token_revoked`, `200 with a pair of tokens`.

use serde_json::Value;

use crate::http::client::Heard;

/// What an answer must be.
pub struct Want<'a> {
    status: u16,
    word: Option<&'static str>,
    conditions: Vec<(String, Judge<'a>)>,
    excuse: Option<Excuse>,
}

type Judge<'a> = Box<dyn Fn(&Heard) -> bool + 'a>;
/// Why an answer means that the deployment does without what is checked, if it does.
type Excuse = fn(&Heard) -> Option<&'static str>;

impl<'a> Want<'a> {
    /// This status.
    pub const fn of(status: u16) -> Self {
        Self { status, word: None, conditions: Vec::new(), excuse: None }
    }

    /// An error in our shape, with this word.
    pub fn refused(status: u16, word: &'static str) -> Self {
        Self { word: Some(word), ..Self::of(status) }
    }

    /// And this, too; `what` completes "with …" and "without …".
    pub fn with(mut self, what: impl Into<String>, holds: impl Fn(&Heard) -> bool + 'a) -> Self {
        self.conditions.push((what.into(), Box::new(holds)));
        self
    }

    /// And a header that has this in its value.
    pub fn header(self, name: &'static str, part: &'static str) -> Self {
        let what = if part.is_empty() { name.to_owned() } else { format!("{name}: {part}") };
        self.with(what, move |heard| heard.header(name).is_some_and(|value| value.contains(part)))
    }

    /// Unless the answer says that the deployment does without.
    pub fn unless(self, excuse: Excuse) -> Self {
        Self { excuse: Some(excuse), ..self }
    }

    /// For people.
    pub fn expected(&self) -> String {
        let named = self.conditions.iter().map(|(what, _)| what.as_str());
        phrase(self.status, self.word.unwrap_or_default(), "with", &named.collect::<Vec<_>>())
    }

    /// The excuse of an answer that is not as wanted, if it has one.
    pub fn excuse(&self, heard: &Heard) -> Option<&'static str> {
        self.excuse.and_then(|excuse| excuse(heard))
    }

    /// What came, for people, and whether it is as wanted. Of the answer only its status and its word are shown.
    pub fn judge(&self, heard: &Heard) -> (bool, String) {
        let body = heard.json();
        let word = word(&body);
        if heard.status != self.status || self.word.is_some_and(|wanted| wanted != word) {
            return (false, phrase(heard.status, word, "", &[]));
        }
        let mut missing: Vec<_> = self.conditions.iter().filter(|(_, holds)| !holds(heard)).map(|(what, _)| what.as_str()).collect();
        if self.word.is_some() && !is_our_error(&body, heard.status) {
            missing.push("the shape of an error");
        }
        (missing.is_empty(), phrase(heard.status, word, "without", &missing))
    }
}

/// The word of an error; nothing when there is none, or when it is no word.
fn word(body: &Value) -> &str {
    let word = body["error"].as_str().unwrap_or_default();
    if word.len() <= 40 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') { word } else { "" }
}

fn is_our_error(body: &Value, status: u16) -> bool {
    body["code"] == status && body["status"].is_string() && body["message"].is_string()
}

fn phrase(status: u16, word: &str, joint: &str, named: &[&str]) -> String {
    let mut phrase = status.to_string();
    if !word.is_empty() {
        phrase.extend([" ", word]);
    }
    if !named.is_empty() {
        phrase.extend([" ", joint, " ", &named.join(", ")]);
    }
    phrase
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wanted_reads_as_a_phrase() {
        assert_eq!(Want::refused(401, "token_revoked").expected(), "401 token_revoked");
        let wanted = Want::of(200).with("a pair of tokens", |_| true).header("Cache-Control", "no-store").header("ETag", "");
        assert_eq!(wanted.expected(), "200 with a pair of tokens, Cache-Control: no-store, ETag");
    }

    #[test]
    fn of_an_answer_only_a_word_is_shown() {
        assert_eq!(word(&json!({"error": "token_revoked"})), "token_revoked");
        for odd in [
            json!({"error": "\u{1b}[2J"}),
            json!({"error": "eyJhbGci"}),
            json!({"error": "a".repeat(41)}),
            json!({"error": 7}),
            json!(null),
        ] {
            assert_eq!(word(&odd), "", "{odd}");
        }
    }
}
