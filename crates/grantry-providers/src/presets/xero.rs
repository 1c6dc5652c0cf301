//! Xero.

use std::time::Duration;

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Pkce, Rotation};

use crate::preset::days;
use crate::{Preset, Template};

/// Xero.
pub const XERO: Preset = Preset {
    documentation: &[
        "https://developer.xero.com/documentation/guides/oauth2/auth-flow",
        "https://developer.xero.com/documentation/guides/oauth2/token-types",
    ],
    verified: "2026-11",
    unverified: &[
        "client authentication: the Authorization header is known to work, other methods are not",
        "the endpoint for revocation (/connect/revocation): left out",
    ],
    notes: &[
        "a refresh token that was used is accepted for 30 minutes more",
        "refresh tokens end after 60 days without use",
        "access tokens live for 30 minutes",
        "refresh tokens need the scope offline_access",
        "the organisations that a token is for are listed at https://api.xero.com/connections",
    ],
    authorization_endpoint: Some(Template::new("https://login.xero.com/identity/connect/authorize")),
    pkce: Pkce::Supported,
    client_authentication_methods: &[Method::ClientSecretBasic],
    rotation: Rotation::Grace { window: Duration::from_secs(1800), same: false },
    refresh_token_idle_limit: days(60),
    ..Preset::new("xero", "Xero", Template::new("https://identity.xero.com/connect/token"))
};

const _: () = XERO.check();

/// Xero ([`XERO`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn xero() -> Result<AuthorizationServer, Error> {
    XERO.server(&[])
}
