//! A server that rotates, a store that replicas share, and replicas.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{
    Attempt, Clock, Error, ErrorKind, Event, Failure, Grant, GrantKey, Observer, RefreshToken, Rotation,
    Scope, StoreTime, TokenSet,
};
use grantry_custody::{Custody, CustodyGrant, FolderLifeboat, Lifeboat, Release};
use grantry_endpoint::{Client, ClientAuthentication, RefreshTokenRedemption, TokenEndpoint};
use grantry_testkit::{Endpoint, ManualClock, Moment, RegisteredClient, SeededGrant, TestServer};
use grantry_vault::access::{AccessPolicy, Binding, Permission, Principal, Reach, Role};
use grantry_vault::{
    GrantRecord, LocalKey, MemoryVault, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord,
    SealedVault, StoredRecord, TenantVault, Vault, VaultError, Watch,
};
use zeroize::Zeroizing;

pub(crate) const STRICT: Rotation = Rotation::Strict { revokes_family: true };
pub(crate) const GRACE: Rotation = Rotation::Grace { window: Duration::from_secs(30), same: false };
pub(crate) const TOKEN_LIFETIME: Duration = Duration::from_secs(60);

/// The world outside of the replicas.
pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) clock: ManualClock,
    pub(crate) store: Arc<ShakyVault>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) rotation: Rotation,
}

/// One process.
pub(crate) struct Replica {
    pub(crate) vault: SealedVault,
    pub(crate) custody: Custody,
    pub(crate) grant: CustodyGrant,
    pub(crate) events: Arc<Names>,
}

/// A store that can be made to fail.
#[derive(Debug)]
pub(crate) struct ShakyVault {
    inner: MemoryVault,
    is_down: Mutex<bool>,
    is_full: Mutex<bool>,
    hangs: Mutex<bool>,
    late: Mutex<Duration>,
}

impl ShakyVault {
    pub(crate) fn set_down(&self, is_down: bool) {
        *self.is_down.lock().unwrap() = is_down;
    }

    /// Whether there is no room for grants; the audit trail, which has its own way to say so, still finds some.
    pub(crate) fn set_full(&self, is_full: bool) {
        *self.is_full.lock().unwrap() = is_full;
    }

    /// Whether reading a record never ends.
    pub(crate) fn set_hanging(&self, hangs: bool) {
        *self.hangs.lock().unwrap() = hangs;
    }

    /// How long what was read is on its way.
    pub(crate) fn set_late(&self, late: Duration) {
        *self.late.lock().unwrap() = late;
    }

    fn check(&self) -> Result<(), VaultError> {
        if *self.is_down.lock().unwrap() {
            Err(VaultError::unavailable("it was switched off"))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Vault for ShakyVault {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.check()?;
        let hangs = *self.hangs.lock().unwrap();
        if hangs {
            std::future::pending::<()>().await;
        }
        let read = self.inner.load(key).await;
        let late = *self.late.lock().unwrap();
        tokio::time::sleep(late).await;
        read
    }
    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        self.check()?;
        if *self.is_full.lock().unwrap() && key.to_string().contains("/grant/") {
            return Err(VaultError::full("no space is left on the disk"));
        }
        self.inner.store(key, record, when).await
    }
    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        self.check()?;
        self.inner.remove(key, revision).await
    }
    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        self.check()?;
        self.inner.list(prefix, after, limit).await
    }
    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.check()?;
        self.inner.now().await
    }
    fn watch(&self) -> Option<&dyn Watch> {
        self.inner.watch()
    }
}

/// Brings its answer after ten seconds: longer than the lease.
#[derive(Debug)]
pub(crate) struct Slow(pub(crate) Arc<dyn Grant>);

#[async_trait]
impl Grant for Slow {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let answer = self.0.obtain(attempt).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        answer
    }
}

/// The names of what happened.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Vec<&'static str>>);

