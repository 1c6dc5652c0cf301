//! What is known of a provider, as data.

use std::time::Duration;

use grantry_core::{
    AssertionAudience, AuthorizationServer, AuthorizationServerBuilder, ClientAuthenticationMethod, Error,
    ErrorAlias, ErrorCause, Lifetime, Pkce, RefreshRate, RevocationSpares, Rotation,
};

use crate::{ChosenFlow, DefaultFlow, Parameter, Template};

/// What is known of a provider. [`server`](Self::server) makes an [`AuthorizationServer`] of it, and so do the
/// functions of this crate, such as [`okta`](crate::okta).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Preset {
    /// The provider's name, as [`find`](crate::find) takes and [`AuthorizationServer::provider`] gives it.
    pub name: &'static str,
    /// Other names that [`find`](crate::find) takes.
    pub aliases: &'static [&'static str],
    /// The provider's name for people.
    pub title: &'static str,
    /// The pages of the provider's documentation that the facts are from.
    pub documentation: &'static [&'static str],
    /// The month, or the day, on which those pages were last read, such as `2026-11` or `2026-11-25`.
    pub verified: &'static str,
    /// What could not be verified. Where it would decide what is done with a token it is at its safe default.
    pub unverified: &'static [&'static str],
    /// What whoever uses it should know.
    pub notes: &'static [&'static str],
    /// What differs between customers.
    pub parameters: &'static [Parameter],
    /// Which flow is meant where nobody said.
    pub default_flow: DefaultFlow,
    /// The issuer identifier.
    pub issuer: Option<Template>,
    /// Whether it names itself in its authorization responses (RFC 9207).
    pub authorization_response_iss_parameter: bool,
    /// The authorization endpoint.
    pub authorization_endpoint: Option<Template>,
    /// Parameters that every authorization request carries.
    pub authorization_parameters: &'static [(&'static str, &'static str)],
    /// What it makes of a code challenge.
    pub pkce: Pkce,
    /// The token endpoint.
    pub token_endpoint: Template,
    /// The revocation endpoint, where it is one as RFC 7009 has it.
    pub revocation_endpoint: Option<Template>,
    /// What a revocation there leaves alone, as far as its documentation says so.
    pub revocation_spares: RevocationSpares,
    /// The client authentication methods that it is known to accept.
    pub client_authentication_methods: &'static [ClientAuthenticationMethod],
    /// The methods it accepts for client credentials, where they are fewer.
    pub client_credentials_methods: Option<&'static [ClientAuthenticationMethod]>,
    /// Whom client assertions are addressed to.
    pub assertion_audience: AssertionAudience,
    /// What it does with used refresh tokens.
    pub rotation: Rotation,
    /// Whose setting rotation is, where the customer has to switch it on.
    pub rotation_setting_of: Option<&'static str>,
    /// How long a refresh token lives without being used.
    pub refresh_token_idle_limit: Option<Duration>,
    /// How long after the consent refresh tokens end.
    pub refresh_token_absolute_limit: Option<Duration>,
    /// Whether a renewal kills the access token before it.
    pub old_access_token_dies: bool,
    /// What to make of an answer without `expires_in`.
    pub missing_expires_in: Lifetime,
    /// Whether `expires_in` of 0 means that the token does not expire.
    pub zero_means_never: bool,
    /// What joins scopes in requests.
    pub scope_separator: char,
    /// What joins scopes in answers, where that is another character.
    pub granted_scope_separator: Option<char>,
    /// What it calls a bearer token besides `bearer`.
    pub bearer_aliases: &'static [&'static str],
    /// Further parameters of its answers that are kept.
    pub kept_parameters: &'static [&'static str],
    /// Answers of its own that mean a registered error code.
    pub error_aliases: &'static [ErrorAlias],
    /// What its own error codes mean.
    pub error_causes: &'static [ErrorCause],
    /// The prefix of its own error codes inside `error_description`.
    pub provider_code_prefix: Option<&'static str>,
    /// Parameters that every token request carries.
    pub extra_parameters: &'static [(&'static str, &'static str)],
    /// How long before expiry a renewal is refused as too early.
    pub earliest_renewal: Option<Duration>,
    /// How often one refresh token may be used.
    pub refresh_rate: Option<RefreshRate>,
}

