//! HubSpot, version 3 of its endpoints.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, ErrorAlias};

use crate::{Preset, Template};

/// HubSpot, version 3 of its endpoints.
pub const HUBSPOT: Preset = Preset {
    documentation: &["https://developers.hubspot.com/docs/api-reference/auth-oauth-v3/guide"],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "what it does with used refresh tokens: taken for strict",
        "that version 3 answers a refresh token that ended as version 1 does, by status \
         BAD_REFRESH_TOKEN",
    ],
    notes: &[
        "access tokens live for 30 minutes",
        "the refresh token is one for each account that the application is installed in, whoever \
         consented",
        "version 1 of the endpoints ends on 2027-02-16",
        "revoking is DELETE of a URL with the token in it, which is no endpoint as RFC 7009 has it, \
         and leaves access tokens alone",
    ],
    authorization_endpoint: Some(Template::new("https://app.hubspot.com/oauth/authorize")),
    client_authentication_methods: &[Method::ClientSecretPost],
    kept_parameters: &["hub_id", "user_id"],
    error_aliases: &[ErrorAlias { status: 400, code: "BAD_REFRESH_TOKEN", means: "invalid_grant" }],
    ..Preset::new("hubspot", "HubSpot", Template::new("https://api.hubapi.com/oauth/v3/token"))
};

const _: () = HUBSPOT.check();

/// HubSpot ([`HUBSPOT`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn hubspot() -> Result<AuthorizationServer, Error> {
    HUBSPOT.server(&[])
}
