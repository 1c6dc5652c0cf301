//! Keeping credentials: the vault.
//!
//! Client secrets, refresh tokens and access tokens of many tenants, in a store that may be stolen, behind keys that
//! may live in an HSM. (Feature `vault`; feature `sqlite` for the store in a file.)
//!
//! ```
//! # #[cfg(all(feature = "vault", feature = "sqlite"))]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let (key_file, database) = (folder.path().join("grantry.key"), folder.path().join("grantry.db"));
//! use grantry::vault::access::{AccessPolicy, Principal};
//! use grantry::vault::{ClientRecord, LocalKey, RotationPolicy, SealedVault, VaultKeys};
//! use grantry::{Clock, SqliteVault, SystemClock};
//!
//! let me = Principal::workload("billing")?;
//! let keys = VaultKeys::rotating(LocalKey::generate(&key_file)?);
//! let store = SqliteVault::open(&database).await?;
//! let vault = SealedVault::builder(store, keys, AccessPolicy::sole(&me)).deployment("prod").open().await?;
//! let rotation = vault.keep_rotating(RotationPolicy::default())?;
//!
//! let mine = vault.as_principal(me);
//! mine.create_tenant("acme").await?;
//! let client = ClientRecord::new("billing").with_secret("s3cret", SystemClock::new().wall());
//! mine.tenant("acme")?.store_client("crm", client, None).await?;
//! # drop(rotation);
//! # vault.close().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it stands on
//!
//! | part | choose |
//! |---|---|
//! | the store | `SqliteVault` for one machine, `grantry-vault-postgres` for many replicas, `grantry-vault-redis` where its weaker durability is enough, or one of your own |
//! | the keys | `LocalKey` (a file, the environment, a passphrase), `grantry-keys-pkcs11` (an HSM), `grantry-keys-aws-kms`, `grantry-keys-transit` (HashiCorp Vault, OpenBao), `grantry-keys-keychain` (Secret Service, macOS); a second one for recovery with `VaultKeys::with_recovery` |
//! | who may do what | `AccessPolicy`: everything is denied that no binding allows |
//! | the audit trail | the vault's own store, and any number of `AuditSink`s beside it |
//!
//! # What happens to a record
//!
//! It is sealed under a key that is used once, derived from its tenant's key; that is wrapped by the key provider, and is
//! in memory for five minutes at a time. It opens in its own place only, and only in the version that was written: changed,
//! moved, cut, exchanged and older records are refused with [`Damaged`](crate::ErrorKind::Damaged), and left as they are.
//! `docs/sealed-record.md` in the repository has the bytes, with test vectors.
//!
//! # Nobody reads a refresh token back
//!
//! `TenantVault::grant` and `client` show everything but the secrets, `access_token` gives an access token to who has
//! `token.use`, and `renew` gives a whole grant to `system:renewal`. `reveal_grant` and `reveal_client` need permissions
//! that no ready-made role has, the administrator's included.
//!
//! # Nothing happens that is not written down
//!
//! Each access is recorded, with the decision, before it happens; where no durable sink takes the line within two seconds
//! it does not happen ([`AuditUnavailable`](crate::ErrorKind::AuditUnavailable)). How it ended is written afterwards,
//! whenever that is possible, and keeps nothing from happening. `PrincipalVault::verify_audit` finds lines that were edited,
//! deleted, inserted, exchanged or cut off; keep a checkpoint elsewhere to find out that the end is missing.
//!
//! # Keys are exchanged every ninety days
//!
//! `keep_rotating` does it in the background, one process for all. It can be cut off anywhere. A key goes when nothing names
//! it any more and its hold time is over, not before; `key_ages` and the event [`KeyDue`](crate::Event::KeyDue) tell when
//! something keeps a key from being exchanged.
//!
//! # When something is gone
//!
//! | gone | what happens |
//! |---|---|
//! | the store | `Storage`; nothing was written, or it is looked up whether it was |
//! | the key provider | for up to five minutes nothing; then [`KeyUnavailable`](crate::ErrorKind::KeyUnavailable) |
//! | every durable audit sink | `AuditUnavailable` after two seconds |
//! | another process wrote first | [`Conflict`](crate::ErrorKind::Conflict): read again |
//! | the tenant was erased | [`Erased`](crate::ErrorKind::Erased), for good |
//!
//! Nothing has to be restarted when it is back.
//!
//! # More
//!
//! Who holds the keys, backups and erasing a tenant: [`keys`](super::keys). Roles and the trail: [`access`](super::access). A
//! store of your own: [`backends`](super::backends).
