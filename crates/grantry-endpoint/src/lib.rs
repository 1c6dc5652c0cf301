//! Talks to an OAuth 2.0 authorization server.
//!
//! # Invariants
//!
//! * The only crate that names `oauth2`.

mod address_guard;
mod answer;
mod assertion;
mod channel;
mod client;
mod client_authentication;
mod failure;
mod form;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod http_transport;
mod server_clock;
mod token_endpoint;
mod token_request;
mod transport;
mod zeroized;

pub use address_guard::{AddressClass, is_public};
pub use client::Client;
pub use client_authentication::ClientAuthentication;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub use http_transport::{HttpTransport, HttpTransportBuilder};
pub use token_endpoint::{TokenEndpoint, TokenEndpointBuilder};
pub use token_request::TokenRequest;
pub use transport::{Answer, Request, Transport, TransportCause, TransportFailure};
