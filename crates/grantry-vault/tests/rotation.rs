//! Keys are exchanged, whatever happens in the midst of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Clock, ErrorKind, Event, Observer, StoreTime, TenantId};
use grantry_vault::access::Principal;
use grantry_vault::{
    KeyAgeState, KeyProvider, KeyRotation, LocalKey, MemoryVault, Page, Precondition, PrincipalVault,
    RecordKey, RecordPrefix, Revision, RotationPhase, RotationPolicy, SealedRecord, SealedVault,
    StoredRecord, Vault, VaultError, VaultKeys, Watch,
};
use support::{DAY, HandClock, builder, everything, grant, key, me, refresh_token};

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const ACCOUNTS: usize = 4;
const HOUR: Duration = Duration::from_secs(3600);

/// A backend that stops answering after some calls, as if the process had been killed there.
#[derive(Debug)]
struct DiesAfter {
    inner: MemoryVault,
    left: AtomicU64,
}

impl DiesAfter {
    fn call(&self) -> Result<(), VaultError> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| VaultError::unavailable("killed"))
    }
}

#[async_trait]
impl Vault for DiesAfter {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.call()?;
        self.inner.load(key).await
    }
    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        self.call()?;
        let stored = self.inner.store(key, record, when).await;
        // Killed after the write and before its answer, too.
        self.call().map_err(|_| VaultError::in_doubt("killed"))?;
        stored
    }
    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        self.call()?;
        self.inner.remove(key, revision).await
    }
    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        self.call()?;
        self.inner.list(prefix, after, limit).await
    }
    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.inner.now().await
    }
    fn watch(&self) -> Option<&dyn Watch> {
        None
    }
}

async fn open(
    backend: impl Vault,
    keys: &Path,
    clock: &HandClock,
) -> Result<SealedVault, grantry_core::Error> {
    let keys = LocalKey::from_file(keys).unwrap().with_clock(Arc::new(clock.clone()));
    let keys = VaultKeys::rotating(keys);
    builder(backend, keys).clock(Arc::new(clock.clone())).open().await
}

fn rotator(vault: &SealedVault) -> PrincipalVault {
    vault.as_principal(Principal::system_rotation())
}

fn policy() -> RotationPolicy {
    RotationPolicy::default().hold(HOUR).records_per_second(1_000_000)
}

/// A vault with some grants, and its key file.
async fn populated(clock: &HandClock, keys: &Path) -> MemoryVault {
    let store = MemoryVault::with_clock(clock.clone());
    LocalKey::generate(keys).unwrap();
    let vault = open(store.clone(), keys, clock).await.unwrap().as_principal(me());
    for tenant in TENANTS {
        vault.create_tenant(tenant).await.unwrap();
        for nth in 0..ACCOUNTS {
            let account = format!("user-{nth}");
            let token = grant(&format!("{tenant}-{account}"));
            vault.tenant(tenant).unwrap().create_grant("crm", &account, token).await.unwrap();
        }
    }
    store
}

async fn all_can_be_read(vault: &SealedVault) {
    for tenant in TENANTS {
        for nth in 0..ACCOUNTS {
            let account = format!("user-{nth}");
            assert_eq!(refresh_token(vault, tenant, "crm", &account).await, format!("{tenant}-{account}"));
        }
    }
}

/// The epochs that sealed records name.
async fn epochs(store: &MemoryVault) -> Vec<u32> {
    let records = everything(store).await.into_iter();
    let sealed = records.filter(|(_, stored)| stored.sealed.as_bytes().starts_with(b"GRV"));
    let mut epochs: Vec<u32> = sealed
        .map(|(_, stored)| u32::from_be_bytes(stored.sealed.as_bytes()[5..9].try_into().unwrap()))
        .collect();
    epochs.sort_unstable();
    epochs.dedup();
    epochs
}

