//! Backends of your own: a store, a key provider, and how to prove them.
//!
//! # A store
//!
//! A store implements [`Vault`](crate::vault::Vault): six methods over sealed bytes. There is nothing to encrypt, nothing to decide,
//! and so nothing to leak. What it has to get right is written down, and a suite holds it to each promise by name.
//!
//! `examples/custom_vault` is a whole one: sixty lines between the trait and a store that writes on condition. The points that
//! decide whether it is right:
//!
//! 1. **Check and write in one step.** `store` has to check its precondition and write in one step that nobody sees half
//!    of. The example's store has `put_if`; a database has transactions or a conditional update.
//! 2. **A revision that never comes back.** The example takes the time of the write, which its store keeps from going
//!    back. A counter over all keys is as good; a hash of the bytes is not, and a counter for each key is not, once the
//!    record was removed.
//! 3. **Durable before `Ok`.** The store syncs the file, renames it, and syncs the folder.
//! 4. **A clock for everybody.** Leases are judged by it, so all processes have to see the same one, and it never goes back.
//! 5. **Say what is known.** Where a write was sent and its answer lost: `VaultError::in_doubt`. Nothing else may say so, and
//!    nothing else may try again by itself.
//! 6. **No lock across calls.** A caller that stops polling its future holds nobody else up.
//!
//! # Proving it
//!
//! One line runs every promise as a test of its own (feature `conformance`):
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! mod promises_kept {
//!     use grantry::vault::MemoryVault;
//!     use grantry::vault::conformance::Subject;
//!
//!     // In the place of `MemoryVault` your own, in a place of its own for each test.
//!     grantry::vault::conformance!(async { Subject::new(MemoryVault::new()) });
//! }
//! ```
//!
//! Tell the suite more, and it proves more: `with_second_handle` for two processes, `reopened_by` for what outlives a handle,
//! `keeping` for what has to stay there meanwhile. Outside of `cargo test` the promises are functions:
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use grantry::vault::MemoryVault;
//! use grantry::vault::conformance::{self, Subject};
//!
//! let report = conformance::all(async || Subject::new(MemoryVault::new())).await;
//! assert!(report.is_kept(), "{report}");
//! # });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The suite cannot pull a plug. What a crash of the machine leaves is yours to test: `tests/races` kills processes and stores
//! around any backend, and a stall in the midst of a write is worth more than a thousand quick ones.
//!
//! # A key provider
//!
//! [`KeyProvider`](crate::vault::KeyProvider) has three methods: wrap a tenant's key, unwrap it, and say which key wraps from now
//! on. [`KeyRotation`](crate::vault::KeyRotation) adds four, for a provider whose keys the vault exchanges.
//!
//! ```
//! # #[cfg(feature = "vault")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let folder = tempfile::tempdir()?;
//! use std::time::Duration;
//!
//! use async_trait::async_trait;
//! use grantry::vault::access::{AccessPolicy, Principal};
//! use grantry::vault::{
//!     KeyContext, KeyError, KeyId, KeyProvider, LocalKey, MemoryVault, SealedVault, TenantKey, WrappedKey,
//! };
//!
//! /// Another provider, which is given up on after a while.
//! #[derive(Debug)]
//! struct Bounded(LocalKey);
//!
//! impl Bounded {
//!     async fn in_time<T>(work: impl Future<Output = Result<T, KeyError>>) -> Result<T, KeyError> {
//!         let late = |_| KeyError::unavailable("the key provider does not answer");
//!         tokio::time::timeout(Duration::from_secs(5), work).await.map_err(late)?
//!     }
//! }
//!
//! #[async_trait]
//! impl KeyProvider for Bounded {
//!     async fn wrap_key(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
//!         Self::in_time(self.0.wrap_key(key, context)).await
//!     }
//!     async fn unwrap_key(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
//!         Self::in_time(self.0.unwrap_key(wrapped, context)).await
//!     }
//!     async fn active(&self) -> Result<KeyId, KeyError> {
//!         Self::in_time(self.0.active()).await
//!     }
//! }
//!
//! let me = Principal::workload("billing")?;
//! let keys = Bounded(LocalKey::generate(folder.path().join("grantry.key"))?);
//! let vault = SealedVault::builder(MemoryVault::new(), keys, AccessPolicy::sole(&me)).open().await?;
//! vault.as_principal(me).create_tenant("acme").await?;
//! # vault.close().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What to get right:
//!
//! * **Authenticate the context.** It names deployment, tenant and epoch, and a key that was wrapped for one tenant must not
//!   unwrap for another. A provider without associated data has to add a MAC, as `grantry-keys-pkcs11` does.
//! * **`WrappedKey::key_id` names the key that wrapped**, also when another was promoted meanwhile.
//! * **Bounded and silent.** A call returns in time, and no error shows a key, a PIN or a token.
//! * **Sort errors by whose move it is.** `Unavailable` is tried again, `Damaged` and `UnknownKey` are not.
//!
//! # Other parts
//!
//! Flows, transports, clocks, keepers and signers: [`extending`](super::extending).
