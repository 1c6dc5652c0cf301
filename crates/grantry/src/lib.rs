//! OAuth 2.0 tokens for Rust services: obtained, renewed before they expire, put on every request, never leaked.
//!
//! Wrap the reqwest client that a service has, and every request carries a token that is valid now:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let server = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let api = grantry_testkit::ProtectedResource::start(&server).await?;
//! # let (token_url, api_url) = (server.token_endpoint().to_string(), api.origin());
//! # grantry::install_crypto_provider();
//! use grantry::{AuthorizationServer, AuthorizedClient};
//!
//! let server = AuthorizationServer::builder(token_url).build()?;
//! let source = grantry::client_credentials(server, "billing", "s3cret").scope("orders.read").build()?;
//! let api = AuthorizedClient::from_builder(reqwest::Client::builder(), source, [&api_url])?;
//!
//! let orders = api.get(format!("{api_url}/orders")).send().await?;
//! assert_eq!(orders.status(), 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | read |
//! |---|---|
//! | begin, in a program or from a shell | [`manual::get_started`], [`manual::flows`] |
//! | get tokens with a client id and a secret or key | [`client_credentials`] |
//! | start from an issuer or a provider instead of URLs | [`discover`], [`providers`] |
//! | put tokens on reqwest or tower requests | `AuthorizedClient`, `AuthorizeLayer` |
//! | say when to renew and what an outage means | [`RefreshPolicy`], [`Fallback`] |
//! | have a person consent, in a browser or from a device | `authorization_code`, `device_authorization`, [`manual::logins`] |
//! | keep credentials encrypted, for many tenants | `vault` |
//! | keep refresh tokens that rotate, in many processes | `custody` |
//! | have all of it from one object, for many tenants and services | `pantry` |
//! | have tokens that are worth nothing to a thief | [`Dpop`], [`manual::binding`] |
//! | find one source among a million | [`Directory`] |
//! | see what went wrong and whose move it is | [`Error::diagnosis`] |
//! | write a flow, a transport, a signer, a clock of your own | [`Grant`], [`Transport`], [`Signer`], [`Clock`] |
//! | find out why something does not work | [`manual::troubleshooting`] |
//! | understand how it works, and what it protects against whom | [`manual`], [`manual::threat_model`] |
//!
//! # Features
//!
//! `rustls` (default) or `native-tls` choose the TLS library; `client-credentials`, `reqwest` (both default),
//! `tower`, `middleware`, `mutual-tls` add what they are named for, as do `authorization-code`, `device-authorization` and
//! `token-exchange`; `loopback` adds the login of a program on the person's machine, and `browser` opens one; `vault` keeps
//! credentials encrypted, `sqlite` in a file, `custody` renews what is kept there, `pantry` wires all of it to one object,
//! `config` opens that from a JSON configuration, with stores and keys that are features of their own: `postgres`, `redis`,
//! `keychain`, `pkcs11`, `aws-kms`, `transit`;
//! and `conformance` proves backends of your own; `metrics` counts renewals through the `metrics` crate.
//!
//! # Invariants
//!
//! * It only wires: everything it does is in the crates that it re-exports.
//! * What it leaves out by default is safe: https, verified certificates, bounded answers, no redirects.

#[cfg(feature = "client-credentials")]
mod client_credentials;
#[cfg(feature = "client-credentials")]
mod credential;
#[cfg(all(feature = "client-credentials", any(feature = "rustls", feature = "native-tls")))]
mod default_transport;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod discover;
#[cfg(all(feature = "authorization-code", feature = "vault"))]
mod keep_granted;
#[cfg(any(feature = "pantry", all(feature = "authorization-code", feature = "vault")))]
mod keep_token_set;
pub mod manual;
#[cfg(feature = "pantry")]
pub mod pantry;
#[cfg(all(feature = "authorization-code", feature = "vault"))]
mod pending_in_vault;

