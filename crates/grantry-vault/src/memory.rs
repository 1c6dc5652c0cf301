//! The backend in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use grantry_core::{Clock, StoreTime, SystemClock};

use crate::{
    ChangeHints, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, Vault,
    VaultError, Watch,
};

/// A vault that lives as long as the process: for tests, and where a restart may ask everybody again.
///
/// It keeps every promise of [`Vault`] but for durability. Clones share one store. Its clock is the boot clock.
///
/// ```
/// use grantry_vault::{MemoryVault, Precondition, RecordKey, SealedRecord, Vault, VaultError};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let vault = MemoryVault::new();
/// let key = RecordKey::parse("acme/grant/crm/user-17").unwrap();
/// let sealed = SealedRecord::new("sealed bytes");
/// let revision = vault.store(&key, sealed.clone(), Precondition::Absent).await?;
/// assert_eq!(vault.store(&key, sealed, Precondition::Absent).await, Err(VaultError::Conflict));
/// assert_eq!(vault.load(&key).await?.unwrap().revision, revision);
/// # Ok::<(), VaultError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct MemoryVault(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Mutex<Store>,
    clock: Arc<dyn Clock>,
    hints: ChangeHints,
}

#[derive(Debug, Default)]
struct Store {
    records: BTreeMap<RecordKey, (SealedRecord, u64)>,
    /// Counts writes of all keys, so that no key ever sees a number again.
    writes: u64,
}

impl MemoryVault {
    /// An empty vault on the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(SystemClock::new())
    }

    /// An empty vault whose clock is `clock`'s boot clock.
    pub fn with_clock(clock: impl Clock) -> Self {
        Self(Arc::new(Inner {
            store: Mutex::default(),
            clock: Arc::new(clock),
            hints: ChangeHints::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        // No caller can panic half-way through a change: each is one call of the map.
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn time(&self) -> StoreTime {
        StoreTime::from_nanos(self.0.clock.now().as_nanos())
    }
}

impl Default for MemoryVault {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Vault for MemoryVault {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let read_at = self.time();
        Ok(self.lock().records.get(key).map(|record| stored(record, read_at)))
    }

    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        if record.as_bytes().len() > SealedRecord::MOST_BYTES {
            return Err(VaultError::refused("the record is longer than 1 MiB"));
        }
        let revision = {
            let mut store = self.lock();
            if !holds(&when, store.records.get(key)) {
                return Err(VaultError::Conflict);
            }
            store.writes += 1;
            let revision = store.writes;
            store.records.insert(key.clone(), (record, revision));
            revision
        };
        self.0.hints.tell(key);
        Ok(Revision::number(revision))
    }

    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        {
            let mut store = self.lock();
            if !holds(&Precondition::Matches(revision.clone()), store.records.get(key)) {
                return Err(VaultError::Conflict);
            }
            store.records.remove(key);
        }
        self.0.hints.tell(key);
        Ok(())
    }

    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        let read_at = self.time();
        let store = self.lock();
        let start = match after.map(RecordKey::as_str) {
            Some(after) if after >= prefix.as_str() => Bound::Excluded(after),
            _ => Bound::Included(prefix.as_str()),
        };
        let mut found = store
            .records
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| prefix.covers(key));
        let records =
            found.by_ref().take(limit).map(|(key, record)| (key.clone(), stored(record, read_at))).collect();
        Ok(Page { records, more: limit > 0 && found.next().is_some() })
    }

    async fn now(&self) -> Result<StoreTime, VaultError> {
        Ok(self.time())
    }

    fn watch(&self) -> Option<&dyn Watch> {
        Some(&self.0.hints)
    }
}

fn stored((sealed, revision): &(SealedRecord, u64), read_at: StoreTime) -> StoredRecord {
    StoredRecord { sealed: sealed.clone(), revision: Revision::number(*revision), read_at }
}

fn holds(when: &Precondition, record: Option<&(SealedRecord, u64)>) -> bool {
    match (when, record) {
        (Precondition::Absent, None) => true,
        (Precondition::Matches(revision), Some((_, current))) => revision.as_number() == Some(*current),
        _ => false,
    }
}
