//! GitHub: its GitHub Apps, whose tokens expire and rotate, and OAuth Apps, whose tokens do neither.

use grantry_core::{
    AuthorizationServer, ClientAuthenticationMethod as Method, Error, ErrorAlias, Lifetime, Rotation,
};

use crate::preset::days;
use crate::{Preset, Template};

/// GitHub, for a GitHub App that acts for a person: tokens expire and refresh tokens rotate.
pub const GITHUB: Preset = Preset {
    documentation: &[
        "https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens",
        "https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "whether a second use of a refresh token revokes all of its family: taken for yes",
        "that an error always comes with status 200: the aliases are for that status alone",
    ],
    notes: &[
        "an error comes with status 200",
        "a renewal ends the refresh token and the access token before it",
        "access tokens live for 8 hours and refresh tokens for 6 months, unless the app opted out of \
         that: then there is no refresh token, and tokens do not expire",
        "access is revoked by DELETE /applications/{client_id}/grant, which is no endpoint as RFC \
         7009 has it",
    ],
    authorization_endpoint: Some(Template::new("https://github.com/login/oauth/authorize")),
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::Strict { revokes_family: true },
    refresh_token_idle_limit: days(182),
    old_access_token_dies: true,
    missing_expires_in: Lifetime::Never,
    granted_scope_separator: Some(','),
    error_aliases: &[
        ErrorAlias { status: 200, code: "bad_refresh_token", means: "invalid_grant" },
        ErrorAlias { status: 200, code: "bad_verification_code", means: "invalid_grant" },
        ErrorAlias { status: 200, code: "incorrect_client_credentials", means: "invalid_client" },
    ],
    ..Preset::new("github", "GitHub", Template::new("https://github.com/login/oauth/access_token"))
};

const _: () = GITHUB.check();

/// GitHub, for an OAuth App: its tokens do not expire, and there are no refresh tokens.
pub const GITHUB_OAUTH_APP: Preset = Preset {
    name: "github-oauth-app",
    title: "GitHub, an OAuth App",
    documentation: &["https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps"],
    notes: &[
        "tokens do not expire, and there are no refresh tokens",
        "an error comes with status 200",
        "an app that opted into expiring tokens behaves as a GitHub App: use that preset for it",
        "access is revoked by DELETE /applications/{client_id}/grant, which is no endpoint as RFC 7009 has it",
    ],
    rotation: Rotation::None,
    refresh_token_idle_limit: None,
    old_access_token_dies: false,
    ..GITHUB
};

const _: () = GITHUB_OAUTH_APP.check();

/// GitHub, for a GitHub App that acts for a person ([`GITHUB`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn github() -> Result<AuthorizationServer, Error> {
    GITHUB.server(&[])
}

/// GitHub, for an OAuth App ([`GITHUB_OAUTH_APP`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn github_oauth_app() -> Result<AuthorizationServer, Error> {
    GITHUB_OAUTH_APP.server(&[])
}
