//! What the tests of the vault stand on.
#![allow(dead_code, clippy::unwrap_used, reason = "each test takes what it needs")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use grantry_core::{Clock, CoarseReading, Instant, RefreshToken, SystemClock, Timestamp};
use grantry_vault::access::{AccessPolicy, Principal};
use grantry_vault::audit::MemorySink;
use grantry_vault::{
    GrantRecord, LocalKey, PrincipalVault, RecordKey, RecordPrefix, SealedVault, SealedVaultBuilder,
    StoredRecord, TenantVault, Vault, VaultKeys,
};
use zeroize::Zeroizing;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// A clock that a test moves by hand. The boot clock begins at an hour, the wall clock now.
#[derive(Debug, Clone)]
pub(crate) struct HandClock(Arc<(AtomicU64, AtomicI64)>);

impl HandClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new((3_600_000_000_000.into(), SystemClock::new().wall().as_unix_nanos().into())))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap();
        self.0.0.fetch_add(nanos, Ordering::SeqCst);
        self.0.1.fetch_add(i64::try_from(nanos).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.0.load(Ordering::SeqCst))
    }
    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.0.1.load(Ordering::SeqCst))
    }
    fn coarse(&self) -> CoarseReading {
        CoarseReading { monotonic: self.0.0.load(Ordering::SeqCst), wall: self.wall() }
    }
}

pub(crate) fn me() -> Principal {
    Principal::workload("me").unwrap()
}

/// A key provider that is the same for everyone who names the same byte.
pub(crate) fn key(byte: u8) -> LocalKey {
    LocalKey::from_bytes(Zeroizing::new([byte; 32]))
}

/// A vault of one user over a backend, with the audit trail in memory.
pub(crate) fn builder(backend: impl Vault, keys: impl Into<VaultKeys>) -> SealedVaultBuilder {
    SealedVault::builder(backend, keys, AccessPolicy::sole(&me()))
        .audit_elsewhere()
        .audit_sink(MemorySink::as_if_durable())
}

/// The same, opened, with these tenants.
pub(crate) async fn opened(backend: impl Vault, tenants: &[&str]) -> PrincipalVault {
    let vault = builder(backend, key(1)).open().await.unwrap().as_principal(me());
    for tenant in tenants {
        vault.create_tenant(tenant).await.unwrap();
    }
    vault
}

pub(crate) fn grant(refresh_token: &str) -> GrantRecord {
    let consented = Timestamp::from_unix_seconds(1_790_000_000);
    GrantRecord::new(consented).with_refresh_token(RefreshToken::new(refresh_token), consented)
}

/// The refresh token that a grant has, read by a renewal.
pub(crate) async fn refresh_token(vault: &SealedVault, tenant: &str, service: &str, account: &str) -> String {
    let tenant = vault.as_principal(Principal::system_renewal()).tenant(tenant).unwrap();
    read_token(&tenant, service, account).await.unwrap().unwrap()
}

pub(crate) async fn read_token(
    tenant: &TenantVault,
    service: &str,
    account: &str,
) -> Result<Option<String>, grantry_core::Error> {
    let stored = tenant.renew(service, account).await?.grant().await?;
    Ok(stored.map(|stored| stored.refresh_token().unwrap().expose().to_owned()))
}

/// Every record of a backend.
pub(crate) async fn everything(backend: &dyn Vault) -> Vec<(RecordKey, StoredRecord)> {
    backend.list(&RecordPrefix::everything(), None, usize::MAX).await.unwrap().records
}
