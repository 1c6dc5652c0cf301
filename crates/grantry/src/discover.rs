//! From an issuer to its endpoints.

use std::sync::Arc;

use grantry_core::Error;
use grantry_endpoint::{Discovered, Discovery, HttpTransport};

/// Learns an authorization server's endpoints from its issuer identifier (RFC 8414, OpenID Connect Discovery).
///
/// The document's `issuer` has to be the very string that was asked for. Endpoints at another origin than the
/// issuer's may lead to public addresses only. For a proxy, private certificates or private addresses build an
/// [`HttpTransport`] and use [`Discovery`] with it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
/// # let server = grantry_testkit::TestServer::builder().client(client).start().await?;
/// # let issuer = server.issuer();
/// use grantry::TokenSource;
/// let server = grantry::discover(issuer).await?;
/// let source = grantry::client_credentials(server, "billing", "s3cret").build()?;
/// let token = source.token().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Dropping the future leaves nothing behind.
///
/// # Errors
/// Where the issuer is not an https URL, cannot be reached, or publishes no metadata that can be used.
pub async fn discover(issuer: impl Into<String>) -> Result<Discovered, Error> {
    Discovery::new(issuer, Arc::new(HttpTransport::new()?))?.discover().await
}
