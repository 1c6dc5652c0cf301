//! Something that the vault stands on is gone for a while: it fails closed, says what to do, and goes on by itself.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{ErrorKind, Retry, StoreTime};
use grantry_vault::access::Principal;
use grantry_vault::{
    GrantState, KeyContext, KeyError, KeyId, KeyProvider, LocalKey, MemoryVault, Page, Precondition,
    RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, TenantKey, TenantVault, Vault, VaultError,
    Watch, WrappedKey,
};
use support::{HandClock, builder, grant, key, me, read_token};

/// A key provider that can be switched off, and counts.
#[derive(Debug)]
struct Provider {
    inner: LocalKey,
    is_down: AtomicBool,
    unwrapped: AtomicU64,
}

impl Provider {
    fn new() -> Arc<Self> {
        Arc::new(Self { inner: key(1), is_down: AtomicBool::new(false), unwrapped: AtomicU64::new(0) })
    }

    fn call(&self) -> Result<(), KeyError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(KeyError::unavailable("the HSM does not answer"));
        }
        Ok(())
    }
}

#[async_trait]
impl KeyProvider for Provider {
    async fn wrap_key(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
        self.call()?;
        self.inner.wrap_key(key, context).await
    }
    async fn unwrap_key(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
        self.call()?;
        self.unwrapped.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.inner.unwrap_key(wrapped, context).await
    }
    async fn active(&self) -> Result<KeyId, KeyError> {
        self.call()?;
        self.inner.active().await
    }
}

#[tokio::test]
async fn an_outage_of_the_key_provider_is_ridden_out_as_long_as_keys_may_be_in_memory() {
    let (provider, clock, store) = (Provider::new(), HandClock::new(), MemoryVault::new());
    let vault = builder(store, Arc::clone(&provider)).clock(Arc::new(clock.clone())).open().await.unwrap();
    let mine = vault.as_principal(me());
    mine.create_tenant("acme").await.unwrap();
    let acme = mine.tenant("acme").unwrap();
    acme.create_grant("crm", "a", grant("kept")).await.unwrap();

    provider.is_down.store(true, Ordering::SeqCst);
    clock.advance(Duration::from_secs(299));
    acme.grant("crm", "a").await.unwrap().unwrap();
    clock.advance(Duration::from_secs(2));
    let error = acme.grant("crm", "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyUnavailable, "too old to go on with: {error:?}");
    assert!(matches!(error.diagnosis().retry(), Retry::After(_)));
    let new = mine.create_tenant("globex").await.unwrap_err();
    assert_eq!(new.kind(), ErrorKind::KeyUnavailable);

    provider.is_down.store(false, Ordering::SeqCst);
    acme.grant("crm", "a").await.unwrap().unwrap();
    assert!(mine.create_tenant("globex").await.unwrap());
}

#[tokio::test]
async fn a_thousand_callers_at_once_ask_the_key_provider_once() {
    let (provider, store) = (Provider::new(), MemoryVault::new());
    support::opened(store.clone(), &["acme"]).await;
    let vault = builder(store, Arc::clone(&provider)).open().await.unwrap();
    let before = provider.unwrapped.load(Ordering::SeqCst);
    let acme = vault.as_principal(me()).tenant("acme").unwrap();
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let acme = acme.clone();
            tokio::spawn(async move { acme.grant("crm", "a").await.unwrap().is_none() })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap());
    }
    assert_eq!(provider.unwrapped.load(Ordering::SeqCst) - before, 1);
}

#[tokio::test]
async fn keys_of_more_tenants_than_may_be_in_memory_are_asked_for_again() {
    let (provider, store) = (Provider::new(), MemoryVault::new());
    let names: Vec<String> = (0..30).map(|nth| format!("t{nth}")).collect();
    let vault = builder(store, Arc::clone(&provider))
        .keys_in_memory(Duration::from_secs(300), 10)
        .open()
        .await
        .unwrap();
    let mine = vault.as_principal(me());
    for name in &names {
        mine.create_tenant(name).await.unwrap();
    }
    let read_all = async || {
        let before = provider.unwrapped.load(Ordering::SeqCst);
        for name in &names {
            mine.tenant(name).unwrap().grant("crm", "a").await.unwrap();
        }
        provider.unwrapped.load(Ordering::SeqCst) - before
    };
    read_all().await;
    assert!(read_all().await >= 20, "ten are kept, the others are asked for again");
}

/// A backend that fails as it is told to.
#[derive(Debug)]
struct Fails {
    inner: MemoryVault,
    with: Mutex<Option<VaultError>>,
}

