//! `aliri_tokens`: a client-credentials source behind a watcher that renews on a task of its own.

use std::sync::Arc;

use ::aliri_tokens::backoff::ErrorBackoffConfig;
use ::aliri_tokens::jitter::NullJitter;
use ::aliri_tokens::sources::oauth2::{ClientCredentialsTokenSource, dto};
use ::aliri_tokens::{ClientId, ClientSecret, TokenLifetimeConfig, TokenWatcher};
use aliri::jwt::Audience;
use aliri_clock::DurationSecs;
use http::HeaderValue;

use crate::peer::{Failed, Lifetimes, Peer, bearer};
use crate::token_endpoint::TokenEndpoint;

/// The watcher.
pub(crate) struct AliriTokens {
    watcher: TokenWatcher,
}

impl Peer for AliriTokens {
    const NAME: &'static str = "aliri_tokens";
    const PATH: &'static str = "TokenWatcher::token, then the header from the token's text";
    const OBTAINS_ON_BUILD: bool = true;
    const LIFETIMES: Lifetimes = Lifetimes {
        renewal: 8,
        outage: 16,
        watched: 12,
        note: "set to stale after a quarter of the lifetime, at least 2 s (the default is three quarters, at least 30 s), no \
               jitter, default backoff",
    };

    async fn build(endpoint: &TokenEndpoint) -> Result<Self, Failed> {
        let client =
            reqwest_0_12::Client::builder().no_proxy().build().map_err(|error| Failed::from_error(&error))?;
        let url = reqwest_0_12::Url::parse(&endpoint.url()).map_err(|error| Failed::from_error(&error))?;
        let credentials = dto::ClientCredentialsWithAudience {
            credentials: Arc::new(dto::ClientCredentials {
                client_id: ClientId::from_static("bench"),
                client_secret: ClientSecret::from_static("secret"),
            }),
            audience: Audience::from_static("bench"),
        };
        let lifetime = TokenLifetimeConfig::new(0.25, DurationSecs(2));
        let source = ClientCredentialsTokenSource::new(client, url, credentials, lifetime);
        let watcher =
            TokenWatcher::spawn_from_token_source(source, NullJitter, ErrorBackoffConfig::default())
                .await
                .map_err(|error| Failed::from_error(&error))?;
        Ok(Self { watcher })
    }

    async fn header(&self) -> Result<HeaderValue, Failed> {
        bearer(self.watcher.token().access_token().as_str())
    }
}
