//! Builds an [`AuthorizationServer`].

use std::fmt;
use std::time::Duration;

use url::Url;

use super::{
    AssertionAudience, AuthorizationServer, ClientAuthenticationMethod, Endpoints, ErrorAlias, Lifetime,
    Rotation, check_endpoint,
};

/// Builds an [`AuthorizationServer`].
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct AuthorizationServerBuilder {
    pub(super) token_endpoint: String,
    pub(super) issuer: Option<String>,
    pub(super) authorization_endpoint: Option<String>,
    pub(super) revocation_endpoint: Option<String>,
    pub(super) introspection_endpoint: Option<String>,
    pub(super) device_authorization_endpoint: Option<String>,
    pub(super) pushed_authorization_request_endpoint: Option<String>,
    pub(super) jwks_uri: Option<String>,
    pub(super) names_itself_in_responses: bool,
    pub(super) requires_pushed_requests: bool,
    pub(super) methods: Vec<ClientAuthenticationMethod>,
    pub(super) client_credentials_methods: Option<Vec<ClientAuthenticationMethod>>,
    pub(super) rotation: Rotation,
    pub(super) old_access_token_dies: bool,
    pub(super) missing_expires_in: Lifetime,
    pub(super) zero_means_never: bool,
    pub(super) scope_separator: char,
    pub(super) assertion_audience: AssertionAudience,
    pub(super) error_aliases: Vec<ErrorAlias>,
    pub(super) provider_code_prefix: Option<String>,
    pub(super) extra_parameters: Vec<(String, String)>,
    pub(super) earliest_renewal: Option<Duration>,
    pub(super) refresh_token_idle_limit: Option<Duration>,
    pub(super) refresh_token_absolute_limit: Option<Duration>,
    pub(super) provider: Option<String>,
}

/// Nothing is checked yet, so nothing that a person typed is shown: a URL may hold a password, a parameter a key.
impl fmt::Debug for AuthorizationServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters: Vec<&str> = self.extra_parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("AuthorizationServerBuilder")
            .field("provider", &self.provider)
            .field("rotation", &self.rotation)
            .field("extra_parameters", &parameters)
            .finish_non_exhaustive()
    }
}

macro_rules! set {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(mut self, url: impl Into<String>) -> Self {
            self.$name = Some(url.into());
            self
        }
    )*};
}

impl AuthorizationServerBuilder {
    pub(super) fn new(token_endpoint: String) -> Self {
        Self {
            token_endpoint,
            issuer: None,
            authorization_endpoint: None,
            revocation_endpoint: None,
            introspection_endpoint: None,
            device_authorization_endpoint: None,
            pushed_authorization_request_endpoint: None,
            jwks_uri: None,
            names_itself_in_responses: false,
            requires_pushed_requests: false,
            methods: Vec::new(),
            client_credentials_methods: None,
            rotation: Rotation::UNKNOWN,
            old_access_token_dies: false,
            missing_expires_in: Lifetime::Unknown,
            zero_means_never: false,
            scope_separator: ' ',
            assertion_audience: AssertionAudience::Issuer,
            error_aliases: Vec::new(),
            provider_code_prefix: None,
            extra_parameters: Vec::new(),
            earliest_renewal: None,
            refresh_token_idle_limit: None,
            refresh_token_absolute_limit: None,
            provider: None,
        }
    }

    set! {
        /// The issuer identifier.
        issuer,
        /// The authorization endpoint's URL.
        authorization_endpoint,
        /// The revocation endpoint's URL.
        revocation_endpoint,
        /// The introspection endpoint's URL.
        introspection_endpoint,
        /// The device authorization endpoint's URL.
        device_authorization_endpoint,
        /// The pushed authorization request endpoint's URL.
        pushed_authorization_request_endpoint,
        /// Where the server publishes its keys.
        jwks_uri,
        /// The provider's name.
        provider,
        /// The prefix of the provider's own error codes.
        provider_code_prefix,
    }

    /// The token endpoint's URL, in the place of the one that it was begun with.
    pub fn token_endpoint(mut self, url: impl Into<String>) -> Self {
        self.token_endpoint = url.into();
        self
    }

    /// Whether it names itself in every authorization response, in the parameter `iss` (RFC 9207 section 3,
    /// `authorization_response_iss_parameter_supported`).
    pub fn authorization_response_iss_parameter(mut self, supported: bool) -> Self {
        self.names_itself_in_responses = supported;
        self
    }

