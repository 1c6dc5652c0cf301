//! Talks to an OAuth 2.0 authorization server.
//!
//! # Invariants
//!
//! * The only crate that names `oauth2`.

mod transport;

pub use transport::{Answer, Request, Transport, TransportCause, TransportFailure};
