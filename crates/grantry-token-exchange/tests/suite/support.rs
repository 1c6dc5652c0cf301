//! A server, clients, and tokens to exchange.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use grantry_core::{Attempt, Error, ErrorKind, Stage};
use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint, TokenRequest};
use grantry_jose::SigningKey;
use grantry_testkit::*;
use grantry_token_exchange::*;

pub(crate) const CLIENT: &str = "gateway";
pub(crate) const SECRET: &str = "a client secret";

/// A server in memory and everything around it.
pub(crate) struct Case {
    pub(crate) server: TestServer,
    pub(crate) clock: ManualClock,
    pub(crate) endpoint: TokenEndpoint,
    /// The key of the client `robot`.
    pub(crate) key: SigningKey,
}

impl Case {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new();
        let key = SigningKey::generate_ed25519().unwrap();
        let server = TestServer::builder()
            .client(RegisteredClient::with_secret(CLIENT, SECRET))
            .client(RegisteredClient::with_key("robot", key.public_jwk()))
            .clock(Arc::new(clock.clone()))
            .build();
        let client = Client::new(CLIENT, ClientAuthentication::secret_basic(SECRET)).unwrap();
        let facts = server.authorization_server().unwrap();
        let endpoint = TokenEndpoint::builder(facts, client, Arc::new(server.transport()))
            .clock(Arc::new(clock.clone()))
            .build()
            .unwrap();
        Self { server, clock, endpoint, key }
    }

    /// A live access token, with this scope.
    pub(crate) async fn token(&self, scope: &str) -> SubjectToken {
        let scope = grantry_core::Scope::parse(scope).unwrap();
        let request = TokenRequest::new("client_credentials").scope(scope);
        let set = self.endpoint.request(request, Attempt::first()).await.unwrap();
        SubjectToken::new(set.token().expose())
    }

    pub(crate) fn exchange(&self, subject: impl SubjectTokens) -> TokenExchangeBuilder {
        TokenExchange::builder(self.endpoint.clone(), subject, TokenType::ACCESS_TOKEN)
    }

    pub(crate) fn assertions(&self) -> SignedAssertionsBuilder {
        SignedAssertions::builder(&self.endpoint, self.key.clone(), "robot", "ada@example.com")
    }

    pub(crate) fn bearer(&self, assertions: impl Assertions) -> JwtBearerBuilder {
        JwtBearer::builder(self.endpoint.clone(), assertions)
    }

    pub(crate) fn token_requests(&self) -> u64 {
        self.server.ledger().count(Endpoint::Token)
    }

    /// The form of the last token request.
    pub(crate) fn asked(&self) -> Form {
        self.server.ledger().last(Endpoint::Token).unwrap().request.form().clone()
    }

    /// What the next token request is answered with, after it was served.
    pub(crate) fn answers(&self, body: impl Into<String>) {
        self.server.inject(Endpoint::Token, Fault::body(body.into()));
    }
}

/// Gives a numbered token each time, or none.
#[derive(Debug, Default)]
pub(crate) struct Numbered {
    pub(crate) given: AtomicU64,
    pub(crate) none: bool,
}

#[async_trait]
impl SubjectTokens for Numbered {
    async fn token(&self) -> Result<SubjectToken, Error> {
        if self.none {
            return Err(Error::new(ErrorKind::Storage, Stage::Token, "no token at hand"));
        }
        let number = self.given.fetch_add(1, Ordering::SeqCst);
        Ok(SubjectToken::new(format!("subject-token-{number}")))
    }
}
