//! Where the keys of tenants come from.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{Clock, Instant, StoreTime, TenantId};

use super::root;
use super::{KeyCache, KeyProviders, KeySet, TenantKeys};
use crate::backend::{NOBODY, Precondition, RecordKey, RecordKind, Revision, StoredRecord, VaultError};
use crate::keyring::EpochState;
use crate::keys::{KeyContext, KeyError, TenantKey};
use crate::records::Kept;
use crate::sealing::{HighWater, LineageId, RefusedRecord, Sight};
use crate::store::{Draft, Found, RecordStore, Standing, StoreError};

/// The number of a tenant's first key.
const FIRST_EPOCH: u32 = 1;

/// Loads, unwraps and keeps the keys of tenants, and those of the deployment itself.
#[derive(Debug)]
pub(crate) struct Keyring {
    pub(crate) store: Arc<RecordStore>,
    pub(crate) providers: KeyProviders,
    pub(crate) clock: Arc<dyn Clock>,
    cache: KeyCache,
    most_age: Duration,
    swept: Mutex<Instant>,
}

/// A set of keys as it stands in the store.
#[derive(Debug)]
pub(crate) struct StandingSet {
    pub(crate) set: KeySet,
    pub(crate) over: Over,
}

/// What the next write of a set replaces.
#[derive(Debug, Clone)]
pub(crate) enum Over {
    /// The deployment's own keys.
    Root { version: u64, revision: Revision, read_at: StoreTime },
    /// A tenant's keys, sealed under those of the deployment.
    Sealed(Standing),
}

impl Over {
    /// The store's clock when the set was read.
    pub(crate) fn read_at(&self) -> StoreTime {
        match self {
            Self::Root { read_at, .. } => *read_at,
            Self::Sealed(standing) => standing.read_at,
        }
    }
}

/// The record of a tenant's keys; without a tenant that of the deployment's own.
pub(crate) fn keys_record(tenant: Option<&TenantId>) -> RecordKey {
    RecordKey::join(NOBODY, RecordKind::Keys, NOBODY, tenant.map_or(NOBODY, TenantId::as_str))
}

impl Keyring {
    /// `most_age` bounds how long an unwrapped key is used, `most` how many tenants' keys are in memory.
    pub(crate) fn new(
        store: Arc<RecordStore>,
        providers: KeyProviders,
        clock: Arc<dyn Clock>,
        most_age: Duration,
        most: usize,
    ) -> Self {
        let swept = Mutex::new(clock.now());
        Self { store, providers, clock, cache: KeyCache::new(most), most_age, swept }
    }

    /// How long an unwrapped key is used.
    pub(crate) fn most_age(&self) -> Duration {
        self.most_age
    }

    /// The keys of a tenant, or the deployment's own. Of many callers at once one loads them.
    ///
    /// Keys that are too old are loaded again; where that fails, the call does: it fails closed.
    pub(crate) async fn keys(&self, tenant: Option<&TenantId>) -> Result<Arc<TenantKeys>, StoreError> {
        self.keys_since(tenant, None).await
    }

    /// The same, but not those which `known` are: a record named a key that is not among them.
    pub(crate) async fn newer_keys(
        &self,
        tenant: Option<&TenantId>,
        known: &Arc<TenantKeys>,
    ) -> Result<Arc<TenantKeys>, StoreError> {
        self.keys_since(tenant, Some(known)).await
    }

    /// Opens a record that was listed; its tenant's keys are loaded again if it names one that is not among them.
    pub(crate) async fn open_listed(
        &self,
        tenant: Option<&TenantId>,
        key: &RecordKey,
        keys: &mut Arc<TenantKeys>,
        stored: StoredRecord,
    ) -> Result<Found, StoreError> {
        let open = |keys: &TenantKeys| {
            let StoredRecord { sealed, revision, read_at } = stored.clone();
            self.store.open(key, keys, sealed, revision, read_at)
        };
        match open(keys) {
            Err(StoreError::Refused(RefusedRecord::UnknownEpoch { .. })) => {
                *keys = self.newer_keys(tenant, keys).await?;
                open(keys)
            }
            other => other,
        }
    }

