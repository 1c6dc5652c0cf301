//! The sweep: records that lie under older keys are sealed anew, in the order of their keys.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Instant, TenantId};

use super::rotator::{PAGE, Rotator, Run};
use super::{RotationPhase, RotationProgress};
use crate::backend::{NOBODY, RecordKey, RecordKind, RecordPrefix, StoredRecord, VaultError};
use crate::keyring::{TenantKeys, keys_record};
use crate::records::{Kept, PendingRecord, tombstone};
use crate::sealing::{Header, RefusedRecord};
use crate::store::{Draft, StoreError};

/// What became of a record.
enum Done {
    Left,
    Resealed,
    Removed,
    Refused(RefusedRecord),
}

/// What is known of the keys of a page's tenants.
type KeysOfTenants = HashMap<String, Known>;

#[derive(Clone)]
enum Known {
    Keys(Arc<TenantKeys>),
    /// The tenant was erased: nobody can open what is left of it.
    Erased,
    /// They cannot be had, and trying again would not help.
    Lost,
}

impl<'a> Rotator<'a> {
    /// Goes through all records, from where an earlier run was cut off.
    pub(super) async fn sweep(&self, run: &mut Run<'a>) -> Result<(), StoreError> {
        let mut after = run.lease.notes.cursor.as_deref().and_then(|cursor| RecordKey::parse(cursor).ok());
        let of = if self.policy.counts_first { Some(self.count(run, after.clone()).await?) } else { None };
        loop {
            let began = self.keyring.clock.now();
            let page =
                self.keyring.store.backend.list(&RecordPrefix::everything(), after.as_ref(), PAGE).await?;
            let mut keys = KeysOfTenants::new();
            let (mut changed, more) = (0, page.more);
            let last = page.records.last().map(|(key, _)| key.clone());
            for (key, stored) in page.records {
                run.report.seen += 1;
                match self.sweep_record(&key, stored, &mut keys).await? {
                    Done::Left => {}
                    Done::Resealed => {
                        changed += 1;
                        run.report.resealed += 1;
                    }
                    Done::Removed => {
                        changed += 1;
                        run.report.removed += 1;
                    }
                    Done::Refused(why) => run.report.refuse(&key, why),
                }
            }
            (self.on_progress)(RotationProgress {
                phase: RotationPhase::Records,
                seen: run.report.seen,
                of,
                changed: run.report.resealed + run.report.removed,
            });
            after = last.filter(|_| more);
            run.lease.notes.cursor = after.as_ref().map(|key| key.as_str().to_owned());
            // How far it got is noted after each page that changed something: a run that is killed repeats one page.
            if changed > 0 || after.is_none() {
                run.lease.renew().await?;
                run.renewed = self.keyring.clock.now();
            } else {
                self.keep_lease(run).await?;
            }
            if after.is_none() {
                return Ok(());
            }
            self.pace(began, changed).await;
        }
    }

    /// How many records come after `after`.
    async fn count(&self, run: &mut Run<'a>, mut after: Option<RecordKey>) -> Result<u64, StoreError> {
        let mut count = 0;
        loop {
            let page =
                self.keyring.store.backend.list(&RecordPrefix::everything(), after.as_ref(), PAGE).await?;
            count += page.records.len() as u64;
            after = page.records.into_iter().next_back().map(|(key, _)| key).filter(|_| page.more);
            if after.is_none() {
                return Ok(count);
            }
            self.keep_lease(run).await?;
        }
    }

    async fn sweep_record(
        &self,
        key: &RecordKey,
        stored: StoredRecord,
        keys: &mut KeysOfTenants,
    ) -> Result<Done, StoreError> {
        if *key == keys_record(None) || key.kind() == RecordKind::Lease {
            // The first is not sealed, and the other is sealed anew all the time.
            return Ok(Done::Left);
        }
        let keys = match keys.get(key.tenant_part()) {
            Some(keys) => keys.clone(),
            None => {
                let loaded = self.keys_of(key).await?;
                keys.insert(key.tenant_part().to_owned(), loaded.clone());
                loaded
            }
        };
        if matches!(keys, Known::Erased) {
            return self.remove(key, &stored).await;
        }
        let epoch = match Header::read(stored.sealed.as_bytes()) {
            Ok((header, _)) => header.stamp.epoch,
            Err(why) => return Ok(Done::Refused(why)),
        };
        let Known::Keys(keys) = keys else {
            return Ok(Done::Refused(RefusedRecord::UnknownEpoch { epoch }));
        };
        if epoch > keys.active().0 {
            // Another process began an epoch since these keys were loaded.
            return Ok(Done::Left);
        }
        let store = &self.keyring.store;
        let is_current = epoch == keys.active().0;
        let is_pending = key.kind() == RecordKind::Pending;
        if is_current && !is_pending && stored.sealed.as_bytes().len() > SMALL {
            // Not a tombstone, which is one bucket long: there is nothing to open.
            return Ok(Done::Left);
        }
        let (revision, read_at) = (stored.revision.clone(), stored.read_at);
        let found = match store.open(key, &keys, stored.sealed.clone(), revision, read_at) {
            Ok(found) => found,
            Err(StoreError::Refused(why)) => return Ok(Done::Refused(why)),
            Err(error) => return Err(error),
        };
        if let Some(deleted) = tombstone(&found.content)
            && (is_pending || read_at.since(deleted) >= self.tombstones_stand)
        {
            return self.remove(key, &stored).await;
        }
        if is_pending
            && let Ok(Kept::Content(pending)) = Kept::<PendingRecord>::decode(&found.content)
            && read_at >= pending.expires
        {
            return self.remove(key, &stored).await;
        }
        if is_current {
            return Ok(Done::Left);
        }
        let stamp = found.standing.stamp;
        let draft = Draft { lineage: stamp.lineage, generation: stamp.generation, content: &found.content };
        match store.write(key, &keys, Some(&found.standing), draft).await {
            Ok(_) => Ok(Done::Resealed),
            // Somebody else wrote it, and so sealed it anew.
            Err(error) if error.is_conflict() => Ok(Done::Left),
            Err(error) => Err(error),
        }
    }

    /// The keys of a record's tenant.
    async fn keys_of(&self, key: &RecordKey) -> Result<Known, StoreError> {
        let tenant = match key.tenant_part() {
            NOBODY => None,
            name => Some(TenantId::new(name).map_err(|_| RefusedRecord::Misplaced)?),
        };
        match self.keyring.keys(tenant.as_ref()).await {
            Ok(keys) => Ok(Known::Keys(keys)),
            Err(StoreError::Erased(_)) => Ok(Known::Erased),
            Err(error) if error.is_passing() => Err(error),
            Err(error) => {
                tracing::warn!(
                    grantry.tenant = key.tenant_part(),
                    exception.message = %error,
                    "the keys of a tenant cannot be had"
                );
                Ok(Known::Lost)
            }
        }
    }

    async fn remove(&self, key: &RecordKey, stored: &StoredRecord) -> Result<Done, StoreError> {
        match self.keyring.store.backend.remove(key, &stored.revision).await {
            Ok(()) => Ok(Done::Removed),
            Err(VaultError::Conflict) => Ok(Done::Left),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits as long as so many changes are to take.
    async fn pace(&self, began: Instant, changed: u32) {
        let due = Duration::from_secs(1) * changed / self.policy.records_per_second;
        let took = self.keyring.clock.now().since(began);
        if let Some(rest) = due.checked_sub(took) {
            tokio::time::sleep(rest).await;
        }
    }
}

/// Longer than the sealed form of a tombstone, in bytes.
const SMALL: usize = Header::BYTES + 256 + 16;
