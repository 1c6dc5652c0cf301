//! Pending authorizations in a tenant's part of the vault.

use std::time::Duration;

use async_trait::async_trait;
use grantry_authorization_code::{PendingAuthorizations, PendingKey, PendingStoreError};
use grantry_vault::TenantVault;
use zeroize::Zeroizing;

/// Keeps pending authorizations sealed in a tenant's part of the vault, so that any replica can finish them: each is taken
/// out once, by compare-and-swap, and another tenant finds none of them.
///
/// What nobody finishes is removed by the vault's rotation, or by [`TenantVault::sweep_pending`].
///
/// ```no_run
/// # async fn example(crm: grantry::authorization_code::AuthorizationCode, acme: grantry::vault::TenantVault)
/// # -> Result<(), grantry::Error> {
/// use std::sync::Arc;
///
/// use grantry::PendingInVault;
/// use grantry::authorization_code::AuthorizationCodes;
///
/// let codes = AuthorizationCodes::new(Arc::new(PendingInVault::new(acme)), [("crm", crm)])?;
/// # let _ = codes;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PendingInVault(TenantVault);

impl PendingInVault {
    /// In this tenant's part, as its principal, who needs `grant.create` for the whole tenant.
    pub fn new(tenant: TenantVault) -> Self {
        Self(tenant)
    }
}

fn unusable(error: grantry_core::Error) -> PendingStoreError {
    PendingStoreError::Unusable(error.to_string())
}

#[async_trait]
impl PendingAuthorizations for PendingInVault {
    async fn keep(
        &self,
        key: PendingKey,
        pending: Zeroizing<Vec<u8>>,
        lifetime: Duration,
    ) -> Result<(), PendingStoreError> {
        self.0.keep_pending(key.to_string(), pending, lifetime).await.map_err(unusable)
    }

    async fn take(&self, key: PendingKey) -> Result<Option<Zeroizing<Vec<u8>>>, PendingStoreError> {
        self.0.take_pending(key.to_string()).await.map_err(unusable)
    }
}
