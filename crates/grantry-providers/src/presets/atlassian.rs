//! Atlassian: Jira, Confluence and the others in the cloud.

use std::time::Duration;

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, ErrorAlias, Rotation};

use crate::preset::days;
use crate::{Preset, Template};

/// Atlassian: Jira, Confluence and the others in the cloud.
pub const ATLASSIAN: Preset = Preset {
    documentation: &[
        "https://developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens",
        "https://developer.atlassian.com/cloud/confluence/oauth-2-authorization-code-grants-3lo-for-apps",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge: sending one is known to work, and not supported \
         officially",
        "an endpoint for revocation: left out",
        "the usual lifetime of access tokens (3600 s): every answer names it",
    ],
    notes: &[
        "a refresh token that was used is accepted for 10 minutes more",
        "refresh tokens end after 90 days without use, and 365 days after the consent",
        "a refresh token that ended is answered by 403 unauthorized_client",
        "refresh tokens need the scope offline_access",
        "a token is for the API at https://api.atlassian.com/ex/..., with the cloud id of a site, and \
         not for the site's own host",
    ],
    aliases: &["jira", "confluence"],
    authorization_endpoint: Some(Template::new("https://auth.atlassian.com/authorize")),
    authorization_parameters: &[("audience", "api.atlassian.com"), ("prompt", "consent")],
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::Grace { window: Duration::from_secs(600), same: false },
    refresh_token_idle_limit: days(90),
    refresh_token_absolute_limit: days(365),
    error_aliases: &[ErrorAlias { status: 403, code: "unauthorized_client", means: "invalid_grant" }],
    ..Preset::new("atlassian", "Atlassian", Template::new("https://auth.atlassian.com/oauth/token"))
};

const _: () = ATLASSIAN.check();

/// Atlassian ([`ATLASSIAN`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn atlassian() -> Result<AuthorizationServer, Error> {
    ATLASSIAN.server(&[])
}
