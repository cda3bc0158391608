//! Services: other programs that may ask here about tokens. Owns their keys, what each may ask, and the use cases of both.
//!
//! A key is `dws_` and 43 base64url letters, 32 random bytes. It is shown once and kept as its SHA-256 digest: with that
//! much randomness a slow hash would add nothing. Two services may have one name, so that a key can be changed by adding a
//! second one before the first is removed.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::audit::{Event, Word};
use super::clock::Timestamp;
use super::{Actor, Auth};
use crate::error::{Error, Faults, Result};

/// Most services, so that the list of them stays one answer.
pub const MAX_SERVICES: usize = 1000;

/// What is answered to one more.
pub(crate) fn too_many() -> Error {
    Error::Invalid(Faults::of("name", format!("There are {MAX_SERVICES} services already; remove one first.")))
}

/// Names a service: a random UUID, the user of HTTP Basic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceId(Uuid);

impl ServiceId {
    /// A new random one.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Reads the one way in which an id is written: lower case, with hyphens.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self).filter(|id| id.to_string() == text)
    }

    /// Its 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl std::fmt::Display for ServiceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// Something a service may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Whether a token is good, and what it says (`POST /introspect`).
    Introspect,
    /// What was revoked (`GET /revocations`).
    Revocations,
}

impl Scope {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Introspect, Self::Revocations];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Introspect => "introspect",
            Self::Revocations => "revocations",
        }
    }

    /// The scope of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// What people call a service: 1–64 characters, none of them a control character, no space at either end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

impl ServiceName {
    /// Most characters of a name.
    pub const CHARS: usize = 64;

    /// Checks what someone typed.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub fn parse(typed: &str) -> Result<Self, &'static str> {
        match typed.chars().count() {
            0 => Err("Shorter than minimum length 1."),
            1..=Self::CHARS if typed.contains(char::is_control) => Err("Control characters are not allowed."),
            1..=Self::CHARS if typed.trim() != typed => Err("Must not start or end with a space."),
            1..=Self::CHARS => Ok(Self(typed.to_owned())),
            _ => Err("Longer than maximum length 64."),
        }
    }
}

impl TryFrom<String> for ServiceName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::parse(&name)
    }
}

impl From<ServiceName> for String {
    fn from(name: ServiceName) -> Self {
        name.0
    }
}

/// SHA-256 of a key; base64url in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Of a key as it was sent.
    #[must_use]
    pub fn of(key: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
        Self(bytes)
    }
}

impl From<KeyDigest> for String {
    fn from(digest: KeyDigest) -> Self {
        BASE64URL.encode(digest.0)
    }
}

impl TryFrom<String> for KeyDigest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        BASE64URL.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or("not 32 bytes of base64url")
    }
}

/// A program that may ask here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Names it for ever.
    pub id: ServiceId,
    /// What people call it.
    pub name: ServiceName,
    /// What it may ask.
    pub scopes: Vec<Scope>,
    /// Of its key.
    pub digest: KeyDigest,
    /// When it was added.
    pub created: Timestamp,
    /// When its key was last presented; kept once a minute, so a crash may lose the last one.
    pub last_used: Option<Timestamp>,
}

/// What every key begins with.
pub const KEY_PREFIX: &str = "dws_";

/// A new key: `dws_` and 43 letters.
fn generate_key() -> Result<Zeroizing<String>> {
    let mut secret = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(secret.as_mut()).map_err(|source| Error::Crypto { action: "making a service key", source: source.into() })?;
    Ok(Zeroizing::new(format!("{KEY_PREFIX}{}", BASE64URL.encode(secret.as_ref()))))
}

impl Auth {
    /// Adds a service; its key is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there are [`MAX_SERVICES`]; storage errors.
    pub async fn add_service(&self, actor: Actor, name: ServiceName, scopes: Vec<Scope>) -> Result<(Service, SecretString)> {
        let key = generate_key()?;
        let created = self.0.clock.now();
        let service = Service { id: ServiceId::random(), name, scopes, digest: KeyDigest::of(&key), created, last_used: None };
        self.to_the_end(move |auth| async move {
            auth.store_under(actor.mandate()).insert_service(service.clone()).await?;
            auth.note(Event::new(Word::ServiceAdded, actor).detail("service", service.id).detail("scopes", &service.scopes));
            Ok((service, SecretString::from(key.as_str())))
        })
        .await
    }

    /// All services, the oldest first.
    #[must_use]
    pub fn services(&self, _actor: Actor) -> Vec<Service> {
        self.0.store.live().services().all()
    }

    /// Removes a service; its key is refused from now on. `None`: not an id.
    ///
    /// # Errors
    /// [`Error::NoSuchService`]; storage errors.
    pub async fn remove_service(&self, actor: Actor, id: Option<ServiceId>) -> Result<()> {
        let id = id.ok_or(Error::NoSuchService)?;
        self.to_the_end(move |auth| async move {
            if !auth.store_under(actor.mandate()).remove_service(id).await? {
                return Err(Error::NoSuchService);
            }
            auth.note(Event::new(Word::ServiceRemoved, actor).detail("service", id));
            Ok(())
        })
        .await
    }

    /// Whose key this is, and what it may ask; `None`: nobody's.
    #[must_use]
    pub fn service_with_key(&self, key: &str) -> Option<(ServiceId, Vec<Scope>)> {
        self.0.store.live().services().present(&KeyDigest::of(key), self.0.clock.now())
    }

    /// Keeps when services were last used.
    ///
    /// # Errors
    /// Storage errors.
    pub(super) async fn keep_service_uses(&self) -> Result<()> {
        let uses = self.0.store.live().services().unkept_uses();
        if uses.is_empty() { Ok(()) } else { self.0.store.keep_service_uses(uses).await }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_recognisable_and_as_long_as_it_is_random() {
        let (one, other) = (generate_key().unwrap(), generate_key().unwrap());
        assert!(one.starts_with("dws_") && one.len() == 47 && one != other, "{}", one.len());
        assert_eq!(BASE64URL.decode(&one[4..]).unwrap().len(), 32);
        assert_ne!(KeyDigest::of(&one), KeyDigest::of(&other));
    }

    #[test]
    fn a_digest_reads_back_from_its_record() {
        let digest = KeyDigest::of("dws_x");
        assert_eq!(KeyDigest::try_from(String::from(digest)), Ok(digest));
        assert!(KeyDigest::try_from("AAAA".to_owned()).is_err());
    }

    #[test]
    fn a_name_has_1_to_64_characters_that_can_be_seen() {
        for name in ["shop", "Shop 2 (nächste)", &"ä".repeat(64)] {
            assert!(ServiceName::parse(name).is_ok(), "{name}");
        }
        for name in ["", " shop", "shop ", "a\nb", "a\u{0}b", &"a".repeat(65)] {
            assert!(ServiceName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_id_is_written_in_one_way() {
        let id = ServiceId::random();
        assert_eq!(ServiceId::parse(&id.to_string()), Some(id));
        for text in ["", "1", &id.to_string().to_uppercase(), &id.to_string().replace('-', ""), &format!("{{{id}}}")] {
            assert_eq!(ServiceId::parse(text), None, "{text}");
        }
    }
}
