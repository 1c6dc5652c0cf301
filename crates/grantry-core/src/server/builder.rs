//! Builds an [`AuthorizationServer`].

use std::fmt;
use std::time::Duration;

use url::Url;

use super::{
    AssertionAudience, AuthorizationServer, ClientAuthenticationMethod, Endpoints, ErrorAlias, ErrorCause,
    Learned, Lifetime, Pkce, RefreshRate, RevocationSpares, Rotation, check_endpoint,
};

/// Parameters of an answer that are credentials.
const TOKENS: [&str; 4] = ["access_token", "refresh_token", "id_token", "device_code"];

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
    pub(super) userinfo_endpoint: Option<String>,
    pub(super) mtls_token_endpoint: Option<String>,
    pub(super) mtls_revocation_endpoint: Option<String>,
    pub(super) mtls_introspection_endpoint: Option<String>,
    pub(super) mtls_device_authorization_endpoint: Option<String>,
    pub(super) mtls_pushed_authorization_request_endpoint: Option<String>,
    pub(super) dpop_algorithms: Vec<String>,
    pub(super) names_itself_in_responses: bool,
    pub(super) requires_pushed_requests: bool,
    pub(super) methods: Vec<ClientAuthenticationMethod>,
    pub(super) client_credentials_methods: Option<Vec<ClientAuthenticationMethod>>,
    pub(super) rotation: Rotation,
    pub(super) old_access_token_dies: bool,
    pub(super) missing_expires_in: Lifetime,
    pub(super) zero_means_never: bool,
    pub(super) scope_separator: char,
    pub(super) granted_scope_separator: Option<char>,
    pub(super) bearer_aliases: Vec<String>,
    pub(super) pkce: Pkce,
    pub(super) assertion_audience: AssertionAudience,
    pub(super) error_aliases: Vec<ErrorAlias>,
    pub(super) error_causes: Vec<ErrorCause>,
    pub(super) provider_code_prefix: Option<String>,
    pub(super) extra_parameters: Vec<(String, String)>,
    pub(super) authorization_parameters: Vec<(String, String)>,
    pub(super) kept_parameters: Vec<String>,
    pub(super) earliest_renewal: Option<Duration>,
    pub(super) refresh_token_idle_limit: Option<Duration>,
    pub(super) refresh_token_absolute_limit: Option<Duration>,
    pub(super) refresh_rate: Option<RefreshRate>,
    pub(super) revocation_spares: RevocationSpares,
    pub(super) provider: Option<String>,
    pub(super) learned: Learned,
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
            userinfo_endpoint: None,
            mtls_token_endpoint: None,
            mtls_revocation_endpoint: None,
            mtls_introspection_endpoint: None,
            mtls_device_authorization_endpoint: None,
            mtls_pushed_authorization_request_endpoint: None,
            dpop_algorithms: Vec::new(),
            names_itself_in_responses: false,
            requires_pushed_requests: false,
            methods: Vec::new(),
            client_credentials_methods: None,
            rotation: Rotation::UNKNOWN,
            old_access_token_dies: false,
            missing_expires_in: Lifetime::Unknown,
            zero_means_never: false,
            scope_separator: ' ',
            granted_scope_separator: None,
            bearer_aliases: Vec::new(),
            pkce: Pkce::Unknown,
            assertion_audience: AssertionAudience::Issuer,
            error_aliases: Vec::new(),
            error_causes: Vec::new(),
            provider_code_prefix: None,
            extra_parameters: Vec::new(),
            authorization_parameters: Vec::new(),
            kept_parameters: Vec::new(),
            earliest_renewal: None,
            refresh_token_idle_limit: None,
            refresh_token_absolute_limit: None,
            refresh_rate: None,
            revocation_spares: RevocationSpares::UNKNOWN,
            provider: None,
            learned: Learned::Nothing,
        }
    }

    /// The token endpoint's URL, in place of the one before.
    pub fn token_endpoint(mut self, url: impl Into<String>) -> Self {
        self.token_endpoint = url.into();
        self
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
        /// The UserInfo endpoint's URL.
        userinfo_endpoint,
        /// The token endpoint's URL for clients with a certificate (RFC 8705 section 5, `mtls_endpoint_aliases`).
        mtls_token_endpoint,
        /// The revocation endpoint's URL for clients with a certificate.
        mtls_revocation_endpoint,
        /// The introspection endpoint's URL for clients with a certificate.
        mtls_introspection_endpoint,
        /// The device authorization endpoint's URL for clients with a certificate.
        mtls_device_authorization_endpoint,
        /// The pushed authorization request endpoint's URL for clients with a certificate.
        mtls_pushed_authorization_request_endpoint,
        /// The provider's name.
        provider,
        /// The prefix of the provider's own error codes.
        provider_code_prefix,
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

    /// The algorithms of the proofs that it takes (RFC 9449 section 5.1, `dpop_signing_alg_values_supported`).
    pub fn dpop_algorithms<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.dpop_algorithms = names.into_iter().map(Into::into).collect();
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

    /// What joins the scopes of its answers, where that is neither a space nor what joins those of requests.
    pub fn granted_scope_separator(mut self, separator: char) -> Self {
        self.granted_scope_separator = Some(separator);
        self
    }

    /// What it calls a bearer token besides `bearer` (RFC 6749 section 7.1), such as `bot`. Case does not count.
    pub fn bearer_aliases<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.bearer_aliases = names.into_iter().map(Into::into).collect();
        self
    }

    /// What it makes of a code challenge.
    pub fn pkce(mut self, pkce: Pkce) -> Self {
        self.pkce = pkce;
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

    /// What its own error codes mean, for diagnoses.
    pub fn error_causes(mut self, causes: impl IntoIterator<Item = ErrorCause>) -> Self {
        self.error_causes = causes.into_iter().collect();
        self
    }

    /// Parameters that every authorization request carries, unless the flow is told another value of the same
    /// name. They take the place of all that were named before, so that an empty list takes a preset's away.
    pub fn authorization_parameters<N: Into<String>, V: Into<String>>(
        mut self,
        parameters: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.authorization_parameters =
            parameters.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self
    }

    /// Further parameters of a token answer (RFC 6749 section 5.1) that are handed on and kept with a stored grant,
    /// such as `instance_url`; all others are passed over. None of them may be one that holds a token.
    pub fn kept_parameters<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.kept_parameters = names.into_iter().map(Into::into).collect();
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

    /// The same facts with the endpoints that clients with a certificate use in the place of the others, where there are
    /// any (RFC 8705 section 5).
    pub(super) fn with_mtls_aliases(mut self) -> Self {
        let swap = |endpoint: &mut Option<String>, alias: &Option<String>| {
            if alias.is_some() {
                endpoint.clone_from(alias);
            }
        };
        if let Some(alias) = &self.mtls_token_endpoint {
            self.token_endpoint.clone_from(alias);
        }
        swap(&mut self.revocation_endpoint, &self.mtls_revocation_endpoint);
        swap(&mut self.introspection_endpoint, &self.mtls_introspection_endpoint);
        swap(&mut self.device_authorization_endpoint, &self.mtls_device_authorization_endpoint);
        swap(
            &mut self.pushed_authorization_request_endpoint,
            &self.mtls_pushed_authorization_request_endpoint,
        );
        self
    }

    /// Checks every URL.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) names the first URL that may not be an endpoint, or a
    /// parameter of answers that may not be kept, and what to change.
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
            userinfo: optional("UserInfo endpoint", &self.userinfo_endpoint)?,
        };
        if let Some(name) = self.kept_parameters.iter().find(|name| TOKENS.contains(&name.as_str())) {
            return Err(crate::Error::configuration(format!(
                "the parameter {name} of an answer holds a token, which goes its own way: keep other parameters only"
            )));
        }
        for (what, url) in [
            ("token endpoint for mutual TLS", &self.mtls_token_endpoint),
            ("revocation endpoint for mutual TLS", &self.mtls_revocation_endpoint),
            ("introspection endpoint for mutual TLS", &self.mtls_introspection_endpoint),
            ("device authorization endpoint for mutual TLS", &self.mtls_device_authorization_endpoint),
            (
                "pushed authorization request endpoint for mutual TLS",
                &self.mtls_pushed_authorization_request_endpoint,
            ),
        ] {
            optional(what, url)?;
        }
        let token_endpoint = endpoint("token endpoint", &self.token_endpoint)?;
        Ok(AuthorizationServer { facts: Box::new(self), token_endpoint, endpoints })
    }
}
