//! What a resource server on a loopback port sees of a client with a token.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[cfg(feature = "middleware")]
mod middleware;
mod proofs;
mod proxies;
mod redirects;
mod refusals;
mod requests;
mod support;
