//! What is known of providers, by their names.

use grantry_core::{AuthorizationServer, Error};

use crate::flow::Flow;

/// A provider that there is a preset for.
pub(crate) struct Provider {
    pub(crate) name: &'static str,
    needs: &'static [&'static str],
}

const ALL: &[Provider] = &[
    Provider { name: "google", needs: &[] },
    Provider { name: "microsoft", needs: &["tenantId"] },
    Provider { name: "okta", needs: &["domain"] },
    Provider { name: "salesforce", needs: &["instanceUrl"] },
];

/// The names of all.
pub(crate) fn names() -> Vec<&'static str> {
    ALL.iter().map(|provider| provider.name).collect()
}

pub(crate) fn find(name: &str) -> Option<&'static Provider> {
    ALL.iter().find(|provider| provider.name == name)
}

impl Provider {
    /// The values that its URLs are made of.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.needs.iter().copied()
    }

    /// The facts about a customer's authorization server.
    pub(crate) fn server(&self, values: &[(&str, &str)]) -> Result<AuthorizationServer, Error> {
        let value =
            |name: &str| values.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value);
        match self.name {
            "microsoft" => grantry_providers::microsoft(value("tenantId")),
            "okta" => grantry_providers::okta(value("domain")),
            _ => Err(Error::configuration("no preset")),
        }
    }

    /// The flow that is meant where nobody said, and why.
    pub(crate) fn flow_for(&self, scopes: &[&str], has_redirect_uri: bool) -> (Flow, &'static str) {
        let own = !scopes.is_empty() && scopes.iter().all(|scope| scope.ends_with("/.default"));
        if self.name == "microsoft" && own && !has_redirect_uri {
            return (Flow::ClientCredentials, "scopes");
        }
        (Flow::AuthorizationCode, "people")
    }

    pub(crate) fn ignores_pkce(&self) -> bool {
        false
    }
}