impl Preset {
    /// A provider of which nothing is known but its names and token endpoint: every other field at its safe
    /// default.
    pub(crate) const fn new(name: &'static str, title: &'static str, token_endpoint: Template) -> Self {
        Self {
            name,
            aliases: &[],
            title,
            documentation: &[],
            verified: "",
            unverified: &[],
            notes: &[],
            parameters: &[],
            default_flow: DefaultFlow::AuthorizationCode,
            issuer: None,
            authorization_response_iss_parameter: false,
            authorization_endpoint: None,
            authorization_parameters: &[],
            pkce: Pkce::Unknown,
            token_endpoint,
            revocation_endpoint: None,
            revocation_spares: RevocationSpares::UNKNOWN,
            client_authentication_methods: &[],
            client_credentials_methods: None,
            assertion_audience: AssertionAudience::Issuer,
            rotation: Rotation::UNKNOWN,
            rotation_setting_of: None,
            refresh_token_idle_limit: None,
            refresh_token_absolute_limit: None,
            old_access_token_dies: false,
            missing_expires_in: Lifetime::Unknown,
            zero_means_never: false,
            scope_separator: ' ',
            granted_scope_separator: None,
            bearer_aliases: &[],
            kept_parameters: &[],
            error_aliases: &[],
            error_causes: &[],
            provider_code_prefix: None,
            extra_parameters: &[],
            earliest_renewal: None,
            refresh_rate: None,
        }
    }

    /// Checks what every preset owes its readers; called in constants, so that a preset that fails does not
    /// compile.
    pub(crate) const fn check(&self) {
        assert!(!self.name.is_empty() && !self.title.is_empty(), "a preset has a name and a title");
        assert!(!self.documentation.is_empty(), "a preset names its documentation");
        assert!(is_date(self.verified.as_bytes()), "a preset says when it was verified");
        assert!(!self.client_authentication_methods.is_empty(), "a preset names the methods it accepts");
        assert!(
            !self.authorization_response_iss_parameter || self.issuer.is_some(),
            "who names itself in its responses has a name to compare"
        );
    }

