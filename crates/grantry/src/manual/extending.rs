//! Extending: parts of your own.
//!
//! | to replace | implement | hand it to |
//! |---|---|---|
//! | how a token is obtained | [`Grant`](crate::Grant) | [`ManagedSource::new`](crate::ManagedSource::new) |
//! | how requests reach the authorization server | [`Transport`](crate::Transport) | `.transport(..)`, [`TokenEndpoint`](crate::TokenEndpoint), [`Discovery`](crate::Discovery) |
//! | where rotated refresh tokens are kept | [`Keeper`](crate::Keeper) | [`RefreshTokenGrant`](crate::RefreshTokenGrant) |
//! | what time it is, and what is random | [`Clock`](crate::Clock), [`Entropy`](crate::Entropy) | [`Scheduler::builder`](crate::Scheduler::builder) |
//! | who signs | [`Signer`](crate::Signer) | [`ClientAuthentication::private_key`](crate::ClientAuthentication::private_key), see [`client_authentication`](super::client_authentication) |
//! | who is told what happens | [`Observer`](crate::Observer) | `.observer(..)`, see [`observing`](super::observing) |
//! | where credentials are kept, and who holds the keys | `Vault`, `KeyProvider` | `SealedVault::builder`, see [`vault`](super::vault) |
//! | where callers get tokens | [`TokenSource`](crate::TokenSource) | the request wrappers |
//!
//! All of them are small, are used behind `dyn`, and say on their pages what they promise. Persistence, caching and
//! tests are wrappers of these and need no other trait.
//!
//! # A grant
//!
//! One call sends at most one token request; the source decides when to try again. A lifetime counts from before
//! the request leaves. A grant that cannot tell what became of the credential that it spent says
//! [`Failure::unknown`](crate::Failure::unknown).
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::sync::Arc;
//! use std::time::Duration;
//! use async_trait::async_trait;
//! use grantry::{
//!     AccessToken, Attempt, Clock, Error, ErrorKind, Failure, Grant, GrantKey, ManagedSource, Profile,
//!     Scheduler, Stage, TokenSet, TokenSource,
//! };
//!
//! /// Tokens that a sidecar hands out; here it is a function.
//! #[derive(Debug)]
//! struct Sidecar {
//!     ask: fn() -> Option<String>,
//!     clock: Arc<dyn Clock>,
//! }
//!
//! #[async_trait]
//! impl Grant for Sidecar {
//!     async fn obtain(&self, _attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
//!         let error = |kind, fact| Error::new(kind, Stage::Token, fact);
//!         let sent = self.clock.now();
//!         let token = (self.ask)()
//!             .ok_or_else(|| Failure::unsent(error(ErrorKind::Unreachable, "the sidecar does not answer")))?;
//!         TokenSet::builder(AccessToken::new(token), sent)
//!             .expires(sent.after(Duration::from_secs(300)))
//!             .build()
//!             .map_err(|e| {
//!                 let error = error(ErrorKind::InvalidAnswer, "the sidecar gave no token").with_source(e);
//!                 Failure::not_consumed(error)
//!             })
//!     }
//! }
//!
//! let scheduler = Scheduler::new();
//! let grant = Sidecar { ask: || Some("from-the-sidecar".to_owned()), clock: scheduler.clock() };
//! let profile = Profile::builder("the sidecar", "mesh", &scheduler).build();
//! let source = ManagedSource::new(GrantKey::new("acme", "mesh", "default")?, Arc::new(grant), &profile);
//! assert_eq!(source.token().await?.header(), "Bearer from-the-sidecar");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A flow of OAuth needs less: build a [`TokenRequest`](crate::TokenRequest) and pass it to
//! [`TokenEndpoint::request`](crate::TokenEndpoint::request), which authenticates, classifies and measures.
//!
//! # A transport
//!
//! It sends a request at most once, follows no redirect, bounds what it reads, and says of a failure whether the
//! request may have arrived: `unsent` only where that is proven. It heeds
//! [`is_learned`](crate::Request::is_learned).
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let server = test.authorization_server()?;
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU64, Ordering};
//! use async_trait::async_trait;
//! use grantry::{Answer, Request, TokenSource, Transport, TransportFailure};
//!
//! /// Counts what another transport sends.
//! #[derive(Debug)]
//! struct Counting(Arc<dyn Transport>, AtomicU64);
//!
//! #[async_trait]
//! impl Transport for Counting {
//!     async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
//!         self.1.fetch_add(1, Ordering::Relaxed);
//!         self.0.send(request).await
//!     }
//! }
//!
//! let inner: Arc<dyn Transport> = Arc::new(grantry::HttpTransport::new()?);
//! # let inner: Arc<dyn Transport> = Arc::new(test.transport());
//! let transport = Arc::new(Counting(inner, AtomicU64::new(0)));
//! let source =
//!     grantry::client_credentials(server, "billing", "s3cret").transport(transport.clone()).build()?;
//! source.token().await?;
//! assert_eq!(transport.1.load(Ordering::Relaxed), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A keeper
//!
//! [`RefreshTokenGrant`](crate::RefreshTokenGrant) renews with a refresh token that you hold, in one process. Each
//! new one is kept before anybody sees the access token that came with it. A keeper that fails costs callers a wait
//! and loses nothing: the new token stays in memory, and is kept before anything else is spent.
//!
//! [`Kept::before`](crate::Kept) is set while the new token was only found in an answer that could not be used: it may
//! be worthless, so keep both, and after a restart hand both in (`RefreshTokenGrantBuilder::before`).
//!
//! A renewal may bring another ID token, which has to be of the login that the grant began with (OpenID Connect Core section
//! 12.2). `RefreshTokenGrantBuilder::login` has it checked, against the login's claims or what you stored of them
//! ([`OriginalLogin`](crate::OriginalLogin)). The new refresh token is kept before, whatever the ID token says; where that is
//! wrong, the access token beside it is given to nobody, and the error says what is wrong. Grants in a vault pass ID tokens of
//! renewals over.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use grantry::{Rotation, Scope};
//! # use grantry_testkit::{RegisteredClient, SeededGrant, TestServer};
//! # let test = TestServer::builder().client(RegisteredClient::public("calendar"))
//! #     .rotation(Rotation::Strict { revokes_family: true }).build();
//! # let stored = test.seed_grant(SeededGrant::new("calendar", Scope::parse("events.read")?));
//! # let (server, transport) = (test.authorization_server()?, Arc::new(test.transport()));
//! use std::sync::{Arc, Mutex};
//! use async_trait::async_trait;
//! use grantry::{
//!     Client, ClientAuthentication, GrantKey, KeepError, Keeper, Kept, ManagedSource, Profile,
//!     RefreshTokenGrant, Scheduler, TokenEndpoint, TokenSource,
//! };
//!
//! /// A row of a database, encrypted; here a cell.
//! #[derive(Debug, Default)]
//! struct Row(Mutex<Vec<grantry::RefreshToken>>);
//!
//! #[async_trait]
//! impl Keeper for Row {
//!     async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
//!         let mut row = self.0.lock().map_err(|_| KeepError::new("another writer panicked"))?;
//!         *row = [Some(kept.refresh_token), kept.before].into_iter().flatten().cloned().collect();
//!         Ok(())
//!     }
//! }
//!
//! let row = Arc::new(Row::default());
//! let client = Client::new("calendar", ClientAuthentication::none())?;
//! // In production over `HttpTransport::builder().for_single_use_credentials()`.
//! let endpoint = TokenEndpoint::new(server, client, transport)?;
//! let grant = RefreshTokenGrant::new(endpoint, stored.clone(), row.clone())?;
//! let profile = Profile::builder("https://as.example.com/token", "calendar", &Scheduler::new()).build();
//! let source = ManagedSource::new(GrantKey::new("acme", "calendar", "ann")?, Arc::new(grant), &profile);
//! source.token().await?;
//! let kept = row.0.lock().unwrap().first().cloned().ok_or("nothing was kept")?;
//! assert_ne!(kept.expose(), stored.expose(), "it rotated");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A clock
//!
//! Three readings that belong together and never block. [`now`](crate::Clock::now) decides about lifetimes and
//! never runs backwards; [`wall`](crate::Clock::wall) dates assertions; [`coarse`](crate::Clock::coarse) is read
//! for every token.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use grantry::{Clock, CoarseReading, Instant, Scheduler, SystemClock, Timestamp};
//!
//! /// The machine's clocks; the wall clock is corrected by what a time server said.
//! #[derive(Debug)]
//! struct Corrected(SystemClock, Duration);
//!
//! impl Clock for Corrected {
//!     fn now(&self) -> Instant {
//!         self.0.now()
//!     }
//!     fn wall(&self) -> Timestamp {
//!         self.0.wall().after(self.1)
//!     }
//!     fn coarse(&self) -> CoarseReading {
//!         let coarse = self.0.coarse();
//!         CoarseReading { wall: coarse.wall.after(self.1), ..coarse }
//!     }
//! }
//!
//! let clock = Arc::new(Corrected(SystemClock::new(), Duration::from_secs(90)));
//! let scheduler = Scheduler::builder().clock(clock).build();
//! assert!(scheduler.clock().wall() > SystemClock::new().wall());
//! // ... grantry::client_credentials(..).scheduler(&scheduler)
//! ```
