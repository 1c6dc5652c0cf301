//! The facts about an authorization server. Presets and metadata only fill it in.

use std::fmt;
use std::time::Duration;

use url::{Host, Url};

/// How a client proves who it is at the token endpoint (RFC 7591 section 2, RFC 8705).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuthenticationMethod {
    /// `client_secret_basic`: the Authorization header (RFC 6749 section 2.3.1).
    ClientSecretBasic,
    /// `client_secret_post`: in the body.
    ClientSecretPost,
    /// `client_secret_jwt`: an assertion under a MAC with the secret (RFC 7523).
    ClientSecretJwt,
    /// `private_key_jwt`: an assertion signed with a private key (RFC 7523).
    PrivateKeyJwt,
    /// `tls_client_auth` (RFC 8705 section 2.1).
    TlsClientAuth,
    /// `self_signed_tls_client_auth` (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
    /// `none`: a public client.
    None,
}

impl ClientAuthenticationMethod {
    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            Self::None => "none",
        }
    }

    /// The method of a registered name, if it is one of these.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::ClientSecretBasic,
            Self::ClientSecretPost,
            Self::ClientSecretJwt,
            Self::PrivateKeyJwt,
            Self::TlsClientAuth,
            Self::SelfSignedTlsClientAuth,
            Self::None,
        ]
        .into_iter()
        .find(|m| m.as_str() == name)
    }
}

/// What the server does with a refresh token that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rotation {
    /// It stays as it is; no new one is issued.
    None,
    /// A new one is issued and the old one stays valid.
    KeepOld,
    /// A new one is issued; the one before it is accepted for a while.
    Grace {
        /// For how long after the first use.
        window: Duration,
        /// Whether a repeat gets the same successor (`true`) or another one (`false`).
        same: bool,
    },
    /// A new one is issued; the old one is refused at once.
    Strict {
        /// Whether using the old one revokes the whole family.
        revokes_family: bool,
    },
}

impl Rotation {
    /// What an unknown server has to be taken for.
    pub const UNKNOWN: Self = Self::Strict { revokes_family: true };
}

/// What to make of an answer without a usable `expires_in` (RFC 6749 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lifetime {
    /// Unknown: used until it is refused.
    Unknown,
    /// This server's tokens do not expire.
    Never,
    /// The server's documentation names this lifetime.
    Documented(Duration),
}

/// Whom a client assertion is addressed to (`aud`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AssertionAudience {
    /// The issuer identifier (rfc7523bis; FAPI 2.0); the token endpoint where no issuer is known.
    #[default]
    Issuer,
    /// The token endpoint's URL, for servers that accept nothing else.
    TokenEndpoint,
}

/// An answer of the server's own that means a registered error code.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "presets are written as literals")]
pub struct ErrorAlias {
    /// The HTTP status it comes with.
    pub status: u16,
    /// The `error` (or vendor's code) it comes with.
    pub code: &'static str,
    /// The code of RFC 6749 section 5.2 that it means.
    pub means: &'static str,
}

/// A URL that may not be an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} {rule}")]
pub struct InvalidEndpoint {
    what: String,
    rule: &'static str,
}

/// Checks a URL that a person configured: https, or http to loopback (an IP literal or `localhost`), a host, no
/// user information, no fragment (RFC 6749 section 3.2).
///
/// # Errors
/// [`InvalidEndpoint`] says what to change.
pub fn check_endpoint(what: &str, url: &Url) -> Result<(), InvalidEndpoint> {
    let refuse = |rule| Err(InvalidEndpoint { what: what.to_owned(), rule });
    let Some(host) = url.host() else {
        return refuse("has to be an absolute URL with a host, such as https://as.example.com/token");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must not hold a user name or password");
    }
    if url.fragment().is_some() {
        return refuse("must not have a fragment (#...)");
    }
    if url.port() == Some(0) {
        return refuse("must not name port 0");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&host) => Ok(()),
        "http" => refuse("has to be an https URL (http is accepted for 127.0.0.1, [::1] and localhost only)"),
        _ => refuse("has to be an https URL"),
    }
}

