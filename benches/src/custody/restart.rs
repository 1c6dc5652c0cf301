//! A process that died with a thousand answers on the way, and the one that comes after it, with 100,000 grants stored.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use grantry_core::{Attempt, Clock, Grant, Rotation, StoreTime, SystemClock, TokenSet};
use grantry_custody::{CustodyGrant, FolderLifeboat, HealthState};
use grantry_vault::{
    MemoryVault, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, Vault,
    VaultError, Watch,
};
use grantry_vault_sqlite::SqliteVault;

use super::authority::{Answers, Authority};
use super::durable::percentile;
use super::stand;
use super::virtual_time::{self, VirtualTime};
use crate::figure::Report;

const GRANTS: u64 = 100_000;
const IN_DOUBT: u64 = 1_000;
/// Those of them whose answer had come into the lifeboat, and not into the store.
const ABOARD: u64 = 64;
/// How long an access token lives.
const LIFE: Duration = Duration::from_secs(3_600);
/// For so long after the start grants are renewed beside the recovery, one after the other.
const BESIDE: Duration = Duration::from_secs(10);

pub(crate) fn run(report: &mut Report) {
    first_token(report);
    everything_found_out(report);
}

/// Half of the grants are with a server that repeats a lost answer for 30 s, half with a strict one.
fn rotation(grant: u64) -> Rotation {
    match grant % 4 {
        0 | 1 => Rotation::Grace { window: Duration::from_secs(30), same: false },
        _ => Rotation::Strict { revokes_family: true },
    }
}

/// Whether there is nothing to serve while a doubt stands: half of those in doubt with a strict server.
fn has_expired(grant: u64) -> bool {
    grant < IN_DOUBT && grant % 8 >= 6
}

/// The wall time until there is a token, in a SQLite file.
fn first_token(report: &mut Report) {
    let folder = tempfile::tempdir_in("target").unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let authority = Authority::new(Arc::clone(&clock), LIFE, Duration::ZERO, rotation);
    let dies = runtime();
    let backend = dies.block_on(SqliteVault::open(folder.path().join("custody.db"))).unwrap();
    let store = Arc::new(Stopping::new(backend.clone()));
    dies.block_on(live_and_die(store, folder.path(), &authority, &clock));
    drop(dies);
    authority.set(Answers::Come);

    let runtime = runtime();
    let start = Instant::now();
    let (custody, grants, opened) = runtime.block_on(async {
        let backend = SqliteVault::open(folder.path().join("custody.db")).await.unwrap();
        let vault = stand::vault(backend, Arc::clone(&clock)).await;
        let custody = stand::custody(&vault, stand::lifeboat(folder.path()), Arc::clone(&clock)).await;
        let opened = start.elapsed();
        let grants: Vec<_> = (0..GRANTS).map(|nth| stand::open(&custody, &authority, nth)).collect();
        (custody, grants, opened)
    });
    let last = grants.last().unwrap();
    let held: TokenSet = runtime.block_on(last.obtain(Attempt::first())).unwrap();
    let first = start.elapsed();
    runtime.block_on(last.obtain(Attempt::replace(&held))).unwrap();
    let renewed = start.elapsed();
    let seconds = |of: Duration| of.as_secs_f64() * 1_000.0;
    let title = "custody: restart over 100,000 grants, 1,000 in doubt, 64 aboard";
    report.add(format!("{title}: open"), seconds(opened), "ms", None, "-", true);
    report.add(
        "custody: the same until the first token",
        seconds(first),
        "ms",
        None,
        "<= 1000",
        seconds(first) <= 1_000.0,
    );
    report.add(
        "custody: the same until the first renewal",
        seconds(renewed),
        "ms",
        None,
        "<= 1000",
        seconds(renewed) <= 1_000.0,
    );

    let beside = runtime.block_on(renewals_beside(&grants));
    let (p99, most) = (percentile(&beside, 99) / 1_000.0, percentile(&beside, 100) / 1_000.0);
    report.add("custody: renewals in the 10 s after that, p99", p99, "ms", None, "-", true);
    report.add("custody: the slowest of them", most, "ms", None, "<= 1000", most <= 1_000.0);
    runtime.block_on(custody.close());
}

