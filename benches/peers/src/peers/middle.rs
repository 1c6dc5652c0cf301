//! `middle`: a client-credentials authorizer that renews on a task of its own.

use std::sync::Arc;

use ::middle::{Authorizer, BasicClientCredentialAuthorizer};
use http::HeaderValue;
use url::Url;

use crate::peer::{Failed, Lifetimes, Peer};
use crate::token_endpoint::TokenEndpoint;

/// The authorizer.
pub(crate) struct Middle {
    authorizer: BasicClientCredentialAuthorizer,
}

impl Peer for Middle {
    const NAME: &'static str = "middle";
    const PATH: &'static str =
        "Authorizer::authorization_header, then the value out of its Arc as the crate's own client does";
    const OBTAINS_ON_BUILD: bool = true;
    const LIFETIMES: Lifetimes = Lifetimes {
        renewal: 33,
        outage: 33,
        watched: 12,
        note: "default tolerance of 30 s, hence tokens of 33 s; only the first seconds of the buffer are watched",
    };

    async fn build(endpoint: &TokenEndpoint) -> Result<Self, Failed> {
        let url = Url::parse(&endpoint.url()).map_err(|error| Failed::from_error(&error))?;
        let authorizer = BasicClientCredentialAuthorizer::basic_builder("bench", "secret", url)
            .build()
            .await
            .map_err(|error| Failed::from_error(&error))?;
        Ok(Self { authorizer })
    }

    async fn header(&self) -> Result<HeaderValue, Failed> {
        self.authorizer
            .authorization_header()
            .map(Arc::unwrap_or_clone)
            .map_err(|error| Failed::from_error(&error))
    }
}