    /// The facts about a customer's authorization server, or about the one that all have where there are no
    /// [`parameters`](Self::parameters).
    ///
    /// ```
    /// let preset = grantry_providers::find("microsoft").unwrap();
    /// let server = preset.server(&[("tenantId", "contoso.onmicrosoft.com")])?;
    /// assert_eq!(server.provider(), Some("microsoft"));
    /// assert!(preset.server(&[]).unwrap_err().to_string().contains("tenantId"));
    /// # Ok::<(), grantry_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where a value is missing, unknown, named twice or
    /// not usable; the message says which, and what to change.
    pub fn server(&self, values: &[(&str, &str)]) -> Result<AuthorizationServer, Error> {
        for (nth, (name, _)) in values.iter().enumerate() {
            if !self.parameters.iter().any(|parameter| parameter.name == *name) {
                return Err(self.unknown());
            }
            if values.iter().take(nth).any(|(other, _)| other == name) {
                return Err(Error::configuration(format!(
                    "{name} is given twice for {}: give it once",
                    self.title
                )));
            }
        }
        let mut filled = Vec::with_capacity(self.parameters.len());
        for parameter in self.parameters {
            let given = values.iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| *value);
            let value = given.or(parameter.default).ok_or_else(|| {
                let (name, title, expected) = (parameter.name, parameter.title, parameter.expected);
                Error::configuration(format!("{} needs {name}, {title}: {expected}", self.title))
            })?;
            filled.push((parameter.hole, parameter.fill(value)?));
        }
        let filled: Vec<(&str, &str)> = filled.iter().map(|(hole, value)| (*hole, value.as_str())).collect();
        self.filled(self.token_endpoint.fill(&filled), &filled)
    }

    /// The facts, with a token endpoint that the caller knows: for a deployment of the provider elsewhere, or where not
    /// all values are known. The endpoints that need a value which is missing or not usable are left out.
    ///
    /// ```
    /// let microsoft = grantry_providers::find("microsoft").unwrap();
    /// let server = microsoft.server_at("https://login.microsoftonline.us/common/oauth2/v2.0/token", &[])?;
    /// assert_eq!(server.provider(), Some("microsoft"));
    /// assert!(server.authorization_endpoint().is_none(), "the tenant is not known");
    /// # Ok::<(), grantry_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where it may not be a token endpoint.
    pub fn server_at(
        &self,
        token_endpoint: impl Into<String>,
        values: &[(&str, &str)],
    ) -> Result<AuthorizationServer, Error> {
        let filled: Vec<(&str, String)> = self
            .parameters
            .iter()
            .filter_map(|parameter| {
                let given = values.iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| *value);
                Some((parameter.hole, parameter.fill(given.or(parameter.default)?).ok()?))
            })
            .collect();
        let filled: Vec<(&str, &str)> = filled.iter().map(|(hole, value)| (*hole, value.as_str())).collect();
        let whole = |template: &Template| template.is_filled_by(&filled);
        let known = Self {
            issuer: self.issuer.filter(whole),
            // Who cannot be named by its issuer cannot be told by it.
            authorization_response_iss_parameter: self.authorization_response_iss_parameter
                && self.issuer.as_ref().is_some_and(whole),
            authorization_endpoint: self.authorization_endpoint.filter(whole),
            revocation_endpoint: self.revocation_endpoint.filter(whole),
            ..*self
        };
        known.filled(token_endpoint.into(), &filled)
    }

    /// The flow that is meant where nobody said, and why.
    ///
    /// ```
    /// use grantry_providers::{Flow, MICROSOFT};
    /// let chosen = MICROSOFT.flow_for(&["https://graph.microsoft.com/.default"], false);
    /// assert_eq!(chosen.flow, Flow::ClientCredentials);
    /// assert_eq!(MICROSOFT.flow_for(&["User.Read"], false).flow, Flow::AuthorizationCode);
    /// ```
    pub fn flow_for(&self, scopes: &[&str], has_redirect_uri: bool) -> ChosenFlow {
        self.default_flow.choose(scopes, has_redirect_uri)
    }

    /// A value was named that the preset does not have.
    fn unknown(&self) -> Error {
        let names: Vec<&str> = self.parameters.iter().map(|parameter| parameter.name).collect();
        Error::configuration(match names.as_slice() {
            [] => format!("{} is the same for every customer: give no values for it", self.title),
            names => {
                format!("a value was given that {} does not know: it takes {}", self.title, names.join(", "))
            }
        })
    }

    /// Fills the holes of the URLs with values that were checked before.
    fn filled(&self, token_endpoint: String, values: &[(&str, &str)]) -> Result<AuthorizationServer, Error> {
        let mut server = AuthorizationServer::builder(token_endpoint)
            .provider(self.name)
            .authorization_response_iss_parameter(self.authorization_response_iss_parameter)
            .authorization_parameters(self.authorization_parameters.iter().copied())
            .pkce(self.pkce)
            .client_authentication_methods(self.client_authentication_methods.iter().copied())
            .assertion_audience(self.assertion_audience)
            .revocation_spares(self.revocation_spares)
            .rotation(self.rotation)
            .old_access_token_dies(self.old_access_token_dies)
            .missing_expires_in(self.missing_expires_in)
            .zero_means_never(self.zero_means_never)
            .scope_separator(self.scope_separator)
            .bearer_aliases(self.bearer_aliases.iter().copied())
            .kept_parameters(self.kept_parameters.iter().copied())
            .error_aliases(self.error_aliases.iter().cloned())
            .error_causes(self.error_causes.iter().cloned());
        server = set(server, self.issuer, |to, template| to.issuer(template.fill(values)));
        server = set(server, self.authorization_endpoint, |to, template| {
            to.authorization_endpoint(template.fill(values))
        });
        server = set(server, self.revocation_endpoint, |to, template| {
            to.revocation_endpoint(template.fill(values))
        });
        server = set(server, self.client_credentials_methods, |to, methods| {
            to.client_credentials_methods(methods.iter().copied())
        });
        server =
            set(server, self.granted_scope_separator, AuthorizationServerBuilder::granted_scope_separator);
        server =
            set(server, self.refresh_token_idle_limit, AuthorizationServerBuilder::refresh_token_idle_limit);
        server = set(
            server,
            self.refresh_token_absolute_limit,
            AuthorizationServerBuilder::refresh_token_absolute_limit,
        );
        server = set(server, self.provider_code_prefix, AuthorizationServerBuilder::provider_code_prefix);
        server = set(server, self.earliest_renewal, AuthorizationServerBuilder::earliest_renewal);
        server = set(server, self.refresh_rate, AuthorizationServerBuilder::refresh_rate);
        for (name, value) in self.extra_parameters {
            server = server.extra_parameter(*name, *value);
        }
        server.build()
    }
}

