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
mod discovery;
mod failure;
mod form;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod http_transport;
mod introspection;
mod keeper;
mod refresh_token_grant;
mod revocation;
mod server_clock;
mod token_endpoint;
mod token_request;
mod transport;
mod zeroized;

pub use address_guard::{AddressClass, is_public};
pub use client::Client;
pub use client_authentication::ClientAuthentication;
pub use discovery::{Discovered, Discovery};
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub use http_transport::{HttpTransport, HttpTransportBuilder};
pub use introspection::{ActiveToken, IntrospectionEndpoint};
pub use keeper::{KeepError, Keeper, Kept};
pub use refresh_token_grant::{RefreshTokenGrant, RefreshTokenGrantBuilder};
pub use revocation::RevocationEndpoint;
pub use token_endpoint::{TokenEndpoint, TokenEndpointBuilder};
pub use token_request::TokenRequest;
pub use transport::{Answer, Request, Transport, TransportCause, TransportFailure};
