//! Linear.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error};

use crate::{Preset, Template};

/// Linear.
pub const LINEAR: Preset = Preset {
    documentation: &["https://linear.app/developers/oauth-2-0-authentication"],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks a code challenge",
        "what it does with used refresh tokens: taken for strict",
        "how long tokens live: every answer names it",
    ],
    notes: &["scopes are joined by commas", "all applications have refresh tokens since 2026-04-01"],
    authorization_endpoint: Some(Template::new("https://linear.app/oauth/authorize")),
    authorization_parameters: &[("prompt", "consent")],
    revocation_endpoint: Some(Template::new("https://api.linear.app/oauth/revoke")),
    client_authentication_methods: &[Method::ClientSecretPost],
    scope_separator: ',',
    ..Preset::new("linear", "Linear", Template::new("https://api.linear.app/oauth/token"))
};

const _: () = LINEAR.check();

/// Linear ([`LINEAR`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn linear() -> Result<AuthorizationServer, Error> {
    LINEAR.server(&[])
}
