//! The client-credentials flow of OAuth 2.0 (RFC 6749 section 4.4) as a grant.
//!
//! A client that acts on its own behalf shows its credential to the token endpoint and gets an access token. The
//! flow is a [`Grant`](grantry_core::Grant); a source decides when to call it.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use grantry_client_credentials::ClientCredentials;
//! use grantry_core::{Attempt, AuthorizationServer, Grant};
//! use grantry_endpoint::{
//!     Answer, Client, ClientAuthentication, Request, TokenEndpoint, Transport, TransportFailure,
//! };
//! use http::StatusCode;
//!
//! /// Stands in for the network: answers every request with the same token.
//! #[derive(Debug)]
//! struct Always(&'static str);
//!
//! #[async_trait]
//! impl Transport for Always {
//!     async fn send(&self, _request: Request) -> Result<Answer, TransportFailure> {
//!         Ok(Answer::new(StatusCode::OK).with_body(self.0))
//!     }
//! }
//!
//! let endpoint = TokenEndpoint::new(
//!     AuthorizationServer::builder("https://as.example.com/token").build()?,
//!     Client::new("orders", ClientAuthentication::secret_basic("a client secret"))?,
//!     Arc::new(Always(r#"{"access_token":"abc","token_type":"Bearer","expires_in":3600}"#)),
//! )?;
//! let grant = ClientCredentials::builder(endpoint)
//!     .scope("orders.read")
//!     .resource("https://api.example.com/orders")
//!     .build()?;
//!
//! let set = grant.obtain(Attempt::first()).await.map_err(|failure| failure.error)?;
//! assert_eq!(set.token().header(), "Bearer abc");
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//!
//! * A grant that was built belongs to a confidential client whose authentication method the server is not known to
//!   refuse for this flow.
//! * One call of `obtain` sends at most one token request.
//! * It holds no state: what a request says was settled when the grant was built.
//! * No runtime, no clock, no randomness of its own: the endpoint has them.

mod builder;
mod grant;

pub use builder::ClientCredentialsBuilder;
pub use grant::ClientCredentials;