#[tokio::test]
async fn after_ninety_days_everything_lies_under_new_keys_and_the_old_ones_are_gone() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), HandClock::new());
    let keys = folder.path().join("key");
    let store = populated(&clock, &keys).await;
    let vault = open(store.clone(), &keys, &clock).await.unwrap();
    let first = LocalKey::from_file(&keys).unwrap().active().await.unwrap();

    clock.advance(DAY * 89);
    let early = rotator(&vault).rotate(&policy(), |_| {}).await.unwrap();
    assert_eq!((early.promoted, early.new_epochs, early.resealed), (None, 0, 0));

    clock.advance(DAY * 2);
    let phases = Mutex::new(Vec::new());
    let report = rotator(&vault)
        .rotate(&policy(), |progress| phases.lock().unwrap().push(progress.phase))
        .await
        .unwrap();
    assert!(report.promoted.is_some() && report.waiting_keys == [first.clone()], "{report:?}");
    assert_eq!((report.rewrapped, report.new_epochs), (4, 4), "three tenants and the deployment itself");
    assert_eq!(report.resealed, 12 + 1, "grants, and the key of the audit trail: {report:?}");
    for phase in [RotationPhase::ProviderKey, RotationPhase::TenantKeys, RotationPhase::Records] {
        assert!(phases.lock().unwrap().contains(&phase));
    }
    assert_eq!(epochs(&store).await, [2]);
    all_can_be_read(&vault).await;

    let soon = rotator(&vault).rotate(&policy(), |_| {}).await.unwrap();
    assert_eq!((soon.retired_epochs, soon.retired_keys.len()), (0, 0), "the hold time is not over");
    clock.advance(HOUR);
    let late = rotator(&vault).rotate(&policy(), |_| {}).await.unwrap();
    assert_eq!((late.retired_epochs, late.retired_keys), (4, vec![first]));
    assert_eq!(LocalKey::from_file(&keys).unwrap().versions().await.unwrap().len(), 1);
    all_can_be_read(&open(store, &keys, &clock).await.unwrap()).await;
}

#[tokio::test]
async fn a_rotation_may_be_killed_at_every_step() {
    let mut was_finished = false;
    for step in 0.. {
        let (folder, clock) = (tempfile::tempdir().unwrap(), HandClock::new());
        let keys = folder.path().join("key");
        let store = populated(&clock, &keys).await;
        clock.advance(DAY * 91);
        let dying = DiesAfter { inner: store.clone(), left: AtomicU64::new(step) };
        if let Ok(vault) = open(dying, &keys, &clock).await {
            was_finished = rotator(&vault).rotate(&policy(), |_| {}).await.is_ok();
        }
        let vault = open(store.clone(), &keys, &clock).await.unwrap();
        all_can_be_read(&vault).await;
        // The lease of the killed one ends, then the hold time of the old keys.
        for _ in 0..2 {
            clock.advance(HOUR);
            let report = rotator(&vault).rotate(&policy(), |_| {}).await.unwrap();
            assert!(!report.busy_elsewhere && report.refused.is_empty(), "step {step}: {report:?}");
        }
        clock.advance(HOUR);
        let last = rotator(&vault).rotate(&policy(), |_| {}).await.unwrap();
        assert!(last.waiting_keys.is_empty(), "step {step}: {last:?}");
        let versions = LocalKey::from_file(&keys).unwrap().versions().await.unwrap();
        assert_eq!((versions.len(), epochs(&store).await), (1, vec![2]), "step {step}");
        all_can_be_read(&open(store, &keys, &clock).await.unwrap()).await;
        if was_finished {
            assert!(step > 60, "a rotation has more steps than {step}");
            return;
        }
    }
}

#[tokio::test]
async fn a_key_that_a_record_still_names_is_not_retired() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), HandClock::new());
    let keys = folder.path().join("key");
    let store = populated(&clock, &keys).await;
    // A record that does not open names epoch 1; so does one that a sweep cannot reach.
    let place = RecordKey::parse("acme/grant/crm/user-0").unwrap();
    let stored = store.load(&place).await.unwrap().unwrap();
    let mut bytes = stored.sealed.as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    store.store(&place, SealedRecord::new(bytes), Precondition::Matches(stored.revision)).await.unwrap();

    let vault = open(store.clone(), &keys, &clock).await.unwrap();
    clock.advance(DAY * 91);
    for _ in 0..3 {
        let report = rotator(&vault).rotate(&policy(), |_| {}).await.unwrap();
        assert_eq!(report.refused.len(), 1, "{report:?}");
        clock.advance(HOUR);
    }
    // The others' old epochs are gone, and this one is kept: mended, the record opens.
    let stored = store.load(&place).await.unwrap().unwrap();
    let mut bytes = stored.sealed.as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    store.store(&place, SealedRecord::new(bytes), Precondition::Matches(stored.revision)).await.unwrap();
    all_can_be_read(&open(store, &keys, &clock).await.unwrap()).await;
}

