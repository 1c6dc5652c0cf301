//! Where the time of a renewal goes: how long each of its stages takes, from outside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use grantry_core::StoreTime;
use grantry_custody::{AdoptedId, Adoption, Cargo, FolderLifeboat, Lifeboat, LifeboatError, Seat};
use grantry_vault::{
    Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, Vault, VaultError,
    Watch,
};

use crate::figure::Report;

/// The times of each stage.
#[derive(Debug, Default)]
pub(crate) struct Stages(Mutex<BTreeMap<&'static str, Vec<Duration>>>);

impl Stages {
    fn note(&self, stage: &'static str, since: Instant) {
        let mut stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stages.entry(stage).or_default().push(since.elapsed());
    }

    /// Forgets them.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The median of each, and how often there was one.
    pub(crate) fn report(&self, report: &mut Report, renewals: f64) {
        for (stage, times) in &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            times.sort_unstable();
            let median = times[times.len() / 2].as_secs_f64() * 1_000.0;
            let each = times.len() as f64 / renewals;
            report.add(format!("  {stage}, median of {each:.2} a renewal"), median, "ms", None, "-", true);
        }
    }
}

/// A store whose calls are timed.
#[derive(Debug)]
pub(crate) struct Staged<V>(pub(crate) V, pub(crate) Arc<Stages>);

#[async_trait]
impl<V: Vault> Vault for Staged<V> {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        let start = Instant::now();
        let loaded = self.0.load(key).await;
        self.1.note("a read", start);
        loaded
    }
    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let start = Instant::now();
        let stored = self.0.store(key, record, when).await;
        let is_grant = key.as_grant_key().is_some();
        self.1.note(if is_grant { "the claim or the landing" } else { "the audit trail" }, start);
        stored
    }
    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        self.0.remove(key, revision).await
    }
    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        self.0.list(prefix, after, limit).await
    }
    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.0.now().await
    }
    fn watch(&self) -> Option<&dyn Watch> {
        self.0.watch()
    }
}

/// A lifeboat whose entries are timed.
#[derive(Debug)]
pub(crate) struct StagedBoat(pub(crate) FolderLifeboat, pub(crate) Arc<Stages>);

#[async_trait]
impl Lifeboat for StagedBoat {
    async fn reserve(&self) -> Result<Seat, LifeboatError> {
        self.0.reserve().await
    }
    async fn board(&self, seat: &Seat, cargo: &Cargo) -> Result<(), LifeboatError> {
        let start = Instant::now();
        let boarded = self.0.board(seat, cargo).await;
        self.1.note("the lifeboat", start);
        boarded
    }
    fn leave(&self, seat: Seat) {
        self.0.leave(seat);
    }
    async fn adopt(&self) -> Result<Adoption, LifeboatError> {
        self.0.adopt().await
    }
    async fn bring_home(&self, id: &AdoptedId) -> Result<(), LifeboatError> {
        self.0.bring_home(id).await
    }
    fn is_durable(&self) -> bool {
        self.0.is_durable()
    }
}
