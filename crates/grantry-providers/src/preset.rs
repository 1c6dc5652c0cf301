//! What is known of a provider, as data.

use std::time::Duration;

use grantry_core::{
    AssertionAudience, AuthorizationServer, AuthorizationServerBuilder, ClientAuthenticationMethod, Error,
    ErrorAlias, Lifetime, Rotation,
};

use crate::Template;

/// What is known of a provider. Its functions, such as [`okta`](crate::okta), make an
/// [`AuthorizationServer`] of it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Preset {
    /// The provider's name, as [`AuthorizationServer::provider`] gives it.
    pub name: &'static str,
    /// The pages of the provider's documentation that the facts are from.
    pub documentation: &'static [&'static str],
    /// The month in which those pages were last read, such as `2026-11`.
    pub verified: &'static str,
    /// What could not be verified; it is at its safe default.
    pub unverified: &'static [&'static str],
    /// What whoever uses it should know.
    pub notes: &'static [&'static str],
    /// The authorization endpoint.
    pub authorization_endpoint: Option<Template>,
    /// The token endpoint.
    pub token_endpoint: Template,
    /// The revocation endpoint.
    pub revocation_endpoint: Option<Template>,
    /// The client authentication methods it accepts.
    pub client_authentication_methods: &'static [ClientAuthenticationMethod],
    /// The methods it accepts for client credentials, where they are fewer.
    pub client_credentials_methods: Option<&'static [ClientAuthenticationMethod]>,
    /// Whom client assertions are addressed to.
    pub assertion_audience: AssertionAudience,
    /// What it does with used refresh tokens.
    pub rotation: Rotation,
    /// Whether a renewal kills the access token before it.
    pub old_access_token_dies: bool,
    /// What to make of an answer without `expires_in`.
    pub missing_expires_in: Lifetime,
    /// Whether `expires_in` of 0 means that the token does not expire.
    pub zero_means_never: bool,
    /// What joins scopes in requests.
    pub scope_separator: char,
    /// Answers of its own that mean a registered error code.
    pub error_aliases: &'static [ErrorAlias],
    /// The prefix of its own error codes inside `error_description`.
    pub provider_code_prefix: Option<&'static str>,
    /// Parameters that every token request carries.
    pub extra_parameters: &'static [(&'static str, &'static str)],
    /// How long before expiry a renewal is refused as too early.
    pub earliest_renewal: Option<Duration>,
}

impl Preset {
    /// A provider of which nothing is known but its name and token endpoint: every other field at its safe
    /// default.
    pub(crate) const fn new(name: &'static str, token_endpoint: Template) -> Self {
        Self {
            name,
            documentation: &[],
            verified: "",
            unverified: &[],
            notes: &[],
            authorization_endpoint: None,
            token_endpoint,
            revocation_endpoint: None,
            client_authentication_methods: &[],
            client_credentials_methods: None,
            assertion_audience: AssertionAudience::Issuer,
            rotation: Rotation::UNKNOWN,
            old_access_token_dies: false,
            missing_expires_in: Lifetime::Unknown,
            zero_means_never: false,
            scope_separator: ' ',
            error_aliases: &[],
            provider_code_prefix: None,
            extra_parameters: &[],
            earliest_renewal: None,
        }
    }

    /// Checks what every preset owes its readers; called in constants, so that a preset that fails does not
    /// compile.
    pub(crate) const fn check(&self) {
        assert!(!self.name.is_empty(), "a preset has a name");
        assert!(!self.documentation.is_empty(), "a preset names its documentation");
        assert!(is_month(self.verified.as_bytes()), "a preset says when it was verified, as YYYY-MM");
        assert!(!self.client_authentication_methods.is_empty(), "a preset names the methods it accepts");
    }

    /// Fills the holes of the URLs with values that were checked before.
    pub(crate) fn server(&self, values: &[(&str, &str)]) -> Result<AuthorizationServer, Error> {
        let mut server = AuthorizationServer::builder(self.token_endpoint.fill(values))
            .provider(self.name)
            .client_authentication_methods(self.client_authentication_methods.iter().copied())
            .assertion_audience(self.assertion_audience)
            .rotation(self.rotation)
            .old_access_token_dies(self.old_access_token_dies)
            .missing_expires_in(self.missing_expires_in)
            .zero_means_never(self.zero_means_never)
            .scope_separator(self.scope_separator)
            .error_aliases(self.error_aliases.iter().cloned());
        server = set(server, self.authorization_endpoint, |to, template| {
            to.authorization_endpoint(template.fill(values))
        });
        server = set(server, self.revocation_endpoint, |to, template| {
            to.revocation_endpoint(template.fill(values))
        });
        server = set(server, self.client_credentials_methods, |to, methods| {
            to.client_credentials_methods(methods.iter().copied())
        });
        server = set(server, self.provider_code_prefix, AuthorizationServerBuilder::provider_code_prefix);
        server = set(server, self.earliest_renewal, AuthorizationServerBuilder::earliest_renewal);
        for (name, value) in self.extra_parameters {
            server = server.extra_parameter(*name, *value);
        }
        server.build()
    }
}

/// Sets what is there.
fn set<T>(
    to: AuthorizationServerBuilder,
    value: Option<T>,
    setter: impl FnOnce(AuthorizationServerBuilder, T) -> AuthorizationServerBuilder,
) -> AuthorizationServerBuilder {
    match value {
        Some(value) => setter(to, value),
        None => to,
    }
}

const fn is_month(text: &[u8]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2] = text else { return false };
    y1.is_ascii_digit()
        && y2.is_ascii_digit()
        && y3.is_ascii_digit()
        && y4.is_ascii_digit()
        && matches!((m1, m2), (b'0', b'1'..=b'9') | (b'1', b'0'..=b'2'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_a_year_and_a_number_up_to_twelve() {
        assert!(is_month(b"2026-11") && is_month(b"2026-01"));
        for bad in ["", "2026", "2026-13", "2026-00", "2026-1", "26-11", "2026/11", "2026-11-01"] {
            assert!(!is_month(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn what_is_not_known_is_at_its_safe_default() {
        let preset = Preset::new("example", Template::new("https://as.example.com/token"));
        let server = preset.server(&[]).unwrap();
        assert_eq!(server.rotation(), Rotation::Strict { revokes_family: true });
        assert_eq!(server.missing_expires_in(), Lifetime::Unknown);
        assert!(server.revocation_endpoint().is_none() && server.issuer().is_none());
    }
}