    async fn keys_since(
        &self,
        tenant: Option<&TenantId>,
        but: Option<&Arc<TenantKeys>>,
    ) -> Result<Arc<TenantKeys>, StoreError> {
        let slot = self.cache.slot(tenant.map_or(NOBODY, TenantId::as_str));
        let mut held = slot.lock().await;
        let is_other = |keys: &&Arc<TenantKeys>| but.is_none_or(|known| !Arc::ptr_eq(keys, known));
        if let Some(keys) = held.as_ref().filter(|keys| keys.are_fresh()).filter(is_other) {
            return Ok(Arc::clone(keys));
        }
        // Whatever happens now, keys that are too old are no longer in memory.
        *held = None;
        self.sweep();
        let keys = Arc::new(Box::pin(self.load(tenant)).await?);
        *held = Some(Arc::clone(&keys));
        Ok(keys)
    }

    /// Forgets a tenant's keys, because they were changed.
    pub(crate) fn forget(&self, tenant: Option<&TenantId>) {
        self.cache.forget(tenant.map_or(NOBODY, TenantId::as_str));
    }

    /// Once in a cache period, keys that nobody asks for any more leave the memory.
    fn sweep(&self) {
        let now = self.clock.now();
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(*swept) >= self.most_age {
            *swept = now;
            drop(swept);
            self.cache.forget_old();
        }
    }

    async fn load(&self, tenant: Option<&TenantId>) -> Result<TenantKeys, StoreError> {
        let loaded = self.clock.now();
        let (set, active) = match tenant {
            None => {
                let (standing, active) = self.root().await?;
                (standing.set, active)
            }
            Some(tenant) => {
                let set = self.tenant_set(tenant).await?.ok_or(StoreError::NoTenant)?.set;
                if let KeySet::Erased(at) = set {
                    return Err(StoreError::Erased(at));
                }
                let active = self.unwrap_active(Some(tenant), &set).await?;
                (set, active)
            }
        };
        let mut opening = Vec::new();
        for epoch in set.epochs().iter().filter(|epoch| epoch.state != EpochState::Active) {
            let context = KeyContext::new(&self.store.deployment, tenant, epoch.number);
            match self.providers.unwrap(&epoch.wraps, &context).await {
                Ok(key) => opening.push((epoch.number, key)),
                Err(error) if error.is_passing() => return Err(error.into()),
                // What is sealed under the other keys can be read nevertheless.
                Err(error) => tracing::warn!(
                    grantry.tenant = tenant.map(TenantId::as_str),
                    grantry.epoch = epoch.number,
                    exception.message = %error,
                    "an older key does not unwrap"
                ),
            }
        }
        Ok(TenantKeys::new(active, opening, loaded, self.most_age, Arc::clone(&self.clock)))
    }

    async fn unwrap_active(
        &self,
        tenant: Option<&TenantId>,
        set: &KeySet,
    ) -> Result<(u32, TenantKey), StoreError> {
        let epoch = set.active().ok_or(RefusedRecord::Unreadable)?;
        let context = KeyContext::new(&self.store.deployment, tenant, epoch.number);
        Ok((epoch.number, self.providers.unwrap(&epoch.wraps, &context).await?))
    }

    /// The deployment's own keys, made where there are none: then the vault is new.
    async fn root(&self) -> Result<(StandingSet, (u32, TenantKey)), StoreError> {
        let record = keys_record(None);
        loop {
            let mark = self.store.water.mark(&record);
            let Some(stored) = self.store.backend.load(&record).await? else {
                self.store.water.saw_nothing(mark, self.store.backend.now().await?)?;
                match self.create_root(&record).await {
                    Err(error) if error.is_conflict() => continue,
                    other => return other,
                }
            };
            let unchecked = root::read(&stored.sealed)?;
            if unchecked.deployment != self.store.deployment.as_str() {
                return Err(StoreError::OtherDeployment(unchecked.deployment));
            }
            let active = self.unwrap_active(None, &unchecked.set).await?;
            if !unchecked.is_by(&active.1) {
                return Err(RefusedRecord::Altered.into());
            }
            self.store.water.saw(&record, mark, unchecked.version, Sight::default(), stored.read_at)?;
            let (version, revision) = (unchecked.version, stored.revision);
            let over = Over::Root { version, revision, read_at: stored.read_at };
            return Ok((StandingSet { set: unchecked.set, over }, active));
        }
    }

