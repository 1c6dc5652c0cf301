//! What is known of the services whose grants are open in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use grantry_core::{GrantKey, TenantId};

use crate::lifetimes::Lifetimes;
use crate::revocation::Revoker;

/// What one service's grants have in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct Service {
    /// Who revokes its tokens; `None` where the server cannot.
    pub(crate) revoker: Option<Arc<dyn Revoker>>,
    /// How long its refresh tokens live.
    pub(crate) lifetimes: Lifetimes,
}

/// The services by tenant and name: one that was opened is known as long as custody is open, so that what is left to do
/// for its grants can be done when nobody holds them any more.
#[derive(Debug, Default)]
pub(crate) struct Services(Mutex<HashMap<Name, Service>>);

/// Tenant and service.
type Name = (Box<str>, Box<str>);

impl Services {
    /// What is new takes the place of what was known; what a grant leaves out stays as it was.
    pub(crate) fn note(&self, key: &GrantKey, service: Service) {
        let name = (key.tenant().into(), key.service().into());
        let mut services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = services.entry(name).or_default();
        known.revoker = service.revoker.or(known.revoker.take());
        known.lifetimes.idle = service.lifetimes.idle.or(known.lifetimes.idle);
        known.lifetimes.absolute = service.lifetimes.absolute.or(known.lifetimes.absolute);
    }

    /// `None` where no grant of the service was opened here.
    pub(crate) fn of(&self, key: &GrantKey) -> Option<Service> {
        let name = (key.tenant().into(), key.service().into());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
    }

    /// The tenants of which something was opened here, each once.
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        let services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tenants: Vec<TenantId> =
            services.keys().filter_map(|(tenant, _)| TenantId::new(tenant).ok()).collect();
        tenants.sort();
        tenants.dedup();
        tenants
    }
}
