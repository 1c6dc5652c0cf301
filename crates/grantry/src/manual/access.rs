//! Roles and audit: who may do what, and who did what.
//!
//! A vault is opened with a policy. Each handle is somebody's, and everything that somebody does is decided by that policy and
//! written down before it happens. There is no handle of nobody, and no call around it.
//!
//! # Who, what, where
//!
//! * A **principal** is `workload:billing`, `person:ana@example.com`, or one of the library's own (`system:renewal`,
//!   `system:rotation`). Who it is, your program has to know: by its own login, its platform, its certificate.
//! * A **permission** is one of sixteen, such as `token.use`. A **role** is a set of them.
//! * A **reach** is where: a tenant or all of them (`*`), and in it services and accounts, each exact, by a beginning (`crm-*`)
//!   or all.
//! * A **binding** allows or denies a principal a role within a reach, perhaps until a moment.
//!
//! What no binding allows is denied, and a binding that denies wins. A tenant cannot be left out: one that was forgotten is not
//! all of them.
//!
//! | role | for | holds |
//! |---|---|---|
//! | `service` | a program that uses tokens | `token.use`, `grant.create`, `grant.read`, `grant.revoke`, `client.read` |
//! | `operator` | whoever sets services up | `client.read`, `client.write`, `config.write`, `grant.read`, `grant.revoke`, `key.rotate`, `tenant.create`; no token |
//! | `auditor` | whoever looks | `audit.read`, `grant.read`, `client.read` |
//! | `admin` | the day when all else fails | everything but the two below, and `grant.renew` |
//!
//! Two permissions no ready-made role has: `token.read_refresh` and `client.read_secret`. Renewals need neither a person nor a
//! role: the library does them as `system:renewal`.
//!
//! # In a configuration
//!
//! ```jsonc
//! // access.json
//! {
//!   "access": {
//!     "epoch": 7,   // grows with each change
//!     "roles": {
//!       "rotates-secrets": { "permissions": ["client.read_secret", "client.write", "client.read"] },
//!     },
//!     "bindings": [
//!       { "principal": "workload:gateway", "role": "service", "tenant": "*" },
//!       { "principal": "workload:reports", "role": "service", "tenant": "acme", "service": "crm-*" },
//!       { "effect": "deny", "principal": "workload:reports", "role": "service", "tenant": "acme", "service": "crm-payroll" },
//!       { "principal": "person:ana@example.com", "role": "operator", "tenant": "*" },
//!       { "principal": "person:bo@example.com", "role": "admin", "tenant": "*", "until": "2027-01-01T00:00:00Z" },
//!     ],
//!   },
//!   "audit": { "folder": "audit", "patience": 2000 },
//! }
//! ```
//!
//! # In a program
//!
//! ```
//! # #[cfg(feature = "vault")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let key = grantry::vault::LocalKey::generate(folder.path().join("grantry.key"))?;
//! use grantry::ErrorKind;
//! use grantry::vault::access::{AccessPolicy, Binding, Principal, Reach, Role};
//! use grantry::vault::{MemoryVault, SealedVault};
//!
//! let (ana, gateway) = (Principal::person("ana")?, Principal::workload("gateway")?);
//! let policy = AccessPolicy::builder()
//!     .bind(Binding::allow(&ana, Role::operator(), Reach::everything()))
//!     .bind(Binding::allow(&gateway, Role::service(), Reach::parse("acme/crm/*")?))
//!     .build()?;
//! let vault = SealedVault::builder(MemoryVault::new(), key, policy).open().await?;
//! vault.as_principal(ana.clone()).create_tenant("acme").await?;
//!
//! // The gateway may use what is of crm, and nothing else. That it tried is in the trail.
//! let acme = vault.as_principal(gateway).tenant("acme")?;
//! assert!(acme.grant("crm", "ann").await?.is_none());
//! let refused = acme.grant("payroll", "ann").await.unwrap_err();
//! assert_eq!(refused.kind(), ErrorKind::AccessDenied);
//!
//! // A policy is replaced as a whole, and only by a later one.
//! let policy = vault.policy().edit().retain_bindings(|binding| binding.principal().matches(&ana)).build()?;
//! vault.replace_policy(policy)?;
//! assert_eq!(acme.grant("crm", "ann").await.unwrap_err().kind(), ErrorKind::AccessDenied);
//! # vault.close().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `AccessPolicy::who_can` and `allowed` answer the questions of a review: who can use tokens of this account, and what may this
//! principal do.
//!
//! The command `grantry` opens the vault as `person:` and the name of whoever runs it, with everything allowed: whoever has the
//! store and the key could do all of it anyway. Roles hold within a program that serves others.
//!
//! # The trail
//!
//! Each line is written before what it tells of. Where no durable sink takes it within two seconds, the thing does not happen
//! ([`AuditUnavailable`](crate::ErrorKind::AuditUnavailable)). How it ended is a second line, which is never dropped and keeps
//! nothing from happening.
//!
//! ```console
//! $ grantry auth set --service crm --client-id billing --client-secret-file secret.txt \
//!     --token-url https://as.example.com/token
//! ...
//! $ grantry auth token --service crm > token.txt
//! $ grantry audit show --service crm
//! TIME                  WHO             WHAT                OF                   DECISION  OUTCOME
//! 2026-11-26T01:14:29Z  person:ana      client.read_secret  default/crm          allowed   ok
//! 2026-11-26T01:14:29Z  person:ana      client.write        default/crm          allowed   ok
//! 2026-11-26T01:14:30Z  person:ana      token.use           default/crm/default  allowed   ok
//! 2026-11-26T01:14:30Z  system:renewal  grant.renew         default/crm          allowed   ok
//! ...
//! $ grantry audit verify
//! intact: 34 lines of 3 processes
//! $ grantry audit show --last 2 --json > last.json
//! ```
//!
//! No line holds a token or a secret.
//!
//! # What verifying proves
//!
//! Lines are chained by keys that are erased as they are left behind, and signed checkpoints close each stretch. `audit verify`
//! finds lines that were edited, deleted, inserted, exchanged or forked, and a second outcome of one attempt. What it cannot see by
//! itself is an end that was cut off, or that the whole store was set back: for that keep checkpoints where whoever runs the vault
//! cannot write, and name them with `--checkpoint`. `--write-checkpoint` writes the newest of each process, and only where nothing
//! is broken, so that one command verifies up to what was kept the last time and keeps what is new:
//!
//! ```console
//! $ grantry audit verify --write-checkpoint kept.jsonl
//! intact: 34 lines of 4 processes
//! wrote the checkpoints of 3 processes to kept.jsonl
//! $ grantry audit verify --checkpoint kept.jsonl --write-checkpoint kept.jsonl
//! intact: 38 lines of 5 processes
//! wrote the checkpoints of 4 processes to kept.jsonl
//! ```
//!
//! A process that runs still has the lines since its last checkpoint, and one that was killed those at its end, which no checkpoint
//! holds yet.
//!
//! Beside the vault's own store any number of sinks take the trail: `JsonLines` writes files for a collector
//! (`audit.folder`), an `AuditSink` of your own whatever you like. At least one has to be durable.
//! `"vault": false` in the section `audit` leaves it out of the store.
//!
//! # A trail in files
//!
//! With `--config` both commands read the files of `audit.folder` as well, and compare what is in both places:
//!
//! ```jsonc
//! // trail.json
//! { "audit": { "vault": false, "folder": "trail" } }
//! ```
//!
//! ```console
//! $ grantry --config trail.json auth refresh --service crm
//! ...
//! $ grantry --config trail.json audit show --last 2
//! TIME                  WHO         WHAT        OF  DECISION  OUTCOME
//! ...
//! $ grantry --config trail.json audit verify
//! intact: 58 lines of 9 processes
//! ```
//!
//! What is broken is said with its file and line. Whoever can write to the folder can put lines there that `audit show` shows, and
//! only `audit verify` tells from others. A file that ends in the middle of a line breaks nothing: a process was killed there, or is at it.
//! A collector may take away files of processes that ended; lines that are missing since are found by the checkpoints of those
//! processes, so bring their files back before you verify up to them.
