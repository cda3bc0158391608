//! Use cases of keys: see, rotate, import, retire. What the states mean is [`super::keys::State`]'s.
//!
//! A change is written first and takes effect here when it is durable, in the same order: changes wait for each other, and
//! go through to the end although whoever asked has hung up.

use jsonwebtoken::jwk::JwkSet;
use serde::Serialize;

use super::audit::{By, Event, Word};
use super::clock::{Clock, Timestamp};
use super::keys::{Algorithm, KeyChange, Keyring, Purpose, SharedSecrets, State, StoredKey};
use super::{Actor, Auth};
use crate::error::{Error, Result};
use crate::store::Store;

/// A key for access tokens as an administrator sees it.
#[derive(Debug, Clone, Serialize)]
pub struct KeyStatus {
    /// `None` for a shared secret.
    pub kid: Option<String>,
    /// How it signs.
    pub algorithm: Algorithm,
    /// `next`, `active` or `verifying`.
    pub state: &'static str,
    /// Whether access tokens are signed with it now; of an active key not so while a shared secret signs.
    pub signs: bool,
    /// When it was made or imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When a next one takes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activates: Option<Timestamp>,
    /// When a verifying one is gone; a previous secret stays until it is taken out of the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

impl KeyStatus {
    fn of(key: &StoredKey, shared: &SharedSecrets) -> Self {
        let (state, activates, expires) = match key.state {
            State::Next { from } => ("next", Some(from), None),
            State::Active => ("active", None, None),
            State::Verifying { until } => ("verifying", None, Some(until)),
        };
        let signs = key.state == State::Active && shared.current.is_none();
        Self { kid: Some(key.kid.clone()), algorithm: key.algorithm, state, signs, created: Some(key.created), activates, expires }
    }

    fn shared(state: &'static str, signs: bool) -> Self {
        Self { kid: None, algorithm: Algorithm::HS256, state, signs, created: None, activates: None, expires: None }
    }
}

impl Auth {
    /// The public keys (RFC 7517 §5).
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        self.0.tokens.keys().jwks()
    }

    /// For how many seconds verifiers may keep the public keys.
    #[must_use]
    pub fn jwks_max_age_secs(&self) -> u64 {
        self.0.jwks_max_age.as_secs()
    }

