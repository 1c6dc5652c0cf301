//! A process with a name, a link of its own to the store, and somebody who revokes.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{AuthorizationServer, Grant, Rotation, StoreTime};
use grantry_custody::{Custody, CustodyGrant, FolderLifeboat, Lifetimes, Sparing};
use grantry_endpoint::{Client, ClientAuthentication, RevocationEndpoint, TokenEndpoint};
use grantry_vault::{
    LocalKey, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, SealedVault, StoredRecord,
    TenantVault, Vault, VaultError, Watch,
};
use zeroize::Zeroizing;

use crate::fixture::{Names, ShakyVault, World, admin, key, policy};

/// A process.
pub(crate) struct Process {
    pub(crate) vault: SealedVault,
    pub(crate) link: Arc<Link>,
    pub(crate) custody: Custody,
    pub(crate) grant: CustodyGrant,
    pub(crate) events: Arc<Names>,
}

/// What a process is started with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    pub(crate) lifetimes: Lifetimes,
    pub(crate) revokes_nothing: bool,
    pub(crate) spares: bool,
    pub(crate) takes_along: bool,
    /// How many seats its lifeboat has; 4 if left out.
    pub(crate) seats: Option<usize>,
    /// What redeems, where that is not the server's own client.
    pub(crate) redemption: Option<Arc<dyn Grant>>,
}

/// A way to the store that can be cut for one process, and on which every call takes a moment.
#[derive(Debug)]
pub(crate) struct Link {
    inner: Arc<ShakyVault>,
    cut: AtomicBool,
    /// How many writes of grants are answered before one that is not; none is where it is below zero.
    answered: AtomicI32,
    /// How many calls are made before one that fails, and whether that one is done before.
    failing: Mutex<Option<(u32, bool)>>,
}

impl Link {
    pub(crate) fn to(inner: &Arc<ShakyVault>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            cut: AtomicBool::new(false),
            answered: AtomicI32::new(-1),
            failing: Mutex::default(),
        })
    }

    /// One write of a grant goes nowhere, as on a connection that is dead: the one after so many. All others are answered.
    pub(crate) fn lose_write_after(&self, answered: i32) {
        self.answered.store(answered, Ordering::Relaxed);
    }

    /// One call fails, whatever it is: the one after so many. With `done` only its answer is lost.
    pub(crate) fn fail_after(&self, calls: u32, done: bool) {
        *self.failing.lock().unwrap() = Some((calls, done));
    }

    /// Whether no call has failed since.
    pub(crate) fn stop_failing(&self) -> bool {
        self.failing.lock().unwrap().take().is_some()
    }

    fn fails(&self) -> Option<bool> {
        let mut failing = self.failing.lock().unwrap();
        let (calls, done) = (*failing)?;
        *failing = calls.checked_sub(1).map(|calls| (calls, done));
        (calls == 0).then_some(done)
    }

    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    pub(crate) fn mend(&self) {
        self.cut.store(false, Ordering::Relaxed);
    }

    async fn pass<T>(&self, call: impl Future<Output = Result<T, VaultError>>) -> Result<T, VaultError> {
        tokio::task::yield_now().await;
        if self.cut.load(Ordering::Relaxed) {
            return Err(VaultError::unavailable("the link was cut"));
        }
        let fails = self.fails();
        if fails == Some(false) {
            return Err(VaultError::unavailable("the call failed"));
        }
        let done = call.await;
        tokio::task::yield_now().await;
        if fails == Some(true) {
            return Err(VaultError::unavailable("the answer was lost"));
        }
        done
    }
}

#[async_trait]
impl Vault for Link {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.pass(self.inner.load(key)).await
    }
    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        if key.as_grant_key().is_some() && self.answered.fetch_sub(1, Ordering::Relaxed) == 0 {
            std::future::pending::<()>().await;
        }
        self.pass(self.inner.store(key, record, when)).await
    }
    async fn remove(&self, key: &RecordKey, revision: &Revision) -> Result<(), VaultError> {
        self.pass(self.inner.remove(key, revision)).await
    }
    async fn list(
        &self,
        prefix: &RecordPrefix,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Page, VaultError> {
        self.pass(self.inner.list(prefix, after, limit)).await
    }
    async fn now(&self) -> Result<StoreTime, VaultError> {
        self.pass(self.inner.now()).await
    }
    fn watch(&self) -> Option<&dyn Watch> {
        self.inner.watch()
    }
}

impl World {
    pub(crate) async fn process(&self, name: &str) -> Process {
        self.process_with(name, Start::default()).await
    }

    pub(crate) async fn process_with(&self, name: &str, start: Start) -> Process {
        let link = Link::to(&self.store);
        let vault =
            SealedVault::builder(Arc::clone(&link), LocalKey::from_bytes(Zeroizing::new([7; 32])), policy())
                .clock(Arc::new(self.clock.clone()))
                .open()
                .await
                .unwrap();
        let events = Arc::new(Names::default());
        let lifeboat =
            FolderLifeboat::builder(self.lifeboats()).seats(start.seats.unwrap_or(4)).open().unwrap();
        let custody = Custody::builder(&vault, lifeboat)
            .clock(self.clock.clone())
            .observer(Arc::clone(&events))
            .process_name(name)
            .open()
            .await
            .unwrap();
        let mut grant = custody
            .grant(key(), start.redemption.unwrap_or_else(|| self.redemption()))
            .rotation(self.rotation)
            .lifetimes(start.lifetimes);
        if start.spares {
            grant = grant.revoker(Sparing::new(self.revocation_endpoint()).later_consents());
        } else if start.takes_along {
            grant = grant.revoker(self.revocation_endpoint());
        } else if !start.revokes_nothing {
            grant = grant.revoker(Sparing::new(self.revocation_endpoint()).refresh_tokens());
        }
        Process { vault, link, custody, grant: grant.build().unwrap(), events }
    }

    pub(crate) fn endpoint(&self, server: AuthorizationServer, secret: &str) -> TokenEndpoint {
        let client = Client::new("crm", ClientAuthentication::secret_basic(secret)).unwrap();
        let transport = self.server.transport().with_latency(Duration::from_millis(50));
        TokenEndpoint::builder(server, client, Arc::new(transport))
            .clock(Arc::new(self.clock.clone()))
            .build()
            .unwrap()
    }

    pub(crate) fn revocation_endpoint(&self) -> RevocationEndpoint {
        let server = self.server.authorization_server().unwrap();
        let server = server.to_builder().rotation(Rotation::UNKNOWN).build().unwrap();
        RevocationEndpoint::of(&self.endpoint(server, "s3cret")).unwrap()
    }
}

impl Process {
    /// The tenant's part of the vault, as an administrator.
    pub(crate) fn acme(&self) -> TenantVault {
        self.vault.as_principal(admin()).tenant("acme").unwrap()
    }

    /// The same as somebody who may nothing.
    pub(crate) fn as_nobody(&self) -> TenantVault {
        let nobody = grantry_vault::access::Principal::workload("nobody").unwrap();
        self.vault.as_principal(nobody).tenant("acme").unwrap()
    }
}

/// Days pass, an hour at a time; the lifeboat's disk is as quick as it is.
pub(crate) async fn days(world: &World, days: u32) {
    for _ in 0..days * 24 {
        world.clock.advance_with_tokio(Duration::from_secs(3600)).await;
        for _ in 0..8 {
            tokio::task::spawn_blocking(|| {}).await.unwrap();
        }
        // The server's answers take 50 ms.
        world.pass(Duration::from_secs(1)).await;
    }
}