impl Names {
    pub(crate) fn taken(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Names {
    fn on(&self, event: &Event) {
        self.0.lock().unwrap().push(event.name());
    }
}

pub(crate) fn key() -> GrantKey {
    GrantKey::new("acme", "crm", "user-17").unwrap()
}

impl World {
    pub(crate) async fn new(rotation: Rotation) -> Self {
        let clock = ManualClock::following_tokio();
        let server = TestServer::builder()
            .client(RegisteredClient::with_secret("crm", "s3cret"))
            .rotation(rotation)
            .token_lifetime(TOKEN_LIFETIME)
            .clock(Arc::new(clock.clone()))
            .build();
        let store = Arc::new(ShakyVault {
            inner: MemoryVault::with_clock(clock.clone()),
            is_down: Mutex::new(false),
            is_full: Mutex::new(false),
            hangs: Mutex::new(false),
            late: Mutex::default(),
        });
        let world = Self { server, clock, store, folder: tempfile::tempdir().unwrap(), rotation };
        let consented = world.consent();
        let vault = world.vault().await;
        let mine = vault.as_principal(admin());
        mine.create_tenant("acme").await.unwrap();
        let record = GrantRecord::new(world.clock.wall()).with_refresh_token(consented, world.clock.wall());
        mine.tenant("acme").unwrap().create_grant("crm", "user-17", record).await.unwrap();
        vault.close().await.unwrap();
        world
    }

    /// A person consents.
    pub(crate) fn consent(&self) -> RefreshToken {
        self.server.seed_grant(SeededGrant::new("crm", Scope::parse("contacts.read").unwrap()))
    }

    pub(crate) async fn vault(&self) -> SealedVault {
        let key = LocalKey::from_bytes(Zeroizing::new([7; 32]));
        SealedVault::builder(Arc::clone(&self.store), key, policy())
            .clock(Arc::new(self.clock.clone()))
            .open()
            .await
            .unwrap()
    }

    pub(crate) async fn replica(&self) -> Replica {
        self.replica_with(self.redemption(), Release::default()).await
    }

    pub(crate) fn redemption(&self) -> Arc<dyn Grant> {
        let client = Client::new("crm", ClientAuthentication::secret_basic("s3cret")).unwrap();
        let endpoint = TokenEndpoint::builder(
            self.server.authorization_server().unwrap(),
            client,
            Arc::new(self.server.transport().with_latency(Duration::from_millis(50))),
        )
        .clock(Arc::new(self.clock.clone()))
        .build()
        .unwrap();
        Arc::new(RefreshTokenRedemption::new(endpoint).key(key()))
    }

    pub(crate) async fn replica_with(&self, inner: Arc<dyn Grant>, release: Release) -> Replica {
        let lifeboat = FolderLifeboat::builder(self.lifeboats()).seats(4).open().unwrap();
        self.replica_in(lifeboat, inner, release).await
    }

    pub(crate) async fn replica_in(
        &self,
        lifeboat: impl Lifeboat,
        inner: Arc<dyn Grant>,
        release: Release,
    ) -> Replica {
        let vault = self.vault().await;
        let events = Arc::new(Names::default());
        let custody = Custody::builder(&vault, lifeboat)
            .clock(self.clock.clone())
            .observer(Arc::clone(&events))
            .release(release)
            .open()
            .await
            .unwrap();
        let grant = custody.grant(key(), inner).rotation(self.rotation).build().unwrap();
        Replica { vault, custody, grant, events }
    }

    pub(crate) fn lifeboats(&self) -> PathBuf {
        self.folder.path().join("lifeboats")
    }

    pub(crate) fn requests(&self) -> u64 {
        self.server.ledger().count(Endpoint::Token)
    }

    /// The refresh token that the store holds.
    pub(crate) async fn stored(&self) -> Option<RefreshToken> {
        let vault = self.vault().await;
        let acme: TenantVault = vault.as_principal(admin()).tenant("acme").unwrap();
        acme.reveal_grant("crm", "user-17").await.unwrap()?.refresh_token().cloned()
    }

    /// Whether the store holds a refresh token that the server accepts.
    pub(crate) async fn is_alive(&self) -> bool {
        let Some(token) = self.stored().await else { return false };
        let at: Moment = Moment::read(&self.clock);
        self.server.with_authority(|authority, _| authority.is_live(&token, at))
    }

    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance_with_tokio_by_steps(time, Duration::from_millis(100)).await;
    }
}

pub(crate) fn policy() -> AccessPolicy {
    let everything = Role::custom("everything", Permission::ALL.iter().copied()).unwrap();
    let binding = Binding::allow(admin(), "everything", Reach::everything());
    AccessPolicy::builder().role(everything).bind(binding).build().unwrap()
}

pub(crate) fn admin() -> Principal {
    Principal::workload("admin").unwrap()
}

pub(crate) fn kind(result: Result<grantry_core::TokenSet, grantry_core::Failure>) -> ErrorKind {
    let error: Error = result.unwrap_err().error;
    error.kind()
}
