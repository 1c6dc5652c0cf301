//! A source of one token.

use async_trait::async_trait;
use grantry::{AuthorizedClient, Error, Token, TokenSource};

/// Holds one token, and has no other.
#[derive(Debug)]
pub(crate) struct Held(pub(crate) Token);

#[async_trait]
impl TokenSource for Held {
    fn ready(&self) -> Option<Token> {
        Some(self.0.clone())
    }
    async fn token(&self) -> Result<Token, Error> {
        Ok(self.0.clone())
    }
    fn reject(&self, _refused: &Token) {}
}

/// A client that presents it to this origin.
pub(crate) fn client(token: &Token, origin: &str) -> AuthorizedClient {
    grantry::install_crypto_provider();
    AuthorizedClient::from_builder(reqwest::Client::builder().no_proxy(), Held(token.clone()), [origin])
        .unwrap()
}
