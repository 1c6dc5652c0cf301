//! Testing: an authorization server in the test's own process.
//!
//! `grantry-testkit` is a crate of its own; put it under `[dev-dependencies]`. It has client credentials and
//! refresh tokens with the rotation policies of real servers, revocation, introspection and metadata, codes with ID tokens
//! that are right or wrong in a way of your choice (`IdTokenStyle`), on a loopback port or in memory.
//!
//! # A server, and what was asked of it
//!
//! `TestServer` is what your service is pointed at; its `Ledger` knows every request and what became of it.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use grantry::TokenSource;
//! use grantry_testkit::{Endpoint, RegisteredClient, TestServer};
//!
//! let server =
//!     TestServer::builder().client(RegisteredClient::with_secret("billing", "s3cret")).start().await?;
//!
//! // The code under test would be given `server.issuer()`.
//! let found = grantry::discover(server.issuer()).await?;
//! let source = grantry::client_credentials(found, "billing", "s3cret").scope("orders.read").build()?;
//! source.token().await?;
//!
//! let request = server.ledger().last(Endpoint::Token).ok_or("nobody asked")?.request;
//! assert!(request.has_authorization(), "the secret went in the header");
//! assert_eq!(request.form().expose("scope"), Some("orders.read"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Things that go wrong
//!
//! A `Fault` is queued for an endpoint and used up by its next requests. Whether the server took the request up is
//! part of a fault's name: a status replaces the server, so that nothing is spent; a cut answer comes after it.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::time::Duration;
//! use grantry::{RefreshPolicy, TokenSource};
//! use grantry_testkit::{Endpoint, Fault, RegisteredClient, TestServer};
//!
//! let server =
//!     TestServer::builder().client(RegisteredClient::with_secret("billing", "s3cret")).start().await?;
//! server.inject(Endpoint::Token, Fault::status(503));
//! server.inject(Endpoint::Token, Fault::drop_after_handling());
//! server.inject(Endpoint::Token, Fault::body("<html>Please log in</html>"));
//!
//! // Callers queue through the three retries.
//! let policy = RefreshPolicy::builder().retry_delay(Duration::from_millis(5)).build()?;
//! let source = grantry::client_credentials(server.authorization_server()?, "billing", "s3cret")
//!     .policy(policy)
//!     .build()?;
//! source.token().await?;
//! assert_eq!(server.ledger().count(Endpoint::Token), 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! For answers that no server would send, byte by byte, there is `RawServer`.
//!
//! # A resource server
//!
//! `ProtectedResource` asks its server whether a token is live, and can be made to refuse or redirect.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # grantry::install_crypto_provider();
//! use grantry::AuthorizedClient;
//! use grantry_testkit::{Endpoint, ProtectedResource, RegisteredClient, TestServer};
//!
//! let server =
//!     TestServer::builder().client(RegisteredClient::with_secret("billing", "s3cret")).start().await?;
//! let orders = ProtectedResource::start(&server).await?;
//! let source = grantry::client_credentials(server.authorization_server()?, "billing", "s3cret").build()?;
//! let api = AuthorizedClient::from_builder(reqwest::Client::builder(), source, [orders.origin()])?;
//!
//! orders.refuse_next(1);
//! assert_eq!(api.get(orders.url("/17")).send().await?.status(), 200);
//! assert_eq!(orders.ledger().count(Endpoint::Resource), 2, "one 401, one more try");
//! assert_eq!(server.ledger().count(Endpoint::Token), 2, "with another token");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # An hour in no time
//!
//! With a `ManualClock` that follows tokio's paused time, and the server in memory, hours pass at once and every
//! timer fires in its order. Give server and scheduler the same clock. Never pause time over a socket: it jumps to
//! the next timer whenever every task waits, so that timeouts fire at once.
//!
//! ```
//! # // `#[tokio::test(start_paused = true)]` in a test, with tokio's feature `test-util`.
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
//! use std::sync::Arc;
//! use std::time::Duration;
//! use grantry::{Scheduler, TokenSource};
//! use grantry_testkit::{Endpoint, ManualClock, RegisteredClient, SeededEntropy, TestServer};
//!
//! let clock = Arc::new(ManualClock::following_tokio());
//! let server = TestServer::builder()
//!     .client(RegisteredClient::with_secret("billing", "s3cret"))
//!     .clock(clock.clone())
//!     .build();
//! let scheduler = Scheduler::builder().clock(clock.clone()).entropy(Arc::new(SeededEntropy::new(7))).build();
//! let source = grantry::client_credentials(server.authorization_server()?, "billing", "s3cret")
//!     .transport(Arc::new(server.transport()))
//!     .scheduler(&scheduler)
//!     .build()?;
//! let first = source.token().await?;
//!
//! tokio::time::sleep(Duration::from_secs(55 * 60)).await;
//! assert_eq!(server.ledger().count(Endpoint::Token), 2, "renewed before its last five minutes");
//! assert!(!source.token().await?.is_same(&first));
//!
//! // The machine sleeps for two hours: what is held has expired, and nobody is given it.
//! clock.suspend(Duration::from_secs(2 * 3600));
//! assert!(source.ready().is_none());
//! source.token().await?;
//! assert_eq!(server.ledger().count(Endpoint::Token), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `SeededEntropy` repeats jitter and spread; its `Debug` shows the seed.
//!
//! # No server at all
//!
//! Code that takes an `Arc<dyn TokenSource>` is tested with a source of a few lines:
//! [`TokenSource`](crate::TokenSource) has one in its example. A [`Grant`](crate::Grant) of your own under a real
//! [`ManagedSource`](crate::ManagedSource) is in [`extending`](super::extending).
