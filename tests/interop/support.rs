//! What the tests ask the server for.

use std::sync::Arc;
use std::time::Duration;

use grantry::{
    Attempt, AuthorizationServer, Client, ClientAuthentication, ClientCredentials, Error, Fallback, Grant,
    HttpTransport, ManagedSource, RefreshPolicy, Scheduler, TokenEndpoint, TokenSet,
};
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
    let client = Client::new(client, authentication)?;
    Ok(TokenEndpoint::new(facts(server)?, client, Arc::new(HttpTransport::new()?))?)
}

fn facts(server: &OidcProvider) -> Result<AuthorizationServer, Error> {
    AuthorizationServer::builder(server.url("/token"))
        .issuer(server.issuer())
        .introspection_endpoint(server.url("/token/introspection"))
        .revocation_endpoint(server.url("/token/revocation"))
        .build()
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

/// A source of the client `basic`, with the default policy but for a short retry delay and much patience.
pub(crate) fn source(server: &OidcProvider, scheduler: &Scheduler) -> Fallible<Arc<ManagedSource>> {
    let policy = RefreshPolicy::builder()
        .retry_delay(Duration::from_millis(100))
        .fallback(Fallback::Queue { patience: Duration::from_secs(60) })
        .build()?;
    let source = grantry::client_credentials(facts(server)?, "basic", "basic-secret");
    Ok(source.scope("read").policy(policy).scheduler(scheduler).build()?)
}
