//! Dropbox.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Rotation};

use crate::{Preset, Template};

/// Dropbox.
pub const DROPBOX: Preset = Preset {
    documentation: &[
        "https://developers.dropbox.com/oauth-guide",
        "https://dropbox.tech/developers/using-oauth-2-0-with-offline-access",
    ],
    verified: "2026-11",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "an endpoint for revocation: left out",
    ],
    notes: &[
        "without token_access_type=offline there is no refresh token",
        "the refresh token stays as it is, and answers to a refresh leave it out",
        "access tokens live for 4 hours",
    ],
    authorization_endpoint: Some(Template::new("https://www.dropbox.com/oauth2/authorize")),
    authorization_parameters: &[("token_access_type", "offline")],
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::None,
    kept_parameters: &["account_id", "uid"],
    ..Preset::new("dropbox", "Dropbox", Template::new("https://api.dropboxapi.com/oauth2/token"))
};

const _: () = DROPBOX.check();

/// Dropbox ([`DROPBOX`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn dropbox() -> Result<AuthorizationServer, Error> {
    DROPBOX.server(&[])
}