    /// Whether it accepts authorization requests only if they were pushed (RFC 9126 section 5).
    pub fn require_pushed_authorization_requests(mut self, required: bool) -> Self {
        self.requires_pushed_requests = required;
        self
    }

    /// The client authentication methods it accepts.
    pub fn client_authentication_methods(
        mut self,
        methods: impl IntoIterator<Item = ClientAuthenticationMethod>,
    ) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    /// The methods it accepts for the client-credentials flow, where they are fewer.
    pub fn client_credentials_methods(
        mut self,
        methods: impl IntoIterator<Item = ClientAuthenticationMethod>,
    ) -> Self {
        self.client_credentials_methods = Some(methods.into_iter().collect());
        self
    }

    /// What it does with used refresh tokens.
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// Whether a renewal kills the access token before it.
    pub fn old_access_token_dies(mut self, dies: bool) -> Self {
        self.old_access_token_dies = dies;
        self
    }

    /// What to make of an answer without `expires_in`.
    pub fn missing_expires_in(mut self, lifetime: Lifetime) -> Self {
        self.missing_expires_in = lifetime;
        self
    }

    /// Whether `expires_in` of 0 means that the token does not expire.
    pub fn zero_means_never(mut self, never: bool) -> Self {
        self.zero_means_never = never;
        self
    }

    /// What joins scopes in requests; a space if left out.
    pub fn scope_separator(mut self, separator: char) -> Self {
        self.scope_separator = separator;
        self
    }

    /// Whom client assertions are addressed to.
    pub fn assertion_audience(mut self, audience: AssertionAudience) -> Self {
        self.assertion_audience = audience;
        self
    }

    /// Answers of the server's own that mean a registered error code.
    pub fn error_aliases(mut self, aliases: impl IntoIterator<Item = ErrorAlias>) -> Self {
        self.error_aliases = aliases.into_iter().collect();
        self
    }

    /// A parameter that every token request carries.
    pub fn extra_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra_parameters.push((name.into(), value.into()));
        self
    }

    /// How long before expiry a renewal is refused as too early.
    pub fn earliest_renewal(mut self, before_expiry: Duration) -> Self {
        self.earliest_renewal = Some(before_expiry);
        self
    }

    /// How long a refresh token lives without being used.
    pub fn refresh_token_idle_limit(mut self, limit: Duration) -> Self {
        self.refresh_token_idle_limit = Some(limit);
        self
    }

    /// How long after the consent refresh tokens end, however often they are used.
    pub fn refresh_token_absolute_limit(mut self, limit: Duration) -> Self {
        self.refresh_token_absolute_limit = Some(limit);
        self
    }

    /// Checks every URL.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) names the first URL that may not be an endpoint, and
    /// what to change.
    pub fn build(self) -> Result<AuthorizationServer, crate::Error> {
        let endpoint = |what: &str, url: &str| -> Result<Url, crate::Error> {
            let url = Url::parse(url).map_err(|e| {
                crate::Error::configuration(format!(
                    "the {what} is not a URL such as https://as.example.com/token"
                ))
                .with_source(e)
            })?;
            check_endpoint(what, &url).map_err(|e| crate::Error::configuration(e.to_string()))?;
            Ok(url)
        };
        let optional =
            |what: &str, url: &Option<String>| url.as_deref().map(|u| endpoint(what, u)).transpose();
        if let Some(issuer) = &self.issuer {
            endpoint("issuer", issuer)?;
        }
        let endpoints = Endpoints {
            authorization: optional("authorization endpoint", &self.authorization_endpoint)?,
            revocation: optional("revocation endpoint", &self.revocation_endpoint)?,
            introspection: optional("introspection endpoint", &self.introspection_endpoint)?,
            device_authorization: optional(
                "device authorization endpoint",
                &self.device_authorization_endpoint,
            )?,
            pushed_authorization: optional(
                "pushed authorization request endpoint",
                &self.pushed_authorization_request_endpoint,
            )?,
            jwks: optional("JWKS URI", &self.jwks_uri)?,
        };
        let token_endpoint = endpoint("token endpoint", &self.token_endpoint)?;
        Ok(AuthorizationServer { facts: Box::new(self), token_endpoint, endpoints })
    }
}
