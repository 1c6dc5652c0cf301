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
//!   never puts it back; the tests of this crate hold it to that, for every redirect status. What such an origin
//!   answers is handed on and says nothing about the token. A `DPoP` proof, which is worth nothing without the
//!   token, is not taken off and does not fit the new target: use `from_builder` for tokens that need proofs.
//!
//! # Plain http
//!
//! http is accepted for loopback origins only. A client from `from_builder` resolves `localhost` to loopback
//! addresses itself; with a client that was handed in, write `127.0.0.1` or `[::1]` if you do not trust its
//! resolver. A proxy that is configured for http gets such requests in clear, as any others.
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

pub use client::AuthorizedClient;
pub use error::Error;
pub use extension::SendAuthorized;
#[cfg(feature = "middleware")]
pub use middleware::AuthorizeMiddleware;
pub use request::AuthorizedRequestBuilder;
