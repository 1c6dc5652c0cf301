//! Rotation: exchanging client secrets and keys while everything runs.
//!
//! | what | who does it | how often |
//! |---|---|---|
//! | client secrets | you, with overlap | as your server's owner wants |
//! | keys that sign client assertions | you, with overlap | likewise |
//! | tenant keys, and the vault's own | grantry, by itself | every 90 days |
//! | the key-encryption key | grantry or the provider: [`keys`](super::keys) | every 90 days |
//! | refresh tokens | the server, with each renewal | [`custody`](super::custody) |
//!
//! # A client's secret, from a shell
//!
//! A server that lets a client have two secrets for a while makes it easy: register the new one, then
//!
//! <!-- scene: the server accepts a new secret, too -->
//! ```console
//! $ grantry auth set --service crm --client-id billing --client-secret-file secret.txt \
//!     --token-url https://as.example.com/token --revocation-url https://as.example.com/revoke
//! ...
//! $ grantry auth token --service crm > token.txt
//! $ grantry auth rotate --service crm --client-secret-file new-secret.txt
//! stored the new secret beside the old one
//! the server accepts the new secret
//! the new secret is used from now on
//! access tokens of the old secret: 1 revoked, 0 left to expire
//! dropped the old secret
//! done
//! ```
//!
//! <!-- scene: the server accepts the new secret only -->
//! ```console
//! $ grantry auth token --service crm > token.txt
//! ```
//!
//! Each step is durable before the next, so a run that breaks off is gone on with by `--continue`. A secret that the server does
//! not accept is taken out again, and the old one stays in use. With `--keep-old` both stay, for programs that are not there yet;
//! another run without it drops the old one. Old access tokens are revoked, those of people where it is
//! [known](super::providers#what-a-revocation-takes-along-and-how-often-a-token-is-used) that their refresh tokens are spared. Refresh
//! tokens are not: with many servers those would take the person's consent along. A program whose last look into the vault is
//! younger than five minutes may obtain tokens with the old secret still, and those live until they expire; where that may not be,
//! keep it for five minutes.
//!
//! Where a server exchanges the secret at once, there is a moment in which programs hold one that is dead. They try all they
//! hold, one a request, and look into the vault when all were refused: so store the new one here as soon as it exists.
//!
//! # What proves a secret
//!
//! One token request, with the new secret alone. Where the service acts for itself it asks for a token. Where people consented it is
//! a renewal's request with a refresh token that nobody has: 128 random bits, so that no consent is spent and no record touched. A
//! server has to authenticate the client before it looks at the token (RFC 6749 section 6), so `invalid_grant` says that the
//! secret is right, and nothing else does:
//!
//! | the server's answer | what follows |
//! |---|---|
//! | `invalid_grant`, or a code of its own that its preset takes for it and that can mean the token alone | the secret is proven |
//! | `invalid_client` | the secret is wrong: it is taken out again |
//! | `unauthorized_client`, `invalid_request` and all others; any answer with 401 | nothing is proven. The command says the code and ends with 5; the old secret stays in use. Repeat it with the right secret, or with the same one by `--continue` |
//! | tokens, for a refresh token that nobody has | nothing is proven, and they are dropped: whatever answered is not the authorization server |
//! | none, or 503 | nobody knows: repeat it by `--continue` |
//!
//! The limit of this is the server's order. One that looks for the token first answers `invalid_grant` to a mistyped secret too, and no
//! request can tell; none of those that grantry has presets for is known to. There keep the old secret (`--keep-old`) until a renewal has
//! shown the new one. A server that never answers `invalid_grant` to its client, as one that has it for 403 `unauthorized_client` alone
//! (Atlassian), proves no secret: store the new one in the old one's place, with `grantry auth set`.
//!
//! # A client's secret, in a program
//!
//! With a vault:
//!
//! ```
//! # #[cfg(feature = "pantry")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use grantry::pantry::{Grantry, Service};
//! # use grantry::vault::access::{AccessPolicy, Binding, Permission, Principal, Reach, Role};
//! # use grantry::vault::{ClientRecord, LocalKey, MemoryVault};
//! # use grantry::{Clock, SystemClock, TokenSource};
//! # let folder = tempfile::tempdir()?;
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "old").or_secret("new");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let crm = Service::builder("crm", test.authorization_server()?).build()?;
//! # let me = Principal::workload("billing")?;
//! # let rotates = Role::custom("rotates", [Permission::ClientReadSecret, Permission::ClientWrite])?;
//! # let policy = AccessPolicy::builder()
//! #     .role(rotates.clone())
//! #     .bind(Binding::allow(&me, Role::admin(), Reach::everything()))
//! #     .bind(Binding::allow(&me, rotates, Reach::everything()))
//! #     .build()?;
//! # let pantry = Grantry::builder()
//! #     .vault(MemoryVault::new())
//! #     .keys(LocalKey::generate(folder.path().join("grantry.key"))?)
//! #     .lifeboats(folder.path().join("lifeboats"))
//! #     .access(policy)
//! #     .services([crm])
//! #     .open()
//! #     .await?;
//! # let mine = pantry.as_principal(me);
//! # mine.create_tenant("acme").await?;
//! # let acme = mine.tenant("acme")?;
//! # let client = ClientRecord::new("billing").with_secret("old", SystemClock::new().wall());
//! # acme.vault().store_client("crm", client, None).await?;
//! # acme.source("crm").await?.token().await?;
//! // Needs `client.read_secret` and `client.write`, which no ready-made role has together.
//! let rotated = acme.rotate_secret("crm", Some("new".into()), false).await?;
//! assert!(rotated.report.stopped.is_none());
//! # pantry.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without one, hand both secrets in and deploy twice: [`client_authentication`](super::client_authentication).
//!
//! # Keys, every ninety days
//!
//! A pantry looks once an hour whether something is due, one process for all, under a lease. To look at it, and to do it now:
//!
//! ```console
//! $ grantry vault status
//! ...
//! KEY              MADE                  AGE      STATE
//! key file         2026-11-26T01:14:34Z  12 days  fresh
//! ...
//! $ grantry vault rotate-keys
//! new keys for 2 sets, 46 of 49 records sealed anew, 0 old keys retired
//! keys that were in use wait for 7 days before they are destroyed
//! $ grantry vault rotate-keys --due
//! new keys for 0 sets, 0 of 51 records sealed anew, 0 old keys retired
//! ...
//! ```
//!
//! `--due` exchanges only what is older than 90 days: the line for a timer, where no program with a pantry runs.
//!
//! What is exchanged, in this order: a new version of the provider's key is made and promoted; tenant keys are wrapped by it;
//! new epochs of tenant keys are made; records are sealed anew behind them, a thousand a second; what nothing names any more is
//! destroyed after seven days. It can be cut off anywhere, and the next run goes on.
//!
//! ```jsonc
//! // rotation.json
//! {
//!   "keys": {
//!     "type": "file",
//!     "path": "grantry.key",
//!     "rotation": {
//!       "every": 90,              // days
//!       "warnBefore": 5,          // days before that
//!       "hold": 7,                // days after nothing names a key any more
//!       "recordsPerSecond": 1000,
//!     },
//!   },
//! }
//! ```
//!
//! # When it does not happen
//!
//! The event [`KeyDue`](crate::Event::KeyDue) tells of each key that is near its age or past it; `key_ages` and
//! `grantry vault status` show it. The usual causes: nobody runs a rotation; the provider is away; the vault was opened with the
//! provider bare instead of `VaultKeys::rotating`; the role lacks `key.rotate`.
