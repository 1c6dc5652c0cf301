//! One service, as it is configured.

use std::fmt;

use grantry_core::{AuthorizationServer, Scope, ServiceName};
use grantry_refresh::RefreshPolicy;
use zeroize::Zeroizing;

use crate::facts::ServerFacts;
use crate::fields::Fields;
use crate::flow::ChosenFlow;
use crate::partial::PartialServer;
use crate::place::Place;
use crate::registration::Registration;

/// One service: where its tokens come from, for whom, and how they are renewed.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    pub(crate) name: ServiceName,
    pub(crate) place: Place,
    pub(crate) provider: Option<&'static str>,
    pub(crate) flow: Option<ChosenFlow>,
    pub(crate) server: ServerConfig,
    pub(crate) facts: ServerFacts,
    pub(crate) registration: Registration,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) scope: Scope,
    pub(crate) resources: Vec<String>,
    pub(crate) parameters: Parameters,
    pub(crate) pkce: bool,
    pub(crate) dpop: bool,
    pub(crate) subject_token_type: Option<String>,
    pub(crate) requested_token_type: Option<String>,
    pub(crate) refresh: RefreshPolicy,
    pub(crate) missing: Vec<Missing>,
    pub(crate) said: Vec<&'static str>,
}

/// Which authorization server it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerConfig {
    /// Its facts are known. Boxed, since they are many.
    Known(Box<AuthorizationServer>),
    /// Its metadata says the rest (RFC 8414).
    Discover {
        /// The issuer identifier.
        issuer: String,
    },
    /// The configuration does not say enough. This is what it says, for whoever knows the rest, as the vault may.
    Partial(Box<PartialServer>),
}

/// Parameters that requests carry besides. `Debug` shows their names only, since a value may be a key.
#[derive(Clone, Default)]
pub struct Parameters(pub(crate) Vec<(String, Zeroizing<String>)>);

impl Parameters {
    /// Names and values, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Something without which a service cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Missing {
    /// The key that would say it.
    pub key: &'static str,
    /// What it is needed for.
    pub why: &'static str,
    /// Whether it is of the client's registration, which the vault usually has.
    pub vault_may_have_it: bool,
}

impl ServiceConfig {
    /// Its name.
    pub fn name(&self) -> &ServiceName {
        &self.name
    }

    /// Where it stands; in the last layer that says something about it.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The name of the preset that it uses.
    pub fn provider(&self) -> Option<&'static str> {
        self.provider
    }

    /// How tokens are obtained, and why so; `None` where neither the configuration nor the provider says it.
    pub fn flow(&self) -> Option<&ChosenFlow> {
        self.flow.as_ref()
    }

    /// Which authorization server it is.
    pub fn server(&self) -> &ServerConfig {
        &self.server
    }

    /// What is known of that server that no metadata says. A server that is [known](ServerConfig::Known) has it already.
    pub fn facts(&self) -> ServerFacts {
        self.facts
    }

    /// The client, as far as the configuration knows it.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// Where the server sends a person back to.
    pub fn redirect_uri(&self) -> Option<&str> {
        self.redirect_uri.as_deref()
    }

    /// The scope that is asked for.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The resources that tokens are for (RFC 8707).
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// Parameters that requests carry besides: token requests for client credentials and token exchange, authorization
    /// requests where a person consents.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Whether PKCE (RFC 7636) is used: always, but where the configuration says no and the provider is known to make
    /// nothing of it, or to refuse it.
    pub fn pkce(&self) -> bool {
        self.pkce
    }

    /// Whether tokens are bound to a key that each grant gets for itself (RFC 9449).
    pub fn dpop(&self) -> bool {
        self.dpop
    }

    /// What kind of token is exchanged (RFC 8693 section 3).
    pub fn subject_token_type(&self) -> Option<&str> {
        self.subject_token_type.as_deref()
    }

    /// What kind of token is asked for in exchange (RFC 8693 section 3).
    pub fn requested_token_type(&self) -> Option<&str> {
        self.requested_token_type.as_deref()
    }

    /// When and how tokens are renewed.
    pub fn refresh(&self) -> &RefreshPolicy {
        &self.refresh
    }

    /// Whether it says something under a key, itself or by the defaults: what it does not say may stand elsewhere. Keys
    /// are as in the configuration, those within `refreshToken` by both names, such as
    /// `refreshToken.bufferTime`.
    pub fn says(&self, key: &str) -> bool {
        self.said.contains(&key)
    }

    /// What is missing for use.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// Whether nothing is missing, or nothing but what the vault may have.
    pub fn is_complete(&self, with_vault: bool) -> bool {
        self.missing.iter().all(|missing| with_vault && missing.vault_may_have_it)
    }
}

/// The keys that are there, those of the policy of renewals by both names.
pub(crate) fn said(fields: &Fields) -> Vec<&'static str> {
    let within = fields.section("refreshToken").into_iter().flat_map(|section| &section.found);
    let of_policy = within.filter_map(|found| {
        REFRESH_KEYS.iter().copied().find(|key| key.strip_prefix("refreshToken.") == Some(found.key.name))
    });
    fields.found.iter().map(|found| found.key.name).chain(of_policy).collect()
}

/// The keys of `refreshToken`, by both names.
const REFRESH_KEYS: &[&str] = &[
    "refreshToken.enabled",
    "refreshToken.bufferTime",
    "refreshToken.maxRetries",
    "refreshToken.retryDelay",
    "refreshToken.fallbackBehavior",
    "refreshToken.queuePatience",
    "refreshToken.expiredGrace",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{AUTH, Shape};

    #[test]
    fn every_key_of_the_policy_can_be_asked_for_by_both_names() {
        let Some(Shape::Section(section)) = AUTH.key("refreshToken").map(|key| &key.shape) else {
            panic!("it is no section")
        };
        let names: Vec<String> =
            section.keys.iter().map(|key| format!("refreshToken.{}", key.name)).collect();
        assert_eq!(names, REFRESH_KEYS);
    }
}
