//! Docusign.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error};

use crate::preset::days;
use crate::{Preset, Template};

/// Docusign.
pub const DOCUSIGN: Preset = Preset {
    documentation: &[
        "https://developers.docusign.com/platform/auth/reference/obtain-access-token",
        "https://developers.docusign.com/platform/auth/confidential-authcode-get-token/",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: the Authorization header is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "what it does with used refresh tokens: taken for strict",
        "an endpoint for revocation: left out",
        "the usual lifetime of access tokens (8 hours): every answer names it",
    ],
    notes: &[
        "a refresh token lives for 30 days; with the scope extended each use brings one that lives \
         for 30 days more",
        "the host of the API is told by /oauth/userinfo",
    ],
    authorization_endpoint: Some(Template::new("https://account.docusign.com/oauth/auth")),
    client_authentication_methods: &[Method::ClientSecretBasic],
    refresh_token_idle_limit: days(30),
    ..Preset::new("docusign", "Docusign", Template::new("https://account.docusign.com/oauth/token"))
};

const _: () = DOCUSIGN.check();

/// Docusign's environment for developers.
pub const DOCUSIGN_DEMO: Preset = Preset {
    name: "docusign-demo",
    title: "Docusign, for developers",
    authorization_endpoint: Some(Template::new("https://account-d.docusign.com/oauth/auth")),
    token_endpoint: Template::new("https://account-d.docusign.com/oauth/token"),
    ..DOCUSIGN
};

const _: () = DOCUSIGN_DEMO.check();

/// Docusign ([`DOCUSIGN`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn docusign() -> Result<AuthorizationServer, Error> {
    DOCUSIGN.server(&[])
}

/// Docusign's environment for developers ([`DOCUSIGN_DEMO`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn docusign_demo() -> Result<AuthorizationServer, Error> {
    DOCUSIGN_DEMO.server(&[])
}
