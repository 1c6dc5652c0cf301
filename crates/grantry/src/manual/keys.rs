//! Keys: who holds them, how they are backed up, moved and erased.
//!
//! Three layers. Each **record** is sealed under a key that is used once. That is derived from the **tenant's key**, of which
//! there is a new one every ninety days. Tenant keys are wrapped by a **key provider**, and the key above them never leaves it.
//!
//! | layer | where it is | exchanged |
//! |---|---|---|
//! | key of a write (AES-256-GCM) | nowhere: derived, used, forgotten | with each write |
//! | tenant key | wrapped in the store; in memory for five minutes at a time | every 90 days, and the records sealed anew behind it |
//! | key-encryption key | a key file, an HSM, a KMS | every 90 days, or as the provider does it |
//!
//! # Choosing a provider
//!
//! | provider | the key is | choose it where | exchanged by |
//! |---|---|---|---|
//! | `LocalKey::from_file` | a file that only its owner reads | one machine; the file is on another disk than the store and its backups | grantry |
//! | `LocalKey::from_env` | an environment variable | a platform hands secrets out that way | nobody: move to another |
//! | `LocalKey::from_passphrase` | derived with Argon2id | a person types it | nobody: move to another |
//! | `grantry-keys-pkcs11` | in an HSM | hardware is asked for; tried with SoftHSM 2 | grantry |
//! | `grantry-keys-aws-kms` | in AWS KMS | on AWS | KMS |
//! | `grantry-keys-keychain` | in the keychain of the operating system, which a person's password opens | on a person's own machine | grantry |
//! | `grantry-keys-transit` | in HashiCorp Vault or OpenBao | one of them runs anyway | grantry |
//!
//! Each crate's first page says how to set it up, what it costs and what it cannot promise. None of them is asked for a record:
//! one call for each tenant and five minutes. **With each of them tenant keys are in this process's memory**, because records are
//! encrypted here. Whoever reads that memory has them; an HSM keeps a thief of the disk out, not one of the process.
//!
//! Write `VaultKeys::rotating(provider)` where grantry is to exchange the provider's own key. A provider that is handed in bare
//! is taken for one whose keys somebody else exchanges, as KMS does.
//!
//! # Making one
//!
//! ```console
//! $ grantry vault init --key-file keys/grantry.key
//! made a vault in /home/ana/.local/share/grantry
//! its key is keys/grantry.key
//! keep a copy of the key elsewhere, and no backup of the vault beside it: without it nothing can be opened
//! $ export GRANTRY_KEY_FILE=keys/grantry.key
//! $ grantry auth set --service crm --client-id billing --client-secret-file secret.txt \
//!     --token-url https://as.example.com/token
//! ...
//! $ grantry vault status
//! vault  /home/ana/.local/share/grantry
//! key file  keys/grantry.key
//! tenants  1
//!
//! KEY              MADE                  AGE      STATE
//! key file         2026-11-26T01:14:34Z  12 days  fresh
//! the vault's own  2026-11-26T01:14:34Z  12 days  fresh
//! tenant default   2026-11-26T01:14:34Z  12 days  fresh
//! ```
//!
//! # In the keychain of a person's machine
//!
//! `grantry vault init --keychain` keeps the key in the keychain that the person's login unlocks (the Secret Service on Linux, the
//! login keychain of macOS), and a file `grantry.keychain` beside the vault says in which entry. The command has to be built with
//! its feature `keychain`. A vault with a key file is moved: make another one so, then `grantry vault migrate`. Where the keychain
//! is locked, not there, or has lost the entry, each command says so and ends with 6; no other key is ever made in its place.
//!
//! The entry holds what a key file holds, so a copy of it is one: on Linux
//! `secret-tool lookup service grantry username ENTRY` prints it, with the name that `grantry vault status` shows, and `--key-file`
//! takes it. A program opens the same key with `KeychainKey` of `grantry-keys-keychain`: the entry by its name, and
//! `grantry.keychain.lock` in the vault's folder for the lock file.
//!
//! # Backups
//!
//! | back up | how | keep it |
//! |---|---|---|
//! | the store | SQLite: `VACUUM INTO`; PostgreSQL: as ever; Redis: its append-only file | anywhere: it is sealed |
//! | the key | copy the key file, or the keychain's entry; an HSM and a KMS have ways of their own | apart from the store's backups, always |
//! | checkpoints of the audit trail | `audit verify --write-checkpoint`, `audit.folder` in the configuration, or a sink of your own | where whoever runs the vault cannot write |
//!
//! How to restore is on each store's first page; processes are stopped or restarted for it. A store that was restored holds the
//! refresh tokens of that day, and a server that rotates takes those that were used since for stolen: their people have to
//! consent again. So backups are for registrations, for servers that do not rotate, and for the worst day; against the loss of a
//! disk replicate the store instead ([`replicas`](super::replicas)).
//!
//! # A second key for the day when the first is lost
//!
//! ```
//! # #[cfg(feature = "vault")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let (first, second) = (folder.path().join("first.key"), folder.path().join("second.key"));
//! # let store = std::sync::Arc::new(grantry::vault::MemoryVault::new());
//! use grantry::vault::access::{AccessPolicy, Principal};
//! use grantry::vault::{LocalKey, SealedVault, VaultKeys};
//!
//! let me = Principal::workload("billing")?;
//! let keys = VaultKeys::rotating(LocalKey::generate(&first)?).with_recovery(LocalKey::generate(&second)?);
//! let vault = SealedVault::builder(store.clone(), keys, AccessPolicy::sole(&me)).open().await?;
//! vault.as_principal(me.clone()).create_tenant("acme").await?;
//! vault.close().await?;
//!
//! // The first is lost. The second one opens everything, and what is wrapped from now on is wrapped by a new one.
//! let keys = VaultKeys::rotating(LocalKey::generate(folder.path().join("third.key"))?)
//!     .with_former(LocalKey::from_file(&second)?);
//! let vault = SealedVault::builder(store, keys, AccessPolicy::sole(&me)).open().await?;
//! assert_eq!(vault.as_principal(me).tenants(None, 10).await?.len(), 1);
//! # vault.close().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `with_former` is also the way from one provider to another: the new one wraps, the old one goes on unwrapping, and the next
//! rotation wraps every tenant key anew. Then the old one can go. Records are not touched.
//!
//! # Erasing a tenant
//!
//! ```console
//! $ grantry vault shred-tenant default
//! error: erasing a tenant cannot be undone, and nobody can be asked here
//!   to do: add --yes
//! $ echo $?
//! 2
//! $ grantry vault shred-tenant default --yes
//! erased default: copies of the vault's files still hold its wrapped keys
//! $ grantry auth token --service crm
//! error: vault: default/client/crm/-: the tenant was erased
//!   to do: nothing brings an erased tenant back: create one with another name
//! $ echo $?
//! 3
//! ```
//!
//! It destroys every wrap of the tenant's keys: what is left of the records is noise, in the store at once, and in backups as
//! soon as those that hold the wraps are gone. So erasure is complete when the last such backup has expired. Revoke first what
//! is to be dead at the servers too: nobody can do that afterwards.
//!
//! # When a key cannot be had
//!
//! For up to five minutes nothing happens; then reads fail with [`KeyUnavailable`](crate::ErrorKind::KeyUnavailable), and
//! nothing is sent, until the provider is back. A renewal that was begun ends without it: what it needs was fetched before.
//! Nothing has to be restarted.
