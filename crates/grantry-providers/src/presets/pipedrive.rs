//! Pipedrive.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error};

use crate::{Preset, Template};

/// Pipedrive.
pub const PIPEDRIVE: Preset = Preset {
    documentation: &["https://pipedrive.readme.io/docs/marketplace-oauth-authorization"],
    verified: "2026-11",
    unverified: &[
        "the URLs and the method, which are known from use and were not read in the documentation",
        "client authentication: the Authorization header is known to work, other methods are not",
        "whether it takes notice of a code challenge",
        "what it does with used refresh tokens: taken for strict",
        "the endpoint for revocation (/oauth/revoke): left out",
        "how long tokens live: every answer names it",
    ],
    notes: &["the API's host is in api_domain, which is kept"],
    authorization_endpoint: Some(Template::new("https://oauth.pipedrive.com/oauth/authorize")),
    client_authentication_methods: &[Method::ClientSecretBasic],
    kept_parameters: &["api_domain"],
    ..Preset::new("pipedrive", "Pipedrive", Template::new("https://oauth.pipedrive.com/oauth/token"))
};

const _: () = PIPEDRIVE.check();

/// Pipedrive ([`PIPEDRIVE`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn pipedrive() -> Result<AuthorizationServer, Error> {
    PIPEDRIVE.server(&[])
}
