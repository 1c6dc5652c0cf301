//! The handle.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::StoreTime;
use grantry_vault::{
    Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, Vault, VaultError,
    Watch,
};

use crate::SqliteVaultBuilder;
use crate::handle::Handle;
use crate::reader::{Question, Range};
use crate::writer::Change;

/// A vault in a SQLite file. Clones share one handle, with its threads.
///
/// What it promises, and what is in the file, stands on [the page of the crate](crate).
///
/// ```
/// use grantry_vault::{Precondition, RecordKey, SealedRecord, Vault, VaultError};
/// use grantry_vault_sqlite::SqliteVault;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("grantry.db");
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let vault = SqliteVault::open(&path).await?;
/// let key = RecordKey::parse("acme/grant/crm/user-17").unwrap();
/// let revision = vault.store(&key, SealedRecord::new("sealed bytes"), Precondition::Absent).await?;
/// assert_eq!(vault.load(&key).await?.unwrap().revision, revision);
/// vault.close().await;
/// assert_eq!(vault.load(&key).await.unwrap_err(), VaultError::Closed);
/// # Ok::<(), VaultError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct SqliteVault(Arc<Handle>);

impl SqliteVault {
    /// Opens the vault in this file with the usual settings; makes it where there is none.
    ///
    /// Needs no runtime. Dropping the future closes again what was opened.
    ///
    /// # Errors
    /// * [`VaultError::Refused`] where others could read or write the file or change its folder, where it is a link,
    ///   is no file, or cannot be written: the text says what to do.
    /// * [`VaultError::Damaged`] where it is the file of another program, is cut short, or has damaged pages that
    ///   opening meets. Nothing in it is changed.
    /// * [`VaultError::Newer`] where a newer version of this library has written it.
    /// * [`VaultError::Full`] where there is no room to make it, and [`VaultError::Unavailable`] where another process
    ///   holds its lock for too long or the system has no thread or file to give.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, VaultError> {
        Self::builder(path).open().await
    }

    /// Opens the vault in this file with other settings.
    pub fn builder(path: impl AsRef<Path>) -> SqliteVaultBuilder {
        SqliteVaultBuilder::new(path.as_ref())
    }

    pub(crate) fn of(handle: Handle) -> Self {
        Self(Arc::new(handle))
    }

    /// Closes this handle and its clones: what was asked for before is finished and answered, the threads end, and
    /// the log is moved into the file if no other handle is open. Whoever asks later is told
    /// [`Closed`](VaultError::Closed).
    ///
    /// Dropping the future cuts nothing off. Dropping the vault without closing it loses nothing either; the threads
    /// then finish behind it.
    pub async fn close(&self) {
        self.0.close().await;
    }

    /// Reads the whole file and checks that each page is as it should be. That takes about a second for each gigabyte
    /// or two, and one of the two threads that read.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] where it is not; otherwise as [`load`](Vault::load).
    pub async fn check(&self) -> Result<(), VaultError> {
        self.0.ask(Question::Check).await
    }
}

impl fmt::Debug for SqliteVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteVault").field("path", &self.0.path()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Vault for SqliteVault {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.0.ask(|reply| Question::Load(key.clone(), reply)).await
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
        self.0.write(key, Change::Store(record, when)).await.map(Revision::number)
    }

    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        // No record has a revision that is a text, nor the number 0.
        self.0.write(key, Change::Remove(revision.as_number().unwrap_or(0))).await.map(drop)
    }

    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        let start = prefix.as_str();
        // No key is as short as a prefix, so what begins with it comes after it.
        let after = after.map_or(start, RecordKey::as_str).max(start).to_owned();
        // Behind every key, all of which begin with an ASCII character.
        let before = prefix.end().unwrap_or_else(|| String::from("\u{10ffff}"));
        let range = Range { after, before, limit };
        let page = self.0.ask(|reply| Question::List(range.clone(), reply)).await?;
        Ok(Page { more: page.more && limit > 0, ..page })
    }

    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.0.now().await
    }

    fn watch(&self) -> Option<&dyn Watch> {
        Some(self.0.hints())
    }
}
