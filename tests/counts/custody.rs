//! How many syncs a renewal in custody waits for.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{
    AccessToken, Attempt, Clock, Failure, Grant, GrantKey, RefreshToken, Rotation, StoreTime, SystemClock,
    TokenSet,
};
use grantry_custody::{AdoptedId, Adoption, Cargo, Custody, FolderLifeboat, Lifeboat, LifeboatError, Seat};
use grantry_vault::access::{AccessPolicy, Principal};
use grantry_vault::{
    GrantRecord, LocalKey, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, SealedVault,
    StoredRecord, Vault, VaultError, Watch,
};
use grantry_vault_sqlite::SqliteVault;
use tokio::sync::watch;
use zeroize::Zeroizing;

/// Counts what a disk is waited for: each write of the store alone is a commit, and each entry of the lifeboat a sync.
#[derive(Debug, Default)]
struct Syncs {
    audit: AtomicU64,
    grants: AtomicU64,
    lifeboat: AtomicU64,
    /// Writes and listings that have not been answered yet.
    under_way: AtomicU64,
    /// How often somebody has looked for what dead processes left.
    looks: AtomicU64,
    /// Shut while nothing is written to the trail. Whoever waits for such a write does not come back before it opens.
    shut: watch::Sender<bool>,
}

impl Syncs {
    fn taken(&self) -> [u64; 3] {
        [&self.audit, &self.grants, &self.lifeboat].map(|count| count.swap(0, Ordering::SeqCst))
    }
}

/// Counts what is asked of the store for as long as it is under way.
struct UnderWay<'a>(&'a AtomicU64);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct Counted<T>(T, Arc<Syncs>);

#[async_trait]
impl Vault for Counted<SqliteVault> {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.0.load(key).await
    }
    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let _under_way = UnderWay::begin(&self.1.under_way);
        let count = if key.as_grant_key().is_some() {
            &self.1.grants
        } else {
            let _ = self.1.shut.subscribe().wait_for(|shut| !shut).await;
            &self.1.audit
        };
        count.fetch_add(1, Ordering::SeqCst);
        self.0.store(key, record, when).await
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
        let _under_way = UnderWay::begin(&self.1.under_way);
        self.0.list(prefix, after, limit).await
    }
    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.0.now().await
    }
    fn watch(&self) -> Option<&dyn Watch> {
        self.0.watch()
    }
}

#[async_trait]
impl Lifeboat for Counted<FolderLifeboat> {
    async fn reserve(&self) -> Result<Seat, LifeboatError> {
        self.0.reserve().await
    }
    async fn board(&self, seat: &Seat, cargo: &Cargo) -> Result<(), LifeboatError> {
        self.1.lifeboat.fetch_add(1, Ordering::SeqCst);
        self.0.board(seat, cargo).await
    }
    fn leave(&self, seat: Seat) {
        self.0.leave(seat);
    }
    async fn adopt(&self) -> Result<Adoption, LifeboatError> {
        let adopted = self.0.adopt().await;
        self.1.looks.fetch_add(1, Ordering::SeqCst);
        adopted
    }
    async fn bring_home(&self, id: &AdoptedId) -> Result<(), LifeboatError> {
        self.0.bring_home(id).await
    }
    fn is_durable(&self) -> bool {
        self.0.is_durable()
    }
}

/// A server that rotates, and looks at the counts while it answers.
#[derive(Debug)]
struct Rotates(Arc<Syncs>, Arc<AtomicU64>);

#[async_trait]
impl Grant for Rotates {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let used = attempt.redeeming().unwrap().expose().to_owned();
        let syncs = &self.0;
        let before = [&syncs.audit, &syncs.grants, &syncs.lifeboat].map(|count| count.load(Ordering::SeqCst));
        assert_eq!(before, [1, 1, 0], "the intent in the trail and the claim, before anything is sent");
        syncs.shut.send_replace(true);
        let next = self.1.fetch_add(1, Ordering::SeqCst);
        let set = TokenSet::builder(AccessToken::new(format!("access-{next}")), SystemClock::new().now())
            .refresh_token(RefreshToken::new(format!("{used}-{next}")));
        Ok(set.build().unwrap())
    }
}

async fn vault(folder: &Path, syncs: &Arc<Syncs>) -> SealedVault {
    let me = Principal::workload("tests").unwrap();
    let backend = SqliteVault::open(folder.join("custody.db")).await.unwrap();
    let key = LocalKey::from_bytes(Zeroizing::new([7; 32]));
    let vault = SealedVault::builder(Counted(backend, Arc::clone(syncs)), key, AccessPolicy::sole(&me));
    let vault = vault.open().await.unwrap();
    let mine = vault.as_principal(me);
    mine.create_tenant("acme").await.unwrap();
    let wall = SystemClock::new().wall();
    let record = GrantRecord::new(wall).with_refresh_token(RefreshToken::new("refresh"), wall);
    mine.tenant("acme").unwrap().create_grant("crm", "user-17", record).await.unwrap();
    vault
}

#[tokio::test]
async fn a_renewal_in_custody_waits_for_four_syncs_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let syncs = Arc::new(Syncs::default());
    let vault = vault(folder.path(), &syncs).await;
    let lifeboat = FolderLifeboat::builder(folder.path().join("lifeboats")).seats(2).open().unwrap();
    let custody = Custody::builder(&vault, Counted(lifeboat, Arc::clone(&syncs)));
    let custody = custody.look_every(Duration::from_secs(3_600)).open().await.unwrap();
    // The look when it is opened, and the one soon after: it lists the grants of the tenants that are open by then, which
    // goes into the trail. None is, if it has come to an end before the grant is built.
    while syncs.looks.load(Ordering::SeqCst) < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    until_quiet(&syncs).await;
    let key = GrantKey::new("acme", "crm", "user-17").unwrap();
    let grant = custody.grant(key, Rotates(Arc::clone(&syncs), Arc::default()));
    let grant = grant.rotation(Rotation::Strict { revokes_family: true }).build().unwrap();
    let mut held: Option<TokenSet> = None;
    for _ in 0..20 {
        // What rides on later writes is written before it is counted anew.
        until_quiet(&syncs).await;
        syncs.taken();
        let set = grant.obtain(Attempt::replace_if_any(held.as_ref())).await.unwrap();
        let waited = syncs.taken();
        assert_eq!(
            waited,
            [1, 2, 1],
            "the intent, the claim and the landing, and the lifeboat between these two"
        );
        // The outcome waits for the gate: nobody waits for it.
        syncs.shut.send_replace(false);
        held = Some(set);
    }
    custody.close().await;
    vault.close().await.unwrap();
}

/// Until nothing was written for a while.
async fn until_quiet(syncs: &Syncs) {
    let mut before = u64::MAX;
    loop {
        let audit = syncs.audit.load(Ordering::SeqCst);
        if audit == before && syncs.under_way.load(Ordering::SeqCst) == 0 {
            return;
        }
        before = audit;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
