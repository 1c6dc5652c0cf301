//! Builds the grant, and refuses what could not work.

use std::fmt;

use grantry_core::{ClientAuthenticationMethod, Error, GrantKey};
use grantry_endpoint::{TokenEndpoint, check_parameter_value, check_parameters, checked_target};
use zeroize::Zeroizing;

use crate::ClientCredentials;

/// A parameter that has another place here.
const ELSEWHERE: &[(&str, &str)] = &[("audience", "use audience()")];

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
        let target = checked_target(self.endpoint.server(), &self.scopes, &self.resources)?;
        let mut parameters = self.parameters;
        check_parameters(&parameters, ELSEWHERE)?;
        if let Some(audience) = self.audience {
            check_parameter_value("audience", &audience)?;
            parameters.insert(0, ("audience".into(), Zeroizing::new(audience)));
        }
        Ok(ClientCredentials { endpoint: self.endpoint, target, parameters, key: self.key })
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