    /// Every key for access tokens, the oldest first, and the shared secrets.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn keys(&self, _actor: Actor) -> Result<Vec<KeyStatus>> {
        let mut stored = self.0.store.keys().await?;
        stored.retain(|key| key.purpose == Purpose::Access);
        stored.sort_unstable_by(|a, b| (a.created, &a.kid).cmp(&(b.created, &b.kid)));
        let shared = &self.0.secrets;
        let current = shared.current.iter().map(|_| KeyStatus::shared("active", true));
        let previous = shared.previous.iter().map(|_| KeyStatus::shared("verifying", false));
        Ok(stored.iter().map(|key| KeyStatus::of(key, shared)).chain(current).chain(previous).collect())
    }

    /// Makes a key that signs once every verifier can know it, or at once with `now`. Without an algorithm, that of the
    /// active key if it is made here, or else ES256.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one key too many, or one that makes access tokens too long; [`Error::Crypto`]; storage errors.
    pub async fn rotate_key(&self, actor: Actor, algorithm: Option<Algorithm>, now: bool) -> Result<KeyStatus> {
        let algorithm = match algorithm {
            Some(algorithm) => algorithm,
            None => self.usual_algorithm().await?,
        };
        let key = StoredKey::generate(algorithm, self.0.clock.now())?;
        self.check_key_fits(&key, "_schema")?;
        self.add_key(actor, key, now).await
    }

    async fn usual_algorithm(&self) -> Result<Algorithm> {
        let keys = self.0.store.keys().await?;
        let active = keys.iter().find(|key| key.purpose == Purpose::Access && key.state == State::Active);
        Ok(active.map(|key| key.algorithm).filter(|algorithm| *algorithm != Algorithm::RS256).unwrap_or(Algorithm::ES256))
    }

    /// Takes in a private key in PEM, as [`Auth::rotate_key`] does one it made.
    ///
    /// # Errors
    /// [`Error::Invalid`], also for a key that is there already; storage errors.
    pub async fn import_key(&self, actor: Actor, pem: &str, now: bool) -> Result<KeyStatus> {
        let key = StoredKey::import(pem, self.0.clock.now())?;
        self.check_key_fits(&key, "pem")?;
        self.add_key(actor, key, now).await
    }

    async fn add_key(&self, actor: Actor, mut key: StoredKey, now: bool) -> Result<KeyStatus> {
        key.token_secs = self.0.lifetimes.access.as_secs();
        if !now {
            // By the mark, as it is the mark by which it will take over.
            key.state = State::Next { from: self.0.clock.mark() + self.0.jwks_max_age };
        }
        let kid = key.kid.clone();
        let event = Event::new(Word::KeyAdded, actor).detail("kid", &kid).detail("algorithm", key.algorithm).detail("now", now);
        let keys = self.change_keys(KeyChange::Add(key), self.0.clock.now(), Some(actor), Some(event)).await?;
        let added = keys.iter().flatten().find(|key| key.kid == kid).ok_or(Error::NoSuchKey)?;
        Ok(KeyStatus::of(added, &self.0.secrets))
    }

    /// Ends a key: it stops signing, and verifies until its last token is dead, or with `at_once` not even that.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::LastKey`]; storage errors.
    pub async fn retire_key(&self, actor: Actor, kid: &str, at_once: bool) -> Result<()> {
        let change = KeyChange::Retire { kid: kid.to_owned(), at_once };
        let event = Event::new(Word::KeyRetired, actor).detail("kid", kid).detail("now", at_once);
        self.change_keys(change, self.0.clock.now(), Some(actor), Some(event)).await.map(drop)
    }

    /// Lets keys take over that are due, and go that are dead.
    pub(super) async fn settle_keys(&self) -> Result<()> {
        let change = KeyChange::Settle { token_secs: self.0.lifetimes.access.as_secs(), latest: self.0.clock.now() };
        self.change_keys(change, self.0.clock.mark(), None, None).await.map(drop)
    }

    /// Changes the stored keys, then those in use; answers them, and notes it, if anything changed. Without an actor, it was time.
    async fn change_keys(
        &self,
        change: KeyChange,
        now: Timestamp,
        actor: Option<Actor>,
        event: Option<Event>,
    ) -> Result<Option<Vec<StoredKey>>> {
        self.to_the_end(move |auth| async move {
            let _turn = auth.0.key_turn.lock().await;
            let before = auth.0.store.keys().await?;
            let changed = auth.store_under(actor.and_then(Actor::mandate)).change_keys(change, now).await?;
            if let Some(keys) = &changed {
                auth.0.tokens.use_keys(Keyring::load(keys, &auth.0.secrets)?);
                auth.judge_signing_key()?;
                if let Some(event) = event {
                    auth.note(event);
                }
                if let Some(kid) = active(keys).filter(|kid| active(&before) != Some(*kid)) {
                    auth.note(Event::new(Word::KeyActivated, actor.map_or(By::Server, By::from)).detail("kid", kid));
                }
            }
            Ok(changed)
        })
        .await
    }
}

/// The kid of the key that signs access tokens, unless a shared secret does.
fn active(keys: &[StoredKey]) -> Option<&str> {
    keys.iter().find(|key| key.purpose == Purpose::Access && key.state == State::Active).map(|key| key.kid.as_str())
}

/// The stored keys, with those that are needed and missing made and kept, and what is due done.
///
/// # Errors
/// [`Error::Crypto`]; storage errors.
pub(super) async fn start(store: &dyn Store, clock: &Clock, token_secs: u64, shared: &SharedSecrets) -> Result<Keyring> {
    let now = clock.mark();
    store.change_keys(KeyChange::Settle { token_secs, latest: clock.now() }, now).await?;
    let mut keys = store.keys().await?;
    let has = |purpose| keys.iter().any(|key| key.purpose == purpose);
    let mut made = Vec::new();
    if !has(Purpose::Refresh) {
        made.push(StoredKey::generate_refresh(now)?);
    }
    if shared.current.is_none() && !has(Purpose::Access) {
        made.push(StoredKey { token_secs, ..StoredKey::generate(Algorithm::ES256, now)? });
    }
    for key in made {
        store.insert_key(key.clone()).await?;
        keys.push(key);
    }
    Keyring::load(&keys, shared)
}
