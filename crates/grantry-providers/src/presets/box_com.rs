//! Box.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Rotation};

use crate::preset::days;
use crate::{Preset, Template};

/// Box.
pub const BOX: Preset = Preset {
    documentation: &[
        "https://developer.box.com/guides/authentication/tokens/refresh",
        "https://developer.box.com/guides/authentication/tokens/revoke",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "whether a second use of a refresh token revokes all of its family: taken for yes",
        "that a refresh token is accepted until its successor was used, as its support says against \
         the documentation: taken for strict",
    ],
    notes: &["a refresh token works once, within 60 days"],
    authorization_endpoint: Some(Template::new("https://account.box.com/api/oauth2/authorize")),
    revocation_endpoint: Some(Template::new("https://api.box.com/oauth2/revoke")),
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::Strict { revokes_family: true },
    refresh_token_idle_limit: days(60),
    ..Preset::new("box", "Box", Template::new("https://api.box.com/oauth2/token"))
};

const _: () = BOX.check();

/// Box ([`BOX`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn box_com() -> Result<AuthorizationServer, Error> {
    BOX.server(&[])
}
