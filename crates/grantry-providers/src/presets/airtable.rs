//! Airtable.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Pkce, Rotation};

use crate::preset::days;
use crate::{Preset, Template};

/// Airtable.
pub const AIRTABLE: Preset = Preset {
    documentation: &[
        "https://airtable.com/developers/web/api/oauth-reference",
        "https://support.airtable.com/docs/troubleshooting-oauth-integrations-in-airtable",
    ],
    verified: "2026-11",
    unverified: &[
        "client authentication: the Authorization header is known to work, other methods are not",
        "an endpoint for revocation: left out",
        "the usual lifetime of access tokens (3600 s): every answer names it",
    ],
    notes: &[
        "a renewal ends the access token before it",
        "refresh tokens end after 60 days",
        "an integration that uses a refresh token twice is revoked",
    ],
    authorization_endpoint: Some(Template::new("https://airtable.com/oauth2/v1/authorize")),
    pkce: Pkce::Required,
    client_authentication_methods: &[Method::ClientSecretBasic],
    rotation: Rotation::Strict { revokes_family: true },
    refresh_token_idle_limit: days(60),
    old_access_token_dies: true,
    ..Preset::new("airtable", "Airtable", Template::new("https://airtable.com/oauth2/v1/token"))
};

const _: () = AIRTABLE.check();

/// Airtable ([`AIRTABLE`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn airtable() -> Result<AuthorizationServer, Error> {
    AIRTABLE.server(&[])
}
