//! Twitch.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error};

use crate::{DefaultFlow, Preset, Template};

/// Twitch.
pub const TWITCH: Preset = Preset {
    documentation: &[
        "https://dev.twitch.tv/docs/authentication/refresh-tokens/",
        "https://dev.twitch.tv/docs/authentication/getting-tokens-oauth/",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it takes notice of a code challenge",
        "what it does with used refresh tokens: taken for strict",
        "whether its endpoint for revocation takes a form as RFC 7009 has it: left out",
        "a code of its own for a refresh token that ended: it answers 400 with a text for people, \
         which condemns nothing",
    ],
    notes: &[
        "scopes are joined by spaces in requests, and are a list in answers",
        "an answer to a refresh may hold another refresh token",
        "Twitch asks applications to renew when a token is refused rather than before it expires",
        "client credentials bring a token of the application, which cannot be refreshed",
    ],
    default_flow: DefaultFlow::ByRedirectUri,
    authorization_endpoint: Some(Template::new("https://id.twitch.tv/oauth2/authorize")),
    client_authentication_methods: &[Method::ClientSecretPost],
    ..Preset::new("twitch", "Twitch", Template::new("https://id.twitch.tv/oauth2/token"))
};

const _: () = TWITCH.check();

/// Twitch ([`TWITCH`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn twitch() -> Result<AuthorizationServer, Error> {
    TWITCH.server(&[])
}
