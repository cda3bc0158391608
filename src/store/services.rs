//! The services that may ask here, in memory: found by the digest of their key, with when each last did.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::auth::clock::Timestamp;
use crate::auth::service::{KeyDigest, Scope, Service, ServiceId};

/// See the module's page.
#[derive(Debug, Default)]
pub struct Services(RwLock<HashMap<KeyDigest, Known>>);

#[derive(Debug)]
struct Known {
    service: Service,
    /// Seconds since 1970 of the last use; it runs ahead of what the service's record says. Zero: never.
    used: AtomicU64,
}

impl Services {
    /// Which service has this key, and what it may; notes that it was used. The time of the look-up tells nothing of
    /// use about a key: a digest that differs a little belongs to a key that differs wholly.
    #[must_use]
    pub fn present(&self, digest: &KeyDigest, now: Timestamp) -> Option<(ServiceId, Vec<Scope>)> {
        let services = self.read();
        let known = services.get(digest)?;
        known.used.fetch_max(now.secs(), Ordering::Relaxed);
        Some((known.service.id, known.service.scopes.clone()))
    }

    /// All of them with their last use, the oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Service> {
        let mut all: Vec<_> = self.read().values().map(Known::current).collect();
        all.sort_unstable_by_key(|service| (service.created, service.id));
        all
    }

    /// Those that were used since their record was written.
    #[must_use]
    pub fn unkept_uses(&self) -> Vec<(ServiceId, Timestamp)> {
        let services = self.read();
        let current = services.values().map(|known| (known.service.last_used, known.current()));
        current
            .filter(|(kept, current)| *kept != current.last_used)
            .filter_map(|(_, current)| Some((current.id, current.last_used?)))
            .collect()
    }

    pub(super) fn put(&self, service: Service) {
        let mut services = self.write();
        let before = services.get(&service.digest).map_or(0, |known| known.used.load(Ordering::Relaxed));
        let kept = service.last_used.map_or(0, Timestamp::secs);
        services.insert(service.digest, Known { service, used: before.max(kept).into() });
    }

    pub(super) fn remove(&self, id: ServiceId) {
        self.write().retain(|_, known| known.service.id != id);
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<KeyDigest, Known>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<KeyDigest, Known>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn current(&self) -> Service {
        let used = self.used.load(Ordering::Relaxed);
        Service { last_used: (used > 0).then_some(Timestamp::from_secs(used)), ..self.service.clone() }
    }
}
