//! A resource server on a loopback port that keeps what it was sent, and a source that counts.

mod prover;
mod server;

pub(crate) use grantry_testkit::TestSource;
pub(crate) use prover::CountingProver;
pub(crate) use server::{Reply, Seen, Server};

/// A reqwest builder that any feature set can build: with rustls compiled in, reqwest wants a provider.
pub(crate) fn client_builder() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// A client with reqwest's own defaults.
pub(crate) fn client() -> reqwest::Client {
    client_builder().build().unwrap()
}
