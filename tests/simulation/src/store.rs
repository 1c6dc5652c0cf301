//! The store that all processes share: slow, doubtful, gone for a while, and set back.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Clock, GrantKey, StoreTime};
use grantry_testkit::ManualClock;
use grantry_vault::{
    ChangeHint, Page, Precondition, RecordKey, RecordKind, RecordPrefix, Revision, SealedRecord,
    StoredRecord, Vault, VaultError, Watch,
};

use tokio::sync::oneshot;

use crate::life::{Life, machine_of};
use crate::link::{Cut, Link};

type Records = BTreeMap<RecordKey, (SealedRecord, u64)>;

/// What is stored.
#[derive(Debug)]
pub(crate) struct Disk {
    state: Mutex<State>,
    hints: Hints,
    clock: ManualClock,
    /// By how much its clock is ahead of the world's, in nanoseconds.
    ahead: AtomicU64,
    /// Whether it does not answer.
    pub(crate) is_down: AtomicBool,
    /// Whether the audit trail cannot be written.
    pub(crate) is_trail_down: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct State {
    records: Records,
    writes: u64,
    /// What a failover would come back with.
    replicated: Records,
    /// What failovers have lost of the audit trail.
    lost_trail: Records,
}

impl Disk {
    /// An empty disk.
    pub(crate) fn new(clock: ManualClock) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            hints: Hints::default(),
            clock,
            ahead: AtomicU64::new(0),
            is_down: AtomicBool::new(false),
            is_trail_down: Arc::default(),
        })
    }

    /// What is written so far would outlive a failover.
    pub(crate) fn replicate(&self) {
        let mut state = self.lock();
        state.replicated = state.records.clone();
    }

    /// Its clock leaps ahead.
    pub(crate) fn leap(&self, by: Duration) {
        self.ahead.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(0), Ordering::Relaxed);
    }

    /// Everything since the last replication is lost. Gives the grants whose records were set back.
    pub(crate) fn fail_over(&self) -> Vec<GrantKey> {
        let mut state = self.lock();
        let replicated = state.replicated.clone();
        let lost = std::mem::replace(&mut state.records, replicated);
        let is_back = |key: &RecordKey, revision: u64| {
            state.records.get(key).is_none_or(|(_, known)| *known != revision)
        };
        let set_back = lost.iter().filter(|(key, (_, revision))| is_back(key, *revision));
        let (of_trail, others): (Vec<_>, Vec<_>) =
            set_back.partition(|(key, _)| key.kind() == RecordKind::Audit);
        let set_back = others.into_iter().filter_map(|(key, _)| key.as_grant_key()).collect();
        let of_trail: Records = of_trail.into_iter().map(|(key, lost)| (key.clone(), lost.clone())).collect();
        state.lost_trail.extend(of_trail);
        drop(state);
        self.hints.tell_all();
        set_back
    }

    /// Puts back what failovers have lost of the audit trail, so that it can be judged as it was written. A batch whose answer was
    /// lost, too, has come again, perhaps with more lines: what stands there stays.
    pub(crate) fn recover_trail(&self) {
        let mut state = self.lock();
        for (key, lost) in std::mem::take(&mut state.lost_trail) {
            state.records.entry(key).or_insert(lost);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> StoreTime {
        StoreTime::from_nanos(self.clock.now().as_nanos() + self.ahead.load(Ordering::Relaxed))
    }
}

/// Hints that wake those who wait in the order in which they came: the vault's own choose at random, and a world has to come
/// again with its seed.
#[derive(Debug, Default)]
struct Hints(Mutex<BTreeMap<RecordKey, Vec<oneshot::Sender<()>>>>);

impl Hints {
    fn tell(&self, key: &RecordKey) {
        let told = self.lock().remove(key);
        for waiting in told.into_iter().flatten() {
            let _ = waiting.send(());
        }
    }

    fn tell_all(&self) {
        let told = std::mem::take(&mut *self.lock());
        for waiting in told.into_values().flatten() {
            let _ = waiting.send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RecordKey, Vec<oneshot::Sender<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for Hints {
    fn next_change(&self, key: &RecordKey) -> ChangeHint {
        let (sender, told) = oneshot::channel();
        let mut waiting = self.lock();
        let of_key = waiting.entry(key.clone()).or_default();
        of_key.retain(|other| !other.is_closed());
        of_key.push(sender);
        ChangeHint::new(async move {
            let _ = told.await;
        })
    }
}

/// The disk as one process reaches it; without a process, as somebody reaches it to whom nothing happens.
#[derive(Debug)]
pub(crate) struct Store {
    disk: Arc<Disk>,
    life: Option<Arc<Life>>,
    hints: HintsOver,
}

/// Hints as one machine hears them: those that are given while it is cut off are lost.
#[derive(Debug)]
struct HintsOver {
    disk: Arc<Disk>,
    link: Option<Arc<Link>>,
}

impl HintsOver {
    fn cut(&self) -> Option<(Cut, Duration)> {
        self.link.as_ref().and_then(|link| link.store())
    }
}

impl Watch for HintsOver {
    fn next_change(&self, key: &RecordKey) -> ChangeHint {
        let (change, link) = (self.disk.hints.next_change(key), self.link.clone());
        ChangeHint::new(async move {
            change.await;
            if link.is_some_and(|link| link.store().is_some()) {
                std::future::pending::<()>().await;
            }
        })
    }
}

impl Store {
    /// The store of a process.
    pub(crate) fn of(disk: &Arc<Disk>, life: &Arc<Life>, link: &Arc<Link>) -> Self {
        let hints = HintsOver { disk: Arc::clone(disk), link: Some(Arc::clone(link)) };
        Self { disk: Arc::clone(disk), life: Some(Arc::clone(life)), hints }
    }

    /// The store without anything between.
    pub(crate) fn at_hand(disk: &Arc<Disk>) -> Self {
        let hints = HintsOver { disk: Arc::clone(disk), link: None };
        Self { disk: Arc::clone(disk), life: None, hints }
    }

    async fn before(&self, what: &'static str) -> Result<(), VaultError> {
        let Some(life) = &self.life else { return Ok(()) };
        life.pass(what).await;
        tokio::time::sleep(Duration::from_micros(200 + life.fate.dice.below(8_000))).await;
        if self.disk.is_down.load(Ordering::Relaxed) {
            life.fate.trace.fault("store unavailable");
            return Err(VaultError::unavailable("an outage"));
        }
        if let Some((cut, lasts)) = self.hints.cut() {
            life.fate.trace.fault("store out of one machine's reach");
            if cut != Cut::Refuses {
                life.be_kept_waiting(lasts).await;
                life.pass(what).await;
            }
            if cut != Cut::Waits {
                return Err(VaultError::unavailable("a cut"));
            }
        }
        Ok(())
    }

    /// The store's clock, at which a process looks that reads grants.
    fn looks_at(&self, grants: bool) -> StoreTime {
        if let Some(life) = self.life.as_ref().filter(|_| grants) {
            life.fate.tower.looks(life.number);
        }
        self.disk.now()
    }

    /// A write is done. Whether its answer is lost, because the machine is cut off from now on.
    async fn is_cut_by_write(&self) -> bool {
        let Some(link) = self.hints.link.as_ref().filter(|link| link.is_cut_by_write()) else { return false };
        let (Some(life), Some((cut, lasts))) = (&self.life, link.store()) else { return false };
        life.fate.trace.fault("answer of a write lost in a cut");
        let now = life.fate.clock.now();
        life.fate.tower.outage(now, now.after(lasts));
        life.fate.tower.cut_off(machine_of(life.number), now, now.after(lasts));
        if cut != Cut::Refuses {
            life.be_kept_waiting(lasts).await;
        }
        true
    }

    async fn after(&self, what: &'static str) {
        if let Some(life) = &self.life {
            life.pass(what).await;
        }
    }
}

#[async_trait]
impl Vault for Store {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.before("load").await?;
        let read_at = self.looks_at(key.as_grant_key().is_some());
        let found = self.disk.lock().records.get(key).map(|record| stored(record, read_at));
        self.after("loaded").await;
        Ok(found)
    }

    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        self.before("store").await?;
        if self.life.is_some()
            && key.as_grant_key().is_none()
            && self.disk.is_trail_down.load(Ordering::Relaxed)
        {
            self.count("trail unavailable");
            return Err(VaultError::unavailable("an outage of the trail"));
        }
        let doubtful =
            self.life.as_ref().is_some_and(|life| life.fate.strikes(life.fate.plan.doubtful_writes));
        if doubtful && self.life.as_ref().is_some_and(|life| life.fate.dice.below(2) == 0) {
            self.count("write lost");
            self.life.iter().for_each(|life| life.fate.tower.write_lost(life.number));
            return Err(VaultError::in_doubt("the request was lost"));
        }
        let revision = {
            let mut state = self.disk.lock();
            if !holds(&when, state.records.get(key)) {
                return Err(VaultError::Conflict);
            }
            state.writes += 1;
            let revision = state.writes;
            state.records.insert(key.clone(), (record, revision));
            revision
        };
        self.disk.hints.tell(key);
        if let Some(life) = &self.life {
            life.fate.note("written", key.as_str());
            life.fate.tower.stored(life.number, key, !life.is_over());
            life.fate.written(life.number, key);
            if key.kind() == RecordKind::Audit {
                let is_new = matches!(when, Precondition::Absent);
                life.fate.tower.trail_written(life.number, key.account(), is_new);
            }
        }
        let cut = self.is_cut_by_write().await;
        self.after("stored").await;
        if doubtful || cut {
            self.count("answer of a write lost");
            return Err(VaultError::in_doubt("the answer was lost"));
        }
        Ok(Revision::number(revision))
    }

    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        self.before("remove").await?;
        if let Some(life) = self.life.as_ref().filter(|_| key.kind() == RecordKind::Audit) {
            life.fate.tower.broke(format!("I14: {} is taken out of the trail", key.as_str()));
        }
        let mut state = self.disk.lock();
        if !holds(&Precondition::Matches(revision.clone()), state.records.get(key)) {
            return Err(VaultError::Conflict);
        }
        state.records.remove(key);
        Ok(())
    }

    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        self.before("list").await?;
        let read_at = self.looks_at(prefix.as_str().contains("/grant/"));
        let state = self.disk.lock();
        let start = match after.map(RecordKey::as_str) {
            Some(after) if after >= prefix.as_str() => Bound::Excluded(after),
            _ => Bound::Included(prefix.as_str()),
        };
        let mut found = state
            .records
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| prefix.covers(key));
        let records =
            found.by_ref().take(limit).map(|(key, record)| (key.clone(), stored(record, read_at))).collect();
        Ok(Page { records, more: limit > 0 && found.next().is_some() })
    }

    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.before("now").await?;
        Ok(self.disk.now())
    }

    fn watch(&self) -> Option<&dyn Watch> {
        Some(&self.hints)
    }
}

impl Store {
    fn count(&self, fault: &'static str) {
        if let Some(life) = &self.life {
            life.fate.trace.fault(fault);
        }
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
