//! Tokens: how they are issued, and what makes one acceptable. The signature is jsonwebtoken's to check; header and claims
//! are judged here, strictly typed, against the profile of the key that signed (RFC 8725 §3, RFC 9068 §4).
//!
//! What does not change between two requests (signature, structure, claims) is verified once and remembered in a bounded
//! cache; what does (time, revocation, the user) is the caller's to check every time.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::clock::Timestamp;
use super::keys::{Key, Keyring, Profile};
use super::session::{Lifetimes, Session, SessionId};
use super::user::{CustomClaims, User, UserId};
use crate::error::{Result, TokenError};
use crate::json;

/// A token that is longer was not issued here.
const MAX_TOKEN_BYTES: usize = 4096;
/// Longest that an access token may live: `exp - iat`.
pub const MAX_ACCESS_SECS: u64 = 24 * 3600;
/// The verified-token cache holds about this many bytes.
const CACHE_BYTES: u64 = 8 << 20;

/// Names a token: the claim `jti` (RFC 7519 §4.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId(pub(crate) Uuid);

impl TokenId {
    /// A new random one.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id that stands for a `jti` that is no UUID, or for a token without one.
    fn derived(text: &str) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// What a token is for: the claim `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Shown to resources.
    Access,
    /// Exchanged for a new pair.
    Refresh,
}

/// What a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `type`
    pub kind: Kind,
    /// `sub`
    pub user: UserId,
    /// `jti`
    pub token: TokenId,
    /// `sid`; tokens of another issuer under the shared secret have none.
    pub session: Option<SessionId>,
    /// `ctr` of a refresh token.
    pub counter: u64,
    /// `iat`
    pub issued: Timestamp,
    /// `nbf`
    pub not_before: Timestamp,
    /// `exp`
    pub expires: Timestamp,
    /// Until when it counts as fresh. Ours are fresh for all of their life or not at all; Flask-JWT-Extended also knows a
    /// number here.
    pub fresh_until: Timestamp,
}

impl Claims {
    /// Judges the times (RFC 7519 §4.1.4: not accepted on or after `exp`). No leeway: issuer and verifier share a clock.
    ///
    /// # Errors
    /// [`TokenError::Expired`], [`TokenError::Invalid`]
    pub fn check_times(&self, now: Timestamp) -> Result<(), TokenError> {
        if now >= self.expires {
            return Err(TokenError::Expired);
        }
        if self.issued > now || self.not_before > now {
            return Err(TokenError::Invalid("it is not valid yet"));
        }
        Ok(())
    }

    /// Whether it comes straight from a login.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.fresh_until
    }
}

/// What a login or a refresh is answered with (RFC 6749 §5.1).
#[derive(Clone)]
pub struct TokenPair {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// How many seconds the access token is good for.
    pub expires_in: u64,
}

impl std::fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenPair([redacted])")
    }
}

/// What every token says about where it comes from.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// `iss`
    pub name: String,
    /// `aud`, only when set: libraries refuse one they do not expect.
    pub audience: Option<String>,
    /// Custom claims of every access token; those of the user win.
    pub claims: CustomClaims,
}

#[derive(Clone)]
struct ByLength;

impl quick_cache::Weighter<Box<str>, Arc<Claims>> for ByLength {
    fn weight(&self, token: &Box<str>, _: &Arc<Claims>) -> u64 {
        token.len() as u64 + size_of::<Claims>() as u64
    }
}

/// Issues and verifies.
pub struct Tokens {
    keys: Keyring,
    issuer: Issuer,
    verified: quick_cache::sync::Cache<Box<str>, Arc<Claims>, ByLength>,
}

impl Tokens {
    /// With these keys, in this name.
    #[must_use]
    pub fn new(keys: Keyring, issuer: Issuer) -> Self {
        Self { keys, issuer, verified: quick_cache::sync::Cache::with_weighter(8192, CACHE_BYTES, ByLength) }
    }

