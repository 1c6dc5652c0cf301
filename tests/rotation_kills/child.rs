//! The process that rotates and is killed, and what it shares with the one that kills it.

use std::time::Duration;

use grantry_core::{RefreshToken, Timestamp};
use grantry_tests::Fallible;
use grantry_vault::access::{AccessPolicy, PolicyError, Principal};
use grantry_vault::{GrantRecord, LocalKey, RotationPolicy, SealedVault, VaultKeys};

use crate::stores::Address;

/// As short as it may be: twice the time that keys may be in memory.
pub(crate) const HOLD: Duration = Duration::from_secs(2);

/// Rotates everything at each run, and holds its lease as shortly as can be: the next one goes on at once.
pub(crate) fn policy() -> RotationPolicy {
    RotationPolicy::default()
        .every(Duration::ZERO)
        .hold(HOLD)
        .lease(Duration::from_millis(50))
        .records_per_second(100_000)
}

pub(crate) fn me() -> Result<Principal, PolicyError> {
    Principal::workload("tests")
}

pub(crate) fn grant(refresh_token: &str) -> GrantRecord {
    let consented = Timestamp::from_unix_seconds(1_790_000_000);
    GrantRecord::new(consented).with_refresh_token(RefreshToken::new(refresh_token), consented)
}

/// Opens the vault that an address names: the key file, and the store behind it.
pub(crate) async fn open(address: &str) -> Fallible<SealedVault> {
    let address = Address::parse(address)?;
    let keys = VaultKeys::rotating(LocalKey::from_file(address.key_file())?);
    let backend = address.backend().await?;
    let vault = SealedVault::builder(backend, keys, AccessPolicy::sole(&me()?))
        .keys_in_memory(Duration::from_secs(1), 100)
        .audit_patience(Duration::from_secs(20));
    Ok(vault.open().await?)
}

pub(crate) async fn rotate(address: &str) -> Fallible<()> {
    let vault = open(address).await?;
    let report = vault.as_principal(Principal::system_rotation()).rotate(&policy(), |_| {}).await?;
    if report.busy_elsewhere {
        // The lease of the one that was killed: it ends soon.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    vault.close().await?;
    Ok(())
}
