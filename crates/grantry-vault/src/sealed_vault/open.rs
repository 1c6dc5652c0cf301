//! An open vault.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use grantry_core::{Clock, ContainedObserver, Error, TenantId};

use super::builder::SealedVaultBuilder;
use super::guard::unrecorded;
use super::{PrincipalVault, VaultKeys};
use crate::access::{AccessPolicy, Principal};
use crate::audit::AuditLog;
use crate::backend::Vault;
use crate::keyring::{Keyring, TenantKeys};
use crate::keys::KeyRotation;
use crate::records::{Content, Kept};
use crate::rotation::{RotationPolicy, RotationProgress, RotationReport, Rotator};
use crate::sealing::RefusedRecord;
use crate::store::{RecordStore, Standing, StoreError};
use crate::{Deployment, RecordKey, RecordKind};

/// The vault: records sealed into a [`Vault`] backend, under keys that a [`KeyProvider`](crate::KeyProvider) wraps.
///
/// Everything is done as somebody ([`as_principal`](SealedVault::as_principal)), decided by the [`AccessPolicy`], and
/// recorded in the audit trail before it happens. Clones share one vault.
///
/// ```
/// use grantry_core::{RefreshToken, SystemClock, Clock};
/// use grantry_vault::access::{AccessPolicy, Principal};
/// use grantry_vault::{GrantRecord, LocalKey, MemoryVault, SealedVault};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let key = LocalKey::from_bytes(zeroize::Zeroizing::new([7; 32]));
/// let me = Principal::workload("billing")?;
/// let vault = SealedVault::builder(MemoryVault::new(), key, AccessPolicy::sole(&me)).open().await?;
///
/// let mine = vault.as_principal(me);
/// mine.create_tenant("acme").await?;
/// let acme = mine.tenant("acme")?;
/// let now = SystemClock::new().wall();
/// let grant = GrantRecord::new(now).with_refresh_token(RefreshToken::new("r3fresh"), now);
/// acme.create_grant("crm", "user-17", grant).await?;
/// assert!(acme.grant("crm", "user-17").await?.unwrap().has_refresh_token);
/// # vault.close().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SealedVault(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) store: Arc<RecordStore>,
    pub(super) keyring: Arc<Keyring>,
    pub(super) rotation: Option<Arc<dyn KeyRotation>>,
    pub(super) policy: RwLock<AccessPolicy>,
    /// The policy's, for those who only compare it.
    pub(super) policy_epoch: AtomicU64,
    pub(super) audit: AuditLog,
    pub(super) observer: ContainedObserver,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tombstones_stand: Duration,
}

impl SealedVault {
    /// Starts from the three things that every vault has: where records are kept, who holds the keys, and who may do
    /// what.
    pub fn builder(
        backend: impl Vault,
        keys: impl Into<VaultKeys>,
        policy: AccessPolicy,
    ) -> SealedVaultBuilder {
        SealedVaultBuilder::new(Arc::new(backend), keys.into(), policy)
    }

    /// The vault as somebody: what they may do is decided for each call.
    pub fn as_principal(&self, principal: Principal) -> PrincipalVault {
        PrincipalVault::new(Arc::clone(&self.0), principal)
    }

    /// The policy that decides at this moment.
    pub fn policy(&self) -> AccessPolicy {
        self.0.policy()
    }

    /// The epoch of the policy that decides at this moment. Takes no lock: for handles that hold a decision, and ask with
    /// each use whether it may have changed.
    pub fn policy_epoch(&self) -> u64 {
        self.0.policy_epoch.load(Ordering::Acquire)
    }

    /// Decides by a newer policy from now on: [`AccessPolicy::edit`] makes one. Handles that are open obey it with their
    /// next call.
    ///
    /// # Errors
    /// `Configuration` for a policy whose epoch is not above that of the one which decides: it is older, or was made
    /// from an older one, and would take back what was changed in between.
    pub fn replace_policy(&self, policy: AccessPolicy) -> Result<(), Error> {
        let mut current = self.0.policy.write().unwrap_or_else(PoisonError::into_inner);
        if policy.epoch() <= current.epoch() {
            return Err(Error::configuration(format!(
                "the policy has epoch {}, and one of epoch {} decides: make a newer one from that, by `edit`",
                policy.epoch(),
                current.epoch()
            )));
        }
        let epoch = policy.epoch();
        *current = policy;
        self.0.policy_epoch.store(epoch, Ordering::Release);
        Ok(())
    }

    /// The name of the deployment.
    pub fn deployment(&self) -> &Deployment {
        &self.0.store.deployment
    }

    /// Writes what the audit trail still has to write. Whatever is called afterwards is refused.
    ///
    /// # Errors
    /// `AuditUnavailable` where no durable sink took it in time.
    pub async fn close(&self) -> Result<(), Error> {
        self.0.audit.close().await.map_err(unrecorded)
    }
}

impl fmt::Debug for SealedVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedVault").field("deployment", self.deployment()).finish_non_exhaustive()
    }
}

impl Inner {
    pub(super) fn policy(&self) -> AccessPolicy {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads a record with its tenant's keys, which are loaded again once if it names one that is not among them.
    pub(super) async fn read<T: Content>(
        &self,
        tenant: Option<&TenantId>,
        key: &RecordKey,
    ) -> Result<Option<(Kept<T>, Standing)>, StoreError> {
        let keys = self.keyring.keys(tenant).await?;
        let found = match self.store.read(key, &keys).await {
            Err(StoreError::Refused(RefusedRecord::UnknownEpoch { .. })) => {
                let keys = self.keyring.newer_keys(tenant, &keys).await?;
                self.store.read(key, &keys).await?
            }
            other => other?,
        };
        found.map(|found| Ok((Kept::decode(&found.content)?, found.standing))).transpose()
    }

    pub(super) async fn keys(&self, tenant: &TenantId) -> Result<Arc<TenantKeys>, StoreError> {
        self.keyring.keys(Some(tenant)).await
    }

    pub(super) async fn rotate(
        &self,
        policy: &RotationPolicy,
        on_progress: &(dyn Fn(RotationProgress) + Send + Sync),
    ) -> Result<RotationReport, StoreError> {
        let (keyring, tombstones_stand) = (self.keyring.as_ref(), self.tombstones_stand);
        let rotation = self.rotation.clone();
        Rotator { keyring, rotation, policy, tombstones_stand, on_progress }.run().await
    }
}

/// An error about a record.
pub(super) fn about(key: &RecordKey) -> impl FnOnce(StoreError) -> Error {
    let subject = match key.kind() {
        // A name that people know, not one of the store's.
        RecordKind::Keys => format!("the keys of {}", key.account()),
        _ => key.to_string(),
    };
    move |error| error.into_error(subject)
}
