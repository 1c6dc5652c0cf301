//! The handle.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use grantry_core::StoreTime;
use grantry_vault::{
    Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, Vault, VaultError,
    Watch,
};

use crate::builder::RedisVaultBuilder;
use crate::changes::Changes;
use crate::link::Target;
use crate::listing;
use crate::names::Names;
use crate::store::Store;

/// A vault in Redis. Clones share its connections.
///
/// It needs a tokio runtime with time and I/O. When a connection is lost, the next call opens another; no write is
/// ever sent twice.
///
/// ```no_run
/// use grantry_vault::{Precondition, RecordKey, SealedRecord, Vault};
/// use grantry_vault_redis::RedisVault;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let vault = RedisVault::connect("redis://grantry:password@127.0.0.1:6379").await?;
/// let key = RecordKey::parse("acme/grant/crm/user-17")?;
/// let revision = vault.store(&key, SealedRecord::new("sealed bytes"), Precondition::Absent).await?;
/// assert_eq!(vault.load(&key).await?.map(|record| record.revision), Some(revision));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisVault(Arc<Inner>);

struct Inner {
    store: Store,
    changes: Changes,
    is_closed: AtomicBool,
}

impl RedisVault {
    /// Connects with the default settings to `redis://[user:password@]127.0.0.1:6379[/database]`, or to
    /// `unix:/path?user=&pass=&db=`.
    ///
    /// # Errors
    /// As [`RedisVaultBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, VaultError> {
        Self::builder(url).connect().await
    }

    /// The settings to connect with. A URL that is none is an error of [`RedisVaultBuilder::connect`].
    pub fn builder(url: &str) -> RedisVaultBuilder {
        RedisVaultBuilder::new(url)
    }

    pub(crate) async fn open(names: Names, target: Arc<Target>, replicas: u32) -> Result<Self, VaultError> {
        let changes = Changes::new(Arc::clone(&target), names.clone());
        let store = Store::new(names, target, replicas);
        store.prove().await?;
        Ok(Self(Arc::new(Inner { store, changes, is_closed: AtomicBool::new(false) })))
    }

    /// Lets go of the connections of this handle and its clones: every later call is [`VaultError::Closed`]. Calls
    /// that are under way get their answers.
    pub fn close(&self) {
        self.0.is_closed.store(true, Ordering::Release);
        self.0.store.close();
        self.0.changes.close();
    }

    fn store_while_open(&self) -> Result<&Store, VaultError> {
        if self.0.is_closed.load(Ordering::Acquire) { Err(VaultError::Closed) } else { Ok(&self.0.store) }
    }

    /// After whatever may have written, those who wait look.
    fn tell<T>(&self, key: &RecordKey, done: &Result<T, VaultError>) {
        if matches!(done, Ok(_) | Err(VaultError::InDoubt(_))) {
            self.0.changes.tell(key);
        }
    }
}

#[async_trait]
impl Vault for RedisVault {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let read = self.store_while_open()?.read(std::slice::from_ref(key), 0).await?;
        let found = read.records.into_iter().next().flatten();
        Ok(found.map(|(revision, sealed)| StoredRecord { sealed, revision, read_at: read.at }))
    }

    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let store = self.store_while_open()?;
        if record.as_bytes().len() > SealedRecord::MOST_BYTES {
            return Err(VaultError::refused("the record is longer than 1 MiB"));
        }
        let done = store.store(key, &record, &when).await;
        self.tell(key, &done);
        done
    }

    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        let done = self.store_while_open()?.remove(key, revision).await;
        self.tell(key, &done);
        done
    }

    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        listing::page(self.store_while_open()?, prefix, after, limit).await
    }

    async fn now(&self) -> Result<StoreTime, VaultError> {
        Ok(self.store_while_open()?.read(&[], 0).await?.at)
    }

    fn watch(&self) -> Option<&dyn Watch> {
        Some(&self.0.changes)
    }
}

impl fmt::Debug for RedisVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisVault")
            .field("namespace", &self.0.store.names.namespace())
            .field("is_closed", &self.0.is_closed)
            .finish_non_exhaustive()
    }
}
