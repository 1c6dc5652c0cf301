//! ServiceNow.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error};

use crate::preset::days;
use crate::{DefaultFlow, Form, Parameter, Preset, Template};

/// ServiceNow.
pub const SERVICENOW: Preset = Preset {
    documentation: &[
        "https://www.servicenow.com/docs/r/platform-security/authentication/t_ManageTokens.html",
        "https://www.servicenow.com/docs/r/zurich/platform-security/authentication/client-credentials.html",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "what it does with used refresh tokens: taken for strict",
        "whether use extends the life of a refresh token: taken for no",
        "what its errors look like where client credentials are not allowed",
    ],
    notes: &[
        "access tokens live for 30 minutes and refresh tokens for 100 days, if the instance says \
         nothing else",
        "client credentials need the instance's property \
         glide.oauth.inbound.client.credential.grant_type.enabled, and a user for the client in its \
         registration",
    ],
    parameters: &[Parameter {
        name: "instance",
        hole: "host",
        title: "the ServiceNow instance",
        expected: "its name such as acme, or its host such as acme.service-now.com",
        form: Form::Host { homes: &["service-now.com"], custom: false, mistakes: &[] },
        default: None,
    }],
    default_flow: DefaultFlow::ByRedirectUri,
    authorization_endpoint: Some(Template::new("https://{host}/oauth_auth.do")),
    revocation_endpoint: Some(Template::new("https://{host}/oauth_revoke_token.do")),
    client_authentication_methods: &[Method::ClientSecretPost],
    refresh_token_absolute_limit: days(100),
    ..Preset::new("servicenow", "ServiceNow", Template::new("https://{host}/oauth_token.do"))
};

const _: () = SERVICENOW.check();

/// An instance of ServiceNow ([`SERVICENOW`]): its name (`acme`) or host (`acme.service-now.com`).
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) where `instance` is not usable; the message says what
/// to change.
pub fn servicenow(instance: &str) -> Result<AuthorizationServer, Error> {
    SERVICENOW.server(&[("instance", instance)])
}
