//! The vault as somebody: what concerns the whole deployment.

use std::fmt;
use std::sync::Arc;

use grantry_core::{Error, InvalidName, TenantId};

use super::TenantVault;
use super::guard::Asked;
use super::open::{Inner, about};
use crate::access::{Object, Permission, Principal};
use crate::backend::{RecordKind, RecordPrefix, VaultError};
use crate::keyring::{KeySet, keys_record};
use crate::rotation::{KeyAge, RotationPolicy, RotationProgress, RotationReport};
use crate::store::StoreError;

/// The vault as one principal. Each call is decided and recorded for itself.
#[derive(Clone)]
pub struct PrincipalVault {
    pub(super) inner: Arc<Inner>,
    principal: Principal,
}

impl PrincipalVault {
    pub(super) fn new(inner: Arc<Inner>, principal: Principal) -> Self {
        Self { inner, principal }
    }

    /// Whom it speaks for.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// A tenant's part of the vault: a handle that cannot name another tenant's records. Nothing is read or decided
    /// yet.
    ///
    /// # Errors
    /// [`InvalidName`] says which rule the name breaks.
    pub fn tenant(&self, tenant: impl AsRef<str>) -> Result<TenantVault, InvalidName> {
        let tenant = TenantId::new(tenant)?;
        Ok(TenantVault::new(Arc::clone(&self.inner), self.principal.clone(), tenant))
    }

