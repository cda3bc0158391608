//! The steps of services. See [`super::steps`].

use super::reading::Records;
use super::records::{key, kind};
use super::tree::Step;
use crate::auth::clock::Timestamp;
use crate::auth::service::{self, MAX_SERVICES, Service, ServiceId};
use crate::error::Result;

pub(super) fn insert(step: &mut Step<'_>, service: Service) -> Result<()> {
    let (from, to) = key::all(kind::SERVICE);
    if step.scan(&from, &to, MAX_SERVICES)?.len() >= MAX_SERVICES {
        return Err(service::too_many());
    }
    Ok(step.put_service(service)?)
}

pub(super) fn remove(step: &mut Step<'_>, id: ServiceId) -> Result<bool> {
    let is_there = step.service(id)?.is_some();
    if is_there {
        step.remove_service(id);
    }
    Ok(is_there)
}

pub(super) fn keep_uses(step: &mut Step<'_>, uses: Vec<(ServiceId, Timestamp)>) -> Result<()> {
    for (id, at) in uses {
        if let Some(service) = step.service(id)? {
            step.put_service(Service { last_used: Some(at), ..service })?;
        }
    }
    Ok(())
}
