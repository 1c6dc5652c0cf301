//! Builds the JWT bearer grant, and refuses what could not work.

use std::fmt;
use std::sync::Arc;

use grantry_core::{Error, GrantKey};
use grantry_endpoint::{TokenEndpoint, check_parameters, checked_target};
use zeroize::Zeroizing;

use crate::parameters::{self, Parameters};
use crate::{Assertions, JwtBearer};

/// A parameter that has another place here.
const ELSEWHERE: &[(&str, &str)] = &[("assertion", "it is made for each attempt")];

/// Builds [`JwtBearer`].
#[derive(Clone)]
#[must_use]
pub struct JwtBearerBuilder {
    endpoint: TokenEndpoint,
    assertions: Arc<dyn Assertions>,
    scopes: Vec<String>,
    resources: Vec<String>,
    parameters: Parameters,
    key: Option<GrantKey>,
}

impl JwtBearerBuilder {
    pub(crate) fn new(endpoint: TokenEndpoint, assertions: Arc<dyn Assertions>) -> Self {
        let (scopes, resources, parameters) = (Vec::new(), Vec::new(), Vec::new());
        Self { endpoint, assertions, scopes, resources, parameters, key: None }
    }

    /// Asks for a scope (RFC 6749 section 3.3); may be called several times, and a text with spaces is several
    /// scopes. With none at all the server chooses, or reads it in the assertion.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Asks for several scopes.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Names a resource that the token is for (RFC 8707): an absolute URI without a fragment. May be called several
    /// times; a repeat is left out.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Adds a parameter of the server's own, such as `requested_token_use`. It may be a secret.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// Whose grant it is, for the events that the endpoint tells.
    pub fn key(mut self, key: GrantKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration), with what to change: a scope, resource or parameter
    /// that is not usable.
    pub fn build(self) -> Result<JwtBearer, Error> {
        check_parameters(&self.parameters, ELSEWHERE)?;
        let target = checked_target(self.endpoint.server(), &self.scopes, &self.resources)?;
        Ok(JwtBearer {
            endpoint: self.endpoint,
            assertions: self.assertions,
            target,
            parameters: self.parameters,
            key: self.key,
        })
    }
}

impl fmt::Debug for JwtBearerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtBearerBuilder")
            .field("endpoint", &self.endpoint)
            .field("scopes", &self.scopes)
            .field("resources", &self.resources)
            .field("parameters", &parameters::names(&self.parameters))
            .finish_non_exhaustive()
    }
}
