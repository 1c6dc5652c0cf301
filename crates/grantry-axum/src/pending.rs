//! Where logins are kept that nobody has finished.

use std::fmt;
use std::sync::Arc;

use grantry::authorization_code::PendingAuthorizations;
use grantry::vault::PrincipalVault;
use grantry::{Error, PendingInVault, TenantId};

/// Where logins are kept between the two requests.
#[derive(Debug, Clone)]
pub struct PendingPlace(Place);

#[derive(Clone)]
enum Place {
    Shared(Arc<dyn PendingAuthorizations>),
    Vault(PrincipalVault),
}

impl PendingPlace {
    /// Sealed in each tenant's part of the vault: any replica finishes, and no tenant finds another's. The vault's principal
    /// needs `grant.create` for the whole tenant.
    pub fn vault(vault: PrincipalVault) -> Self {
        Self(Place::Vault(vault))
    }

    /// In one store for all tenants, such as [`PendingInMemory`](grantry::authorization_code::PendingInMemory) where there
    /// is one replica only. Each login still names its tenant and account.
    pub fn shared(store: Arc<dyn PendingAuthorizations>) -> Self {
        Self(Place::Shared(store))
    }

    pub(crate) fn of(&self, tenant: &TenantId) -> Result<Arc<dyn PendingAuthorizations>, Error> {
        match &self.0 {
            Place::Shared(store) => Ok(Arc::clone(store)),
            Place::Vault(vault) => {
                let tenant =
                    vault.tenant(tenant.as_str()).map_err(|e| Error::configuration(e.to_string()))?;
                Ok(Arc::new(PendingInVault::new(tenant)))
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shared(_) => "Shared",
            Self::Vault(_) => "Vault",
        })
    }
}
