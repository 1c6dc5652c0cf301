//! The facts about an authorization server. Presets and metadata only fill it in.

mod builder;
mod endpoint_url;
mod facts;
mod learned;
mod refresh_rate;
mod revocation_spares;

use std::fmt;
use std::time::Duration;

use url::Url;

pub use builder::AuthorizationServerBuilder;
pub use endpoint_url::{InvalidEndpoint, check_endpoint};
pub use facts::{
    AssertionAudience, ClientAuthenticationMethod, ErrorAlias, ErrorCause, Lifetime, Pkce, Rotation,
};
pub use learned::Learned;
pub use refresh_rate::RefreshRate;
pub use revocation_spares::RevocationSpares;

use crate::{Error, shown_url};

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
    userinfo: Option<Url>,
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

    /// The same server as a client with a certificate reaches it: by the endpoints that it has for mutual TLS, and by the
    /// others where it has none (RFC 8705 section 5).
    ///
    /// # Errors
    /// None, as far as is known: every URL was checked when the facts were built.
    pub fn for_mutual_tls(&self) -> Result<Self, crate::Error> {
        self.to_builder().with_mtls_aliases().build()
    }

    /// The algorithms of the proofs that it takes (RFC 9449 section 5.1); empty where they are not known.
    pub fn dpop_algorithms(&self) -> impl Iterator<Item = &str> {
        self.facts.dpop_algorithms.iter().map(String::as_str)
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

    /// The UserInfo endpoint (OpenID Connect Core section 5.3).
    pub fn userinfo_endpoint(&self) -> Option<&Url> {
        self.endpoints.userinfo.as_ref()
    }

    /// Whether it names itself in every authorization response, in the parameter `iss` (RFC 9207 section 3).
    pub fn authorization_response_iss_parameter(&self) -> bool {
        self.facts.names_itself_in_responses
    }

    /// Whether it accepts authorization requests only if they were pushed (RFC 9126 section 5).
    pub fn require_pushed_authorization_requests(&self) -> bool {
        self.facts.requires_pushed_requests
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

    /// What joins the scopes of its answers, where that is neither a space nor what joins those of requests.
    pub fn granted_scope_separator(&self) -> Option<char> {
        self.facts.granted_scope_separator
    }

    /// What it calls a bearer token besides `bearer`.
    pub fn bearer_aliases(&self) -> &[String] {
        &self.facts.bearer_aliases
    }

    /// What it makes of a code challenge (RFC 7636).
    pub fn pkce(&self) -> Pkce {
        self.facts.pkce
    }

    /// Whom client assertions are addressed to.
    pub fn assertion_audience(&self) -> AssertionAudience {
        self.facts.assertion_audience
    }

    /// Answers of the server's own that mean a registered error code.
    pub fn error_aliases(&self) -> &[ErrorAlias] {
        &self.facts.error_aliases
    }

    /// What its own error codes mean.
    pub fn error_causes(&self) -> &[ErrorCause] {
        &self.facts.error_causes
    }

    /// Adds what the codes of an error mean at this server to its diagnosis, before the causes that follow from its
    /// kind.
    #[must_use]
    pub fn explain(&self, error: Error) -> Error {
        let named = |cause: &&ErrorCause| {
            let codes = [error.provider_code(), error.oauth_code()];
            codes.into_iter().flatten().any(|code| code == cause.code)
        };
        let Some(found) = self.facts.error_causes.iter().find(named) else { return error };
        let explained = error.diagnosis().named_cause(found.cause);
        error.with_diagnosis(explained)
    }

    /// The prefix of the provider's own error codes inside `error_description`, such as `AADSTS`.
    pub fn provider_code_prefix(&self) -> Option<&str> {
        self.facts.provider_code_prefix.as_deref()
    }

    /// Parameters that every token request carries.
    pub fn extra_parameters(&self) -> &[(String, String)] {
        &self.facts.extra_parameters
    }

    /// Parameters that every authorization request carries, unless the flow was told another value.
    pub fn authorization_parameters(&self) -> &[(String, String)] {
        &self.facts.authorization_parameters
    }

    /// Further parameters of a token answer that are handed on, and kept with a stored grant.
    pub fn kept_parameters(&self) -> &[String] {
        &self.facts.kept_parameters
    }

    /// How long before expiry a renewal is refused as too early, if the server does that.
    pub fn earliest_renewal(&self) -> Option<Duration> {
        self.facts.earliest_renewal
    }

    /// How long a refresh token lives without being used, if the server limits that.
    pub fn refresh_token_idle_limit(&self) -> Option<Duration> {
        self.facts.refresh_token_idle_limit
    }

    /// How long after the consent refresh tokens end, however often they are used, if the server limits that.
    pub fn refresh_token_absolute_limit(&self) -> Option<Duration> {
        self.facts.refresh_token_absolute_limit
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
            .field("token_endpoint", &shown_url(&self.token_endpoint).as_str())
            .field("rotation", &self.rotation())
            .finish_non_exhaustive()
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
    fn a_host_that_cannot_exist_fails_at_build_with_what_to_change() {
        for bad in [
            "https://*/token",
            "https://*.example.com/token",
            "https://{tenant}.example.com/token",
            "https://$HOST/token",
            "https://as..example.com/token",
            "https://.example.com/token",
        ] {
            let error = AuthorizationServer::builder(bad).build().unwrap_err().to_string();
            assert!(error.contains("as.example.com"), "{bad}: {error}");
        }
        for bad in [
            "https:///",
            "https://",
            "https://as example.com/token",
            "https://1.2.3.256/token",
            "https://a%20b/",
        ] {
            assert!(AuthorizationServer::builder(bad).build().is_err(), "{bad}");
        }
        for good in [
            "https://as.example.com./token",
            "https://my_as.internal/token",
            "https://b\u{fc}cher.example/token",
        ] {
            assert!(AuthorizationServer::builder(good).build().is_ok(), "{good}");
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
            start().userinfo_endpoint(http),
            start().mtls_token_endpoint(http),
            start().mtls_revocation_endpoint(http),
            start().mtls_introspection_endpoint(http),
            start().mtls_device_authorization_endpoint(http),
            start().mtls_pushed_authorization_request_endpoint(http),
        ] {
            assert!(build(builder).is_err());
        }
    }

    #[test]
    fn no_token_is_kept_as_if_it_were_a_further_parameter() {
        let keeping = |name: &str| {
            AuthorizationServer::builder("https://a.example/t")
                .kept_parameters(["instance_url", name])
                .build()
        };
        for name in ["access_token", "refresh_token", "id_token", "device_code"] {
            assert!(keeping(name).unwrap_err().to_string().contains(name), "{name}");
        }
        assert_eq!(keeping("id").unwrap().kept_parameters(), ["instance_url", "id"]);
    }

    #[test]
    fn a_code_that_the_facts_know_explains_itself_before_the_usual_causes() {
        let cause = |code, cause| ErrorCause { code, cause };
        let causes = [cause("X1", "the first"), cause("odd", "the second")];
        let server =
            AuthorizationServer::builder("https://a.example/t").error_causes(causes).build().unwrap();
        let error = || Error::new(crate::ErrorKind::InvalidGrant, crate::Stage::Token, "it was refused");
        let usual = error().diagnosis();
        for (explained, first) in [
            (error().with_provider_code("X1").with_oauth_code("odd"), "the first"),
            (error().with_oauth_code("odd"), "the second"),
        ] {
            let diagnosis = server.explain(explained).diagnosis();
            assert_eq!((diagnosis.causes().next(), diagnosis.as_named_cause()), (Some(first), Some(first)));
            assert!(diagnosis.causes().skip(1).eq(usual.causes()));
            assert_eq!((diagnosis.party(), diagnosis.retry()), (usual.party(), usual.retry()));
        }
        assert_eq!(server.explain(error().with_provider_code("X12")).diagnosis(), usual);
    }

    #[test]
    fn req_c11_a_client_with_a_certificate_uses_the_aliases_and_what_has_none_as_it_is() {
        let server = AuthorizationServer::builder("https://a.example/t")
            .revocation_endpoint("https://a.example/r")
            .introspection_endpoint("https://a.example/i")
            .mtls_token_endpoint("https://mtls.a.example/t")
            .mtls_introspection_endpoint("https://mtls.a.example/i")
            .build()
            .unwrap();
        assert_eq!(server.token_endpoint().as_str(), "https://a.example/t");
        let mutual = server.for_mutual_tls().unwrap();
        assert_eq!(mutual.token_endpoint().as_str(), "https://mtls.a.example/t");
        assert_eq!(mutual.introspection_endpoint().unwrap().as_str(), "https://mtls.a.example/i");
        assert_eq!(mutual.revocation_endpoint().unwrap().as_str(), "https://a.example/r");
        assert_eq!(mutual.for_mutual_tls().unwrap(), mutual);
    }

    #[test]
    fn method_names_go_both_ways() {
        for name in ["client_secret_basic", "private_key_jwt", "none", "self_signed_tls_client_auth"] {
            assert_eq!(ClientAuthenticationMethod::from_name(name).unwrap().as_str(), name);
        }
        assert!(ClientAuthenticationMethod::from_name("Client_Secret_Basic").is_none());
    }
}
