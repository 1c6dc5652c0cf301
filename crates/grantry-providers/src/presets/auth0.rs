//! Auth0.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Rotation};

use crate::{DefaultFlow, Form, Parameter, Preset, Template};

/// Auth0.
pub const AUTH0: Preset = Preset {
    documentation: &[
        "https://auth0.com/docs/secure/tokens/refresh-tokens/configure-refresh-token-rotation",
        "https://auth0.com/docs/secure/tokens/refresh-tokens/configure-refresh-token-expiration",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "how long the overlap after a rotation is, which each application sets: taken for none",
        "how long refresh tokens live, which each application sets",
        "the issuer, which is a custom domain where there is one: left out",
    ],
    notes: &[
        "rotation of refresh tokens is a setting of each application; a second use then revokes the \
         family",
        "a token is for the API that audience names: set it for every request, or the tenant's \
         default is used",
        "refresh tokens need the scope offline_access",
    ],
    parameters: &[Parameter {
        name: "domain",
        hole: "host",
        title: "the Auth0 domain",
        expected: "a host such as acme.eu.auth0.com or a custom domain, or a tenant's name such as acme",
        form: Form::Host { homes: &["auth0.com"], custom: true, mistakes: &[] },
        default: None,
    }],
    default_flow: DefaultFlow::ByRedirectUri,
    authorization_endpoint: Some(Template::new("https://{host}/authorize")),
    revocation_endpoint: Some(Template::new("https://{host}/oauth/revoke")),
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::Strict { revokes_family: true },
    rotation_setting_of: Some("the application"),
    ..Preset::new("auth0", "Auth0", Template::new("https://{host}/oauth/token"))
};

const _: () = AUTH0.check();

/// Auth0 ([`AUTH0`]). `domain` is a host (`acme.eu.auth0.com`, a custom domain) or a tenant's name (`acme`).
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) where `domain` is not usable; the message says what
/// to change.
pub fn auth0(domain: &str) -> Result<AuthorizationServer, Error> {
    AUTH0.server(&[("domain", domain)])
}
