//! What the tests ask the server for.

use std::sync::Arc;
use std::time::Duration;

use grantry_client_credentials::ClientCredentials;
use grantry_core::{Attempt, AuthorizationServer, Error, Grant, GrantKey, TokenSet};
use grantry_endpoint::{Client, ClientAuthentication, HttpTransport, TokenEndpoint};
use grantry_refresh::{Fallback, ManagedSource, Profile, RefreshPolicy, Scheduler};
use grantry_tests::{Fallible, OidcProvider, Settings};

/// A server whose access tokens live for an hour.
pub(crate) fn start() -> Fallible<OidcProvider> {
    OidcProvider::start(Settings::default())
}

/// Its token endpoint, as a client of that name and authentication.
pub(crate) fn endpoint(
    server: &OidcProvider,
    client: &str,
    authentication: ClientAuthentication,
) -> Fallible<TokenEndpoint> {
    let facts = AuthorizationServer::builder(server.url("/token"))
        .issuer(server.issuer())
        .introspection_endpoint(server.url("/token/introspection"))
        .revocation_endpoint(server.url("/token/revocation"))
        .build()?;
    let client = Client::new(client, authentication)?;
    Ok(TokenEndpoint::new(facts, client, Arc::new(HttpTransport::new()?))?)
}

/// The endpoint as the client `basic`, which asks for tokens of its own.
pub(crate) fn basic(server: &OidcProvider) -> Fallible<TokenEndpoint> {
    endpoint(server, "basic", ClientAuthentication::secret_basic("basic-secret"))
}

/// The endpoint as the client `api`, which may introspect the tokens of others.
pub(crate) fn api(server: &OidcProvider) -> Fallible<TokenEndpoint> {
    endpoint(server, "api", ClientAuthentication::secret_basic("api-secret"))
}

/// Asks once for a token of the client itself.
pub(crate) async fn obtain(endpoint: &TokenEndpoint) -> Result<TokenSet, Error> {
    let grant = ClientCredentials::builder(endpoint.clone()).scope("read").build()?;
    grant.obtain(Attempt::first()).await.map_err(|failure| failure.error)
}

/// A source of the client's own tokens, with the default policy but for a short retry delay.
pub(crate) fn source(endpoint: &TokenEndpoint, scheduler: &Scheduler) -> Fallible<Arc<ManagedSource>> {
    let grant = ClientCredentials::builder(endpoint.clone()).scope("read").build()?;
    let policy = RefreshPolicy::builder()
        .retry_delay(Duration::from_millis(100))
        .fallback(Fallback::Queue { patience: Duration::from_secs(60) })
        .build()?;
    let profile = Profile::builder("interop", scheduler).policy(policy).build()?;
    Ok(ManagedSource::new(GrantKey::new("acme", "orders", "default")?, Arc::new(grant), &profile))
}