/// How long renewals of grants take that are not in doubt, one after the other, while the recovery goes on.
async fn renewals_beside(grants: &[CustodyGrant]) -> Vec<Duration> {
    let (start, mut took) = (Instant::now(), Vec::new());
    for grant in grants.iter().skip(IN_DOUBT as usize) {
        if start.elapsed() > BESIDE {
            break;
        }
        let held = grant.obtain(Attempt::first()).await.unwrap();
        let begun = Instant::now();
        grant.obtain(Attempt::replace(&held)).await.unwrap();
        took.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    took
}

/// The virtual time until nothing is in doubt that need not be.
fn everything_found_out(report: &mut Report) {
    let folder = tempfile::tempdir_in("target").unwrap();
    let time = Arc::new(VirtualTime::new());
    let clock: Arc<dyn Clock> = time.clone();
    let authority = Authority::new(Arc::clone(&clock), LIFE, Duration::from_millis(50), rotation);
    let backend = MemoryVault::with_clock(time.clone());
    let store = Arc::new(Stopping::new(backend.clone()));
    let dies = virtual_time::runtime();
    dies.block_on(async {
        time.follow();
        live_and_die(store, folder.path(), &authority, &clock).await;
        time.stop();
    });
    drop(dies);
    authority.set(Answers::Come);

    let asked_before = authority.asked();
    let runtime = virtual_time::runtime();
    let (resolved, parked, lost) = runtime.block_on(async {
        time.follow();
        let start = clock.now();
        let vault = stand::vault(backend, Arc::clone(&clock)).await;
        let custody = stand::custody(&vault, stand::lifeboat(folder.path()), Arc::clone(&clock)).await;
        let grants: Vec<_> = (0..GRANTS).map(|nth| stand::open(&custody, &authority, nth)).collect();
        let mut resolved = None;
        while clock.now().since(start) < Duration::from_secs(120) && resolved.is_none() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut open = 0;
            for (nth, grant) in (0..IN_DOUBT).zip(&grants) {
                let state = grant.health().await.unwrap().unwrap().state;
                open += u64::from(is_open(nth, state));
            }
            resolved = (open == 0).then(|| clock.now().since(start).as_secs_f64());
        }
        let (mut parked, mut lost) = (0, 0);
        for grant in grants.iter().take(IN_DOUBT as usize) {
            let state = grant.health().await.unwrap().unwrap().state;
            parked += u64::from(state == HealthState::InDoubt);
            lost += u64::from(state == HealthState::PersonNeeded);
        }
        custody.close().await;
        (resolved, parked, lost)
    });
    let seconds = resolved.unwrap_or(f64::INFINITY);
    report.add(
        "custody: 1,000 in doubt resolved or parked, virtual time",
        seconds,
        "s",
        None,
        "<= 60",
        seconds <= 60.0,
    );
    // With a strict server there is no other way: with a token to serve it waits, without one it tries the last chance, and
    // half of the requests had been served.
    let strict = (0..IN_DOUBT - ABOARD).filter(|nth| matches!(rotation(*nth), Rotation::Strict { .. }));
    let must_park = strict.clone().filter(|nth| !has_expired(*nth)).count() as f64;
    let must_lose = strict.filter(|nth| has_expired(*nth) && nth.is_multiple_of(2)).count() as f64;
    report.add(
        "custody: parked (strict, with a token to serve)",
        parked as f64,
        "",
        Some(must_park),
        "1",
        parked as f64 == must_park,
    );
    report.add(
        "custody: lost with a strict server that had served them",
        lost as f64,
        "",
        Some(must_lose),
        "1",
        lost as f64 == must_lose,
    );
    let requests = (authority.asked() - asked_before) as f64;
    let needed = (IN_DOUBT - ABOARD) as f64 - must_park;
    report.add("custody: token requests for that", requests, "", Some(needed), "1", requests == needed);
}

/// Whether a grant is in doubt and need not be.
fn is_open(grant: u64, state: HealthState) -> bool {
    let is_parked = matches!(rotation(grant), Rotation::Strict { .. }) && !has_expired(grant);
    match state {
        HealthState::Renewing => true,
        HealthState::InDoubt => !is_parked,
        _ => false,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Fills the vault, begins a renewal of each grant that is to be in doubt, and returns when each has got as far as it is to
/// get. The process dies with its runtime.
async fn live_and_die<V: Vault>(
    store: Arc<Stopping<V>>,
    folder: &Path,
    authority: &Arc<Authority>,
    clock: &Arc<dyn Clock>,
) {
    let now = store.now().await.unwrap();
    let vault = stand::vault(Arc::clone(&store), Arc::clone(clock)).await;
    let expires = |nth| if has_expired(nth) { now } else { now.after(LIFE) };
    stand::fill(&vault, authority, GRANTS, (clock.as_ref(), now), expires).await;
    let seats = FolderLifeboat::builder(folder.join("lifeboats")).seats(IN_DOUBT as usize).seat_bytes(4_096);
    let custody = stand::custody(&vault, seats.open().unwrap(), Arc::clone(clock)).await;
    let start = |nth: u64| {
        let grant = stand::open(&custody, authority, nth);
        tokio::spawn(async move {
            let held = match has_expired(nth) {
                true => None,
                false => Some(grant.obtain(Attempt::first()).await.unwrap()),
            };
            drop(grant.obtain(Attempt::replace_if_any(held.as_ref())).await);
        });
    };
    authority.set(Answers::AreLost);
    (0..IN_DOUBT - ABOARD).for_each(start);
    until(|| authority.asked() == IN_DOUBT - ABOARD).await;
    authority.set(Answers::Wait);
    (IN_DOUBT - ABOARD..IN_DOUBT).for_each(start);
    until(|| authority.asked() == IN_DOUBT).await;
    store.stop();
    authority.set(Answers::Come);
    until(|| store.stopped_grants.load(Ordering::Relaxed) >= ABOARD).await;
}

/// Waits for it, where it goes in a virtual time too.
async fn until(is: impl Fn() -> bool) {
    while !is() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A store that stops answering writes at a moment.
#[derive(Debug)]
struct Stopping<V> {
    inner: V,
    is_stopped: AtomicBool,
    stopped_grants: AtomicU64,
}

impl<V> Stopping<V> {
    fn new(inner: V) -> Self {
        Self { inner, is_stopped: AtomicBool::new(false), stopped_grants: AtomicU64::new(0) }
    }

    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl<V: Vault> Vault for Stopping<V> {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.inner.load(key).await
    }
    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        if self.is_stopped.load(Ordering::Relaxed) {
            if key.as_grant_key().is_some() {
                self.stopped_grants.fetch_add(1, Ordering::Relaxed);
            }
            std::future::pending::<()>().await;
        }
        self.inner.store(key, record, when).await
    }
    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        self.inner.remove(key, revision).await
    }
    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        self.inner.list(prefix, after, limit).await
    }
    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.inner.now().await
    }
    fn watch(&self) -> Option<&dyn Watch> {
        self.inner.watch()
    }
}
