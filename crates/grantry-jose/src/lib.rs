//! Signing and verifying for OAuth 2.0.

mod signer;

pub use signer::{Algorithm, SignError, Signer};
