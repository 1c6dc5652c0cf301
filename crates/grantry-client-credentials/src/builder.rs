//! Builds the grant, and refuses what could not work.

use std::fmt;

use grantry_core::{ClientAuthenticationMethod, Error, GrantKey, Scope, Target};
use grantry_endpoint::{TokenEndpoint, check_resource};
use zeroize::Zeroizing;

use crate::ClientCredentials;

/// Parameters that have another place, and where that is.
const ELSEWHERE: &[(&str, &str)] = &[
    ("grant_type", "the flow sets it itself"),
    ("scope", "use scope()"),
    ("audience", "use audience()"),
    ("resource", "use resource()"),
    ("client_id", "the endpoint's client sets it"),
    ("client_secret", "the endpoint's client sets it"),
    ("client_assertion", "the endpoint's client sets it"),
    ("client_assertion_type", "the endpoint's client sets it"),
];

/// Builds [`ClientCredentials`].
#[must_use]
pub struct ClientCredentialsBuilder {
    endpoint: TokenEndpoint,
    scopes: Vec<String>,
    audience: Option<String>,
    resources: Vec<String>,
    parameters: Vec<(String, Zeroizing<String>)>,
    key: Option<GrantKey>,
}

impl ClientCredentialsBuilder {
    pub(crate) fn new(endpoint: TokenEndpoint) -> Self {
        Self {
            endpoint,
            scopes: Vec::new(),
            audience: None,
            resources: Vec::new(),
            parameters: Vec::new(),
            key: None,
        }
    }

    /// Asks for a scope (RFC 6749 section 3.3); may be called several times, and a text with spaces is several
    /// scopes. With none at all the server chooses.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Asks for several scopes.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Names the API that the token is for, to servers that know the parameter `audience`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Names a resource that the token is for (RFC 8707): an absolute URI without a fragment. May be called
    /// several times; a repeat is left out.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Adds a parameter of the server's own, which may be a secret.
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
    /// [`Configuration`](grantry_core::ErrorKind::Configuration), with what to change: a public client; a client
    /// authentication method that the server does not accept for this flow; a scope, resource or parameter that
    /// is not usable.
    pub fn build(self) -> Result<ClientCredentials, Error> {
        check_client(&self.endpoint)?;
        let target = self.target()?;
        let mut parameters = self.parameters;
        for (nth, (name, value)) in parameters.iter().enumerate() {
            let before = parameters.iter().take(nth).any(|(other, _)| other == name);
            check_parameter(name, value, before)?;
        }
        if let Some(audience) = self.audience {
            check_value("audience", &audience)?;
            parameters.insert(0, ("audience".into(), Zeroizing::new(audience)));
        }
        Ok(ClientCredentials { endpoint: self.endpoint, target, parameters, key: self.key })
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
        let mut resources = Vec::with_capacity(self.resources.len());
        for resource in &self.resources {
            check_resource(resource)?;
            resources.push(resource.clone());
        }
        resources.sort_unstable();
        resources.dedup();
        let mut target = Target::new(scope);
        target.resources = resources;
        Ok(target)
    }
}

/// RFC 6749 section 4.4: "MUST only be used by confidential clients".
fn check_client(endpoint: &TokenEndpoint) -> Result<(), Error> {
    let (client, server) = (endpoint.client(), endpoint.server());
    if !client.is_confidential() {
        return Err(Error::configuration(
            "client credentials are for confidential clients only (RFC 6749 section 4.4): give the client a \
             secret or a private key",
        ));
    }
    let accepted = server.client_credentials_methods();
    if accepted.is_empty() || accepted.contains(&client.method()) {
        return Ok(());
    }
    let remedies: Vec<String> =
        accepted.iter().filter(|m| **m != ClientAuthenticationMethod::None).map(|m| remedy(*m)).collect();
    Err(Error::configuration(format!(
        "{} does not accept {} for client credentials: use {}",
        server.provider().unwrap_or("the server"),
        client.method().as_str(),
        remedies.join(" or ")
    )))
}

/// A method, and what sets it where this library has it.
fn remedy(method: ClientAuthenticationMethod) -> String {
    let setter = match method {
        ClientAuthenticationMethod::PrivateKeyJwt => "private_key",
        ClientAuthenticationMethod::ClientSecretBasic => "secret_basic",
        ClientAuthenticationMethod::ClientSecretPost => "secret_post",
        ClientAuthenticationMethod::ClientSecretJwt => "secret_jwt",
        _ => return method.as_str().to_owned(),
    };
    format!("{} (ClientAuthentication::{setter})", method.as_str())
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
            "the parameter {} is set twice: parameters must not be repeated (RFC 6749 section 3.2)",
            name.escape_debug()
        )));
    }
    check_value(name, value)
}

/// An empty parameter counts as left out (RFC 6749 section 3.2), which is hardly what was meant.
fn check_value(name: &str, value: &str) -> Result<(), Error> {
    if value.is_empty() {
        return Err(Error::configuration(format!(
            "the parameter {} is empty: give it a value, or leave it out",
            name.escape_debug()
        )));
    }
    Ok(())
}

impl fmt::Debug for ClientCredentialsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ClientCredentialsBuilder")
            .field("endpoint", &self.endpoint)
            .field("scopes", &self.scopes)
            .field("audience", &self.audience)
            .field("resources", &self.resources)
            .field("parameters", &names)
            .finish_non_exhaustive()
    }
}
