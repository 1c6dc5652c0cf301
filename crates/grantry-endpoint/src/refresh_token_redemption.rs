//! A refresh request (RFC 6749 section 6) with a refresh token that somebody else keeps.

use async_trait::async_trait;
use grantry_core::{Attempt, Error, Failure, Grant, GrantKey, Scope, TokenSet};

use crate::{DpopKey, TokenEndpoint, TokenRequest, check_resource};

/// Redeems the refresh token that each attempt hands in ([`Attempt::redeeming`]), and keeps none.
///
/// It is for whoever keeps refresh tokens in a store: custody around it decides which token is redeemed, and when.
/// Give its endpoint a transport built with `for_single_use_credentials`.
///
/// ```
/// # use std::sync::Arc;
/// # use grantry_core::AuthorizationServer;
/// # use grantry_endpoint::*;
/// let server = AuthorizationServer::builder("https://as.example.com/token").build()?;
/// let client = Client::new("calendar", ClientAuthentication::none())?;
/// let transport = HttpTransport::builder().for_single_use_credentials().build()?;
/// let endpoint = TokenEndpoint::new(server, client, Arc::new(transport))?;
/// let redemption = RefreshTokenRedemption::new(endpoint);
/// # let _ = redemption;
/// # Ok::<(), grantry_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RefreshTokenRedemption {
    endpoint: TokenEndpoint,
    narrowed: Option<Scope>,
    granted: Scope,
    resources: Vec<String>,
    key: Option<GrantKey>,
}

impl RefreshTokenRedemption {
    /// Redeems at this endpoint.
    pub fn new(endpoint: TokenEndpoint) -> Self {
        Self { endpoint, narrowed: None, granted: Scope::EMPTY, resources: Vec::new(), key: None }
    }

    /// The endpoint at which it redeems.
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    /// The scope that was granted with the refresh token: what an answer without a scope means.
    #[must_use]
    pub fn granted_scope(self, granted: Scope) -> Self {
        Self { granted, ..self }
    }

    /// Asks for less than was granted.
    #[must_use]
    pub fn narrow_to(self, scope: Scope) -> Self {
        Self { narrowed: Some(scope), ..self }
    }

    /// Asks for access tokens for a resource (RFC 8707); may be repeated.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where it is no absolute URI without a fragment.
    pub fn resource(mut self, resource: impl Into<String>) -> Result<Self, Error> {
        let resource = resource.into();
        check_resource(&resource)?;
        self.resources.push(resource);
        Ok(self)
    }

    /// Whose grant it is, for the events.
    #[must_use]
    pub fn key(self, key: GrantKey) -> Self {
        Self { key: Some(key), ..self }
    }
}

#[async_trait]
impl Grant for RefreshTokenRedemption {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let Some(refresh_token) = attempt.redeeming() else {
            let text = "a redemption was asked for without a refresh token: put custody around it";
            return Err(Failure::unsent(Error::configuration(text)));
        };
        let granted = match attempt.replacing() {
            Some(held) if self.granted.is_empty() => held.token().scope().clone(),
            _ => self.granted.clone(),
        };
        let mut request = TokenRequest::new("refresh_token")
            .parameter("refresh_token", refresh_token.expose())
            .assumed_scope(granted);
        if let Some(narrowed) = &self.narrowed {
            request = request.scope(narrowed.clone()).assumed_scope(narrowed.clone());
        }
        for resource in &self.resources {
            request = request.resource(resource);
        }
        if let Some(key) = &self.key {
            request = request.key(key.clone());
        }
        if let Some(key) = attempt.proof_key() {
            request = request.dpop_key(DpopKey::from_private_key(key).map_err(Failure::unsent)?);
        }
        self.endpoint.request(request, attempt).await
    }
}
