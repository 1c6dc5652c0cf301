//! GitLab, at gitlab.com or anywhere else.

use std::time::Duration;

use grantry_core::{
    AuthorizationServer, ClientAuthenticationMethod as Method, Error, Lifetime, Pkce, Rotation,
};

use crate::{Form, Parameter, Preset, Template};

/// GitLab, at gitlab.com or anywhere else.
pub const GITLAB: Preset = Preset {
    documentation: &["https://docs.gitlab.com/api/oauth2/"],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether a second use of a refresh token revokes all of its family: taken for yes",
        "expires_in has been seen to be null: it is taken for the 7200 s that are usual",
    ],
    notes: &["a renewal ends the refresh token and the access token before it"],
    parameters: &[Parameter {
        name: "host",
        hole: "host",
        title: "the GitLab host",
        expected: "the host of an instance, such as gitlab.example.com, without https:// and path",
        form: Form::Host { homes: &[], custom: true, mistakes: &[] },
        default: Some("gitlab.com"),
    }],
    authorization_endpoint: Some(Template::new("https://{host}/oauth/authorize")),
    pkce: Pkce::Supported,
    revocation_endpoint: Some(Template::new("https://{host}/oauth/revoke")),
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::Strict { revokes_family: true },
    old_access_token_dies: true,
    missing_expires_in: Lifetime::Documented(Duration::from_secs(7200)),
    ..Preset::new("gitlab", "GitLab", Template::new("https://{host}/oauth/token"))
};

const _: () = GITLAB.check();

/// gitlab.com ([`GITLAB`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn gitlab() -> Result<AuthorizationServer, Error> {
    GITLAB.server(&[])
}

/// GitLab at a host of your own ([`GITLAB`]), such as `gitlab.example.com`.
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) where `host` is not usable; the message says what
/// to change.
pub fn gitlab_at(host: &str) -> Result<AuthorizationServer, Error> {
    GITLAB.server(&[("host", host)])
}
