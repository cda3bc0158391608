//! JSON bodies: [`Body`] is the data guard that never logs what was sent and collects every field's fault.
//!
//! Rocket's own `Json<T>` ignores the content type, and logs the raw body, password and all, when it does not parse.
//! The texts are marshmallow's, as the template's clients know them.

use rocket::Request;
use rocket::data::{Data, FromData, Outcome, ToByteUnit};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::problem::{Kind, Problem, refuse};
use crate::error::Faults;
use crate::json::{self, Fault, Noted};

/// Longest body, in bytes. The front enforces it before Rocket sees the request; here it holds without the front, too.
pub const MAX_BODY_BYTES: u64 = 16 * 1024;

const MISSING: &str = "Missing data for required field.";
const NULL: &str = "Field may not be null.";
const UNKNOWN: &str = "Unknown field.";
const TWICE: &str = "Field is there twice.";

/// What can be read from a JSON object.
pub trait Fields: Sized {
    /// Takes its fields. Faults are noted in `object`, so that one answer names all of them; `None` only with a fault.
    fn take(object: &mut Object) -> Option<Self>;
}

/// A JSON object from which fields are taken.
#[derive(Debug, Default)]
pub struct Object {
    fields: Map<String, Value>,
    faults: Faults,
}

impl Object {
    /// Reads and checks a body of this type.
    ///
    /// # Errors
    /// The [`Problem`] to answer with.
    pub fn read<T: Fields>(bytes: &[u8]) -> Result<T, Problem> {
        let mut object = Self::parse(bytes)?;
        let taken = T::take(&mut object);
        object.note_unknown();
        taken.filter(|_| object.faults.is_empty()).ok_or_else(|| Problem::invalid(&object.faults))
    }

    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let Noted { fields, duplicates } = json::noted(bytes).map_err(|fault| match fault {
            Fault::Syntax => Problem::new(Kind::MalformedJson).errors(&json!(["Invalid JSON body."])),
            Fault::NotAnObject => Problem::invalid(&Faults::of("_schema", "Invalid input type.")),
            Fault::Duplicate(name) => Problem::invalid(&Faults::of(&name, TWICE)),
        })?;
        let mut object = Self { fields, faults: Faults::default() };
        for name in duplicates {
            object.faults.add(&name, TWICE);
        }
        Ok(object)
    }

    /// What nobody took.
    fn note_unknown(&mut self) {
        for name in self.fields.keys() {
            self.faults.add(name, UNKNOWN);
        }
    }

    /// A text that must be there.
    pub fn text(&mut self, name: &str) -> Option<Zeroizing<String>> {
        if !self.fields.contains_key(name) {
            self.fault(name, MISSING);
            return None;
        }
        self.optional(name, |value| match value {
            Value::String(text) => Ok(Zeroizing::new(text)),
            _ => Err("Not a valid string."),
        })
    }

    /// A text that must be there, parsed.
    pub fn parsed<T, E: Into<String>>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text(name)?;
        self.noted(name, parse(&text))
    }

    /// A value that must be there.
    pub fn required<T, E: Into<String>>(&mut self, name: &str, parse: impl FnOnce(Value) -> Result<T, E>) -> Option<T> {
        if !self.fields.contains_key(name) {
            self.fault(name, MISSING);
        }
        self.optional(name, parse)
    }

    /// A value that may be missing, but not null.
    pub fn optional<T, E: Into<String>>(&mut self, name: &str, parse: impl FnOnce(Value) -> Result<T, E>) -> Option<T> {
        match self.fields.remove(name)? {
            Value::Null => {
                self.fault(name, NULL);
                None
            }
            value => self.noted(name, parse(value)),
        }
    }

    /// Notes a fault.
    pub fn fault(&mut self, name: &str, fault: impl Into<String>) {
        self.faults.add(name, fault);
    }

    fn noted<T, E: Into<String>>(&mut self, name: &str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|fault| self.fault(name, fault)).ok()
    }
}

/// A JSON body: `Content-Type: application/json`, one object, at most [`MAX_BODY_BYTES`].
pub struct Body<T>(pub T);

#[rocket::async_trait]
impl<'r, T: Fields + Send> FromData<'r> for Body<T> {
    type Error = Problem;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        match read(request, data).await.and_then(|bytes| Object::read(&bytes)) {
            Ok(taken) => Outcome::Success(Self(taken)),
            Err(problem) => refuse(request, problem),
        }
    }
}

/// A JSON body, or none at all.
pub struct Optional<T>(pub Option<T>);

#[rocket::async_trait]
impl<'r, T: Fields + Send> FromData<'r> for Optional<T> {
    type Error = Problem;

