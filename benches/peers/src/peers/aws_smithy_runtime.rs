//! `aws-smithy-runtime`: the lazy identity cache over a bearer-token resolver.
//!
//! The crate has the cache and the bearer scheme, but no OAuth grant: the resolver that asks the token endpoint is ours, as
//! it is for everybody who uses it.

use std::time::{Duration, SystemTime};

use ::aws_smithy_runtime::client::auth::http::BearerAuthScheme;
use ::aws_smithy_runtime::client::identity::IdentityCache;
use ::aws_smithy_runtime::client::orchestrator::endpoints::StaticUriEndpointResolver;
use ::aws_smithy_runtime::client::retries::strategy::NeverRetryStrategy;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::http::HTTP_BEARER_AUTH_SCHEME_ID;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::identity::http::Token;
use aws_smithy_runtime_api::client::identity::{
    Identity, IdentityFuture, ResolveCachedIdentity, ResolveIdentity, SharedIdentityCache,
    SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use http::HeaderValue;

use crate::peer::{Failed, Lifetimes, Peer, bearer};
use crate::token_endpoint::TokenEndpoint;

/// The cache with all that its call needs.
pub(crate) struct AwsSmithyRuntime {
    cache: SharedIdentityCache,
    resolver: SharedIdentityResolver,
    components: RuntimeComponents,
    settings: ConfigBag,
}

impl Peer for AwsSmithyRuntime {
    const NAME: &'static str = "aws-smithy-runtime";
    const PATH: &'static str =
        "SharedIdentityCache::resolve_cached_identity, then the header from the token's text";
    const OBTAINS_ON_BUILD: bool = false;
    const LIFETIMES: Lifetimes = Lifetimes {
        renewal: 12,
        outage: 12,
        watched: 12,
        note: "default buffer of 10 s, less a random part of up to a half, hence tokens of 12 s; the crate's cache over our \
               own resolver, without retries",
    };

    async fn build(endpoint: &TokenEndpoint) -> Result<Self, Failed> {
        let client =
            reqwest::Client::builder().no_proxy().build().map_err(|error| Failed::from_error(&error))?;
        let resolver = SharedIdentityResolver::new(ClientCredentials { client, url: endpoint.url() });
        let cache = IdentityCache::lazy().build();
        let components = RuntimeComponentsBuilder::new("bench")
            .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![
                HTTP_BEARER_AUTH_SCHEME_ID,
            ])))
            .with_endpoint_resolver(Some(StaticUriEndpointResolver::uri(endpoint.url())))
            .with_auth_scheme(BearerAuthScheme::new())
            .with_identity_cache(Some(cache.clone()))
            .with_identity_resolver(HTTP_BEARER_AUTH_SCHEME_ID, resolver.clone())
            .with_retry_strategy(Some(NeverRetryStrategy::new()))
            .with_time_source(Some(SystemTimeSource::new()))
            .with_sleep_impl(Some(TokioSleep::new()))
            .build()
            .map_err(|error| Failed::from_error(&error))?;
        Ok(Self { cache, resolver, components, settings: ConfigBag::base() })
    }

    async fn header(&self) -> Result<HeaderValue, Failed> {
        let identity = self
            .cache
            .resolve_cached_identity(self.resolver.clone(), &self.components, &self.settings)
            .await
            .map_err(|error| Failed::from_error(error.as_ref()))?;
        let token = identity.data::<Token>().ok_or_else(|| Failed::because("the identity is no token"))?;
        bearer(token.token())
    }
}

/// The client-credentials grant, spelled out.
#[derive(Debug)]
struct ClientCredentials {
    client: reqwest::Client,
    url: String,
}

impl ClientCredentials {
    async fn obtain(&self) -> Result<Identity, BoxError> {
        let answer = self
            .client
            .post(&self.url)
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials&client_id=bench&client_secret=secret")
            .send()
            .await?
            .error_for_status()?;
        let body: serde_json::Value = serde_json::from_slice(&answer.bytes().await?)?;
        let token = body["access_token"].as_str().ok_or("no access_token")?;
        let seconds = body["expires_in"].as_u64().ok_or("no expires_in")?;
        let expiry = SystemTime::now() + Duration::from_secs(seconds);
        Ok(Token::new(token, Some(expiry)).into())
    }
}

impl ResolveIdentity for ClientCredentials {
    fn resolve_identity<'a>(&'a self, _: &'a RuntimeComponents, _: &'a ConfigBag) -> IdentityFuture<'a> {
        IdentityFuture::new(self.obtain())
    }
}
