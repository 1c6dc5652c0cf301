//! Google.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Pkce, Rotation};

use crate::preset::days;
use crate::{Preset, Template};

/// Google.
pub const GOOGLE: Preset = Preset {
    documentation: &[
        "https://developers.google.com/identity/protocols/oauth2/web-server",
        "https://developers.google.com/identity/protocols/oauth2",
    ],
    verified: "2026-11",
    unverified: &[
        "that refresh tokens never change: one that did has been seen, and whatever an answer holds \
         is kept",
        "the usual lifetime of access tokens (3600 s): every answer names it",
        "the issuer: left out",
    ],
    notes: &[
        "without access_type=offline there is no refresh token, and without prompt=consent only the \
         first consent brings one",
        "an answer to a refresh leaves the refresh token out, and the one from before stays",
        "a refresh token ends after 6 months without use, when the person takes the access away, and \
         when the password changes if it holds a scope of Gmail",
        "each person has a limited number of refresh tokens for each client: the oldest ones end",
        "where the application is in testing, refresh tokens end after 7 days: see google_testing",
        "a person may grant a part of the scopes only",
    ],
    authorization_endpoint: Some(Template::new("https://accounts.google.com/o/oauth2/v2/auth")),
    authorization_parameters: &[("access_type", "offline"), ("prompt", "consent")],
    pkce: Pkce::Supported,
    revocation_endpoint: Some(Template::new("https://oauth2.googleapis.com/revoke")),
    client_authentication_methods: &[Method::ClientSecretPost, Method::ClientSecretBasic],
    rotation: Rotation::None,
    refresh_token_idle_limit: days(182),
    ..Preset::new("google", "Google", Template::new("https://oauth2.googleapis.com/token"))
};

const _: () = GOOGLE.check();

/// Google, for an application whose consent screen is in testing: its refresh tokens end after 7 days.
pub const GOOGLE_TESTING: Preset = Preset {
    name: "google-testing",
    aliases: &[],
    title: "Google, in testing",
    refresh_token_absolute_limit: days(7),
    ..GOOGLE
};

const _: () = GOOGLE_TESTING.check();

/// Google ([`GOOGLE`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn google() -> Result<AuthorizationServer, Error> {
    GOOGLE.server(&[])
}

/// Google, for an application in testing ([`GOOGLE_TESTING`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn google_testing() -> Result<AuthorizationServer, Error> {
    GOOGLE_TESTING.server(&[])
}
