//! Spotify.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error};

use crate::{DefaultFlow, Preset, Template};

/// Spotify.
pub const SPOTIFY: Preset = Preset {
    documentation: &[
        "https://developer.spotify.com/documentation/web-api/tutorials/code-flow",
        "https://developer.spotify.com/documentation/web-api/tutorials/refreshing-tokens",
    ],
    verified: "2026-11",
    unverified: &[
        "client authentication by the Authorization header: posting the secret is known to work",
        "whether it checks the code challenge, though sending one is known to work",
        "what it does with used refresh tokens: taken for strict",
        "an endpoint for revocation: left out",
        "the usual lifetime of access tokens (3600 s): every answer names it",
    ],
    notes: &["an answer to a refresh may leave the refresh token out: the one from before stays"],
    default_flow: DefaultFlow::ByRedirectUri,
    authorization_endpoint: Some(Template::new("https://accounts.spotify.com/authorize")),
    client_authentication_methods: &[Method::ClientSecretPost, Method::ClientSecretBasic],
    ..Preset::new("spotify", "Spotify", Template::new("https://accounts.spotify.com/api/token"))
};

const _: () = SPOTIFY.check();

/// Spotify ([`SPOTIFY`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn spotify() -> Result<AuthorizationServer, Error> {
    SPOTIFY.server(&[])
}
