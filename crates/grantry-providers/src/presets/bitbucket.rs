//! Bitbucket Cloud.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error};

use crate::{Preset, Template};

/// Bitbucket Cloud.
pub const BITBUCKET: Preset = Preset {
    documentation: &["https://support.atlassian.com/bitbucket-cloud/docs/use-oauth-on-bitbucket-cloud/"],
    verified: "2026-11",
    unverified: &[
        "the URLs and the method, which are known from use and were not read in the documentation",
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "what it does with used refresh tokens: taken for strict",
        "an endpoint for revocation: left out",
        "the usual lifetime of access tokens (7200 s): every answer names it",
    ],
    notes: &["scopes are a setting of the OAuth consumer"],
    authorization_endpoint: Some(Template::new("https://bitbucket.org/site/oauth2/authorize")),
    client_authentication_methods: &[Method::ClientSecretPost],
    ..Preset::new("bitbucket", "Bitbucket", Template::new("https://bitbucket.org/site/oauth2/access_token"))
};

const _: () = BITBUCKET.check();

/// Bitbucket Cloud ([`BITBUCKET`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn bitbucket() -> Result<AuthorizationServer, Error> {
    BITBUCKET.server(&[])
}
