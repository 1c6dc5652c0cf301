//! Talks to an OAuth 2.0 authorization server.
//!
//! # Invariants
//!
//! * The only crate that names `oauth2`.

mod address_guard;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod http_transport;
mod transport;

pub use address_guard::{AddressClass, is_public};
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub use http_transport::{HttpTransport, HttpTransportBuilder};
pub use transport::{Answer, Request, Transport, TransportCause, TransportFailure};
