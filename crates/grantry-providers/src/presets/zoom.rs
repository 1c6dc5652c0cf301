//! Zoom, for applications that act for a person.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Rotation};

use crate::preset::days;
use crate::{Preset, Template};

/// Zoom, for applications that act for a person.
pub const ZOOM: Preset = Preset {
    documentation: &[
        "https://developers.zoom.us/docs/integrations/oauth/",
        "https://developers.zoom.us/docs/rooms/s2s-oauth/",
    ],
    verified: "2026-11",
    unverified: &[
        "client authentication: the Authorization header is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "whether a second use of a refresh token revokes all of its family: taken for yes",
        "an endpoint for revocation: left out",
    ],
    notes: &[
        "scopes are joined by commas",
        "refresh tokens are replaced at each use, and live for about 90 days",
        "server-to-server applications use a grant type of Zoom's own (account_credentials), which no \
         flow here has",
    ],
    authorization_endpoint: Some(Template::new("https://zoom.us/oauth/authorize")),
    client_authentication_methods: &[Method::ClientSecretBasic],
    rotation: Rotation::Strict { revokes_family: true },
    refresh_token_idle_limit: days(90),
    scope_separator: ',',
    ..Preset::new("zoom", "Zoom", Template::new("https://zoom.us/oauth/token"))
};

const _: () = ZOOM.check();

/// Zoom ([`ZOOM`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn zoom() -> Result<AuthorizationServer, Error> {
    ZOOM.server(&[])
}