    /// The keys.
    #[must_use]
    pub const fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// The pair that stands for a session's present state. The refresh token is the same however often it is asked for.
    ///
    /// # Errors
    /// [`crate::Error::Crypto`]
    pub fn issue(&self, user: &User, session: &Session, fresh: bool, now: Timestamp, lifetimes: &Lifetimes) -> Result<TokenPair> {
        let expires = session.access_end(now, lifetimes);
        let access = self.access_claims(user, session, fresh, now, expires);
        let refresh = json!({
            "iss": self.issuer.name,
            "iat": session.rotated_at.secs(),
            "exp": session.expires.secs(),
            "sub": user.id.to_string(),
            "type": "refresh",
            "sid": session.id.to_string(),
            "ctr": session.counter,
        });
        Ok(TokenPair {
            access: sign(self.keys.access(), "at+jwt", &Value::Object(access))?,
            refresh: sign(self.keys.refresh(), "refresh", &refresh)?,
            expires_in: expires.since(now).as_secs(),
        })
    }

    fn access_claims(&self, user: &User, session: &Session, fresh: bool, now: Timestamp, expires: Timestamp) -> Map<String, Value> {
        let Value::Object(mut claims) = json!({
            "iss": self.issuer.name,
            "iat": now.secs(),
            "nbf": now.secs(),
            "exp": expires.secs(),
            "sub": user.id.to_string(),
            "jti": Uuid::new_v4().to_string(),
            "type": "access",
            "fresh": fresh,
            "sid": session.id.to_string(),
            "username": user.username,
            "roles": user.roles,
        }) else {
            unreachable!("the macro was given an object")
        };
        claims.extend(self.issuer.audience.clone().map(|audience| ("aud".to_owned(), audience.into())));
        // Reserved names cannot be among the custom ones.
        claims.extend(self.issuer.claims.as_map().clone());
        claims.extend(user.claims.as_map().clone());
        claims
    }

    /// What a token says, if its signature and structure are good. Times, revocation and the user are not judged here.
    ///
    /// # Errors
    /// [`TokenError::Invalid`]
    pub fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        if let Some(claims) = self.verified.get(token) {
            return Ok(claims);
        }
        let claims = Arc::new(self.verify_anew(token)?);
        self.verified.insert(token.into(), Arc::clone(&claims));
        Ok(claims)
    }

    fn verify_anew(&self, token: &str) -> Result<Claims, TokenError> {
        let (message, signature) = split(token).ok_or(TokenError::Invalid("it is not three base64url parts"))?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Invalid("it is not three base64url parts"))?;
        let header = part(header).ok_or(TokenError::Invalid("its header is not an object"))?;
        let header = Header::read(&header)?;
        let profile = self
            .keys
            .candidates(header.kid)
            .filter(|key| key.algorithm.name() == header.alg && key.profile.accepts_type(header.typ))
            .find(|key| key.verifies(signature, message))
            .map(|key| key.profile)
            .ok_or(TokenError::Invalid("no key of ours made the signature"))?;
        let claims = part(payload).ok_or(TokenError::Invalid("its claims are not an object"))?;
        self.read(profile, &claims, message).ok_or(TokenError::Invalid("a claim is missing, of another type or of another value"))
    }

    fn read(&self, profile: Profile, claims: &Map<String, Value>, message: &str) -> Option<Claims> {
        match profile {
            Profile::Own => self.read_own(claims),
            Profile::Shared => self.read_shared(claims, message),
            Profile::Refresh => self.read_refresh(claims, message),
        }
    }

    fn read_own(&self, claims: &Map<String, Value>) -> Option<Claims> {
        let audience_fits = claims.get("aud").map(Value::as_str) == self.issuer.audience.as_deref().map(Some);
        let read = Claims {
            kind: Kind::Access,
            user: subject(claims)?,
            token: TokenId(uuid(claims, "jti")?),
            session: Some(SessionId(uuid(claims, "sid")?)),
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
            counter: claims.get("ctr")?.as_u64()?,
            issued,
            not_before: issued,
            expires: time(claims, "exp")?,
            fresh_until: Timestamp::default(),
        };
        (self.is_issuer(claims.get("iss")?) && claims.get("type")? == "refresh").then_some(read)
    }

    fn is_issuer(&self, iss: &Value) -> bool {
        iss == self.issuer.name.as_str()
    }

    /// RFC 7519 §4.1.3: one of ours must be in it; PyJWT refuses one that is there when none is expected.
    fn accepts_audience(&self, aud: Option<&Value>) -> bool {
        match (&self.issuer.audience, aud) {
            (None, None) => true,
            (Some(ours), Some(Value::String(one))) => one == ours,
            (Some(ours), Some(Value::Array(some))) => some.iter().any(|one| one == ours.as_str()),
            _ => false,
        }
    }
}

