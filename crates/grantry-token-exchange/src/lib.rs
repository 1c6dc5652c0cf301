//! Tokens for other tokens, as grants: OAuth 2.0 token exchange (RFC 8693), and JWTs as authorization grants (RFC 7523
//! section 2.1).
//!
//! | to | read |
//! |---|---|
//! | exchange a token for one with another audience, scope or subject | [`TokenExchange`] |
//! | exchange it for an ID token, a SAML assertion or whatever is no access token | [`TokenIssue`] |
//! | hand in the token of another source, new for each attempt | [`FromSource`], [`SubjectTokens`] |
//! | act for a person, or as a service account, with an assertion signed by a key | [`JwtBearer`], [`SignedAssertions`] |
//! | hand in assertions that somebody else signs | [`Assertions`] |
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use grantry_core::{AccessToken, Attempt, AuthorizationServer, Grant};
//! use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint, TokenRequest};
//! use grantry_testkit::{RegisteredClient, TestServer};
//! use grantry_token_exchange::{SubjectToken, TokenExchange, TokenType};
//!
//! let server = TestServer::builder().client(RegisteredClient::with_secret("gateway", "s3cret")).build();
//! let client = Client::new("gateway", ClientAuthentication::secret_basic("s3cret"))?;
//! let endpoint =
//!     TokenEndpoint::new(server.authorization_server()?, client, Arc::new(server.transport()))?;
//! # let first = endpoint.request(TokenRequest::new("client_credentials"), Attempt::first()).await;
//! # let came = first.map_err(|failure| failure.error)?.token().expose().to_owned();
//!
//! // A request came with a token. What it calls on behalf of its sender needs another one:
//! let exchange = TokenExchange::builder(endpoint, SubjectToken::new(came), TokenType::ACCESS_TOKEN)
//!     .audience("https://orders.example.com")
//!     .scope("orders.read")
//!     .build()?;
//! let set = exchange.obtain(Attempt::first()).await.map_err(|failure| failure.error)?;
//! assert_eq!(set.token().scope().as_str(), "orders.read");
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//!
//! * One call of `obtain` sends at most one token request. What it shows is asked for anew in each call: no subject
//!   token, actor token or assertion is kept from one attempt to the next.
//! * A token comes with its type, and an actor token only with a subject token (RFC 8693 section 2.1): no other
//!   request can be built.
//! * A token that is no access token, by its `token_type` or its `issued_token_type`, is an error to the grant. It
//!   never gets where it would be presented.
//! * An assertion is signed for one attempt, with a `jti` of 128 random bits, by the clock of the server as far as it is
//!   known, and is good for an hour at most.
//! * No error, `Debug` or event holds a token, an assertion, or a claim of one.
//! * No clock and no randomness but those of the [`TokenEndpoint`](grantry_endpoint::TokenEndpoint). Nothing waits
//!   without a limit but for a [`SubjectTokens`] or [`Assertions`] of the caller's; a key may take 10 s to sign, and
//!   one that is not done at once needs a tokio runtime with its timer.

mod assertions;
mod bearer;
mod bearer_builder;
mod exchange;
mod exchange_builder;
mod explained;
mod issue;
mod parameters;
mod signed;
mod signed_builder;
mod subject;
mod token_type;

pub use assertions::{Assertion, Assertions};
pub use bearer::JwtBearer;
pub use bearer_builder::JwtBearerBuilder;
pub use exchange::TokenExchange;
pub use exchange_builder::TokenExchangeBuilder;
pub use issue::TokenIssue;
pub use signed::SignedAssertions;
pub use signed_builder::SignedAssertionsBuilder;
pub use subject::{FromSource, SubjectToken, SubjectTokens};
pub use token_type::TokenType;

/// Where it goes wrong.
const STAGE: grantry_core::Stage = grantry_core::Stage::Token;
