//! The grant.

use std::fmt;

use async_trait::async_trait;
use grantry_core::{Attempt, Failure, Grant, GrantKey, Target, TokenSet};
use grantry_endpoint::{TokenEndpoint, TokenRequest};
use zeroize::Zeroizing;

use crate::ClientCredentialsBuilder;

/// The grant type's registered name.
const GRANT_TYPE: &str = "client_credentials";

/// Obtains tokens by the client-credentials flow (RFC 6749 section 4.4).
///
/// There is nothing to renew with: each call of [`obtain`](Grant::obtain) sends the same request anew. A refresh
/// token in the answer, which RFC 6749 section 4.4.3 advises servers against, is never spent.
///
/// **Cancel-safety**: dropping `obtain` may lose a token that the server has issued, and nothing else.
/// **Concurrency**: calls are independent.
#[derive(Clone)]
pub struct ClientCredentials {
    pub(crate) endpoint: TokenEndpoint,
    pub(crate) target: Target,
    /// In the order of the request; the values may be secrets.
    pub(crate) parameters: Vec<(String, Zeroizing<String>)>,
    pub(crate) key: Option<GrantKey>,
}

impl ClientCredentials {
    /// Starts from the token endpoint, which knows the client.
    pub fn builder(endpoint: TokenEndpoint) -> ClientCredentialsBuilder {
        ClientCredentialsBuilder::new(endpoint)
    }

    /// What the tokens are for: the scope and the resources that are asked for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Where the tokens come from.
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    fn request(&self) -> TokenRequest {
        let mut request = TokenRequest::new(GRANT_TYPE).scope(self.target.scope.clone());
        for resource in &self.target.resources {
            request = request.resource(resource);
        }
        for (name, value) in &self.parameters {
            request = request.parameter(name, value.as_str());
        }
        match &self.key {
            Some(key) => request.key(key.clone()),
            None => request,
        }
    }
}

#[async_trait]
impl Grant for ClientCredentials {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let mut request = self.request();
        // A store that keeps several of its tokens keeps one key with them.
        if let Some(key) = self.endpoint.dpop_key_of(&attempt).map_err(Failure::unsent)? {
            request = request.dpop_key(key);
        }
        self.endpoint.request(request, attempt).await
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ClientCredentials")
            .field("endpoint", &self.endpoint)
            .field("target", &self.target)
            .field("parameters", &names)
            .finish_non_exhaustive()
    }
}