impl Profile {
    /// Which header parameter `typ` goes with it (RFC 8725 §3.11).
    fn accepts_type(self, typ: Option<&str>) -> bool {
        match self {
            Self::Own => typ == Some("at+jwt"),
            Self::Shared => typ.is_none_or(|typ| ["JWT", "at+jwt"].contains(&typ)),
            Self::Refresh => typ == Some("refresh"),
        }
    }
}

/// The header parameters we issue; any other may change what the token means (RFC 7515 §4.1.11).
struct Header<'a> {
    alg: &'a str,
    typ: Option<&'a str>,
    kid: Option<&'a str>,
}

impl<'a> Header<'a> {
    fn read(header: &'a Map<String, Value>) -> Result<Self, TokenError> {
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

fn sign(key: &Key, typ: &str, claims: &Value) -> Result<String> {
    let header = match &key.kid {
        Some(kid) => json!({"alg": key.algorithm.name(), "typ": typ, "kid": kid}),
        None => json!({"alg": key.algorithm.name(), "typ": typ}),
    };
    let message = format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(claims.to_string()));
    let signature = key.sign(&message)?;
    Ok(format!("{message}.{signature}"))
}

/// The signed message and the signature of a compact JWS (RFC 7515 §7.1): three parts of base64url letters.
fn split(token: &str) -> Option<(&str, &str)> {
    let letters = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let is_jws = token.len() <= MAX_TOKEN_BYTES && token.bytes().all(letters) && token.bytes().filter(|b| *b == b'.').count() == 2;
    if is_jws { token.rsplit_once('.') } else { None }
}

fn part(text: &str) -> Option<Map<String, Value>> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::SecretString;

    use super::super::keys::StoredKey;
    use super::super::password::PasswordHash;
    use super::super::user::{Role, Username};
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn lifetimes() -> Lifetimes {
        let day = Duration::from_secs(86_400);
        Lifetimes { access: Duration::from_secs(900), idle: 30 * day, absolute: 90 * day, grace: Duration::from_secs(30) }
    }

    fn tokens(shared: Option<&str>) -> Tokens {
        let stored = [StoredKey::generate_es256(NOW).unwrap(), StoredKey::generate_refresh(NOW).unwrap()];
        let keys = Keyring::load(&stored, shared.map(SecretString::from).as_ref()).unwrap();
        Tokens::new(keys, Issuer { name: "doorward".into(), audience: None, claims: CustomClaims::default() })
    }

    fn user() -> User {
        User {
            id: UserId::new(7),
            username: Username::parse("arun").unwrap(),
            password: PasswordHash::from_phc(String::new()),
            roles: vec![Role::admin()],
            claims: CustomClaims::try_from(json!({"department": "support"}).as_object().unwrap().clone()).unwrap(),
            disabled: false,
            created: NOW,
        }
    }

    fn pair(tokens: &Tokens) -> (TokenPair, Session) {
        let session = Session::open(UserId::new(7), NOW, &lifetimes());
        (tokens.issue(&user(), &session, true, NOW, &lifetimes()).unwrap(), session)
    }

    fn payload(token: &str) -> Map<String, Value> {
        part(token.split('.').nth(1).unwrap()).unwrap()
    }

