//! Where credentials are kept: sealed, apart for each tenant, under keys that can live in an HSM.
//!
//! ```
//! use grantry_core::{Clock, RefreshToken, SystemClock};
//! use grantry_vault::access::{AccessPolicy, Principal};
//! use grantry_vault::{GrantRecord, LocalKey, MemoryVault, SealedVault};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("grantry.key");
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//!
//! let me = Principal::workload("billing")?;
//! let key = LocalKey::generate(&path)?;
//! let vault = SealedVault::builder(MemoryVault::new(), key, AccessPolicy::sole(&me)).open().await?;
//!
//! let mine = vault.as_principal(me);
//! mine.create_tenant("acme").await?;
//! let acme = mine.tenant("acme")?;
//! let now = SystemClock::new().wall();
//! let grant = GrantRecord::new(now).with_refresh_token(RefreshToken::new("r3fresh"), now);
//! acme.create_grant("crm", "user-17", grant).await?;
//! # vault.close().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | read |
//! |---|---|
//! | keep and read credentials | [`SealedVault`], [`TenantVault`] |
//! | keep what waits for a person, for one of all replicas to take | [`TenantVault::keep_pending`] |
//! | say who may do what | [`access`] |
//! | see what was done, and prove that nobody changed the trail | [`audit`] |
//! | rotate keys, and erase a tenant | [`RotationPolicy`], [`PrincipalVault`] |
//! | keep the keys elsewhere: an HSM, a KMS | [`KeyProvider`], [`KeyRotation`], [`VaultKeys`] |
//! | read records without a vault | [`sealing`] |
//! | write a backend of your own, and prove it | [`Vault`], `conformance` |
//!
//! # What holds against whom
//!
//! Whoever has the store but not the keys sees names (tenant, service, account, kind), times and sizes in steps of 256
//! bytes; what they change, move, cut or exchange is refused. Older records are refused by each process that saw a newer
//! one; a whole store that was set back before a process ever saw it is not noticed, unless a checkpoint of the audit
//! trail was kept elsewhere. Whoever has the process has its memory: roles guard against mistakes and between tenants.
//!
//! # Features
//!
//! `conformance` adds the suite that a backend runs to prove its promises.
//!
//! # Invariants
//!
//! * A backend sees sealed bytes only; compare-and-swap is the only write.
//! * Each write is sealed under a key of its own; a commitment to it is compared before anything is decrypted.
//! * No secret is released that was not recorded in a durable sink before; no outcome is ever dropped.
//! * A handle of one tenant cannot name a record of another.
//! * A key is retired only after nothing names it; nothing brings an erased tenant back.
//! * No audit line, error, event or `Debug` holds a secret.
//! * `ring` is named in `crypto.rs` alone.

pub mod access;
pub mod audit;
mod backend;
#[cfg(feature = "conformance")]
pub mod conformance;
mod crypto;
#[cfg(test)]
mod crypto_vectors;
mod error;
mod keyring;
mod keys;
mod memory;
mod records;
mod rotation;
mod sealed_vault;
pub mod sealing;
mod store;

pub use backend::{
    ChangeHint, ChangeHints, InvalidRecordKey, Page, Precondition, RecordKey, RecordKind, RecordPrefix,
    Revision, SealedRecord, StoredRecord, Vault, VaultError, Watch,
};
pub use keys::{
    Deployment, KeyContext, KeyError, KeyId, KeyProvider, KeyRotation, KeyVersion, KeyVersionState, LocalKey,
    LocalKeySet, TenantKey, WrappedKey,
};
pub use memory::MemoryVault;
pub use records::{
    ClientRecord, FieldReader, FieldWriter, Fingerprint, GrantRecord, GrantState, StoredAccessToken,
    StoredBinding, StoredSecret,
};
pub use rotation::{KeyAge, KeyAgeState, RotationPhase, RotationPolicy, RotationProgress, RotationReport};
pub use sealed_vault::{
    AccessTokenView, Aside, ClientView, GrantView, LateSeal, Listed, PrincipalVault, RecordVersion, Renewing,
    RotationTask, SealedVault, SealedVaultBuilder, Stored, TenantVault, VaultKeys,
};
pub use sealing::{LineageId, RefusedRecord};
