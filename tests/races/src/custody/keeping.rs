//! What is in the store's folder, and the vault that is made of it.

use std::path::Path;

use grantry_core::{Clock, RefreshToken, SystemClock};
use grantry_custody::{Custody, FolderLifeboat};
use grantry_vault::access::{AccessPolicy, Binding, Permission, Principal, Reach, Role};
use grantry_vault::{GrantRecord, LocalKey, SealedVault};

use super::vault::Backend;
use crate::worker::{Outcome, Seed, Terms};

const KEY: &str = "grantry.key";
pub(super) const LIFEBOATS: &str = "lifeboats";

/// Each process writes its lifeboat in full when it starts: as many seats as there are grants at most, and what the
/// short answers of a race need.
pub(super) const SEATS: usize = 32;
pub(super) const SEAT_BYTES: usize = 8 * 1024;

pub(super) const TENANT: &str = "races";
pub(super) const SERVICE: &str = "server";

/// Whoever lays down the grants and reveals them at the end. Workers themselves act as the renewal.
fn driver() -> Outcome<Principal> {
    Ok(Principal::workload("driver")?)
}

fn policy() -> Outcome<AccessPolicy> {
    let role = Role::custom("all", Permission::ALL.iter().copied())?;
    let binding = Binding::allow(driver()?, "all", Reach::everything());
    Ok(AccessPolicy::builder().role(role).bind(binding).build()?)
}

/// The vault over a store, with the key file that is there.
pub(super) async fn open(store: &Path, backend: &Backend) -> Outcome<SealedVault> {
    let key = LocalKey::from_file(store.join(KEY))?;
    Ok(SealedVault::builder(backend.vault(), key, policy()?).open().await?)
}

/// Makes the key, the vault, and a grant of each seeded refresh token.
pub(super) async fn lay_down(store: &Path, seed: &Seed) -> Outcome<()> {
    LocalKey::generate(store.join(KEY))?;
    let backend = Backend::open(store, &seed.terms).await?;
    let vault = open(store, &backend).await?;
    let mine = vault.as_principal(driver()?);
    mine.create_tenant(TENANT).await?;
    let tenant = mine.tenant(TENANT)?;
    let now = SystemClock::new().wall();
    for grant in &seed.grants {
        let token = RefreshToken::new(grant.refresh_token.as_str());
        let record = GrantRecord::new(now).with_refresh_token(token, now);
        tenant.create_grant(SERVICE, &grant.name, record).await?;
    }
    vault.close().await?;
    backend.close().await;
    Ok(())
}

/// The refresh tokens of the records, after what lifeboats of the dead held was brought home.
pub(super) async fn show(store: &Path, terms: &Terms) -> Outcome<Vec<(String, String)>> {
    let backend = Backend::open(store, terms).await?;
    let vault = open(store, &backend).await?;
    let lifeboat = FolderLifeboat::builder(store.join(LIFEBOATS)).seats(1).open()?;
    let custody = Custody::builder(&vault, lifeboat).open().await?;
    let tenant = vault.as_principal(driver()?).tenant(TENANT)?;
    let mut held = Vec::new();
    for name in &terms.names {
        let Some(stored) = tenant.reveal_grant(SERVICE, name).await? else { continue };
        let tokens = stored.value.refresh_token().into_iter().chain(stored.value.alternates());
        held.extend(tokens.map(|token| (name.clone(), token.expose().to_owned())));
    }
    custody.close().await;
    vault.close().await?;
    backend.close().await;
    Ok(held)
}