impl Fails {
    fn call(&self) -> Result<(), VaultError> {
        self.with.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Vault for Fails {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        match self.call() {
            // A full store and a lost write do not keep anybody from reading.
            Err(VaultError::Full(_) | VaultError::InDoubt(_)) | Ok(()) => self.inner.load(key).await,
            Err(error) => Err(error),
        }
    }
    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let stored = match self.call() {
            // It was written, and the answer lost.
            Err(VaultError::InDoubt(_)) | Ok(()) => self.inner.store(key, record, when).await?,
            Err(error) => return Err(error),
        };
        self.call().map(|()| stored)
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

#[tokio::test]
async fn each_failure_of_the_store_has_its_kind_and_is_over_when_the_store_is_back() {
    let store = Arc::new(Fails { inner: MemoryVault::new(), with: Mutex::default() });
    let vault = builder(Arc::clone(&store), key(1)).open().await.unwrap();
    let mine = vault.as_principal(me());
    mine.create_tenant("acme").await.unwrap();
    let acme = mine.tenant("acme").unwrap();
    acme.create_grant("crm", "a", grant("kept")).await.unwrap();
    let renewal = vault.as_principal(Principal::system_renewal()).tenant("acme").unwrap();

    let cases = [
        (VaultError::unavailable("restarting"), ErrorKind::Storage, true),
        (VaultError::full("no space left"), ErrorKind::Storage, false),
        (VaultError::damaged("a page is torn"), ErrorKind::Damaged, true),
        (VaultError::newer("format 9"), ErrorKind::Damaged, true),
        (VaultError::refused("no rights"), ErrorKind::Storage, true),
        (VaultError::Closed, ErrorKind::Storage, true),
    ];
    for (nth, (failure, kind, also_reads)) in cases.into_iter().enumerate() {
        *store.with.lock().unwrap() = Some(failure.clone());
        let account = format!("new-{nth}");
        let written = acme.create_grant("crm", &account, grant("new")).await.unwrap_err();
        assert_eq!(written.kind(), kind, "{failure:?}: {written:?}");
        assert!(!written.diagnosis().remedy().is_empty());
        assert_eq!(read_token(&renewal, "crm", "a").await.is_err(), also_reads, "{failure:?}");
        *store.with.lock().unwrap() = None;
        assert_eq!(read_token(&renewal, "crm", "a").await.unwrap().unwrap(), "kept");
        acme.create_grant("crm", &account, grant("new")).await.unwrap();
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_found_to_be_done() {
    let store = Arc::new(Fails { inner: MemoryVault::new(), with: Mutex::default() });
    let vault = builder(Arc::clone(&store), key(1)).open().await.unwrap();
    let mine = vault.as_principal(me());
    mine.create_tenant("acme").await.unwrap();
    let acme = mine.tenant("acme").unwrap();
    *store.with.lock().unwrap() = Some(VaultError::in_doubt("the connection broke"));
    let version = acme.create_grant("crm", "a", grant("first")).await.unwrap();
    let next = acme.replace_grant("crm", "a", grant("second"), Some(&version)).await.unwrap();
    assert_eq!(next.number(), version.number() + 1);
    *store.with.lock().unwrap() = None;
    acme.replace_grant("crm", "a", grant("third"), Some(&next)).await.unwrap();
}

/// A backend that loses the answer of a write of a grant, and a person consents before anybody looks what became of it.
#[derive(Debug)]
struct ConsentedOver {
    inner: Arc<MemoryVault>,
    by: Mutex<Option<TenantVault>>,
}

#[async_trait]
impl Vault for ConsentedOver {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        self.inner.load(key).await
    }
    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let stored = self.inner.store(key, record, when).await?;
        let by = if key.as_grant_key().is_some() { self.by.lock().unwrap().take() } else { None };
        let Some(by) = by else { return Ok(stored) };
        let over = by.grant("crm", "a").await.unwrap().map(|stored| stored.version);
        by.replace_grant("crm", "a", grant("anew"), over.as_ref()).await.unwrap();
        Err(VaultError::in_doubt("the connection broke"))
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
        None
    }
}

#[tokio::test]
async fn a_consent_over_a_deletion_whose_answer_was_lost_is_not_deleted_and_none_is_stopped() {
    for deleted in [true, false] {
        let inner = Arc::new(MemoryVault::new());
        let store = Arc::new(ConsentedOver { inner: Arc::clone(&inner), by: Mutex::default() });
        let mine = support::opened(Arc::clone(&store), &["acme"]).await;
        let acme = mine.tenant("acme").unwrap();
        acme.create_grant("crm", "a", grant("first")).await.unwrap();
        let beside = builder(inner, key(1)).open().await.unwrap();
        *store.by.lock().unwrap() = Some(beside.as_principal(me()).tenant("acme").unwrap());
        if deleted {
            assert!(acme.delete_grant("crm", "a").await.unwrap().is_none());
        } else {
            assert!(acme.stop_grant("crm", "a", None).await.unwrap().is_none());
        }
        let stands = acme.grant("crm", "a").await.unwrap().unwrap();
        assert_eq!(stands.state, GrantState::Active);
    }
}
