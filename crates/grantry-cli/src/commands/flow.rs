//! Which flow a registration uses where nobody says, and why.

use std::collections::BTreeMap;

use grantry::pantry::Flow;
use grantry::providers::find;

use crate::whereabouts::Whereabouts;

/// A flow, and why it is the one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) flow: Flow,
    /// Without a full stop.
    pub(super) because: &'static str,
    /// Whether a person has to be told, who may have meant another one.
    pub(super) tell: bool,
}

impl Chosen {
    /// What nobody has to be told.
    pub(super) fn said(flow: Flow, because: &'static str) -> Self {
        Self { flow, because, tell: false }
    }

    /// What registers the service with another flow.
    pub(super) fn how_to_change(&self, whereabouts: &Whereabouts, tenant: &str, service: &str) -> String {
        let other = match self.flow {
            Flow::AuthorizationCode => Flow::ClientCredentials,
            _ => Flow::AuthorizationCode,
        };
        format!("{} --flow {}", whereabouts.how_to("auth set", tenant, service, "default"), other.as_str())
    }
}

/// What the rest of a registration means; `None` where nothing in it asks a person, so that only the client can act for
/// itself.
pub(super) fn chosen(attributes: &BTreeMap<String, String>) -> Option<Chosen> {
    let because = |flow, because| Chosen { flow, because, tell: true };
    if let Some(preset) = attributes.get("provider").and_then(|name| find(name)) {
        let scopes = attributes.get("scopes").map(|scopes| scopes.split_ascii_whitespace().collect());
        let scopes: Vec<&str> = scopes.unwrap_or_default();
        let chosen = preset.flow_for(&scopes, attributes.contains_key("redirect_uri"));
        let flow = match chosen.flow {
            grantry::providers::Flow::ClientCredentials => Flow::ClientCredentials,
            _ => Flow::AuthorizationCode,
        };
        return Some(because(flow, chosen.because));
    }
    let code = |why| because(Flow::AuthorizationCode, why);
    if attributes.contains_key("authorization_url") {
        return Some(code("its server has an authorization endpoint, where a person consents"));
    }
    let on_device = "its server has a device authorization endpoint, where a person consents";
    attributes.contains_key("device_url").then(|| code(on_device))
}

/// The flow that is used where [`chosen`] says nothing.
pub(super) const BY_DEFAULT: Chosen = Chosen {
    flow: Flow::ClientCredentials,
    because: "nothing names an endpoint where a person would consent",
    tell: false,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_chosen_by_what_else_is_known_and_says_why() {
        let of = |pairs: &[(&str, &str)]| {
            chosen(&pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let url = "https://as.example.com/x";
        assert_eq!(of(&[("token_url", url)]), None);
        let code = of(&[("authorization_url", url), ("device_url", url)]).unwrap();
        assert_eq!(code.flow, Flow::AuthorizationCode);
        assert!(code.because.contains("has an authorization endpoint"), "{code:?}");
        assert!(of(&[("device_url", url)]).unwrap().because.contains("device authorization endpoint"));
        let okta = of(&[("provider", "okta")]).unwrap();
        let here = Whereabouts::default();
        assert_eq!((okta.flow, okta.tell), (Flow::ClientCredentials, true));
        assert!(
            okta.how_to_change(&here, "default", "crm").ends_with("--service crm --flow authorization_code")
        );
        assert!(okta.how_to_change(&here, "acme", "crm").contains("--service crm --tenant acme --flow "));
        // The pantry takes the same one.
        for provider in grantry::providers::catalogue() {
            let attributes = BTreeMap::from([("provider".to_owned(), provider.name.to_owned())]);
            let chosen = chosen(&attributes).map(|chosen| chosen.flow);
            assert_eq!(chosen, grantry::pantry::default_flow(&attributes), "{}", provider.name);
        }
    }
}
