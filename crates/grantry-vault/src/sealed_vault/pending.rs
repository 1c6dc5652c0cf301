//! What waits for a person: sealed bytes that one of all replicas takes out, once.

use std::time::Duration;

use grantry_core::{AccountId, Error, ErrorKind, StoreTime};
use zeroize::Zeroizing;

use super::TenantVault;
use super::tenant::name;
use crate::access::Permission;
use crate::backend::{RecordKey, RecordKind};
use crate::records::{Kept, PendingRecord};
use crate::store::{Standing, StoreError};

/// What is looked at, in the audit trail.
const KIND: &str = "pending";
/// How many are looked at in one go.
const PAGE: usize = 256;

impl TenantVault {
    /// Keeps bytes for a while under a name that nobody can guess, in place of what stands there: an authorization that
    /// a person has not finished. Needs `grant.create` for the whole tenant, since a grant comes of it.
    ///
    /// # Errors
    /// As every call; `Configuration` for a name that is no [`AccountId`], and for bytes that no record can hold.
    pub async fn keep_pending(
        &self,
        id: impl AsRef<str>,
        content: Zeroizing<Vec<u8>>,
        lifetime: Duration,
    ) -> Result<(), Error> {
        let record = self.pending_record(id)?;
        let work = async {
            let found = self.pending(&record).await?;
            let now = self.now().await?;
            let kept = Kept::Content(PendingRecord { expires: now.after(lifetime), content });
            let over = found.map(|(_, standing)| super::RecordVersion(standing));
            self.write(&record, over.as_ref(), None, kept).await.map(drop)
        };
        self.inner.guarded(self.asked(Permission::GrantCreate, None, None, KIND), work).await
    }

    /// Takes what was kept under this name, so that nobody gets it again: of all that take it at once, on whatever
    /// replica, one does. `None` where there is nothing, or nothing more. Needs `grant.create` for the whole tenant.
    ///
    /// **Cancel-safety**: a future that is dropped may have taken it.
    ///
    /// # Errors
    /// As every call. A store that did not say whether it was taken has it taken for lost: `Storage`.
    pub async fn take_pending(&self, id: impl AsRef<str>) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let record = self.pending_record(id)?;
        let work = async {
            let Some((Kept::Content(pending), standing)) = self.pending(&record).await? else {
                return Ok(None);
            };
            let is_expired = standing.read_at >= pending.expires;
            match self.remove_pending(&record, standing).await {
                Ok(()) => Ok(Some(pending.content).filter(|_| !is_expired)),
                Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.inner.guarded(self.asked(Permission::GrantCreate, None, None, KIND), work).await
    }

    /// Removes what nobody took in time, and says how much that was. A rotation does it as well; where logins are many
    /// and rotations rare, do it once an hour. Needs `grant.create` for the whole tenant.
    ///
    /// # Errors
    /// As [`grants`](TenantVault::grants).
    pub async fn sweep_pending(&self) -> Result<usize, Error> {
        let work = async {
            let (mut removed, mut after) = (0, None);
            loop {
                let page = self.list::<PendingRecord>(after, PAGE).await?;
                let is_last = page.len() < PAGE;
                after = page.last().map(|(record, _)| record.clone());
                for (record, stored) in page {
                    if stored.version.0.read_at < stored.value.expires {
                        continue;
                    }
                    match self.remove_pending(&record, stored.version.0).await {
                        Ok(()) => removed += 1,
                        // Somebody takes it at this moment, and gets nothing: it has expired.
                        Err(error) if error.kind() == ErrorKind::Conflict => {}
                        Err(error) => return Err(error),
                    }
                }
                if is_last {
                    return Ok(removed);
                }
            }
        };
        self.inner.guarded(self.asked(Permission::GrantCreate, None, None, KIND), work).await
    }

    /// The store's clock, by which times in records are judged.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn now(&self) -> Result<StoreTime, Error> {
        let now = self.inner.store.backend.now().await;
        now.map_err(|error| StoreError::from(error).into_error(&self.tenant))
    }

    fn pending_record(&self, id: impl AsRef<str>) -> Result<RecordKey, Error> {
        Ok(RecordKey::of_tenant(&self.tenant, RecordKind::Pending, &name(AccountId::new(id))?))
    }

    async fn pending(&self, record: &RecordKey) -> Result<Option<(Kept<PendingRecord>, Standing)>, Error> {
        let found = self.inner.read::<PendingRecord>(Some(&self.tenant), record).await;
        found.map_err(super::open::about(record))
    }

    /// A tombstone first, for only a write can tell whether it was itself that was done; and then nothing, for a name
    /// that is never used again needs none.
    async fn remove_pending(&self, record: &RecordKey, standing: Standing) -> Result<(), Error> {
        let now = standing.read_at;
        let over = super::RecordVersion(standing);
        let buried = self.write::<PendingRecord>(record, Some(&over), None, Kept::Tombstone(now)).await?;
        // What stays behind is a tombstone, which a rotation removes.
        let _ = self.inner.store.backend.remove(record, &buried.0.revision).await;
        Ok(())
    }
}