#[tokio::test]
async fn one_process_rotates_and_another_waits_until_its_lease_is_over() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), HandClock::new());
    let keys = folder.path().join("key");
    let store = populated(&clock, &keys).await;
    let other = open(store.clone(), &keys, &clock).await.unwrap();
    all_can_be_read(&other).await;
    clock.advance(DAY * 91);
    // Killed in the midst of the sweep: its lease stands.
    let dying = DiesAfter { inner: store.clone(), left: AtomicU64::new(50) };
    let one = open(dying, &keys, &clock).await.unwrap();
    assert!(rotator(&one).rotate(&policy(), |_| {}).await.is_err());
    assert!(rotator(&other).rotate(&policy(), |_| {}).await.unwrap().busy_elsewhere);
    // It has keys in memory that are older than some records: it loads them anew.
    all_can_be_read(&other).await;
    clock.advance(Duration::from_secs(61));
    let report = rotator(&other).rotate(&policy(), |_| {}).await.unwrap();
    assert!(!report.busy_elsewhere);
    assert_eq!(epochs(&store).await, [2]);
}

#[tokio::test]
async fn a_hold_time_that_is_too_short_is_refused() {
    let vault = builder(MemoryVault::new(), key(1)).open().await.unwrap();
    let error = rotator(&vault)
        .rotate(&RotationPolicy::default().hold(Duration::from_secs(599)), |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("at least twice"), "{error}");
}

#[tokio::test]
async fn a_second_wrap_opens_the_vault_when_the_first_key_is_lost() {
    let store = MemoryVault::new();
    let both = VaultKeys::new(key(1)).with_recovery(key(2));
    let vault = builder(store.clone(), both).open().await.unwrap();
    vault.as_principal(me()).create_tenant("acme").await.unwrap();
    let acme = vault.as_principal(me()).tenant("acme").unwrap();
    acme.create_grant("crm", "a", grant("kept")).await.unwrap();

    // The first key is lost: the second one opens, and a rotation wraps everything for a new first one.
    let recovered = VaultKeys::new(key(3)).with_recovery(key(2));
    let vault = builder(store.clone(), recovered).open().await.unwrap();
    assert_eq!(refresh_token(&vault, "acme", "crm", "a").await, "kept");
    let report = rotator(&vault).rotate(&policy(), |_| {}).await.unwrap();
    assert_eq!(report.rewrapped, 2, "{report:?}");
    let vault = builder(store, key(3)).open().await.unwrap();
    assert_eq!(refresh_token(&vault, "acme", "crm", "a").await, "kept");
}

#[tokio::test]
async fn a_former_provider_opens_until_everything_is_wrapped_anew() {
    let store = MemoryVault::new();
    let vault = support::opened(store.clone(), &["acme"]).await;
    vault.tenant("acme").unwrap().create_grant("crm", "a", grant("kept")).await.unwrap();
    let moving = VaultKeys::new(key(9)).with_former(key(1));
    let vault = builder(store.clone(), moving).open().await.unwrap();
    rotator(&vault).rotate(&policy(), |_| {}).await.unwrap();
    let vault = builder(store, key(9)).open().await.unwrap();
    assert_eq!(refresh_token(&vault, "acme", "crm", "a").await, "kept");
}

#[derive(Debug, Default)]
struct Told(Mutex<Vec<(Option<TenantId>, bool)>>);

impl Observer for Told {
    fn on(&self, event: &Event) {
        if let Event::KeyDue { tenant, overdue, .. } = event {
            self.0.lock().unwrap().push((tenant.clone(), *overdue));
        }
    }
}

#[tokio::test]
async fn ages_are_reported_from_day_85_and_rotation_runs_by_itself() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), HandClock::new());
    let keys = folder.path().join("key");
    let store = populated(&clock, &keys).await;
    let told = Arc::new(Told::default());
    let provider = VaultKeys::rotating(LocalKey::from_file(&keys).unwrap());
    let vault = builder(store.clone(), provider)
        .clock(Arc::new(clock.clone()))
        .observer(Arc::clone(&told))
        .open()
        .await
        .unwrap();
    clock.advance(DAY * 86);
    let ages = vault.as_principal(me()).key_ages(&policy(), None, 100).await.unwrap();
    assert_eq!(ages.len(), 1 + 1 + 3);
    assert!(ages.iter().all(|age| age.state == KeyAgeState::DueSoon), "{ages:?}");

    let task = vault.keep_rotating(policy()).unwrap();
    while told.0.lock().unwrap().len() < 5 {
        tokio::task::yield_now().await;
    }
    assert!(told.0.lock().unwrap().iter().all(|(_, overdue)| !overdue));
    drop(task);

    clock.advance(DAY * 5);
    let task = vault.keep_rotating(policy()).unwrap();
    let report = loop {
        match task.last() {
            Some(report) => break report.unwrap(),
            None => tokio::task::yield_now().await,
        }
    };
    assert_eq!(report.new_epochs, 4, "{report:?}");
}

