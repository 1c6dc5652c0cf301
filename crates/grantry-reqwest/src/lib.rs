//! A reqwest client whose every request carries a fresh OAuth 2.0 token.
//!
//! | to | use |
//! |---|---|
//! | have a client that does it by itself | [`AuthorizedClient`] |
//! | do it for one request of a client of yours | [`SendAuthorized`] |
//! | do it in a `reqwest-middleware` stack | `AuthorizeMiddleware`, feature `middleware` |
//!
//! All three do the same, which [`grantry_core::presenting`] decides: take a token that is at hand (or wait
//! for one), check that it may go there, send, and after a 401 that is about the token reject it and send once
//! more with another, if the body can be replayed. A 403 `insufficient_scope` and a token that stays refused
//! become an [`Error`]; every other answer is handed on as it is.
//!
//! # Redirects
//!
//! A token never goes across a redirect to another origin: another scheme, host or port.
//!
//! * A client from [`AuthorizedClient::from_builder`] follows redirects itself, and only inside the origin, each
//!   hop with a proof of its own where the token needs one. A redirect that leads elsewhere is handed to the
//!   caller; nothing at all is sent there.
//! * A `reqwest::Client` that was handed in follows redirects by its own policy, which nobody can see from
//!   outside. reqwest takes the `Authorization` header off before it goes to another scheme, host or port, and
//!   never puts it back; the tests of this crate hold it to that, for every redirect status. An answer that comes
//!   from another URL than the one that was asked, a 401 included, is handed on and says nothing about the token:
//!   nobody can see whether the token was still on that request. So a token whose lifetime is not known is not
//!   renewed by a 401 behind a redirect; ask the URL itself, or use `from_builder`. A `DPoP` proof, which is worth nothing without the
//!   token, is not taken off and does not fit the new target: use `from_builder` for tokens that need proofs.
//!
//! # Plain http
//!
//! http is accepted for loopback origins only. A client from `from_builder` resolves `localhost` to loopback
//! addresses itself; with a client that was handed in, write `127.0.0.1` or `[::1]` if you do not trust its
//! resolver.
//!
//! A request for an http URL that goes through a proxy hands the proxy the token in clear, and the environment alone
//! can name one (`HTTP_PROXY`). A client from `from_builder` with an http origin among its origins therefore uses
//! no proxy at all, neither one of the environment nor one that the builder was given; build another client for
//! https origins that lie behind one. A `reqwest::Client` that is handed in keeps its proxies: call `no_proxy` on
//! its builder.
//!
//! # Invariants
//!
//! * No token, no request: nothing is ever sent without a token in its place.
//! * A token is sent in the `Authorization` header only, and only to an allowed origin.
//! * A request is sent at most three times: once, once more with another token, once more with a nonce (the hops
//!   of redirects not counted).
//! * No error holds a body, a token, or the query of a URL.

mod client;
mod error;
mod extension;
#[cfg(feature = "middleware")]
mod middleware;
mod present;
mod redirect;
mod request;

/// A token has no way into a body or a query (RFC 6750 sections 2.2 and 2.3): it is not `Serialize`, and no method
/// of the builder takes one.
///
/// ```
/// # let _ = rustls::crypto::ring::default_provider().install_default();
/// # let (client, source) = (reqwest::Client::new(), grantry_testkit::TestSource::bearer());
/// # let (api, token) = (grantry_reqwest::AuthorizedClient::new(client, source, ["https://api.acme.com"])?, "t0ken");
/// let request = api.post("https://api.acme.com").form(&[("access_token", token)]);
/// # Ok::<(), grantry_core::Error>(())
/// ```
/// ```compile_fail,E0277
/// # fn example(api: grantry_reqwest::AuthorizedClient, token: &grantry_core::Token) {
/// let request = api.post("https://api.acme.com").form(&[("access_token", token)]);
/// # }
/// ```
/// ```compile_fail,E0277
/// # fn example(api: grantry_reqwest::AuthorizedClient, token: &grantry_core::Token) {
/// let request = api.get("https://api.acme.com").query(&[("access_token", token)]);
/// # }
/// ```
/// ```compile_fail,E0277
/// # fn example(api: grantry_reqwest::AuthorizedClient, token: &grantry_core::Token) {
/// let request = api.post("https://api.acme.com").json(token);
/// # }
/// ```
/// ```compile_fail,E0277
/// # fn example(api: grantry_reqwest::AuthorizedClient, token: grantry_core::Token) {
/// let request = api.post("https://api.acme.com").body(token);
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(api: grantry_reqwest::AuthorizedClient, token: &str) {
/// let request = api.post("https://api.acme.com").bearer_auth(token);
/// # }
/// ```
#[cfg(all(doctest, feature = "form", feature = "json", feature = "query"))]
mod req_e02_a_token_has_no_way_into_a_body_or_a_query {}

pub use client::AuthorizedClient;
pub use error::Error;
pub use extension::SendAuthorized;
#[cfg(feature = "middleware")]
pub use middleware::AuthorizeMiddleware;
pub use request::AuthorizedRequestBuilder;
