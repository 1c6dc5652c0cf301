//! Keeping refresh tokens that rotate: custody.
//!
//! A server that rotates refresh tokens gives a new one with each renewal, and takes the old one back. Two processes that
//! use the same one at once, a crash between its use and the write of its successor, an answer that the network loses:
//! each ends the grant, and a person has to consent again. (Feature `custody`.)
//!
//! ```
//! # #[cfg(all(feature = "custody", feature = "sqlite"))]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use std::sync::Arc;
//! # let folder = tempfile::tempdir()?;
//! # let client = grantry_testkit::RegisteredClient::with_secret("crm", "s3cret");
//! # let rotation = grantry::Rotation::Strict { revokes_family: true };
//! # let test = grantry_testkit::TestServer::builder().client(client).rotation(rotation).start().await?;
//! # let consented =
//! #     test.seed_grant(grantry_testkit::SeededGrant::new("crm", grantry::Scope::parse("contacts.read")?));
//! # let server = test.authorization_server()?;
//! use grantry::custody::{Custody, FolderLifeboat};
//! use grantry::vault::access::{AccessPolicy, Principal};
//! use grantry::vault::{GrantRecord, LocalKey, SealedVault, VaultKeys};
//! use grantry::{
//!     Client, ClientAuthentication, Clock, GrantKey, HttpTransport, ManagedSource, Profile, RefreshTokenRedemption,
//!     Scheduler, SqliteVault, SystemClock, TokenEndpoint, TokenSource,
//! };
//!
//! // Where grants are kept.
//! let me = Principal::workload("billing")?;
//! let store = SqliteVault::open(folder.path().join("grantry.db")).await?;
//! let keys = VaultKeys::rotating(LocalKey::generate(folder.path().join("grantry.key"))?);
//! let vault = SealedVault::builder(store, keys, AccessPolicy::sole(&me)).open().await?;
//!
//! // A person has consented: their grant is stored.
//! let mine = vault.as_principal(me);
//! mine.create_tenant("acme").await?;
//! let now = SystemClock::new().wall();
//! let grant = GrantRecord::new(now).with_refresh_token(consented, now);
//! mine.tenant("acme")?.create_grant("crm", "user-17", grant).await?;
//!
//! // How it is renewed: one request at a time, over connections that nobody else uses.
//! let rotation = server.rotation();
//! let transport = HttpTransport::builder().for_single_use_credentials().build()?;
//! let client = Client::new("crm", ClientAuthentication::secret_basic("s3cret"))?;
//! let endpoint = TokenEndpoint::new(server, client, Arc::new(transport))?;
//!
//! // Custody around it, and a source around that.
//! let custody = Custody::builder(&vault, FolderLifeboat::open(folder.path().join("lifeboats"))?).open().await?;
//! let key = GrantKey::new("acme", "crm", "user-17")?;
//! let grant = custody.grant(key.clone(), RefreshTokenRedemption::new(endpoint)).rotation(rotation).build()?;
//! let profile = Profile::builder("crm", "crm", &Scheduler::new()).build();
//! let source = ManagedSource::new(key, Arc::new(grant), &profile);
//! source.token().await?;
//!
//! // Before the process ends: what was sent is answered, and what was received is stored.
//! custody.close().await;
//! vault.close().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The order of things
//!
//! 1. The renewal is allowed and recorded, the tenant's key is in memory, and a seat in the lifeboat is free. If any of
//!    this fails, nothing is sent.
//! 2. The intent is written into the record: of all replicas one wins. The others wait, and use what it brings.
//! 3. The request leaves, if it still can in time by a clock that counts the machine's sleep.
//! 4. The answer is sealed and synced into the lifeboat, a file on the local disk.
//! 5. The successor is written into the record: accepted if it descends from a token that the record still holds, whoever
//!    brings it, however late.
//! 6. Only now do callers have the access token. While the store does not answer, the lifeboat suffices, unless
//!    `Release::AfterStore` says otherwise.
//!
//! # When an answer is lost
//!
//! | the server | what happens |
//! |---|---|
//! | does not rotate, or keeps the old token | it is sent again |
//! | repeats a lost answer for a while ([`Rotation::Grace`](crate::Rotation)) | it is sent again at once, inside of the window, whatever the policy of the source says |
//! | refuses a used token ([`Rotation::Strict`](crate::Rotation)) | the held access token serves until it is nearly useless; then the token is sent once more: if the request had never arrived, the grant is back |
//!
//! An answer counts as lost after 4 s where the server has such a window, so that there is room for another try in it, and after
//! 30 s everywhere else: where a used token is refused, nothing else brings the successor, and a slow server has lost nothing.
//! The others wait for the owner meanwhile. A transport of your own should allow for that.
//!
//! Tell custody the truth about the server: a preset does, and what is not known is taken for the strictest. The times of an
//! attempt and its retry are chosen to fit the server's window; one of less than 4 s is refused by `build()`, since no answer can
//! be lost and asked for again in it.
//!
//! # Many replicas
//!
//! Give all of them the same vault, and each a folder for its lifeboats that outlives the process: after a crash the next
//! process on that machine brings home what the dead one had received. A replica without a disk takes `NoLifeboat`, and
//! callers then wait for the store.
//!
//! # What cannot be avoided
//!
//! On a server that refuses a used token at once, a grant is lost with the only answer that has its successor, or with the
//! process that had received it and not yet synced it; and where such a server revokes the family for it, also when an
//! owner stands still, or cannot reach the store, for longer than its lease and the allowance. On a server with a window it takes more:
//! processes that stand still between their last look and the sending, or both at once, until the window is over; and where only
//! the newest successor is alive there (Airlock), an older one that comes home while the answer with the newest is lost. No
//! client can help a process that stands still between its last look at the clock and the sending. `docs/races.md` in the repository has the figures, ours
//! and those of others.
