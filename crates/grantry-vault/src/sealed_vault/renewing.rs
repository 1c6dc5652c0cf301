//! A renewal: several reads and writes under one decision and one record in the audit trail.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;

use grantry_core::{AccountId, Error, ServiceName, StoreTime};

use super::guard::Attempted;
use super::open::about;
use super::tenant::Line;
use super::{RecordVersion, Stored, TenantVault};
use crate::GrantState;
use crate::audit::{AttemptId, Outcome};
use crate::backend::{RecordKey, Watch};
use crate::keyring::TenantKeys;
use crate::records::{ClientRecord, GrantRecord, Kept};
use crate::sealing::{RefusedRecord, Withdrawal};
use crate::store::{Draft, StoreError};

/// A grant that is being renewed: for whoever redeems refresh tokens.
///
/// It was allowed and recorded when it began, and the tenant's keys were unwrapped; so from then on neither the key
/// provider nor the audit trail stands between an answer of the authorization server and the store.
/// [`finish`](Renewing::finish) records how it ended, and dropping it records that nobody knows. What it writes goes on
/// in the grant's line of descent.
pub struct Renewing {
    pub(super) vault: TenantVault,
    record: RecordKey,
    service: ServiceName,
    attempt: Option<AttemptId>,
    pub(super) keys: Arc<TenantKeys>,
}

impl Renewing {
    pub(super) async fn begin(
        vault: TenantVault,
        service: ServiceName,
        account: &AccountId,
        attempt: AttemptId,
    ) -> Result<Self, Error> {
        let record = vault.grant_record(&service, account);
        let inner = Arc::clone(&vault.inner);
        let begun = Attempted::new(&inner, attempt);
        match inner.keys(&vault.tenant).await {
            Ok(keys) => Ok(Self { record, service, attempt: begun.hand_over(), keys, vault }),
            Err(error) => {
                let error = error.into_error(&record);
                begun.end(Outcome::failed(error.kind().as_str()));
                Err(error)
            }
        }
    }

    /// The id of the attempt in the audit trail: a record can name it, so that another process can tell how it ended.
    pub fn attempt(&self) -> Option<AttemptId> {
        self.attempt
    }

    /// Where the grant is kept.
    pub fn record(&self) -> &RecordKey {
        &self.record
    }

    /// The grant as it stands, with its tokens.
    ///
    /// # Errors
    /// As every call of [`TenantVault`].
    pub async fn grant(&self) -> Result<Option<Stored<GrantRecord>>, Error> {
        self.vault.read(&self.record).await
    }

    /// The grant as it stands in a store that went back behind what this process has seen: for writing what was lost
    /// again. The version that it gives counts on from the newest that was seen. What was withdrawn stands there again:
    /// [`withdrawn_again`](Self::withdrawn_again) is what a grant is to be used by.
    ///
    /// # Errors
    /// As every call of [`TenantVault`], but for the rollback itself.
    pub async fn grant_after_rollback(&self) -> Result<Option<Stored<GrantRecord>>, Error> {
        let read = async {
            let found = self.vault.inner.store.read_rolled_back(&self.record, &self.keys).await?;
            let kept = found.map(|found| Ok((Kept::<GrantRecord>::decode(&found.content)?, found.standing)));
            kept.transpose()
        };
        let found: Result<_, StoreError> = read.await;
        let Some((Kept::Content(grant), standing)) = found.map_err(about(&self.record))? else {
            return Ok(None);
        };
        Ok(Some(Stored::new(grant, standing)))
    }

    /// What is left of a grant that a store brought back: one that this process knows to be deleted is deleted once more, and one
    /// that it knows to be revoked, or moved to another vault, is so again. A consent that was given since stays.
    ///
    /// Whether it can be written or not, here it is withdrawn; whoever reads it next tries again.
    pub async fn withdrawn_again(&self, mut stored: Stored<GrantRecord>) -> Option<Stored<GrantRecord>> {
        let withdrawn = self.vault.inner.store.water.withdrawn(&self.record, stored.version.lineage());
        match withdrawn {
            None => {}
            Some(Withdrawal::Deleted) => {
                drop(self.bury(&stored.version).await);
                return None;
            }
            Some(Withdrawal::Ended(state)) => {
                stored.value = stored.value.with_state(state);
                let again = Kept::Content(stored.value.clone());
                if let Ok(version) = self.vault.write(&self.record, Some(&stored.version), None, again).await
                {
                    stored.version = version;
                }
            }
        }
        Some(stored)
    }

