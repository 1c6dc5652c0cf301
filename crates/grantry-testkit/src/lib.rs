//! An OAuth 2.0 authorization server to test against, in this process, with the rotation policies and faults
//! of real ones.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use grantry_endpoint::{Client, ClientAuthentication, HttpTransport, TokenEndpoint, TokenRequest};
//! use grantry_testkit::{Endpoint, Fault, RegisteredClient, TestServer};
//!
//! let client = RegisteredClient::with_secret("billing", "s3cret");
//! let server = TestServer::builder().client(client).start().await?;
//! server.inject(Endpoint::Token, Fault::status(503).retry_after("1"));
//!
//! // The code under test, pointed at `server.issuer()`. Here it is one line and asks twice:
//! # let (as_billing, over) =
//! #     (Client::new("billing", ClientAuthentication::secret_basic("s3cret"))?, HttpTransport::new()?);
//! # let attempt = grantry_core::Attempt::first();
//! let endpoint = TokenEndpoint::new(server.authorization_server()?, as_billing, std::sync::Arc::new(over))?;
//! assert!(endpoint.request(TokenRequest::new("client_credentials"), attempt).await.is_err());
//! assert!(endpoint.request(TokenRequest::new("client_credentials"), attempt).await.is_ok());
//!
//! // What it did:
//! assert_eq!(server.ledger().count(Endpoint::Token), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | have an authorization server on a loopback port | [`TestServer`], [`RegisteredClient`] |
//! | reach it without a socket, in paused time | [`InMemoryTransport`], [`ManualClock::following_tokio`] |
//! | see what was asked | [`Ledger`], [`Entry`], [`ReceivedRequest`] |
//! | make things go wrong | [`Fault`], [`AnswerStyle`] |
//! | send hostile or broken answers, byte by byte | [`RawServer`], [`RawAnswer`] |
//! | have a person consent, deny, or come back with the wrong state | [`TestServer::visit`], [`Settings::decision`] |
//! | have a person approve a device, or decline | [`TestServer::approve`], [`TestServer::deny`], [`Settings::device_decision`] |
//! | renew a grant that a person gave | [`SeededGrant`], [`Settings::rotation`] |
//! | sign people in, with right and wrong ID tokens | [`Settings::id_token`], [`IdTokenStyle`], [`Authority::rotate_signing_keys`] |
//! | ask for proofs of possession, with nonces | [`Settings::proofs`], [`ProofPolicy`] |
//! | check what carries which token | [`ProtectedResource`] |
//! | do without a server, where only a source is needed | [`TestSource`] |
//! | move time, repeat chance | [`ManualClock`], [`SeededEntropy`] |
//!
//! # Time
//!
//! Over a socket use the machine's clock, or a [`ManualClock`] with real timers. Paused tokio time belongs with
//! the transport in memory: it jumps to the next timer whenever every task waits, also while a socket is
//! pending, so that timeouts fire at once. The feature `paused-time` adds `ManualClock::advance_with_tokio`.
//!
//! # Invariants
//!
//! * For tests only: secrets are compared byte by byte and kept in plain memory.
//! * Sockets are bound to 127.0.0.1 only, on ports that the system chooses, and closed when their owner drops.
//! * [`Authority`] does no I/O, reads no clock and draws its randomness from one seed: the same requests at the
//!   same moments get the same answers, but for ID tokens by ES256 and PS256, whose signatures are made with randomness of
//!   the operating system.
//! * What a request spends is spent when the server takes it up, whatever becomes of the answer or the client.
//! * No `Debug` shows a token, a secret, a query or a body; the way to those bytes is a method whose name
//!   begins with `expose`.

mod authority;
mod client;
mod clock;
mod endpoint;
mod entropy;
mod fault;
mod form;
mod front;
mod ledger;
mod memory;
mod proof;
mod raw;
mod request;
mod resource;
mod server;
mod source;
mod stage;
mod wire;

pub use authority::{
    AccessTokenFacts, AnswerStyle, Authority, Decision, DeviceDecision, ExpiresIn, IdTokenSignature,
    IdTokenStyle, Moment, ResponseIssuer, ResponseState, ScopeForm, ScopePolicy, SeededGrant, Settings,
};
pub use client::RegisteredClient;
pub use clock::ManualClock;
pub use endpoint::Endpoint;
pub use entropy::SeededEntropy;
pub use fault::Fault;
pub use form::Form;
pub use ledger::{Entry, Ledger, NotInTime, Outcome};
pub use memory::InMemoryTransport;
pub use proof::{Nonces, ProofPolicy};
pub use raw::{RawAnswer, RawExchange, RawServer};
pub use request::ReceivedRequest;
pub use resource::ProtectedResource;
pub use server::{TestServer, TestServerBuilder};
pub use source::TestSource;
