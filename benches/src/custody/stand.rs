//! What every measurement of custody stands on: a vault, grants in it, and custody of them.

use std::path::Path;
use std::sync::Arc;

use grantry_core::{Clock, GrantKey, StoreTime, Target};
use grantry_custody::{Custody, CustodyGrant, FolderLifeboat, Lifeboat};
use grantry_vault::access::{AccessPolicy, Principal};
use grantry_vault::{GrantRecord, LocalKey, SealedVault, StoredAccessToken, TenantVault, Vault};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::authority::{Authority, access_token};

/// How many grants are kept at once while the vault is filled.
const FILLERS: u64 = 256;

pub(crate) fn key(grant: u64) -> GrantKey {
    GrantKey::new("acme", "crm", format!("user-{grant:06}")).unwrap()
}

/// A vault as users have it: its audit trail is in its own store.
pub(crate) async fn vault(backend: impl Vault, clock: Arc<dyn Clock>) -> SealedVault {
    let key = LocalKey::from_bytes(Zeroizing::new([7; 32]));
    SealedVault::builder(backend, key, AccessPolicy::sole(&me())).clock(clock).open().await.unwrap()
}

pub(crate) fn tenant(vault: &SealedVault) -> TenantVault {
    vault.as_principal(me()).tenant("acme").unwrap()
}

fn me() -> Principal {
    Principal::workload("bench").unwrap()
}

/// Custody as users have it.
pub(crate) async fn custody(vault: &SealedVault, lifeboat: impl Lifeboat, clock: Arc<dyn Clock>) -> Custody {
    Custody::builder(vault, lifeboat).clock(clock).open().await.unwrap()
}

pub(crate) fn lifeboat(folder: &Path) -> FolderLifeboat {
    FolderLifeboat::open(folder.join("lifeboats")).unwrap()
}

pub(crate) fn open(custody: &Custody, authority: &Arc<Authority>, grant: u64) -> CustodyGrant {
    let rotation = authority.rotation(grant);
    custody.grant(key(grant), Arc::clone(authority)).rotation(rotation).build().unwrap()
}

/// Keeps one grant in a vault that has none.
pub(crate) async fn keep(vault: &SealedVault, grant: u64, record: GrantRecord) {
    vault.as_principal(me()).create_tenant("acme").await.unwrap();
    tenant(vault).create_grant("crm", key(grant).account(), record).await.unwrap();
}

/// Keeps so many grants, whose access tokens expire when `expires` says.
pub(crate) async fn fill(
    vault: &SealedVault,
    authority: &Authority,
    grants: u64,
    now: (&dyn Clock, StoreTime),
    expires: impl Fn(u64) -> StoreTime,
) {
    vault.as_principal(me()).create_tenant("acme").await.unwrap();
    let (wall, obtained) = (now.0.wall(), now.1);
    let mut tasks = JoinSet::new();
    for grant in 0..grants {
        let token = StoredAccessToken::new(Target::default(), access_token(grant, 0), obtained);
        let record = GrantRecord::new(wall)
            .with_refresh_token(authority.consent(grant), wall)
            .with_access_token(token.expiring(expires(grant)));
        let acme = tenant(vault);
        tasks.spawn(async move {
            acme.create_grant("crm", key(grant).account(), record).await.unwrap();
        });
        if tasks.len() as u64 >= FILLERS {
            tasks.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}