#[cfg(feature = "client-credentials")]
pub use client_credentials::{ClientCredentialsSource, Server, client_credentials};
#[cfg(feature = "client-credentials")]
pub use credential::Credential;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub use discover::discover;
#[cfg(feature = "authorization-code")]
pub use grantry_authorization_code as authorization_code;
#[cfg(feature = "client-credentials")]
pub use grantry_client_credentials::{ClientCredentials, ClientCredentialsBuilder};
#[cfg(feature = "config")]
pub use grantry_config as config;
pub use grantry_core::{
    AccessToken, AccountId, AssertionAudience, Attempt, AuthorizationServer, AuthorizationServerBuilder,
    Binding, ClientAuthenticationMethod, ClientId, ClientSecret, Clock, ClockSkew, CoarseReading, Consumed,
    Diagnosis, Entropy, Error, ErrorAlias, ErrorCause, ErrorKind, Event, Failure, Grant, GrantKey,
    GrantKeyRef, Instant, InvalidName, InvalidScope, InvalidToken, Learned, Lifetime, NoObserver, Observer,
    Origin, Party, Pkce, PrivateKey, ProofRequest, Prover, RefreshRate, RefreshToken, Retry,
    RevocationSpares, Rotation, Scope, ServiceName, Stage, StoreTime, SystemClock, SystemEntropy, Target,
    TenantId, Thumbprint, Timestamp, Token, TokenSet, TokenSetBuilder, TokenSource, presenting,
};
#[cfg(feature = "custody")]
pub use grantry_custody as custody;
#[cfg(feature = "device-authorization")]
pub use grantry_device_authorization as device_authorization;
pub use grantry_endpoint::{
    ActiveToken, Answer, Client, ClientAuthentication, Discovered, DiscoveredResource, Discovery, Dpop,
    DpopKey, DpopProvers, ExpectedIdToken, FurtherParameters, IdToken, IdTokenClaims, IdTokenFlaw,
    IdTokenVerifier, IntrospectionEndpoint, IssuedToken, KeepError, Keeper, Kept, OriginalLogin,
    PushedAuthorizationRequest, Redeemed, RefreshTokenGrant, RefreshTokenGrantBuilder,
    RefreshTokenRedemption, Request, RequestUri, ResourceDiscovery, RevocationEndpoint, ServerKeys,
    TokenEndpoint, TokenEndpointBuilder, TokenRequest, Transport, TransportCause, TransportFailure, UserInfo,
    UserInfoEndpoint, VerificationUri,
};
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub use grantry_endpoint::{HttpTransport, HttpTransportBuilder};
pub use grantry_jose::{Algorithm, Jwk, KeyError, SignError, Signer, SigningKey, VerifyingKey};
pub use grantry_providers as providers;
pub use grantry_refresh::{
    Condition, Directory, Failed, Fallback, Health, Held, ManagedSource, Profile, ProfileBuilder,
    RefreshPolicy, RefreshPolicyBuilder, RenewalWindow, Scheduler, SchedulerBuilder, Verdict,
};
#[cfg(feature = "middleware")]
pub use grantry_reqwest::AuthorizeMiddleware;
#[cfg(feature = "reqwest")]
pub use grantry_reqwest::{
    AuthorizedClient, AuthorizedRequestBuilder, Error as RequestError, SendAuthorized,
};
#[cfg(feature = "token-exchange")]
pub use grantry_token_exchange as token_exchange;
#[cfg(feature = "tower")]
pub use grantry_tower as tower;
#[cfg(feature = "tower")]
pub use grantry_tower::{Authorize, AuthorizeLayer};
#[cfg(feature = "vault")]
pub use grantry_vault as vault;
#[cfg(feature = "sqlite")]
pub use grantry_vault_sqlite::SqliteVault;
#[cfg(feature = "pantry")]
pub use pantry::Grantry;

#[cfg(all(feature = "authorization-code", feature = "vault"))]
pub use keep_granted::keep_granted;
#[cfg(all(feature = "authorization-code", feature = "vault"))]
pub use pending_in_vault::PendingInVault;

/// Makes rustls on ring the process's default, if nothing else is yet.
///
/// A `reqwest::Client` that was built with the feature `rustls-no-provider` and without a TLS configuration of its
/// own needs a default, or it panics. The transport of this library does not: it brings its own. Call this at the
/// start of `main` where your reqwest has no provider; with reqwest's default features there is no need.
#[cfg(feature = "rustls")]
pub fn install_crypto_provider() {
    // An error says that there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The example of the README, compiled with everything else; `tests/readme.rs` runs it.
#[cfg(all(doctest, feature = "rustls", feature = "client-credentials", feature = "reqwest"))]
#[doc = include_str!("../../../README.md")]
mod readme {}
