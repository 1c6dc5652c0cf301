//! Sources: where tokens come from.
//!
//! # One source
//!
//! A source gives tokens for one identity: one client, one authorization server, one scope. All that is fixed when
//! it is built, so [`token`](crate::TokenSource::token) has no arguments. Building sends nothing; the first caller
//! who asks does.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let token_url = test.token_endpoint();
//! use grantry::{AuthorizationServer, TokenSource};
//!
//! let server = AuthorizationServer::builder(token_url).build()?;
//! let source = grantry::client_credentials(server, "billing", "s3cret").scope("orders.read").build()?;
//! assert!(source.ready().is_none(), "nobody has asked yet");
//!
//! let token = source.token().await?;
//! assert!(token.header().is_sensitive());
//! assert_eq!(token.scope().as_str(), "orders.read");
//! assert!(source.ready().is_some_and(|again| again.is_same(&token)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`ready`](crate::TokenSource::ready) is the fast path: it waits for nobody, and allocates nothing. It may say `None` to one
//! caller although a token is held, who then starts the renewal in `token` and gets the held one there. So ask
//! `ready` first and `token` where it says `None`, or only `token`; the request wrappers do it for you.
//!
//! A source is an `Arc`: clone it into every client and task that acts as this identity. However many ask at once,
//! they share one renewal. A source that everyone dropped is renewed no more.
//!
//! Instead of an [`AuthorizationServer`](crate::AuthorizationServer) of your own, start from a preset in
//! [`providers`](crate::providers) (see [the page on them](super::providers)), or from an issuer with
//! [`discover`](crate::discover).
//!
//! # Many sources, their keys, and a directory
//!
//! A [`GrantKey`](crate::GrantKey) names a grant by tenant, service and account. It stands in events, in health,
//! and is what a [`Directory`](crate::Directory) finds a source by. A source that is given none is called
//! `default/HOST/default`, after the token endpoint's host; name your sources once you have two.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let client = grantry_testkit::RegisteredClient::with_secret("gateway", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let (server, transport) = (test.authorization_server()?, std::sync::Arc::new(test.transport()));
//! use grantry::{Directory, GrantKey, GrantKeyRef, Scheduler, TokenSource};
//!
//! let (scheduler, directory) = (Scheduler::new(), Directory::new());
//! for tenant in ["acme", "initech"] {
//!     let source = grantry::client_credentials(server.clone(), "gateway", "s3cret")
//!         .key(GrantKey::new(tenant, "orders", "default")?)
//!         .scheduler(&scheduler)
//!         .transport(transport.clone())
//!         .build()?;
//!     directory.insert(source);
//! }
//!
//! // In a request handler: a look-up by borrowed names allocates nothing.
//! let key = GrantKeyRef { tenant: "acme", service: "orders", account: "default" };
//! let token = match directory.ready(key) {
//!     Some(token) => token,
//!     None => directory.find(key).ok_or("no such tenant")?.token().await?,
//! };
//! # let _ = token;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What to share
//!
//! | share | with | because |
//! |---|---|---|
//! | one [`Scheduler`](crate::Scheduler) | `.scheduler(&scheduler)` | one background task for all, renewals spread among all, one limit on renewals at once for each token endpoint, one shutdown |
//! | one [`Transport`](crate::Transport) | `.transport(transport)` | one pool of connections; sources that are built without one on one runtime share one |
//! | one [`Profile`](crate::Profile) | [`ManagedSource::new`](crate::ManagedSource::new) | one policy, and one breaker for a refused client |
//!
//! Sources that are given neither share both with all others that are built on the same runtime. Outside of a runtime
//! each source builds its own: a background task, a limit on renewals and a pool of connections for every single one. So
//! hand both in where many sources are built before the runtime starts.
//!
//! At most 16 renewals run at once at one token endpoint, unless `Scheduler::builder().concurrent_renewals(..)`
//! says otherwise. [`client_credentials`](crate::client_credentials()) makes a profile for each source. Where many
//! sources act as one client, make the profile yourself: when the server refuses the client for good, one refusal
//! spares all others theirs until the cool-down is over.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let client = grantry_testkit::RegisteredClient::with_secret("gateway", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let (server, transport) = (test.authorization_server()?, std::sync::Arc::new(test.transport()));
//! use std::sync::Arc;
//! use grantry::{
//!     Client, ClientAuthentication, ClientCredentials, GrantKey, ManagedSource, Profile, Scheduler,
//!     TokenEndpoint, TokenSource,
//! };
//!
//! let client = Client::new("gateway", ClientAuthentication::secret_basic("s3cret"))?;
//! let endpoint = TokenEndpoint::new(server, client, transport)?;
//! let scheduler = Scheduler::builder().concurrent_renewals(4).build();
//! let profile = Profile::builder("https://as.example.com/token", "gateway", &scheduler).build();
//! for scope in ["orders.read", "invoices.read"] {
//!     let grant = ClientCredentials::builder(endpoint.clone()).scope(scope).build()?;
//!     let source = ManagedSource::new(GrantKey::new("acme", scope, "default")?, Arc::new(grant), &profile);
//!     assert_eq!(source.token().await?.scope().as_str(), scope);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A scheduler with a clock of your own needs endpoints with the same clock:
//! `TokenEndpoint::builder(..).clock(scheduler.clock())`. `client_credentials` sees to that by itself.
//!
//! # Warming up
//!
//! [`warm`](crate::ManagedSource::warm) obtains the first token in the background, so that the first request finds
//! one at hand. It returns at once, waits its turn behind other renewals at the endpoint, and reports nothing: a
//! failure is in [`health`](crate::ManagedSource::health), in the log, and in what the next caller gets. To refuse
//! to start without a token, await `token` instead.
//!
//! # Shutting down
//!
//! [`Scheduler::shutdown`](crate::Scheduler::shutdown) refuses new renewals and waits until those in flight are
//! over; retries that wait for their time are given up. Tokens that are fit are handed out as before; whoever needs
//! a new one gets an error of kind `Closed`. Call it before the runtime ends wherever a grant spends something that
//! works only once, such as a rotating refresh token: a runtime that ends in the middle of an exchange is a crash
//! to that grant.
//!
//! # Runtimes
//!
//! Renewals are tasks on tokio: on the runtime of the caller who starts one. The scheduler's task starts on the
//! runtime of the first source that is used; if that runtime ends, the next source that somebody of another one
//! waits for takes it there. Outside of any runtime `ready` works, and so does `token` while the held token is fit;
//! otherwise the error is of kind `Configuration` and says so. With neither timers nor I/O on the runtime nothing
//! works: build it with `enable_all`.
