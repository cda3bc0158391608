//! The handle, and how it gets at the records.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use super::records::Records;
use crate::auth::mandate::Mandate;
use crate::error::Result;
use crate::store::{Live, StorageError};

/// See the module's page.
#[derive(Clone)]
pub(in crate::store) struct MemoryStore {
    pub(super) live: Arc<Live>,
    pub(super) records: Arc<Mutex<Option<Records>>>,
    pub(super) failed: watch::Sender<Option<String>>,
    pub(super) mandate: Option<Mandate>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        let records = Arc::new(Mutex::new(Some(Records::default())));
        Self { live: Arc::default(), records, failed: watch::Sender::new(None), mandate: None }
    }
}

pub(super) struct Open<'a>(MutexGuard<'a, Option<Records>>);

impl std::ops::Deref for Open<'_> {
    type Target = Records;
    fn deref(&self) -> &Records {
        self.0.as_ref().unwrap()
    }
}

impl std::ops::DerefMut for Open<'_> {
    fn deref_mut(&mut self) -> &mut Records {
        self.0.as_mut().unwrap()
    }
}

impl MemoryStore {
    pub(super) fn open(&self) -> Result<Open<'_>> {
        let records = self.records.lock().unwrap();
        if records.is_some() { Ok(Open(records)) } else { Err(StorageError::Stopped.into()) }
    }

    /// Opens them for a step, if there is a right to it.
    pub(super) fn taking_a_step(&self) -> Result<Open<'_>> {
        let records = self.open()?;
        if let Some(mandate) = &self.mandate {
            let revoked = mandate.ids().any(|id| self.live.is_revoked(id));
            mandate.judge(self.live.standing(mandate.user()).as_deref(), revoked)?;
        }
        Ok(records)
    }
}
