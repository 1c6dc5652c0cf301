//! Miro.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Lifetime, Rotation};

use crate::preset::days;
use crate::{Preset, Template};

/// Miro.
pub const MIRO: Preset = Preset {
    documentation: &[
        "https://developers.miro.com/reference/oauth-20-authorization-v2",
        "https://developers.miro.com/docs/getting-started-with-oauth",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "whether a second use of a refresh token revokes all of its family: taken for yes",
        "how it answers a refresh token that ended",
        "whether its endpoint for revocation takes a form as RFC 7009 has it: left out",
    ],
    notes: &[
        "whether tokens expire is chosen when an application is made: then access tokens live for an \
         hour and refresh tokens for 60 days; else they do not expire, and there is no refresh token",
        "a renewal ends the access token and the refresh token before it",
    ],
    authorization_endpoint: Some(Template::new("https://miro.com/oauth/authorize")),
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::Strict { revokes_family: true },
    refresh_token_idle_limit: days(60),
    old_access_token_dies: true,
    missing_expires_in: Lifetime::Never,
    kept_parameters: &["team_id", "user_id"],
    ..Preset::new("miro", "Miro", Template::new("https://api.miro.com/v1/oauth/token"))
};

const _: () = MIRO.check();

/// Miro ([`MIRO`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn miro() -> Result<AuthorizationServer, Error> {
    MIRO.server(&[])
}
