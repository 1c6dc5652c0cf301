//! What the tests ask the server for.

use std::sync::Arc;

use grantry_core::{Attempt, AuthorizationServer, Error, Scope, TokenSet};
use grantry_endpoint::{Client, ClientAuthentication, HttpTransport, TokenEndpoint, TokenRequest};
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
    let facts = AuthorizationServer::builder(server.url("/token")).issuer(server.issuer()).build()?;
    let client = Client::new(client, authentication)?;
    Ok(TokenEndpoint::new(facts, client, Arc::new(HttpTransport::new()?))?)
}

/// Asks for a token of the client itself.
pub(crate) async fn obtain(endpoint: &TokenEndpoint) -> Result<TokenSet, Error> {
    let request = TokenRequest::new("client_credentials").scope(Scope::parse("read").unwrap_or_default());
    endpoint.request(request, Attempt::first()).await.map_err(|failure| failure.error)
}