    /// A token with this header and these claims, properly signed by `key`: only the named defect can cause a refusal.
    fn signed(key: &Key, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(claims.to_string()));
        format!("{message}.{}", key.sign(&message).unwrap())
    }

    #[test]
    fn an_issued_pair_verifies_and_says_what_it_should() {
        let tokens = tokens(None);
        let (pair, session) = pair(&tokens);
        let access = tokens.verify(&pair.access).unwrap();
        assert_eq!((access.kind, access.user, access.session), (Kind::Access, UserId::new(7), Some(session.id)));
        assert_eq!((access.issued, access.expires), (NOW, NOW + Duration::from_secs(900)));
        assert!(access.is_fresh(NOW));
        let refresh = tokens.verify(&pair.refresh).unwrap();
        assert_eq!((refresh.kind, refresh.counter, refresh.expires), (Kind::Refresh, 0, session.expires));
        let claims = payload(&pair.access);
        assert_eq!((&claims["username"], &claims["roles"], &claims["department"]), (&"arun".into(), &json!(["admin"]), &"support".into()));
        assert_eq!(pair.expires_in, 900);
    }

    #[test]
    fn asking_twice_for_the_same_state_gives_the_same_refresh_token_and_another_access_token() {
        let tokens = tokens(None);
        let (first, session) = pair(&tokens);
        let again = tokens.issue(&user(), &session, false, NOW + Duration::from_secs(9), &lifetimes()).unwrap();
        assert_eq!(first.refresh, again.refresh);
        assert_ne!(first.access, again.access);
    }

    #[test]
    fn times_are_judged_to_the_second() {
        let tokens = tokens(None);
        let claims = tokens.verify(&pair(&tokens).0.access).unwrap();
        assert_eq!(claims.check_times(NOW), Ok(()));
        assert_eq!(claims.check_times(NOW + Duration::from_secs(899)), Ok(()));
        assert_eq!(claims.check_times(NOW + Duration::from_secs(900)), Err(TokenError::Expired));
        assert!(matches!(claims.check_times(Timestamp::from_secs(NOW.secs() - 1)), Err(TokenError::Invalid(_))));
    }

    #[test]
    fn every_claim_of_an_own_token_is_required_typed_and_checked() {
        let tokens = tokens(None);
        let good = Value::Object(payload(&pair(&tokens).0.access));
        let key = tokens.keys.access();
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": key.kid});
        assert!(tokens.verify(&signed(key, &header, &good)).is_ok());
        let bad: &[(&str, &[Value])] = &[
            (
                "exp",
                &[
                    json!(null),
                    json!("9999999999"),
                    json!(1.5),
                    json!(-1),
                    json!(true),
                    json!([]),
                    json!(NOW.secs() + 90_000),
                    json!(u64::MAX),
                ],
            ),
            ("nbf", &[json!(null), json!("1"), json!(1.5), json!(-1)]),
            ("iat", &[json!(null), json!("1"), json!(u64::MAX)]),
            ("iss", &[json!(null), json!("doorward/"), json!("Doorward"), json!(["evil", "doorward"]), json!(1), json!("")]),
            ("sub", &[json!(null), json!(""), json!(7), json!(["7"]), json!("arun"), json!("07"), json!("-7")]),
            ("jti", &[json!(null), json!(""), json!(1), json!("x"), json!("../../etc/passwd")]),
            ("sid", &[json!(null), json!(1), json!("x")]),
            ("type", &[json!(null), json!("refresh"), json!("Access"), json!(1)]),
            ("fresh", &[json!(null), json!("true")]),
            ("aud", &[json!("someone"), json!(["someone"]), json!(null)]),
        ];
        for (name, values) in bad {
            for value in *values {
                let mut claims = good.clone();
                claims[*name] = value.clone();
                assert!(tokens.verify(&signed(key, &header, &claims)).is_err(), "{name}: {value}");
            }
            let mut claims = good.clone();
            if claims.as_object_mut().unwrap().remove(*name).is_some() {
                assert!(tokens.verify(&signed(key, &header, &claims)).is_err(), "{name} missing");
            }
        }
    }

    #[test]
    fn a_header_that_says_anything_else_is_refused() {
        let tokens = tokens(Some("shared"));
        let own = tokens.keys.candidates(None).next().unwrap();
        let (pair, _) = pair(&tokens);
        let claims = Value::Object(payload(&pair.access));
        assert!(tokens.verify(&signed(own, &json!({"alg": "HS256", "typ": "JWT"}), &claims)).is_ok());
        for header in [
            json!({"alg": "none"}),
            json!({"alg": "NONE"}),
            json!({"alg": ""}),
            json!({}),
            json!({"alg": null}),
            json!({"alg": "hs256"}),
            json!({"alg": "HS512"}),
            json!({"alg": "ES256"}),
            json!({"alg": "HS256", "kid": ""}),
            json!({"alg": "HS256", "kid": "../../dev/null"}),
            json!({"alg": "HS256", "typ": "refresh"}),
            json!({"alg": "HS256", "typ": "jwt"}),
            json!({"alg": "HS256", "crit": ["exp"]}),
            json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "AA"}}),
            json!({"alg": "HS256", "jku": "http://127.0.0.1:9/"}),
            json!({"alg": "HS256", "b64": false}),
            json!({"alg": "HS256", "zip": "DEF"}),
            json!({"alg": "HS256", "kid": 1}),
            json!([{"alg": "HS256"}]),
        ] {
            assert!(tokens.verify(&signed(own, &header, &claims)).is_err(), "{header}");
        }
    }

    #[test]
    fn a_key_accepts_only_tokens_of_its_own_purpose() {
        let tokens = tokens(None);
        let (pair, _) = pair(&tokens);
        let (access, refresh) = (tokens.keys.access(), tokens.keys.refresh());
        let swapped = [
            signed(refresh, &json!({"alg": "HS256", "typ": "at+jwt", "kid": refresh.kid}), &Value::Object(payload(&pair.access))),
            signed(refresh, &json!({"alg": "HS256", "typ": "refresh", "kid": refresh.kid}), &Value::Object(payload(&pair.access))),
            signed(access, &json!({"alg": "ES256", "typ": "refresh", "kid": access.kid}), &Value::Object(payload(&pair.refresh))),
            signed(access, &json!({"alg": "ES256", "typ": "at+jwt", "kid": access.kid}), &Value::Object(payload(&pair.refresh))),
        ];
        for token in swapped {
            assert!(tokens.verify(&token).is_err(), "{token}");
        }
    }

    #[test]
    fn a_flask_token_under_the_shared_secret_is_accepted_with_what_it_lacks_filled_in() {
        let tokens = tokens(Some("super-secret"));
        let key = tokens.keys.access();
        let claims = json!({"fresh": false, "iat": NOW.secs(), "jti": "4f8f9f3a-5a2f-4a3b-9d2e-0c1d2e3f4a5b", "type": "access", "sub": "7",
            "nbf": NOW.secs(), "csrf": "x", "exp": NOW.secs() + 900});
        let read = tokens.verify(&signed(key, &json!({"alg": "HS256", "typ": "JWT"}), &claims)).unwrap();
        assert_eq!((read.kind, read.user, read.session, read.is_fresh(NOW)), (Kind::Access, UserId::new(7), None, false));
        for (name, value) in [
            ("sub", json!(7)),
            ("type", json!("refresh")),
            ("aud", json!("app")),
            ("exp", json!(null)),
            ("iss", json!("other")),
            ("iat", json!(null)),
        ] {
            let mut claims = claims.clone();
            claims[name] = value;
            assert!(tokens.verify(&signed(key, &json!({"alg": "HS256", "typ": "JWT"}), &claims)).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_not_exactly_three_base64url_parts_is_refused() {
        let tokens = tokens(None);
        let (TokenPair { access, .. }, _) = pair(&tokens);
        let (message, signature) = access.rsplit_once('.').unwrap();
        let mut flipped = signature.to_owned().into_bytes();
        flipped[0] = if flipped[0] == b'A' { b'B' } else { b'A' };
        let flipped = format!("{message}.{}", String::from_utf8(flipped).unwrap());
        let long = format!("{access}{}", "A".repeat(5000));
        for token in [
            "",
            ".",
            "..",
            "a.b.c",
            message,
            &format!("{access}."),
            &format!(".{access}"),
            &format!("{access}="),
            &format!("{access} "),
            &format!("{message}."),
            &flipped,
            &long,
        ] {
            assert!(tokens.verify(token).is_err(), "{token}");
        }
        assert!(tokens.verify(&access).is_ok());
    }

    #[test]
    fn another_servers_token_is_refused() {
        let theirs = pair(&tokens(None)).0;
        let ours = tokens(None);
        assert!(ours.verify(&theirs.access).is_err());
        assert!(ours.verify(&theirs.refresh).is_err());
    }
}
