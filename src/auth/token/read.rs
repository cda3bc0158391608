//! What a token's parts say, strictly typed, by the profile of the key that signed: nothing is inferred from the token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::clock::Timestamp;
use super::super::keys::Profile;
use super::super::session::SessionId;
use super::super::user::UserId;
use super::{Claims, Issuer, Kind, MAX_ACCESS_SECS, TokenId};
use crate::error::TokenError;
use crate::json;

/// A token that is longer was not issued here.
const MAX_TOKEN_BYTES: usize = 4096;

impl Issuer {
    /// What the claims of a token say that a key of this profile signed; `None` when one of them is not as it must be.
    pub(super) fn read(&self, profile: Profile, claims: &Map<String, Value>, message: &str) -> Option<Claims> {
        match profile {
            Profile::Own => self.read_own(claims),
            Profile::Shared => self.read_shared(claims, message),
            Profile::Refresh => self.read_refresh(claims, message),
        }
    }

    fn read_own(&self, claims: &Map<String, Value>) -> Option<Claims> {
        let audience_fits = claims.get("aud").map(Value::as_str) == self.audience.as_deref().map(Some);
        let read = Claims {
            kind: Kind::Access,
            user: subject(claims)?,
            token: TokenId(uuid(claims, "jti")?),
            session: Some(SessionId(uuid(claims, "sid")?)),
            foreign: false,
            counter: 0,
            issued: time(claims, "iat")?,
            not_before: time(claims, "nbf")?,
            expires: time(claims, "exp")?,
            fresh_until: fresh_until(claims.get("fresh")?)?,
        };
        let lifetime = read.expires.secs().checked_sub(read.issued.secs())?;
        let fits = audience_fits && self.is_issuer(claims.get("iss")?) && claims.get("type")? == "access" && lifetime <= MAX_ACCESS_SECS;
        fits.then_some(read)
    }

    /// As Flask-JWT-Extended decodes: what its tokens may lack is filled in, what they hold is checked.
    fn read_shared(&self, claims: &Map<String, Value>, message: &str) -> Option<Claims> {
        let present = |name: &str| claims.get(name).filter(|value| !value.is_null());
        let session = match present("sid") {
            Some(_) => Some(SessionId(uuid(claims, "sid")?)),
            None => None,
        };
        let token = match present("jti") {
            Some(jti) => jti.as_str().map(|jti| uuid(claims, "jti").map_or_else(|| TokenId::derived(jti), TokenId))?,
            None => TokenId::derived(message),
        };
        let fits = present("iss").is_none_or(|iss| self.is_issuer(iss))
            && present("type").is_none_or(|kind| kind == "access")
            && self.accepts_audience(present("aud"));
        let issued = time(claims, "iat")?;
        let read = Claims {
            kind: Kind::Access,
            user: subject(claims)?,
            token,
            session,
            // What we issue has both. An app that shares the secret may have sessions of its own.
            foreign: session.is_none() || present("iss").is_none(),
            counter: 0,
            issued,
            not_before: if claims.contains_key("nbf") { time(claims, "nbf")? } else { issued },
            expires: time(claims, "exp")?,
            fresh_until: present("fresh").map_or(Some(Timestamp::default()), fresh_until)?,
        };
        fits.then_some(read)
    }

    fn read_refresh(&self, claims: &Map<String, Value>, message: &str) -> Option<Claims> {
        let issued = time(claims, "iat")?;
        let read = Claims {
            kind: Kind::Refresh,
            user: subject(claims)?,
            token: TokenId::derived(message),
            session: Some(SessionId(uuid(claims, "sid")?)),
            foreign: false,
            counter: claims.get("ctr")?.as_u64()?,
            issued,
            not_before: issued,
            expires: time(claims, "exp")?,
            fresh_until: Timestamp::default(),
        };
        (self.is_issuer(claims.get("iss")?) && claims.get("type")? == "refresh").then_some(read)
    }

    fn is_issuer(&self, iss: &Value) -> bool {
        iss == self.name.as_str()
    }

    /// RFC 7519 §4.1.3: one of ours must be in it; PyJWT refuses one that is there when none is expected.
    fn accepts_audience(&self, aud: Option<&Value>) -> bool {
        match (&self.audience, aud) {
            (None, None) => true,
            (Some(ours), Some(Value::String(one))) => one == ours,
            (Some(ours), Some(Value::Array(some))) => some.iter().any(|one| one == ours.as_str()),
            _ => false,
        }
    }
}

impl Profile {
    /// Which header parameter `typ` goes with it (RFC 8725 §3.11).
    pub(super) fn accepts_type(self, typ: Option<&str>) -> bool {
        match self {
            Self::Own => typ == Some("at+jwt"),
            Self::Shared => typ.is_none_or(|typ| ["JWT", "at+jwt"].contains(&typ)),
            Self::Refresh => typ == Some("refresh"),
        }
    }
}

/// The header parameters we issue; any other may change what the token means (RFC 7515 §4.1.11).
pub(super) struct Header<'a> {
    pub alg: &'a str,
    pub typ: Option<&'a str>,
    pub kid: Option<&'a str>,
}

impl<'a> Header<'a> {
    pub(super) fn read(header: &'a Map<String, Value>) -> Result<Self, TokenError> {
        let mut read = Self { alg: "", typ: None, kid: None };
        for (name, value) in header {
            let text = value.as_str().ok_or(TokenError::Invalid("a header parameter is not a string"))?;
            match name.as_str() {
                "alg" => read.alg = text,
                "typ" => read.typ = Some(text),
                "kid" => read.kid = Some(text),
                _ => return Err(TokenError::Invalid("it has a header parameter that is not ours")),
            }
        }
        Ok(read)
    }
}

/// The signed message and the signature of a compact JWS (RFC 7515 §7.1): three parts of base64url letters.
pub(super) fn split(token: &str) -> Option<(&str, &str)> {
    let letters = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let is_jws = token.len() <= MAX_TOKEN_BYTES && token.bytes().all(letters) && token.bytes().filter(|b| *b == b'.').count() == 2;
    if is_jws { token.rsplit_once('.') } else { None }
}

pub(super) fn part(text: &str) -> Option<Map<String, Value>> {
    json::object(&BASE64URL.decode(text).ok()?).ok()
}

fn time(claims: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    claims.get(name)?.as_u64().map(Timestamp::from_secs)
}

fn subject(claims: &Map<String, Value>) -> Option<UserId> {
    UserId::parse(claims.get("sub")?.as_str()?)
}

/// A UUID in the one form in which we write it.
fn uuid(claims: &Map<String, Value>, name: &str) -> Option<Uuid> {
    let text = claims.get(name)?.as_str()?;
    Uuid::try_parse(text).ok().filter(|uuid| uuid.as_hyphenated().to_string() == text)
}

fn fresh_until(fresh: &Value) -> Option<Timestamp> {
    match fresh {
        Value::Bool(true) => Some(Timestamp::from_secs(u64::MAX)),
        Value::Bool(false) => Some(Timestamp::default()),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates; seconds are whole")]
        Value::Number(until) => until.as_f64().map(|until| Timestamp::from_secs(until as u64)),
        _ => None,
    }
}
