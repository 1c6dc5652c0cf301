//! What is known of providers, by their names.

use grantry_providers::{Preset, catalogue};

use crate::flow::Flow;

/// The names of all.
pub(crate) fn names() -> Vec<&'static str> {
    catalogue().map(|preset| preset.name).collect()
}

/// The flow that is meant where nobody said, and why.
pub(crate) fn flow_for(
    preset: &Preset,
    scopes: &[&str],
    has_redirect_uri: bool,
) -> Option<(Flow, &'static str)> {
    let chosen = preset.flow_for(scopes, has_redirect_uri);
    let flow = match chosen.flow {
        grantry_providers::Flow::AuthorizationCode => Flow::AuthorizationCode,
        grantry_providers::Flow::ClientCredentials => Flow::ClientCredentials,
        // A flow that this crate does not know yet has to be configured.
        _ => return None,
    };
    Some((flow, chosen.because))
}

/// Whether the provider is known to make nothing of a code challenge, or to refuse who sends one.
pub(crate) fn does_without_pkce(preset: &Preset) -> bool {
    preset.pkce.does_without()
}
