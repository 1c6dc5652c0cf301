//! X, once Twitter.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Pkce, Rotation};

use crate::{Preset, Template};

/// X, once Twitter.
pub const TWITTER: Preset = Preset {
    documentation: &[
        "https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code",
        "https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token",
    ],
    verified: "2026-11-25",
    unverified: &[
        "whether a second use of a refresh token revokes all of its family: taken for yes",
        "that refresh tokens work once: seen, and not documented",
        "a code of its own for a refresh token that ended: invalid_request, which condemns nothing",
        "the endpoint for revocation: left out",
    ],
    notes: &["access tokens live for 2 hours", "refresh tokens need the scope offline.access"],
    aliases: &["twitter"],
    authorization_endpoint: Some(Template::new("https://x.com/i/oauth2/authorize")),
    pkce: Pkce::Required,
    client_authentication_methods: &[Method::ClientSecretBasic, Method::None],
    rotation: Rotation::Strict { revokes_family: true },
    ..Preset::new("x", "X", Template::new("https://api.x.com/2/oauth2/token"))
};

const _: () = TWITTER.check();

/// X, once Twitter ([`TWITTER`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn twitter() -> Result<AuthorizationServer, Error> {
    TWITTER.server(&[])
}
