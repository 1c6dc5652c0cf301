//! JWTs as authorization grants.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{Attempt, Failure, Grant, GrantKey, Target, TokenSet};
use grantry_endpoint::{TokenEndpoint, TokenRequest, check_parameter_value};

use crate::parameters::{self, Parameters};
use crate::{Assertions, JwtBearerBuilder, explained};

/// The grant type's registered name (RFC 7523 section 2.1).
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Obtains access tokens with JWTs (RFC 7523 section 2.1): somebody whom the server trusts vouches for somebody, or for
/// itself, as service accounts do.
///
/// The assertion is made anew for each attempt. There is nothing to renew with: a refresh token in the answer, which
/// RFC 7521 section 4.1 advises servers against, is never spent.
///
/// The client shows what the endpoint's [`Client`](grantry_endpoint::Client) has to show, besides the assertion. Where
/// the server wants to know no client at all, a public one is the closest: its `client_id` is sent.
///
/// **Cancel-safety**: dropping `obtain` may lose a token that the server has issued, and nothing else.
/// **Concurrency**: calls are independent.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use grantry_core::{Attempt, Grant};
/// use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
/// use grantry_jose::SigningKey;
/// use grantry_testkit::{RegisteredClient, TestServer};
/// use grantry_token_exchange::{JwtBearer, SignedAssertions};
///
/// let key = SigningKey::generate_es256()?;
/// let registered = RegisteredClient::with_key("robot", key.public_jwk());
/// let server = TestServer::builder().client(registered).build();
/// let client = Client::new("robot", ClientAuthentication::private_key(key.clone()))?;
/// let endpoint =
///     TokenEndpoint::new(server.authorization_server()?, client, Arc::new(server.transport()))?;
///
/// let assertions = SignedAssertions::builder(&endpoint, key, "robot", "ada@example.com").build()?;
/// let grant = JwtBearer::builder(endpoint, assertions).scope("calendar.read").build()?;
/// let set = grant.obtain(Attempt::first()).await.map_err(|failure| failure.error)?;
/// assert_eq!(set.token().scope().as_str(), "calendar.read");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct JwtBearer {
    pub(crate) endpoint: TokenEndpoint,
    pub(crate) assertions: Arc<dyn Assertions>,
    pub(crate) target: Target,
    pub(crate) parameters: Parameters,
    pub(crate) key: Option<GrantKey>,
}

impl JwtBearer {
    /// Starts from the token endpoint and who makes the assertions: [`SignedAssertions`](crate::SignedAssertions), or
    /// a trait object of your own.
    pub fn builder(endpoint: TokenEndpoint, assertions: impl Assertions) -> JwtBearerBuilder {
        JwtBearerBuilder::new(endpoint, Arc::new(assertions))
    }

    /// What the tokens are for: the scope and the resources that are asked for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Where the tokens come from.
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    async fn request(&self) -> Result<TokenRequest, Failure> {
        let assertion = self.assertions.assertion(self.endpoint.server_time()).await;
        let assertion = assertion.map_err(Failure::unsent)?;
        check_parameter_value("assertion", assertion.expose()).map_err(Failure::unsent)?;
        let mut request = TokenRequest::new(GRANT_TYPE)
            .parameter("assertion", assertion.expose())
            .scope(self.target.scope.clone());
        for resource in &self.target.resources {
            request = request.resource(resource);
        }
        for (name, value) in &self.parameters {
            request = request.parameter(name, value.as_str());
        }
        Ok(match &self.key {
            Some(key) => request.key(key.clone()),
            None => request,
        })
    }
}

#[async_trait]
impl Grant for JwtBearer {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let request = self.request().await?;
        self.endpoint.request(request, attempt).await.map_err(explained::assertion)
    }
}

impl fmt::Debug for JwtBearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtBearer")
            .field("endpoint", &self.endpoint)
            .field("target", &self.target)
            .field("parameters", &parameters::names(&self.parameters))
            .finish_non_exhaustive()
    }
}