/// Days, for limits.
pub(crate) const fn days(days: u64) -> Option<Duration> {
    Some(Duration::from_secs(days * 24 * 3600))
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

/// `YYYY-MM` or `YYYY-MM-DD`.
const fn is_date(text: &[u8]) -> bool {
    let (year_and_month, day) = match text.split_at_checked(7) {
        Some((month, [])) => (month, true),
        Some((month, [b'-', b'0', b'1'..=b'9'] | [b'-', b'1' | b'2', b'0'..=b'9'])) => (month, true),
        Some((month, [b'-', b'3', b'0' | b'1'])) => (month, true),
        _ => (text, false),
    };
    let [y1, y2, y3, y4, b'-', m1, m2] = year_and_month else { return false };
    day && y1.is_ascii_digit()
        && y2.is_ascii_digit()
        && y3.is_ascii_digit()
        && y4.is_ascii_digit()
        && matches!((m1, m2), (b'0', b'1'..=b'9') | (b'1', b'0'..=b'2'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GOOGLE, MICROSOFT, OKTA_CUSTOM};

    #[test]
    fn a_date_is_a_year_a_month_and_perhaps_a_day() {
        for good in ["2026-11", "2026-01", "2026-11-25", "2026-11-01", "2026-11-31"] {
            assert!(is_date(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-11",
            "2026/11",
            "2026-11-",
            "2026-11-00",
            "2026-11-32",
            "2026-11-1",
            "2026-11-011",
        ] {
            assert!(!is_date(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn what_is_not_known_is_at_its_safe_default() {
        let preset = Preset::new("example", "Example", Template::new("https://as.example.com/token"));
        let server = preset.server(&[]).unwrap();
        assert_eq!(server.rotation(), Rotation::Strict { revokes_family: true });
        assert_eq!(server.missing_expires_in(), Lifetime::Unknown);
        assert_eq!(server.pkce(), Pkce::Unknown);
        assert!(server.revocation_endpoint().is_none() && server.issuer().is_none());
        assert_eq!(server.revocation_spares(), RevocationSpares::UNKNOWN);
        assert_eq!(server.refresh_rate(), None);
    }

    #[test]
    fn values_are_missed_or_refused_by_name() {
        for (preset, values, words) in [
            (&MICROSOFT, &[][..], "needs tenantId"),
            (&MICROSOFT, &[("tenant", "common")], "it takes tenantId"),
            (&MICROSOFT, &[("tenantId", "common"), ("tenantId", "common")], "given twice"),
            (&MICROSOFT, &[("tenantId", "a/b")], "the Microsoft tenant is not usable"),
            (&GOOGLE, &[("tenantId", "common")], "give no values"),
            (&OKTA_CUSTOM, &[("serverId", "default")], "needs domain"),
        ] {
            let error = preset.server(values).unwrap_err();
            assert_eq!(error.kind(), grantry_core::ErrorKind::Configuration);
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