    async fn from_data(request: &'r Request<'_>, mut data: Data<'r>) -> Outcome<'r, Self> {
        if data.peek(1).await.is_empty() {
            return Outcome::Success(Self(None));
        }
        match read(request, data).await.and_then(|bytes| Object::read(&bytes)) {
            Ok(taken) => Outcome::Success(Self(Some(taken))),
            Err(problem) => refuse(request, problem),
        }
    }
}

async fn read(request: &Request<'_>, data: Data<'_>) -> Result<Zeroizing<Vec<u8>>, Problem> {
    if !request.headers().get_one("Content-Type").is_some_and(is_json) {
        return Err(Problem::new(Kind::UnsupportedMediaType));
    }
    match data.open(MAX_BODY_BYTES.bytes()).into_bytes().await {
        Ok(body) if body.is_complete() => Ok(Zeroizing::new(body.into_inner())),
        Ok(_) => Err(Problem::new(Kind::TooLarge)),
        Err(_) => Err(Problem::new(Kind::InvalidRequest).message("The body broke off.")),
    }
}

/// Optional whitespace (RFC 9110 §5.6.3).
const OWS: [char; 2] = [' ', '\t'];

/// `application/json`, in UTF-8 if it says so (RFC 8259 §8.1 knows no other). Judged as it was sent: Rocket's parser refuses
/// empty parameters and a space before the semicolon, which RFC 9110 §5.6.6 allows.
fn is_json(content_type: &str) -> bool {
    let (essence, mut rest) = content_type.split_at(content_type.find(';').unwrap_or(content_type.len()));
    if !essence.trim_matches(OWS).eq_ignore_ascii_case("application/json") {
        return false;
    }
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            return true;
        }
        let Some((name, value, after)) = parameter(rest) else { return false };
        if name.eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return false;
        }
        rest = after;
    }
}

/// One parameter's name and value, and what comes after it: nothing, or a semicolon.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = text.split_once('=')?;
    let (value, rest) = if let Some(quoted) = rest.strip_prefix('"') {
        unquoted(quoted)?
    } else {
        let (value, rest) = rest.split_at(rest.find([' ', '\t', ';']).unwrap_or(rest.len()));
        (is_token(value).then(|| value.to_owned())?, rest)
    };
    let after = rest.trim_start_matches(OWS);
    (is_token(name) && (after.is_empty() || after.starts_with(';'))).then_some((name, value, after))
}

/// A quoted string without its quotes, and what comes after (RFC 9110 §5.6.4).
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut letters) = (String::new(), text.chars());
    loop {
        match letters.next()? {
            '"' => return Some((value, letters.as_str())),
            '\\' => value.push(letters.next()?),
            letter => value.push(letter),
        }
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Pair(String, bool);

    impl Fields for Pair {
        fn take(object: &mut Object) -> Option<Self> {
            let name = object.parsed("name", |name| if name.is_empty() { Err("Empty.") } else { Ok(name.to_owned()) });
            let flag = object.optional("flag", |flag| flag.as_bool().ok_or("Not a valid boolean."));
            Some(Self(name?, flag.unwrap_or_default()))
        }
    }

    fn errors(body: &str) -> Value {
        let problem = Object::read::<Pair>(body.as_bytes()).unwrap_err();
        serde_json::from_str::<Value>(&problem.body()).unwrap()["errors"]["json"].clone()
    }

    #[test]
    fn every_fault_is_named_at_once() {
        assert_eq!(
            errors(r#"{"flag": 1, "roles": [], "id": 7}"#),
            json!({"name": [MISSING], "flag": ["Not a valid boolean."], "roles": [UNKNOWN], "id": [UNKNOWN]})
        );
        assert_eq!(errors(r#"{"name": null, "flag": null}"#), json!({"name": [NULL], "flag": [NULL]}));
        assert_eq!(errors(r#"{"name": ""}"#), json!({"name": ["Empty."]}));
        assert_eq!(errors(r#"{"name": 5}"#), json!({"name": ["Not a valid string."]}));
        assert_eq!(errors(r#"{"name":"a","name":"a"}"#), json!({"name": ["Field is there twice."]}));
        assert_eq!(
            errors(r#"{"flag":1,"flag":2,"id":{"x":1,"x":1}}"#),
            json!({"name": [MISSING], "flag": [TWICE, "Not a valid boolean."], "id": [UNKNOWN], "x": [TWICE]})
        );
        assert_eq!(errors("[]"), json!({"_schema": ["Invalid input type."]}));
        assert_eq!(errors("{"), json!(["Invalid JSON body."]));
    }

    #[test]
    fn a_body_that_fits_is_taken() {
        assert_eq!(Object::read::<Pair>(br#" {"\u006eame":"x","flag":true} "#), Ok(Pair("x".into(), true)));
    }

    #[test]
    fn only_json_in_utf_8_is_json() {
        for good in [
            "application/json",
            "APPLICATION/JSON",
            "application/json;",
            "application/json ; charset=utf-8",
            "application/json;;charset=UTF-8 ; ",
            "application/json; charset=\"utf\\-8\"",
            "application/json; profile=\"a;charset=x\"",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/json",
            "text/plain; application/json",
            "application/json5",
            "application/json, text/plain",
            "application/json charset=utf-8",
            "application/json; charset=utf-16",
            "application/json;CHARSET=latin1",
            "application/json; profile=x; charset=\"utf-16\"",
            "application/json; charset=utf-8; charset=utf-16",
            "application/json; charset",
            "application/json; charset =utf-8",
            "application/json; charset=",
            "application/json; charset=\"utf-8",
            "application/json; charset=utf-8 utf-16",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
