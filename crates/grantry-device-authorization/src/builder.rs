//! Builds the flow, and refuses what could not work.

use std::fmt;

use grantry_core::{Error, GrantKey};
use grantry_endpoint::{DeviceAuthorizationRequest, TokenEndpoint, check_parameters, checked_target};
use zeroize::Zeroizing;

use crate::DeviceAuthorization;

/// Parameters that have another place here, and where that is.
const ELSEWHERE: &[(&str, &str)] = &[
    ("grant_type", "it is for the token endpoint alone"),
    ("device_code", "it is for the token endpoint alone"),
];

/// Builds [`DeviceAuthorization`].
#[derive(Clone)]
#[must_use]
pub struct DeviceAuthorizationBuilder {
    endpoint: TokenEndpoint,
    scopes: Vec<String>,
    resources: Vec<String>,
    parameters: Vec<(String, Zeroizing<String>)>,
    key: Option<GrantKey>,
}

impl DeviceAuthorizationBuilder {
    pub(crate) fn new(endpoint: TokenEndpoint) -> Self {
        Self { endpoint, scopes: Vec::new(), resources: Vec::new(), parameters: Vec::new(), key: None }
    }

    /// Asks for a scope (RFC 6749 section 3.3); may be called several times, and a text with spaces is several
    /// scopes. Ask for no more than is needed. With none at all the server chooses.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Asks for several scopes.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Names a resource that the tokens are for (RFC 8707), to both endpoints: an absolute URI without a fragment.
    /// May be called several times; a repeat is left out.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Adds a parameter of the server's own to the device authorization request, such as `audience`. It may be a
    /// secret.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// Whose grant it will be, for the events that the endpoint tells.
    pub fn key(mut self, key: GrantKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration), with what to change: a server without a device
    /// authorization endpoint; a scope, resource or parameter that is not usable.
    pub fn build(self) -> Result<DeviceAuthorization, Error> {
        // It knows what to say where there is none.
        let _ = DeviceAuthorizationRequest::to(&self.endpoint)?;
        check_parameters(&self.parameters, ELSEWHERE)?;
        let target = checked_target(self.endpoint.server(), &self.scopes, &self.resources)?;
        Ok(DeviceAuthorization {
            endpoint: self.endpoint,
            target,
            parameters: self.parameters,
            key: self.key,
        })
    }
}

impl fmt::Debug for DeviceAuthorizationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("DeviceAuthorizationBuilder")
            .field("endpoint", &self.endpoint)
            .field("scopes", &self.scopes)
            .field("resources", &self.resources)
            .field("parameters", &names)
            .finish_non_exhaustive()
    }
}
