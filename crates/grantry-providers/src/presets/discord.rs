//! Discord.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Pkce};

use crate::{DefaultFlow, Preset, Template};

/// Discord.
pub const DISCORD: Preset = Preset {
    documentation: &[
        "https://discord.com/developers/docs/topics/oauth2",
        "https://discord.com/.well-known/oauth-authorization-server",
    ],
    verified: "2026-11-25",
    unverified: &[
        "what it does with used refresh tokens: taken for strict",
        "the usual lifetime of access tokens (7 days): every answer names it",
    ],
    notes: &[
        "its metadata says that it names itself in every authorization response: a response without \
         iss is refused",
        "client credentials act for the person who owns the application",
    ],
    default_flow: DefaultFlow::ByRedirectUri,
    issuer: Some(Template::new("https://discord.com")),
    authorization_response_iss_parameter: true,
    authorization_endpoint: Some(Template::new("https://discord.com/api/oauth2/authorize")),
    pkce: Pkce::Supported,
    revocation_endpoint: Some(Template::new("https://discord.com/api/oauth2/token/revoke")),
    client_authentication_methods: &[Method::ClientSecretBasic, Method::ClientSecretPost, Method::None],
    ..Preset::new("discord", "Discord", Template::new("https://discord.com/api/oauth2/token"))
};

const _: () = DISCORD.check();

/// Discord ([`DISCORD`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn discord() -> Result<AuthorizationServer, Error> {
    DISCORD.server(&[])
}
