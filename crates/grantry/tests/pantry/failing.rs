//! Ending grants in a store that fails, or whose answers are lost.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grantry::custody::Revocation;
use grantry::pantry::{Grantry, Registration};
use grantry::vault::{
    MemoryVault, Page, Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, StoredRecord, Vault,
    VaultError, Watch,
};
use grantry::{ErrorKind, StoreTime, TokenSource};

use crate::fixture::{World, acme, admin};

/// What befalls writes of grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Befalls {
    Nothing,
    /// They are not done.
    Failure,
    /// They are done, and nobody learns of it.
    Loss,
}

/// A store in which grants cannot be written, or not for certain.
#[derive(Debug)]
struct Shaky {
    inner: MemoryVault,
    befalls: Mutex<Befalls>,
    /// Whether an answer was lost: what became of the write cannot be looked up either.
    lost: Mutex<bool>,
}

impl Shaky {
    fn set(&self, befalls: Befalls) {
        *self.befalls.lock().unwrap() = befalls;
        *self.lost.lock().unwrap() = false;
    }
}

#[async_trait]
impl Vault for Shaky {
    async fn load(&self, key: &RecordKey) -> Result<Option<StoredRecord>, VaultError> {
        if *self.lost.lock().unwrap() && key.as_grant_key().is_some() {
            return Err(VaultError::unavailable("it is gone"));
        }
        self.inner.load(key).await
    }
    async fn store(
        &self,
        key: &RecordKey,
        record: SealedRecord,
        when: Precondition,
    ) -> Result<Revision, VaultError> {
        let befalls = *self.befalls.lock().unwrap();
        if key.as_grant_key().is_none() || befalls == Befalls::Nothing {
            return self.inner.store(key, record, when).await;
        }
        if befalls == Befalls::Failure {
            return Err(VaultError::full("no space is left on the disk"));
        }
        self.inner.store(key, record, when).await?;
        *self.lost.lock().unwrap() = true;
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

async fn opened(world: &World) -> (Arc<Shaky>, Grantry) {
    let inner = MemoryVault::with_clock(world.clock.clone());
    let store = Arc::new(Shaky { inner, befalls: Mutex::new(Befalls::Nothing), lost: Mutex::default() });
    let pantry = world.builder().vault(Arc::clone(&store)).open().await.unwrap();
    pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
    acme(&pantry).vault().store_client("crm", world.registration("s3cret"), None).await.unwrap();
    (store, pantry)
}

#[tokio::test(start_paused = true)]
async fn a_registration_stays_while_a_grant_could_not_be_deleted_that_needs_it() {
    let world = World::new();
    let (store, pantry) = opened(&world).await;
    let acme = acme(&pantry);
    acme.source("crm").await.unwrap().token().await.unwrap();
    store.set(Befalls::Failure);
    let report = acme.remove_service("crm", Revocation::HereOnly).await.unwrap();
    assert_eq!((report.registration, report.left.len()), (Registration::KeptToRevoke, 1), "{report:?}");
    assert!(acme.vault().client("crm").await.unwrap().is_some());
    store.set(Befalls::Nothing);
    let report = acme.remove_service("crm", Revocation::HereOnly).await.unwrap();
    assert_eq!((report.registration, report.left.len()), (Registration::Removed, 0), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_gives_nothing_out_of_a_grant_that_may_be_gone_since_the_answer_was_lost() {
    for how in [Revocation::HereOnly, Revocation::AtServerThenHere] {
        let world = World::new();
        let (store, pantry) = opened(&world).await;
        let acme = acme(&pantry);
        let source = acme.source("crm").await.unwrap();
        let held = source.token().await.unwrap();
        store.set(Befalls::Loss);
        assert_eq!(acme.revoke("crm", how).await.unwrap_err().kind(), ErrorKind::Storage);
        store.set(Befalls::Nothing);
        let given = source.token().await;
        assert!(given.is_err() || given.unwrap().expose() != held.expose(), "{how:?}");
    }
}
