//! The manual: how to use it, how it works, and why.
//!
//! The front page of each crate and each trait says what it promises. These pages tell what no single item can: how
//! the parts play together, what happens when something goes wrong, and the reasons. Every example, command and
//! configuration in them is run by a test.
//!
//! # Start here
//!
//! | you want to | page |
//! |---|---|
//! | have an authorized request, in a program or from a shell, in two minutes | [`get_started`] |
//! | know which flow is yours, and see it | [`flows`] |
//! | see what happens to a token from its request to its end, in two pictures | [`token_life`] |
//! | go to production | [`checklist`] |
//! | find out why something does not work | [`troubleshooting`] |
//! | know what the words of these pages mean | [below](#a-page-of-words) |
//!
//! # Tokens
//!
//! | you want to | page |
//! |---|---|
//! | get tokens, for one service or for a million accounts | [`sources`] |
//! | start from a provider, and know what is special about it | [`providers`] |
//! | know when tokens are renewed, and what an outage means for callers | [`renewal`] |
//! | sign with a key instead of a secret, leave the key in an HSM | [`client_authentication`] |
//! | put tokens on requests; redirects, 401 and 403, streamed bodies | [`requests`] |
//! | bind tokens to a key or a certificate, so that a stolen one is worth nothing | [`binding`] |
//! | act on an error | [`errors`] |
//!
//! # Credentials that are kept
//!
//! | you want to | page |
//! |---|---|
//! | work from a shell: store, use, rotate and remove credentials | [`command`] |
//! | describe services, vault, keys and roles in a file | [`configuration`] |
//! | have all of it from one object; change services while they run | [`pantry`] |
//! | keep credentials encrypted, for many tenants | [`vault`] |
//! | choose who holds the keys; back up, move, and erase for good | [`keys`] |
//! | exchange client secrets and keys without a gap | [`rotation`] |
//! | say who may do what, and prove who did what | [`access`] |
//! | have people consent in a browser: a program, a web application | [`logins`] |
//! | keep refresh tokens that rotate; know what a lost answer means | [`custody`] |
//! | run many replicas | [`replicas`] |
//!
//! # Around it
//!
//! | you want to | page |
//! |---|---|
//! | know what is protected against whom, and what is not | [`threat_model`] |
//! | know how secrets are handled | [`security`] |
//! | see it at work: events, health, traces, metrics | [`observing`] |
//! | test a service that uses it | [`testing`] |
//! | replace a part: flow, transport, keeper, clock | [`extending`] |
//! | write a store or a key provider of your own | [`backends`] |
//! | know why it is as it is | [`faq`] |
//! | know what other libraries do, and do better | [`comparison`] |
//!
//! In the repository there are also `docs/races.md`, what becomes of refresh tokens under kills and lost answers, and
//! `docs/sealed-record.md` with `docs/sealed-record-vectors.txt`, the bytes of a record.
//!
//! # A page of words
//!
//! | word | it is |
//! |---|---|
//! | [`Grant`](crate::Grant) | whatever can obtain a new token: one flow, one token request a call |
//! | [`TokenSource`](crate::TokenSource) | where callers get tokens: one source is one identity |
//! | [`ManagedSource`](crate::ManagedSource) | a source that keeps a grant's token fresh |
//! | [`Token`](crate::Token) | an access token as callers hold it; it never holds a refresh token |
//! | [`GrantKey`](crate::GrantKey) | whose grant it is: tenant, service, account |
//! | [`RefreshPolicy`](crate::RefreshPolicy) | when to renew, and what callers get when that fails |
//! | [`Profile`](crate::Profile) | what sources of one client at one endpoint share |
//! | [`Scheduler`](crate::Scheduler) | the one task that renews in the background |
//! | [`Transport`](crate::Transport) | how single requests reach an authorization server |
//! | fit | not yet expired, by the clock that counts the machine's sleep too |
//! | buffer | the span before expiry in which a token is fit, and due to be renewed |
//! | definite | a verdict that no repetition changes, such as `invalid_grant` |
//!
//! # The whole on one page
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # grantry::install_crypto_provider();
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let resource = grantry_testkit::ProtectedResource::start(&test).await?;
//! # let (issuer, origin) = (test.issuer(), resource.origin());
//! use grantry::{AuthorizedClient, Fallback, RefreshPolicy};
//!
//! // Who issues the tokens, who we are, and when to renew.
//! let policy = RefreshPolicy::builder().fallback(Fallback::USE_EXPIRED).build()?;
//! let source = grantry::client_credentials(grantry::discover(issuer).await?, "billing", "s3cret")
//!     .scope("orders.read")
//!     .policy(policy)
//!     .build()?;
//!
//! // Where they may go.
//! let api = AuthorizedClient::from_builder(reqwest::Client::builder(), source.clone(), [origin])?;
//! assert_eq!(api.get(format!("{origin}/orders")).send().await?.status(), 200);
//!
//! // What has become of it.
//! let health = source.health();
//! assert_eq!((health.renewals, health.hits), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod access;
pub mod backends;
pub mod binding;
pub mod checklist;
pub mod client_authentication;
pub mod command;
pub mod comparison;
pub mod configuration;
pub mod custody;
pub mod errors;
pub mod extending;
pub mod faq;
pub mod flows;
pub mod get_started;
pub mod keys;
pub mod logins;
pub mod observing;
pub mod pantry;
pub mod providers;
pub mod renewal;
pub mod replicas;
pub mod requests;
pub mod rotation;
pub mod security;
pub mod sources;
pub mod testing;
pub mod threat_model;
pub mod token_life;
pub mod troubleshooting;
pub mod vault;
