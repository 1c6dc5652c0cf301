//! `huskarl`: a client-credentials grant, a `GrantTokenSource`, an `InMemoryTokenCache`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::huskarl::cache::{GrantTokenSource, InMemoryRefreshTokenStore, InMemoryTokenCache, TokenSource};
use ::huskarl::core::EndpointUrl;
use ::huskarl::core::client_auth::ClientSecret;
use ::huskarl::core::secrets::{ProvidedSecret, SecretString};
use ::huskarl::core::time::{Clock, PlatformClock};
use ::huskarl::grant::client_credentials::{ClientCredentialsGrant, ClientCredentialsGrantParameters};
use http::HeaderValue;
use huskarl_reqwest::ReqwestClient;
use jiff::{SignedDuration, Timestamp};

use crate::peer::{Failed, Lifetimes, Peer, bearer};
use crate::token_endpoint::TokenEndpoint;

/// Seconds, long enough for the crate's margins to be those of real life: they shrink with short lifetimes.
const LIFETIME: u64 = 3600;

/// The cache as its documentation wires it.
pub(crate) struct Huskarl {
    clock: Arc<MovableClock>,
    cache: InMemoryTokenCache<GrantTokenSource<ClientCredentialsGrant, InMemoryRefreshTokenStore>>,
}

impl Peer for Huskarl {
    const NAME: &'static str = "huskarl";
    const PATH: &'static str = "InMemoryTokenCache::token, then the header from the token's text";
    const OBTAINS_ON_BUILD: bool = false;
    const LIFETIMES: Lifetimes = Lifetimes {
        renewal: LIFETIME,
        outage: LIFETIME,
        watched: 60,
        note: "defaults: renewed 30 s before expiry, plus a random part of up to 30 s that differs from run to run; tokens of \
               an hour, with the clock that the crate takes moved to 61 s before expiry",
    };

    async fn build(endpoint: &TokenEndpoint) -> Result<Self, Failed> {
        let client =
            reqwest::Client::builder().no_proxy().build().map_err(|error| Failed::from_error(&error))?;
        let url: EndpointUrl =
            endpoint.url().parse().map_err(|error: ::huskarl::core::Error| Failed::from_error(&error))?;
        let clock = Arc::<MovableClock>::default();
        let grant = ClientCredentialsGrant::builder()
            .clock(Arc::clone(&clock))
            .client_id("bench")
            .client_auth(ClientSecret::new(ProvidedSecret::new(SecretString::new("secret"))))
            .http_client(ReqwestClient::from(client))
            .token_endpoint(url)
            .build();
        let source = GrantTokenSource::builder()
            .grant(grant)
            .grant_parameters(ClientCredentialsGrantParameters::builder().build())
            .refresh_store(InMemoryRefreshTokenStore::default())
            .build();
        Ok(Self { clock, cache: InMemoryTokenCache::builder().source(source).build() })
    }

    fn skip_ahead(&self) -> Duration {
        let seconds = LIFETIME - 61;
        self.clock.ahead.store(seconds, Ordering::Relaxed);
        Duration::from_secs(seconds)
    }

    async fn header(&self) -> Result<HeaderValue, Failed> {
        let token = self.cache.token().await.map_err(|error| Failed::from_error(&error))?;
        bearer(token.access_token().token().expose_secret())
    }
}

/// The platform's clock, some seconds ahead.
#[derive(Debug, Default)]
struct MovableClock {
    ahead: AtomicU64,
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        let now = PlatformClock.now();
        match self.ahead.load(Ordering::Relaxed) {
            0 => now,
            ahead => now + SignedDuration::from_secs(ahead.cast_signed()),
        }
    }
}