/// Loopback by name or address; the transport resolves `localhost` to loopback addresses itself.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// An authorization server: its endpoints, what it accepts and how its answers have to be read.
///
/// Only the token endpoint is required. Everything else has a safe default: an unknown rotation is strict and
/// revokes the family, an unknown lifetime is unknown.
///
/// ```
/// use grantry_core::AuthorizationServer;
/// let server = AuthorizationServer::builder("https://as.example.com/token").build()?;
/// assert_eq!(server.token_endpoint().as_str(), "https://as.example.com/token");
/// let refused = AuthorizationServer::builder("http://as.example.com/token").build().unwrap_err();
/// assert!(refused.to_string().contains("https"));
/// # Ok::<(), grantry_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationServer {
    facts: Box<AuthorizationServerBuilder>,
    token_endpoint: Url,
    endpoints: Endpoints,
}

#[derive(Clone, PartialEq, Eq, Default)]
struct Endpoints {
    authorization: Option<Url>,
    revocation: Option<Url>,
    introspection: Option<Url>,
    device_authorization: Option<Url>,
    pushed_authorization: Option<Url>,
    jwks: Option<Url>,
}

impl AuthorizationServer {
    /// Starts from the token endpoint's URL (RFC 6749 section 3.2).
    pub fn builder(token_endpoint: impl Into<String>) -> AuthorizationServerBuilder {
        AuthorizationServerBuilder::new(token_endpoint.into())
    }

    /// The same facts, to change some of them.
    pub fn to_builder(&self) -> AuthorizationServerBuilder {
        (*self.facts).clone()
    }

    /// The token endpoint (RFC 6749 section 3.2).
    pub fn token_endpoint(&self) -> &Url {
        &self.token_endpoint
    }

    /// The issuer identifier (RFC 8414 section 2), to be compared as a plain string.
    pub fn issuer(&self) -> Option<&str> {
        self.facts.issuer.as_deref()
    }

    /// The authorization endpoint (RFC 6749 section 3.1).
    pub fn authorization_endpoint(&self) -> Option<&Url> {
        self.endpoints.authorization.as_ref()
    }

    /// The revocation endpoint (RFC 7009).
    pub fn revocation_endpoint(&self) -> Option<&Url> {
        self.endpoints.revocation.as_ref()
    }

    /// The introspection endpoint (RFC 7662).
    pub fn introspection_endpoint(&self) -> Option<&Url> {
        self.endpoints.introspection.as_ref()
    }

    /// The device authorization endpoint (RFC 8628).
    pub fn device_authorization_endpoint(&self) -> Option<&Url> {
        self.endpoints.device_authorization.as_ref()
    }

    /// The pushed authorization request endpoint (RFC 9126).
    pub fn pushed_authorization_request_endpoint(&self) -> Option<&Url> {
        self.endpoints.pushed_authorization.as_ref()
    }

    /// Where the server publishes its keys.
    pub fn jwks_uri(&self) -> Option<&Url> {
        self.endpoints.jwks.as_ref()
    }

    /// The client authentication methods it accepts; empty where they are not known.
    pub fn client_authentication_methods(&self) -> &[ClientAuthenticationMethod] {
        &self.facts.methods
    }

    /// The methods it accepts for the client-credentials flow, where they are fewer.
    pub fn client_credentials_methods(&self) -> &[ClientAuthenticationMethod] {
        self.facts.client_credentials_methods.as_deref().unwrap_or(&self.facts.methods)
    }

    /// What it does with used refresh tokens.
    pub fn rotation(&self) -> Rotation {
        self.facts.rotation
    }

    /// Whether a renewal kills the access token before it.
    pub fn old_access_token_dies(&self) -> bool {
        self.facts.old_access_token_dies
    }

    /// What to make of an answer without `expires_in`.
    pub fn missing_expires_in(&self) -> Lifetime {
        self.facts.missing_expires_in
    }

    /// Whether `expires_in` of 0 means that the token does not expire.
    pub fn zero_means_never(&self) -> bool {
        self.facts.zero_means_never
    }

    /// What joins scopes in requests.
    pub fn scope_separator(&self) -> char {
        self.facts.scope_separator
    }

