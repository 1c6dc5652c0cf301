//! `google-cloud-auth`: user-account credentials, whose token endpoint can be set.

use ::google_cloud_auth::credentials::AccessTokenCredentials;
use ::google_cloud_auth::credentials::user_account::Builder;
use http::HeaderValue;

use crate::peer::{Failed, Lifetimes, Peer, bearer};
use crate::token_endpoint::TokenEndpoint;

/// Credentials of the refresh-token grant; the cache is the same for every kind of credentials.
pub(crate) struct GoogleCloudAuth {
    credentials: AccessTokenCredentials,
}

impl Peer for GoogleCloudAuth {
    const NAME: &'static str = "google-cloud-auth";
    const PATH: &'static str = "AccessTokenCredentials::access_token, then the header from the token's text";
    const OBTAINS_ON_BUILD: bool = false;
    const LIFETIMES: Lifetimes = Lifetimes {
        renewal: 243,
        outage: 243,
        watched: 12,
        note: "fixed buffer of 240 s, hence tokens of 243 s; a failed renewal is tried again after 10 s; only the first \
               seconds of the buffer are watched",
    };

    async fn build(endpoint: &TokenEndpoint) -> Result<Self, Failed> {
        let credentials = Builder::new(serde_json::json!({
            "type": "authorized_user",
            "client_id": "bench",
            "client_secret": "secret",
            "refresh_token": "refresh",
        }))
        .with_token_uri(endpoint.url())
        .build_access_token_credentials()
        .map_err(|error| Failed::from_error(&error))?;
        Ok(Self { credentials })
    }

    async fn header(&self) -> Result<HeaderValue, Failed> {
        let token = self.credentials.access_token().await.map_err(|error| Failed::from_error(&error))?;
        bearer(&token.token)
    }
}