    /// The grant as it stands, also where the store went back behind what this process has seen; and whether it did. One that was
    /// revoked or deleted, and that somebody else has written since who did not know because the store went back, is so again.
    ///
    /// # Errors
    /// As every call of [`TenantVault`].
    pub async fn grant_or_what_is_left(&self) -> (Result<Option<Stored<GrantRecord>>, Error>, bool) {
        match self.grant().await {
            Err(error) if Self::is_rollback(&error) => match self.grant_after_rollback().await {
                Ok(Some(stored)) => (Ok(self.withdrawn_again(stored).await), true),
                other => (other, true),
            },
            Ok(Some(stored)) if self.was_withdrawn(&stored) => {
                (Ok(self.withdrawn_again(stored).await), false)
            }
            other => (other, false),
        }
    }

    /// Whether this process knows of a grant that lives that it was revoked or deleted.
    fn was_withdrawn(&self, stored: &Stored<GrantRecord>) -> bool {
        let lives = !matches!(stored.state(), GrantState::Revoked | GrantState::Moved);
        let withdrawn = || self.vault.inner.store.water.withdrawn(&self.record, stored.version.lineage());
        lives && matches!(withdrawn(), Some(Withdrawal::Deleted | Withdrawal::Ended(GrantState::Revoked)))
    }

    /// The client registration that it is renewed with, with its secrets.
    ///
    /// # Errors
    /// As every call of [`TenantVault`].
    pub async fn client(&self) -> Result<Option<Stored<ClientRecord>>, Error> {
        self.vault.read(&RecordKey::client(self.vault.tenant(), &self.service)).await
    }

    /// Writes the grant in place of `over`, as that generation of the same line of descent.
    ///
    /// The keys are those that were unwrapped when the renewal began, unless it took so long that they are too old.
    ///
    /// # Errors
    /// `Conflict` where the grant is no longer the one that `over` names: read it again before anything is given up.
    pub async fn store(
        &self,
        grant: GrantRecord,
        over: &RecordVersion,
        generation: u64,
    ) -> Result<RecordVersion, Error> {
        let write = async {
            let fresh;
            let keys = if self.keys.may_write() {
                &self.keys
            } else {
                fresh = self.vault.inner.keys(&self.vault.tenant).await?;
                &fresh
            };
            let content = Kept::Content(grant).encode();
            let line = Line { id: over.lineage(), generation };
            let draft = Draft { lineage: line.id, generation: line.generation, content: content.as_bytes() };
            self.vault.inner.store.write(&self.record, keys, Some(&over.0), draft).await
        };
        write.await.map(RecordVersion).map_err(about(&self.record))
    }

    /// Deletes the grant in place of `over`, and leaves a tombstone: nothing that is still under way brings it back. For
    /// one that was revoked.
    ///
    /// # Errors
    /// As [`store`](Renewing::store).
    pub async fn bury(&self, over: &RecordVersion) -> Result<(), Error> {
        self.vault.bury::<GrantRecord>(&self.record, over).await
    }

    /// The store's clock.
    ///
    /// # Errors
    /// `Storage` where it does not answer.
    pub async fn now(&self) -> Result<StoreTime, Error> {
        let now = self.vault.inner.store.backend.now().await;
        now.map_err(|error| StoreError::from(error).into_error(&self.record))
    }

    /// Tells of changes of the grant, where the store can.
    pub fn watch(&self) -> Option<&dyn Watch> {
        self.vault.inner.store.backend.watch()
    }

    /// Whether an error says that the store went back behind what this process has seen.
    pub fn is_rollback(error: &Error) -> bool {
        let cause = error.source().and_then(|cause| cause.downcast_ref::<RefusedRecord>());
        matches!(cause, Some(RefusedRecord::RolledBack { .. }))
    }

    /// Records how it ended.
    pub fn finish(mut self, outcome: Outcome) {
        self.end(outcome);
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(attempt) = self.attempt.take() {
            self.vault.inner.audit.outcome(attempt, outcome);
        }
    }
}

impl Drop for Renewing {
    fn drop(&mut self) {
        self.end(Outcome::unknown());
    }
}

impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewing").field("record", &self.record).finish_non_exhaustive()
    }
}
