//! The handle.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use deadpool_postgres::Pool;
use grantry_core::StoreTime;
use grantry_vault::{
    Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, Vault, VaultError,
    Watch,
};
use tokio_postgres::Config;

use crate::builder::PostgresVaultBuilder;
use crate::changes::Changes;
use crate::store::Store;

/// A vault in PostgreSQL. Clones share its connections.
///
/// It needs a tokio runtime with time and I/O: the one in which it was opened has to live as long as it is used. After
/// a lost connection, a restart or a failover the next call connects again; nothing has to be opened anew.
///
/// ```no_run
/// use grantry_vault::{Precondition, RecordKey, SealedRecord, Vault};
/// use grantry_vault_postgres::PostgresVault;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let vault = PostgresVault::connect("postgresql://acme:password@127.0.0.1/acme").await?;
/// let key = RecordKey::parse("acme/grant/crm/user-17")?;
/// let revision = vault.store(&key, SealedRecord::new("sealed bytes"), Precondition::Absent).await?;
/// assert_eq!(vault.load(&key).await?.map(|record| record.revision), Some(revision));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresVault(Arc<Inner>);

struct Inner {
    store: Store,
    changes: Changes,
    is_closed: AtomicBool,
    /// Where the pool is ours alone it is closed with the handle.
    owns_pool: bool,
}

impl PostgresVault {
    /// Opens the vault with the default settings, without TLS: on a loopback address or a Unix socket.
    ///
    /// The URL is one of PostgreSQL's, such as `postgresql://user:password@127.0.0.1:5432/database`, or its form of
    /// `name=value` pairs. The tables have to be there: see [`PostgresVaultBuilder::migrate`].
    ///
    /// # Errors
    /// As [`PostgresVaultBuilder::open`].
    pub async fn connect(url: &str) -> Result<Self, VaultError> {
        Self::builder(url).open().await
    }

    /// The settings of a vault at a URL. One that is none is an error of whatever comes next.
    pub fn builder(url: &str) -> PostgresVaultBuilder {
        let config = url.parse().map_err(|_| {
            VaultError::refused(
                "the URL is none of PostgreSQL's: postgresql://user:password@host:port/database",
            )
        });
        PostgresVaultBuilder::of_config(config)
    }

    /// The settings of a vault that connects by this configuration.
    pub fn with_config(config: Config) -> PostgresVaultBuilder {
        PostgresVaultBuilder::of_config(Ok(config))
    }

    /// The settings of a vault on the connections of this pool, with the TLS that it brings.
    ///
    /// The pool should be the vault's alone: its sessions get a role and settings of their own. The connections have
    /// to be sessions of the server: a pooler in between that hands them out by transaction or by statement does not
    /// do. Hints from other processes need [`listen_by`](PostgresVaultBuilder::listen_by); without it
    /// [`watch`](Vault::watch) is `None`.
    pub fn from_pool(pool: Pool) -> PostgresVaultBuilder {
        PostgresVaultBuilder::of_pool(pool)
    }

    pub(crate) fn new(store: Store, changes: Changes, owns_pool: bool) -> Self {
        Self(Arc::new(Inner { store, changes, is_closed: AtomicBool::new(false), owns_pool }))
    }

    /// Lets go of the connections of this handle and its clones: every later call is [`VaultError::Closed`]. Calls
    /// that have a connection get their answers. A pool that was handed in stays open.
    pub fn close(&self) {
        self.0.is_closed.store(true, Ordering::Release);
        self.0.changes.close();
        if self.0.owns_pool {
            self.0.store.link().pool.close();
        }
    }

    fn store_while_open(&self) -> Result<&Store, VaultError> {
        if self.0.is_closed.load(Ordering::Acquire) { Err(VaultError::Closed) } else { Ok(&self.0.store) }
    }
}

#[async_trait]
impl Vault for PostgresVault {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.store_while_open()?.load(key).await
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
        store.store(key, record, &when).await
    }

    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        self.store_while_open()?.remove(key, revision).await
    }

    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        self.store_while_open()?.list(prefix, after, limit).await
    }

    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.store_while_open()?.now().await
    }

    fn watch(&self) -> Option<&dyn Watch> {
        self.0.changes.can_listen().then_some(&self.0.changes)
    }
}

impl fmt::Debug for PostgresVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresVault")
            .field("store", &self.0.store)
            .field("is_closed", &self.0.is_closed)
            .finish_non_exhaustive()
    }
}
