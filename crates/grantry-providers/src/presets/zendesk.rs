//! Zendesk.

use grantry_core::{
    AuthorizationServer, ClientAuthenticationMethod as Method, Error, Lifetime, Pkce, Rotation,
};

use crate::{Form, Parameter, Preset, Template};

/// Zendesk.
pub const ZENDESK: Preset = Preset {
    documentation: &[
        "https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/",
        "https://support.zendesk.com/hc/en-us/articles/9182123625370",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether a second use of a refresh token revokes all of its family: taken for yes",
        "the endpoint for revocation, which is DELETE of a token by its id: left out",
    ],
    notes: &[
        "a client that was made before 2026-04-30 gets tokens that expire, and refresh tokens, only \
         if it asks for expires_in: each request asks for 1800 s",
        "a renewal deletes the access token and the refresh token before it",
    ],
    parameters: &[Parameter {
        name: "subdomain",
        hole: "host",
        title: "the Zendesk subdomain",
        expected: "its name such as acme, or its host such as acme.zendesk.com",
        form: Form::Host { homes: &["zendesk.com"], custom: false, mistakes: &[] },
        default: None,
    }],
    authorization_endpoint: Some(Template::new("https://{host}/oauth/authorizations/new")),
    pkce: Pkce::Supported,
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::Strict { revokes_family: true },
    old_access_token_dies: true,
    missing_expires_in: Lifetime::Never,
    extra_parameters: &[("expires_in", "1800")],
    ..Preset::new("zendesk", "Zendesk", Template::new("https://{host}/oauth/tokens"))
};

const _: () = ZENDESK.check();

/// An account at Zendesk ([`ZENDESK`]): its subdomain (`acme`) or host (`acme.zendesk.com`).
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) where `subdomain` is not usable; the message says what
/// to change.
pub fn zendesk(subdomain: &str) -> Result<AuthorizationServer, Error> {
    ZENDESK.server(&[("subdomain", subdomain)])
}