    async fn create_root(&self, record: &RecordKey) -> Result<(StandingSet, (u32, TenantKey)), StoreError> {
        let (set, key) = self.new_set(None).await?;
        let read_at = self.store.backend.now().await?;
        let version = HighWater::first_version(read_at);
        let sealed =
            root::write(&self.store.deployment, version, &set, &key).map_err(|_| StoreError::TooLong)?;
        let revision = self.store.backend.store(record, sealed, Precondition::Absent).await?;
        let over = Over::Root { version, revision, read_at };
        Ok((StandingSet { set, over }, (FIRST_EPOCH, key)))
    }

    async fn new_set(&self, tenant: Option<&TenantId>) -> Result<(KeySet, TenantKey), KeyError> {
        let context = KeyContext::new(&self.store.deployment, tenant, FIRST_EPOCH);
        let (epoch, key) =
            self.providers.generate(&context, self.clock.wall(), self.store.entropy.as_ref()).await?;
        Ok((KeySet::Live(vec![epoch]), key))
    }

    /// A tenant's keys as they stand, if it has any.
    async fn tenant_set(&self, tenant: &TenantId) -> Result<Option<StandingSet>, StoreError> {
        let record = keys_record(Some(tenant));
        let mut keys = Box::pin(self.keys(None)).await?;
        let mut found = self.store.read(&record, &keys).await;
        if let Err(StoreError::Refused(RefusedRecord::UnknownEpoch { .. })) = found {
            keys = Box::pin(self.newer_keys(None, &keys)).await?;
            found = self.store.read(&record, &keys).await;
        }
        let Some(found) = found? else { return Ok(None) };
        match Kept::<KeySet>::decode(&found.content)? {
            Kept::Content(set) => Ok(Some(StandingSet { set, over: Over::Sealed(found.standing) })),
            Kept::Tombstone(_) => Err(RefusedRecord::Unreadable.into()),
        }
    }

    /// A set of keys as it stands, to be changed.
    pub(crate) async fn standing(&self, tenant: Option<&TenantId>) -> Result<StandingSet, StoreError> {
        match tenant {
            None => self.root().await.map(|(standing, _)| standing),
            Some(tenant) => self.tenant_set(tenant).await?.ok_or(StoreError::NoTenant),
        }
    }

    /// Makes a tenant's first key, if it has none. Says whether it did.
    ///
    /// # Errors
    /// [`StoreError::Erased`] for a tenant that was: nothing brings it back.
    pub(crate) async fn create_tenant(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        loop {
            match self.tenant_set(tenant).await? {
                Some(StandingSet { set: KeySet::Erased(at), .. }) => return Err(StoreError::Erased(at)),
                Some(_) => return Ok(false),
                None => {}
            }
            let (set, _key) = self.new_set(Some(tenant)).await?;
            match self.write_tenant_set(tenant, None, set).await {
                Err(error) if error.is_conflict() => {}
                other => return other.map(|()| true),
            }
        }
    }

    async fn write_tenant_set(
        &self,
        tenant: &TenantId,
        over: Option<&Standing>,
        set: KeySet,
    ) -> Result<(), StoreError> {
        let keys = self.keys(None).await?;
        let content = Kept::Content(set).encode();
        let lineage =
            over.map_or_else(|| LineageId::generate(self.store.entropy.as_ref()), |over| over.stamp.lineage);
        let draft = Draft { lineage, generation: 0, content: content.as_bytes() };
        self.store.write(&keys_record(Some(tenant)), &keys, over, draft).await?;
        self.forget(Some(tenant));
        Ok(())
    }

    /// Writes a changed set in place of the one that stands.
    ///
    /// # Errors
    /// A conflict where somebody else changed it in between.
    pub(crate) async fn replace(
        &self,
        tenant: Option<&TenantId>,
        over: &Over,
        set: KeySet,
    ) -> Result<(), StoreError> {
        match (tenant, over) {
            (Some(tenant), Over::Sealed(standing)) => {
                self.write_tenant_set(tenant, Some(standing), set).await
            }
            (None, Over::Root { version, revision, read_at }) => {
                let (_, active) = self.unwrap_active(None, &set).await?;
                let version = version.saturating_add(1);
                let sealed = root::write(&self.store.deployment, version, &set, &active)
                    .map_err(|_| StoreError::TooLong)?;
                let record = keys_record(None);
                let when = Precondition::Matches(revision.clone());
                self.store.backend.store(&record, sealed, when).await?;
                let _ = self.store.water.saw(&record, None, version, Sight::default(), *read_at);
                self.forget(None);
                Ok(())
            }
            _ => Err(StoreError::Backend(VaultError::damaged("the deployment's keys are no tenant's"))),
        }
    }
}