#[tokio::test]
async fn an_erased_tenant_cannot_be_read_or_brought_back_and_the_others_can() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), HandClock::new());
    let keys = folder.path().join("key");
    let store = populated(&clock, &keys).await;
    let vault = open(store.clone(), &keys, &clock).await.unwrap();
    let mine = vault.as_principal(me());
    let late = open(store.clone(), &keys, &clock).await.unwrap().as_principal(me());
    late.tenant("acme").unwrap().grant("crm", "user-0").await.unwrap();

    mine.erase_tenant(&TenantId::new("acme").unwrap()).await.unwrap();
    let acme = mine.tenant("acme").unwrap();
    assert_eq!(acme.grant("crm", "user-0").await.unwrap_err().kind(), ErrorKind::Erased);
    let refused = mine.create_tenant("acme").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Erased);
    assert!(refused.to_string().contains("the keys of acme: the tenant was erased"), "{refused}");
    let written = acme.create_grant("crm", "user-0", grant("again")).await;
    assert_eq!(written.unwrap_err().kind(), ErrorKind::Erased);

    // A process that still has the keys in memory writes one record more: nobody can open it, and it is swept away.
    late.tenant("acme").unwrap().create_grant("crm", "late", grant("late")).await.unwrap();
    clock.advance(HOUR);
    let late = late.tenant("acme").unwrap();
    assert_eq!(late.grant("crm", "late").await.unwrap_err().kind(), ErrorKind::Erased);
    let report = rotator(&vault).rotate(&policy(), |_| {}).await.unwrap();
    assert_eq!(report.removed, 1, "{report:?}");
    let left = everything(&store).await;
    assert!(left.iter().all(|(key, _)| key.tenant() != Some("acme")), "{left:?}");
    assert_eq!(refresh_token(&vault, "globex", "crm", "user-1").await, "globex-user-1");
}

#[tokio::test]
async fn a_tombstone_goes_after_its_time_and_not_before() {
    let clock = HandClock::new();
    let store = MemoryVault::with_clock(clock.clone());
    let vault = builder(store.clone(), key(1)).clock(Arc::new(clock.clone())).open().await.unwrap();
    let mine = vault.as_principal(me());
    mine.create_tenant("acme").await.unwrap();
    let acme = mine.tenant("acme").unwrap();
    let version = acme.create_grant("crm", "a", grant("gone")).await.unwrap();
    acme.remove_grant("crm", "a", &version).await.unwrap();
    clock.advance(DAY * 29);
    assert_eq!(rotator(&vault).rotate(&policy(), |_| {}).await.unwrap().removed, 0);
    clock.advance(DAY * 2);
    assert_eq!(rotator(&vault).rotate(&policy(), |_| {}).await.unwrap().removed, 1);
    assert!(acme.grant("crm", "a").await.unwrap().is_none());
    let again = acme.create_grant("crm", "a", grant("new")).await.unwrap();
    assert!(again.number() > version.number(), "a version never comes back");
    assert!(clock.now() > grantry_core::Instant::ZERO);
}

#[tokio::test]
async fn progress_says_of_how_many_records_where_that_is_asked_for() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), HandClock::new());
    let keys = folder.path().join("vault.key");
    let store = populated(&clock, &keys).await;
    let vault = open(store, &keys, &clock).await.unwrap();
    for counts in [false, true] {
        let told = std::sync::Mutex::new(Vec::new());
        let policy = policy().every(Duration::ZERO).counts_first(counts);
        let report =
            rotator(&vault).rotate(&policy, |progress| told.lock().unwrap().push(progress)).await.unwrap();
        let told = told.into_inner().unwrap();
        let last = told.iter().rfind(|told| told.phase == RotationPhase::Records).unwrap();
        assert_eq!((last.seen, last.of), (report.seen, counts.then_some(report.seen)));
    }
}
