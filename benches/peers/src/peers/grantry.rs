//! `grantry`: this project, driven as all the others are.

use std::sync::Arc;

use ::grantry::{AuthorizationServer, TokenSource};
use http::HeaderValue;

use crate::peer::{Failed, Lifetimes, Peer};
use crate::token_endpoint::TokenEndpoint;

/// The source, as `AuthorizedClient` holds it.
pub(crate) struct Grantry {
    source: Arc<dyn TokenSource>,
}

impl Peer for Grantry {
    const NAME: &'static str = "grantry";
    const PATH: &'static str = "TokenSource::ready, else TokenSource::token, then Token::into_header";
    const OBTAINS_ON_BUILD: bool = false;
    const LIFETIMES: Lifetimes = Lifetimes {
        renewal: 8,
        outage: 30,
        watched: 12,
        note: "default buffer of 300 s, of which a token's life gives at most half, hence tokens of 8 s and 30 s",
    };

    async fn build(endpoint: &TokenEndpoint) -> Result<Self, Failed> {
        ::grantry::install_crypto_provider();
        let server = AuthorizationServer::builder(endpoint.url()).build();
        let server = server.map_err(|error| Failed::from_error(&error))?;
        let source = ::grantry::client_credentials(server, "bench", "secret").scope("bench.read").build();
        Ok(Self { source: source.map_err(|error| Failed::from_error(&error))? })
    }

    async fn header(&self) -> Result<HeaderValue, Failed> {
        let token = match self.source.ready() {
            Some(token) => token,
            None => self.source.token().await.map_err(|error| Failed::from_error(&error))?,
        };
        Ok(token.into_header())
    }
}
