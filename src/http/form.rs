//! Form bodies, where RFC 7662 §2.1 and RFC 7009 §2.1 ask for them: [`TokenForm`].
//!
//! Strict where two readers could disagree: every name at most once (RFC 6749 §3.2), percent-escapes that are two
//! hexadecimal digits, UTF-8. Parameters that are not known are ignored, and one without a value counts as left out.

use rocket::Request;
use rocket::data::{Data, FromData, Outcome, ToByteUnit};
use zeroize::Zeroizing;

use super::body::MAX_BODY_BYTES;
use super::problem::{Kind, Problem, refuse};

/// `token=…`, with any other parameter, such as `token_type_hint`, ignored: what a token is, it says itself.
pub struct TokenForm(pub Zeroizing<String>);

#[rocket::async_trait]
impl<'r> FromData<'r> for TokenForm {
    type Error = Problem;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        match read(request, data).await.and_then(|body| parameter(&body, "token")) {
            Ok(token) => Outcome::Success(Self(token)),
            Err(problem) => refuse(request, problem),
        }
    }
}

fn invalid(message: &'static str) -> Problem {
    Problem::new(Kind::InvalidRequest).message(message)
}

async fn read(request: &Request<'_>, data: Data<'_>) -> Result<Zeroizing<Vec<u8>>, Problem> {
    if !request.content_type().is_some_and(|content_type| content_type.is_form()) {
        return Err(Problem::new(Kind::UnsupportedMediaType).message("Send a form with Content-Type: application/x-www-form-urlencoded."));
    }
    match data.open(MAX_BODY_BYTES.bytes()).into_bytes().await {
        Ok(body) if body.is_complete() => Ok(Zeroizing::new(body.into_inner())),
        Ok(_) => Err(Problem::new(Kind::TooLarge)),
        Err(_) => Err(invalid("The body broke off.")),
    }
}

/// The value of one parameter of a form, all of which must be sound.
pub(super) fn parameter(form: &[u8], wanted: &str) -> Result<Zeroizing<String>, Problem> {
    let (mut names, mut found) = (Vec::new(), None);
    for field in form.split(|byte| *byte == b'&').filter(|field| !field.is_empty()) {
        let at = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
        let (name, value) = (decode(&field[..at]), decode(field.get(at + 1..).unwrap_or_default()));
        let (Some(name), Some(value)) = (name, value) else { return Err(invalid("The form is not percent-encoded UTF-8.")) };
        if *name == wanted {
            found = Some(value);
        }
        names.push(name);
    }
    names.sort_unstable_by(|one, other| one.as_str().cmp(other));
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(invalid("A parameter is there twice."));
    }
    found.filter(|value| !value.is_empty()).ok_or_else(|| invalid("The parameter token is missing."))
}

/// Decodes `application/x-www-form-urlencoded`; `None` for what is not that.
pub(super) fn decode(text: &[u8]) -> Option<Zeroizing<String>> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            byte => *byte,
        });
    }
    std::str::from_utf8(&decoded).ok().map(|text| Zeroizing::new(text.to_owned()))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| value.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(form: &str) -> Option<String> {
        parameter(form.as_bytes(), "token").ok().map(|token| token.to_string())
    }

    #[test]
    fn the_token_is_found_among_what_is_ignored() {
        for form in ["token=a.b", "token_type_hint=access_token&token=a.b", "&&token=a%2Eb&", "x&y=&token=a.b", "%74oken=a.b"] {
            assert_eq!(token(form).as_deref(), Some("a.b"), "{form}");
        }
        assert_eq!(token("token=a+b%3D%C3%A4").as_deref(), Some("a b=ä"));
        assert_eq!(token("token=a=b").as_deref(), Some("a=b"));
    }

    #[test]
    fn what_two_readers_could_take_for_two_things_is_refused() {
        let twice = ["token=a&token=a", "token=a&token=b", "x=1&token=a&x=2", "token=a&%74oken=b", "token=a&token"];
        let garbled = ["token=%", "token=%4", "token=%zz", "token=%+1", "token=a&x=%C3", "token=\u{0}%ff"];
        let missing = ["", "&", "token", "token=", "Token=a", "tokens=a", "a.b", "{\"token\":\"a\"}"];
        for form in twice.into_iter().chain(garbled).chain(missing) {
            assert_eq!(token(form), None, "{form}");
        }
        assert!(parameter(b"token=\xff", "token").is_err());
    }
}
