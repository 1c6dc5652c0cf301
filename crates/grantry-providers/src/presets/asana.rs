//! Asana.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error};

use crate::{Preset, Template};

/// Asana.
pub const ASANA: Preset = Preset {
    documentation: &["https://developers.asana.com/docs/oauth"],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "what it does with used refresh tokens: taken for strict",
        "the usual lifetime of access tokens (3600 s): every answer names it",
    ],
    notes: &["an application with full permissions asks for the scope default"],
    authorization_endpoint: Some(Template::new("https://app.asana.com/-/oauth_authorize")),
    revocation_endpoint: Some(Template::new("https://app.asana.com/-/oauth_revoke")),
    client_authentication_methods: &[Method::ClientSecretPost],
    ..Preset::new("asana", "Asana", Template::new("https://app.asana.com/-/oauth_token"))
};

const _: () = ASANA.check();

/// Asana ([`ASANA`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn asana() -> Result<AuthorizationServer, Error> {
    ASANA.server(&[])
}
