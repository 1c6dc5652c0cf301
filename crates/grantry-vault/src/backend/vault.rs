//! What a backend has to do.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::StoreTime;

use super::{
    Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, VaultError, Watch,
};

/// A backend: keeps sealed records under their keys. It is dumb and untrusted: it sees no secret, decides
/// nothing, and cannot leak or mis-encrypt, because there is nothing to encrypt.
///
/// Everything that the vault promises of crashes and replicas stands on what a backend promises here. The suite
/// `grantry_vault::conformance` (feature `conformance`) checks each promise by name; one macro line runs
/// it against a backend.
///
/// # What a backend promises
///
/// * **Compare-and-swap is the only write.** [`store`](Vault::store) writes if and only if the
///   [`Precondition`] holds at that moment, in one step that no other caller can see half of. Of several callers
///   with the same precondition at most one succeeds. A revision of another form than the store gives is one that
///   no record has.
/// * **Durable before it returns.** A write that was answered with `Ok` survives a crash of the process and of
///   the machine. Where a store cannot promise that, its page says so.
/// * **Read your writes.** A [`load`](Vault::load) or a [`list`](Vault::list) that begins after a write returned
///   sees that write or a later one, whichever handle it goes through, in every process.
/// * **Revisions never repeat** for one key, not even after the record was removed and stored again.
/// * **The clock never runs backwards.** [`now`](Vault::now) and [`StoredRecord::read_at`] are readings of one
///   clock of the store, the same for all its users: a later call never returns an earlier moment, in whichever
///   process. It counts nanoseconds, and need not be the time of day.
/// * **Listing is complete.** Paging with `after` meets each record that was there all the time exactly once, in
///   the order of the keys' bytes, also while others write.
/// * **Bytes are bytes.** What was stored comes back unchanged, from 0 bytes to 1 MiB, under every valid key.
///   Keys that differ in a single byte are different keys: no case folding, no Unicode normalisation.
///
/// # Errors
///
/// [`VaultError`] sorts them by what the caller may conclude. The one that matters most: an answer that was lost
/// after a write was sent is [`VaultError::InDoubt`], never `Unavailable`, and never a silent second try.
///
/// # Cancel-safety and concurrency
///
/// A future of `store` or `remove` that is dropped may or may not have written: the same as `InDoubt`. No
/// other call changes anything. Calls come from many tasks at once; a backend must not hold a lock across them
/// that one slow caller could keep, and a caller that no longer polls its future holds nobody else up.
///
/// # Example
///
/// `examples/custom_vault` is a whole backend in sixty lines, over a store that writes on condition. This one wraps another and counts its writes:
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use async_trait::async_trait;
/// use grantry_core::StoreTime;
/// use grantry_vault::{
///     MemoryVault, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, Vault,
///     VaultError, Watch,
/// };
///
/// #[derive(Debug, Default)]
/// struct Counted {
///     inner: MemoryVault,
///     writes: AtomicU64,
/// }
///
/// #[async_trait]
/// impl Vault for Counted {
///     async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
///         self.inner.load(key).await
///     }
///     async fn store(
///         &self,
///         key: &RecordKey,
///         record: SealedRecord,
///         when: Precondition,
///     ) -> Result<Revision, VaultError> {
///         self.writes.fetch_add(1, Ordering::Relaxed);
///         self.inner.store(key, record, when).await
///     }
///     async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
///         self.inner.remove(key, revision).await
///     }
///     async fn list(
///         &self,
///         prefix: &RecordPrefix,
///         after: Option<&RecordKey>,
///         limit: usize,
///     ) -> Result<Page, VaultError> {
///         self.inner.list(prefix, after, limit).await
///     }
///     async fn now(&self) -> Result<StoreTime, VaultError> {
///         self.inner.now().await
///     }
///     fn watch(&self) -> Option<&dyn Watch> {
///         self.inner.watch()
///     }
/// }
/// ```
#[async_trait]
pub trait Vault: fmt::Debug + Send + Sync + 'static {
    /// The record under `key`, or `None` where there is none.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`] and the like; never `Conflict`.
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError>;

    /// Writes `record` under `key` if `when` holds, and returns the revision that it has from now on.
    ///
    /// # Errors
    /// [`VaultError::Conflict`] where the precondition does not hold: nothing was written.
    /// [`VaultError::InDoubt`] where nobody can tell whether it was written. After any other error it was not.
    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError>;

    /// Removes the record under `key` for good if it has this revision.
    ///
    /// The vault deletes by storing a tombstone; only tombstones past their hold time are removed.
    ///
    /// # Errors
    /// As [`store`](Vault::store); `Conflict` also where there is no record.
    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError>;

    /// At most `limit` records whose keys begin with `prefix` and come after `after`, in the order of the keys'
    /// bytes. [`Page::more`] says whether there may be others behind the last. A page may hold fewer than
    /// `limit` and still have `more`; an empty page never does, so a limit of 0 gives an empty page without `more`.
    /// `usize::MAX` is a limit, too.
    ///
    /// # Errors
    /// As [`load`](Vault::load).
    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError>;

    /// The store's clock.
    ///
    /// # Errors
    /// As [`load`](Vault::load).
    async fn now(&self) -> Result<StoreTime, VaultError>;

    /// Tells of changes, where the store can. It is a hint: whoever waits for a change polls too.
    fn watch(&self) -> Option<&dyn Watch>;
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<V: Vault + ?Sized> Vault for $pointer<V> {
            async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
                (**self).load(key).await
            }
            async fn store(
                &self,
                key: &RecordKey,
                record: SealedRecord,
                when: Precondition,
            ) -> Result<Revision, VaultError> {
                (**self).store(key, record, when).await
            }
            async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
                (**self).remove(key, revision).await
            }
            async fn list(
                &self,
                prefix: &RecordPrefix,
                after: Option<&RecordKey>,
                limit: usize,
            ) -> Result<Page, VaultError> {
                (**self).list(prefix, after, limit).await
            }
            async fn now(&self) -> Result<StoreTime, VaultError> {
                (**self).now().await
            }
            fn watch(&self) -> Option<&dyn Watch> {
                (**self).watch()
            }
        }
    )*};
}
forward!(Arc, Box);
