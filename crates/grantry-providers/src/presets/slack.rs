//! Slack.

use grantry_core::{
    AuthorizationServer, ClientAuthenticationMethod as Method, Error, ErrorAlias, Lifetime, Rotation,
};

use crate::{Preset, Template};

/// Slack.
pub const SLACK: Preset = Preset {
    documentation: &[
        "https://docs.slack.dev/authentication/using-token-rotation",
        "https://docs.slack.dev/authentication/installing-with-oauth",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it takes notice of a code challenge",
        "whether a second use of a refresh token revokes all of its family: taken for yes",
        "which code answers a refresh token that was used: invalid_refresh_token, as another method \
         of this API documents",
    ],
    notes: &[
        "scopes are joined by commas",
        "an error comes with status 200 and ok: false",
        "tokens expire after 12 hours where token rotation is switched on, which cannot be undone; \
         else they do not expire, and there is no refresh token",
        "the token is the bot's; a request for user_scope alone brings a token inside authed_user, \
         which is not read",
        "what an answer says of team and enterprise lies in objects, and is not kept",
    ],
    authorization_endpoint: Some(Template::new("https://slack.com/oauth/v2/authorize")),
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::Strict { revokes_family: true },
    rotation_setting_of: Some("the application"),
    missing_expires_in: Lifetime::Never,
    scope_separator: ',',
    bearer_aliases: &["bot", "user"],
    kept_parameters: &["app_id", "bot_user_id"],
    error_aliases: &[
        ErrorAlias { status: 200, code: "invalid_refresh_token", means: "invalid_grant" },
        ErrorAlias { status: 200, code: "invalid_code", means: "invalid_grant" },
        ErrorAlias { status: 200, code: "code_already_used", means: "invalid_grant" },
        ErrorAlias { status: 200, code: "invalid_client_id", means: "invalid_client" },
        ErrorAlias { status: 200, code: "bad_client_secret", means: "invalid_client" },
    ],
    ..Preset::new("slack", "Slack", Template::new("https://slack.com/api/oauth.v2.access"))
};

const _: () = SLACK.check();

/// Slack ([`SLACK`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn slack() -> Result<AuthorizationServer, Error> {
    SLACK.server(&[])
}