    /// Whom client assertions are addressed to.
    pub fn assertion_audience(&self) -> AssertionAudience {
        self.facts.assertion_audience
    }

    /// Answers of the server's own that mean a registered error code.
    pub fn error_aliases(&self) -> &[ErrorAlias] {
        &self.facts.error_aliases
    }

    /// The prefix of the provider's own error codes inside `error_description`, such as `AADSTS`.
    pub fn provider_code_prefix(&self) -> Option<&str> {
        self.facts.provider_code_prefix.as_deref()
    }

    /// Parameters that every token request carries.
    pub fn extra_parameters(&self) -> &[(String, String)] {
        &self.facts.extra_parameters
    }

    /// How long before expiry a renewal is refused as too early, if the server does that.
    pub fn earliest_renewal(&self) -> Option<Duration> {
        self.facts.earliest_renewal
    }

    /// The provider's name, if a preset filled this in.
    pub fn provider(&self) -> Option<&str> {
        self.facts.provider.as_deref()
    }
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer")
            .field("provider", &self.provider())
            .field("issuer", &self.issuer())
            .field("token_endpoint", &self.token_endpoint.as_str())
            .field("rotation", &self.rotation())
            .finish_non_exhaustive()
    }
}

/// Builds an [`AuthorizationServer`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct AuthorizationServerBuilder {
    token_endpoint: String,
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    introspection_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    pushed_authorization_request_endpoint: Option<String>,
    jwks_uri: Option<String>,
    methods: Vec<ClientAuthenticationMethod>,
    client_credentials_methods: Option<Vec<ClientAuthenticationMethod>>,
    rotation: Rotation,
    old_access_token_dies: bool,
    missing_expires_in: Lifetime,
    zero_means_never: bool,
    scope_separator: char,
    assertion_audience: AssertionAudience,
    error_aliases: Vec<ErrorAlias>,
    provider_code_prefix: Option<String>,
    extra_parameters: Vec<(String, String)>,
    earliest_renewal: Option<Duration>,
    provider: Option<String>,
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
    fn new(token_endpoint: String) -> Self {
        Self {
            token_endpoint,
            issuer: None,
            authorization_endpoint: None,
            revocation_endpoint: None,
            introspection_endpoint: None,
            device_authorization_endpoint: None,
            pushed_authorization_request_endpoint: None,
            jwks_uri: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn req_a01_a06_only_https_and_loopback_without_fragment_are_endpoints() {
        let fits = |url: &str| AuthorizationServer::builder(url).build();
        for good in [
            "https://a.example/t?x=1",
            "http://127.0.0.1:1/t",
            "http://[::1]/t",
            "http://localhost:80/t",
            "https://10.0.0.1/",
        ] {
            assert!(fits(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "as.example.com/token",
            "http://a.example/t",
            "http://localhost.evil.example/t",
            "http://10.0.0.1/t",
            "https://user:pw@a.example/t",
            "https://a.example/t#f",
            "https://a.example:0/t",
            "https://a.example:65536/t",
            "ftp://a.example/t",
            "file:///etc/passwd",
            "http://[::ffff:10.0.0.1]/t",
        ] {
            let error = fits(bad).unwrap_err();
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }

    #[test]
    fn every_learnt_endpoint_is_checked() {
        let build = |b: AuthorizationServerBuilder| b.build();
        let start = || AuthorizationServer::builder("https://a.example/t");
        let http = "http://a.example/x";
        for builder in [
            start().issuer(http),
            start().authorization_endpoint(http),
            start().revocation_endpoint(http),
            start().introspection_endpoint(http),
            start().device_authorization_endpoint(http),
            start().pushed_authorization_request_endpoint(http),
            start().jwks_uri(http),
        ] {
            assert!(build(builder).is_err());
        }
    }

    #[test]
    fn method_names_go_both_ways() {
        for name in ["client_secret_basic", "private_key_jwt", "none", "self_signed_tls_client_auth"] {
            assert_eq!(ClientAuthenticationMethod::from_name(name).unwrap().as_str(), name);
        }
        assert!(ClientAuthenticationMethod::from_name("Client_Secret_Basic").is_none());
    }
}