    pub(super) fn asked<'a>(
        &'a self,
        permission: Permission,
        tenant: Option<&'a TenantId>,
        kind: &'static str,
    ) -> Asked<'a> {
        let object = Object { tenant, service: None, account: None };
        Asked { principal: &self.principal, permission, object, kind, request: None }
    }

    /// Makes a tenant, with a key of its own; says whether it was new. Needs `tenant.create`.
    ///
    /// # Errors
    /// `Erased` for a tenant that was erased, and those of every call: `AccessDenied`, `AuditUnavailable`, `Storage`,
    /// `KeyUnavailable`, `Damaged`.
    pub async fn create_tenant(&self, tenant: impl AsRef<str>) -> Result<bool, Error> {
        let tenant = TenantId::new(tenant).map_err(|error| Error::configuration(error.to_string()))?;
        let asked = self.asked(Permission::TenantCreate, Some(&tenant), "keys");
        let record = keys_record(Some(&tenant));
        let work = async { self.inner.keyring.create_tenant(&tenant).await.map_err(about(&record)) };
        self.inner.guarded(asked, work).await
    }

    /// The tenants that have keys, at most `limit` of them, after `after`. Needs `grant.read` for all tenants.
    ///
    /// # Errors
    /// As [`create_tenant`](PrincipalVault::create_tenant).
    pub async fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, Error> {
        self.tenants_for(Permission::GrantRead, after, limit).await
    }

    /// The same, for whoever goes on with what is left of grants. Needs `grant.renew` for all tenants.
    ///
    /// # Errors
    /// As [`create_tenant`](PrincipalVault::create_tenant).
    pub async fn tenants_to_renew(
        &self,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, Error> {
        self.tenants_for(Permission::GrantRenew, after, limit).await
    }

    async fn tenants_for(
        &self,
        permission: Permission,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, Error> {
        let work = async {
            let names = self.inner.tenant_names(after, limit).await;
            names.map_err(|error| StoreError::from(error).into_error("the list of tenants"))
        };
        self.inner.guarded(self.asked(permission, None, "tenants"), work).await
    }

    /// Erases a tenant for good: its keys are destroyed, so that nobody can open its records any more, and a tombstone
    /// keeps it from coming back. Its records are removed at once where that goes, the rest by the next rotation. Needs
    /// `tenant.shred`.
    ///
    /// Copies of the store still hold the wrapped keys: they have to end for the erasure to be whole. Tokens stay valid
    /// at their servers: revoke them first.
    ///
    /// Other processes notice within the time that unwrapped keys may be in memory.
    ///
    /// # Errors
    /// As [`create_tenant`](PrincipalVault::create_tenant). After an error the call can be repeated: an erased tenant is
    /// erased once more without harm.
    pub async fn erase_tenant(&self, tenant: &TenantId) -> Result<(), Error> {
        let asked = self.asked(Permission::TenantShred, Some(tenant), "keys");
        let record = keys_record(Some(tenant));
        let work = async {
            self.erase(tenant).await.map_err(about(&record))?;
            self.remove_records(tenant).await.map_err(|error| StoreError::from(error).into_error(tenant))
        };
        self.inner.guarded(asked, work).await
    }

    async fn erase(&self, tenant: &TenantId) -> Result<(), StoreError> {
        loop {
            let standing = self.inner.keyring.standing(Some(tenant)).await?;
            if matches!(standing.set, KeySet::Erased(_)) {
                self.inner.keyring.forget(Some(tenant));
                return Ok(());
            }
            let erased = KeySet::Erased(self.inner.clock.wall());
            match self.inner.keyring.replace(Some(tenant), &standing.over, erased).await {
                Err(error) if error.is_conflict() => {}
                other => return other,
            }
        }
    }

    async fn remove_records(&self, tenant: &TenantId) -> Result<(), VaultError> {
        let backend = &self.inner.store.backend;
        let prefix = RecordPrefix::tenant(tenant);
        let mut after = None;
        loop {
            let page = backend.list(&prefix, after.as_ref(), 256).await?;
            for (key, stored) in &page.records {
                match backend.remove(key, &stored.revision).await {
                    // Somebody who still has the keys wrote it: the next rotation removes it.
                    Ok(()) | Err(VaultError::Conflict) => {}
                    Err(error) => return Err(error),
                }
            }
            match page.records.into_iter().next_back() {
                Some((last, _)) if page.more => after = Some(last),
                _ => return Ok(()),
            }
        }
    }

    /// Rotates whatever is due by the policy, and tells how far it is. Needs `key.rotate`.
    ///
    /// It may be cut off at any point, also by SIGKILL, and goes on from there the next time. Where another process is
    /// at it, nothing is done.
    ///
    /// # Errors
    /// As [`create_tenant`](PrincipalVault::create_tenant); `Configuration` for a hold time shorter than twice the time
    /// that unwrapped keys may be in memory.
    pub async fn rotate(
        &self,
        policy: &RotationPolicy,
        on_progress: impl Fn(RotationProgress) + Send + Sync,
    ) -> Result<RotationReport, Error> {
        policy.check(self.inner.keyring.most_age())?;
        let asked = self.asked(Permission::KeyRotate, None, "keys");
        let work =
            async { self.inner.rotate(policy, &on_progress).await.map_err(|e| e.into_error("the rotation")) };
        self.inner.guarded(asked, work).await
    }

    /// How old the keys are: the provider's, the deployment's own, and those of the tenants (at most `limit` of them,
    /// after `after`). Tenants that were erased or whose keys cannot be read have none. Needs `key.rotate`.
    ///
    /// # Errors
    /// As [`create_tenant`](PrincipalVault::create_tenant).
    pub async fn key_ages(
        &self,
        policy: &RotationPolicy,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<KeyAge>, Error> {
        let work = async {
            self.ages(policy, after, limit).await.map_err(|error| error.into_error("the ages of keys"))
        };
        self.inner.guarded(self.asked(Permission::KeyRotate, None, "keys"), work).await
    }

    async fn ages(
        &self,
        policy: &RotationPolicy,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<KeyAge>, StoreError> {
        let (now, keyring) = (self.inner.clock.wall(), &self.inner.keyring);
        let mut ages = Vec::new();
        if after.is_none() {
            if let Some(provider) = &self.inner.rotation {
                let active = provider.active().await?;
                let versions = provider.versions().await?.into_iter().filter(|version| version.id == active);
                ages.extend(versions.filter_map(|version| {
                    Some(KeyAge::of_provider(version.id, version.created?, now, policy))
                }));
            }
            let own = keyring.standing(None).await?.set;
            ages.extend(own.active().map(|epoch| KeyAge::of_tenant(None, epoch.created, now, policy)));
        }
        for tenant in self.inner.tenant_names(after, limit).await? {
            let set = match keyring.standing(Some(&tenant)).await {
                Ok(standing) => standing.set,
                Err(error) if error.is_passing() => return Err(error),
                // A rotation reports it; the ages of the others are worth knowing nevertheless.
                Err(_) => continue,
            };
            let age = |created| KeyAge::of_tenant(Some(tenant.clone()), created, now, policy);
            ages.extend(set.active().map(|epoch| age(epoch.created)));
        }
        Ok(ages)
    }
}

impl Inner {
    /// The tenants that have keys, at most `limit`, after `after`.
    pub(super) async fn tenant_names(
        &self,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, VaultError> {
        let after = after.map(|tenant| keys_record(Some(tenant)));
        let prefix = RecordPrefix::deployment(RecordKind::Keys);
        // One more than asked for: the deployment's own set is no tenant.
        let page = self.store.backend.list(&prefix, after.as_ref(), limit.saturating_add(1)).await?;
        let named = page.records.iter().filter_map(|(key, _)| TenantId::new(key.account()).ok());
        Ok(named.take(limit).collect())
    }
}

impl fmt::Debug for PrincipalVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrincipalVault").field("principal", &self.principal).finish_non_exhaustive()
    }
}
