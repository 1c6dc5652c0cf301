//! Many replicas: what they share, and what you have to give them.
//!
//! Any number of processes may open the same vault and use the same grants. Of all of them one renews, and the others find what
//! it brought. There is no leader, and nothing to configure but the store.
//!
//! # What each replica needs
//!
//! | | one machine | many machines |
//! |---|---|---|
//! | store | `SqliteVault`, a file on a disk of this machine | `grantry-vault-postgres`, or `grantry-vault-redis` with its weaker durability |
//! | key | a key file that all can read | an HSM or a KMS, or the same key file for all |
//! | lifeboats | a folder | a folder on a disk that outlives the process |
//! | name | `process_name`, which the history of a grant shows | the same: the pod's name, say |
//! | clock | set | set; leases go by the store's clock, not by this one |
//!
//! Never put the SQLite file on a network file system. Never put a pooler that hands connections out by transaction before
//! PostgreSQL.
//!
//! # At work
//!
//! Two replicas, a server that revokes the grant where a refresh token is used twice, and one renewal:
//!
//! ```
//! # #[cfg(all(feature = "pantry", feature = "sqlite"))]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use grantry::pantry::{Flow, Grantry, Service};
//! # use grantry::vault::access::{AccessPolicy, Principal};
//! # use grantry::vault::{GrantRecord, LocalKey, VaultKeys};
//! # use grantry::{Clock, Rotation, Scope, SqliteVault, SystemClock, TokenSource};
//! # use grantry_testkit::{Endpoint, RegisteredClient, SeededGrant, TestServer};
//! # let folder = tempfile::tempdir()?;
//! # let client = RegisteredClient::with_secret("crm", "s3cret");
//! # let strict = Rotation::Strict { revokes_family: true };
//! # let test = TestServer::builder().client(client).rotation(strict).start().await?;
//! # let consented = test.seed_grant(SeededGrant::new("crm", Scope::parse("contacts.read")?));
//! # LocalKey::generate(folder.path().join("grantry.key"))?;
//! # let server = test.authorization_server()?;
//! # let crm = Service::builder("crm", server)
//! #     .flow(Flow::AuthorizationCode)
//! #     .client_id("crm")
//! #     .secret("s3cret")
//! #     .redirect_uri("https://app.example.com/callback")
//! #     .scope("contacts.read")
//! #     .build()?;
//! # let me = Principal::workload("gateway")?;
//! let replica = async |name: &str| {
//!     let opened = Grantry::builder()
//!         .vault(SqliteVault::open(folder.path().join("grantry.db")).await?)
//!         .keys(VaultKeys::rotating(LocalKey::from_file(folder.path().join("grantry.key"))?))
//!         .lifeboats(folder.path().join(name))
//!         .process_name(name)
//! #         .services([crm.clone()])
//!         .access(AccessPolicy::sole(&me))
//!         .open()
//!         .await?;
//!     Ok::<_, Box<dyn std::error::Error>>(opened)
//! };
//! let (one, two) = (replica("one").await?, replica("two").await?);
//! # let mine = one.as_principal(me.clone());
//! # mine.create_tenant("acme").await?;
//! # let now = SystemClock::new().wall();
//! # let grant = GrantRecord::new(now).with_refresh_token(consented, now);
//! # mine.tenant("acme")?.vault().create_grant("crm", "ann", grant).await?;
//!
//! let ann_at = async |pantry: &Grantry| pantry.as_principal(me.clone()).tenant("acme")?.source(("crm", "ann")).await;
//! let (first, second) = (ann_at(&one).await?, ann_at(&two).await?);
//! let (first, second) = tokio::join!(first.token(), second.token());
//! assert_eq!(first?.expose(), second?.expose());
//! assert_eq!(test.ledger().count(Endpoint::Token), 1);
//!
//! one.shutdown().await?;
//! two.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `docs/races.md` has the same with kills, dropped answers and restarts of the stores, beside other ways to do it.
//!
//! # From one machine to many
//!
//! `grantry vault migrate --to DATABASE.json` moves a vault into the store that a configuration describes, under its keys, each
//! grant in one of them at a time.
//!
//! # Deploying
//!
//! * **Stop** with `shutdown`, before the runtime ends: what was sent is answered, and what was received is stored. Give it as long
//!   as a token request may take, some ten seconds. A process that is killed instead loses nothing that was in its lifeboat.
//! * **Lifeboats.** After a crash the next process on that machine brings home what the dead one had received, and so does every
//!   other that shares the folder. A replica whose disk dies with it takes `NoLifeboat`: callers then wait for the store, and
//!   a crash between answer and store costs the grant on a strict server.
//! * **Two versions at once** are meant to work: a record of a newer format is left as it is and shown as `unreadable`, and
//!   records that need nothing new are written as before. Run `migrate` of PostgreSQL before the new version.
//! * **Several regions**: one store for a grant. Two stores that copy to each other have no compare-and-swap between them, and so
//!   no protection.
//!
//! # When the store fails
//!
//! | what | what callers get |
//! |---|---|
//! | it is away | tokens that are fit, from memory; renewals wait, nothing is sent |
//! | it went away after an answer came | the new token, on the strength of the lifeboat, unless `Release::AfterStore` says otherwise |
//! | a failover lost confirmed writes | each process writes again what it has seen that was newer, an attempt under way and a doubt as well as a token |
//! | it was restored from a backup | on a server that rotates, grants that were renewed since need their person: [`keys`](super::keys#backups) |
//! | it is gone for longer than lease and allowance | on a strict server another replica may use the token once it is back: a doubt |
//!
//! PostgreSQL loses nothing at a failover where the standby that takes over is synchronous. Redis can always lose the last
//! writes: `grantry-vault-redis` says when that is enough.
//!
//! # Without a vault
//!
//! A client's own tokens need no agreement: each replica may obtain its own, and sources without a vault do. It costs one request
//! for each replica and lifetime, which matters where the server counts live tokens. In a vault they share one.
