//! Builds the flow, and refuses what could not work.

use std::fmt;

use grantry_core::{Error, GrantKey, Scope, Target};
use grantry_endpoint::{DeviceAuthorizationRequest, TokenEndpoint, check_resource};
use zeroize::Zeroizing;

use crate::DeviceAuthorization;

/// Parameters that have another place, and where that is.
const ELSEWHERE: &[(&str, &str)] = &[
    ("grant_type", "it is for the token endpoint alone"),
    ("device_code", "it is for the token endpoint alone"),
    ("scope", "use scope()"),
    ("resource", "use resource()"),
    ("client_id", "the endpoint's client sets it"),
    ("client_secret", "the endpoint's client sets it"),
    ("client_assertion", "the endpoint's client sets it"),
    ("client_assertion_type", "the endpoint's client sets it"),
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
        for (nth, (name, value)) in self.parameters.iter().enumerate() {
            let before = self.parameters.iter().take(nth).any(|(other, _)| other == name);
            check_parameter(name, value, before)?;
        }
        let target = self.target()?;
        Ok(DeviceAuthorization {
            endpoint: self.endpoint,
            target,
            parameters: self.parameters,
            key: self.key,
        })
    }

    fn target(&self) -> Result<Target, Error> {
        let separator = self.endpoint.server().scope_separator();
        if separator != ' ' && self.scopes.iter().any(|scope| scope.contains(separator)) {
            return Err(Error::configuration(format!(
                "a scope holds {separator:?}, which this server puts between scopes: name each scope by itself"
            )));
        }
        let scope = Scope::from_tokens(self.scopes.iter().map(String::as_str))
            .map_err(|e| Error::configuration("a scope is not usable").with_source(e))?;
        let mut target = Target::new(scope);
        for resource in &self.resources {
            check_resource(resource)?;
        }
        target.resources.clone_from(&self.resources);
        target.resources.sort_unstable();
        target.resources.dedup();
        Ok(target)
    }
}

fn check_parameter(name: &str, value: &str, before: bool) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::configuration("a parameter has an empty name: give it one, or leave it out"));
    }
    if let Some((name, place)) = ELSEWHERE.iter().find(|(other, _)| *other == name) {
        return Err(Error::configuration(format!(
            "the parameter {name} cannot be set as an extra one: {place}"
        )));
    }
    if before {
        return Err(Error::configuration(format!(
            "the parameter {} is set twice: parameters must not be repeated (RFC 8628 section 3.1)",
            name.escape_debug()
        )));
    }
    // An empty parameter counts as left out (RFC 8628 section 3.1), which is hardly what was meant.
    if value.is_empty() {
        return Err(Error::configuration(format!(
            "the parameter {} is empty: give it a value, or leave it out",
            name.escape_debug()
        )));
    }
    Ok(())
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
