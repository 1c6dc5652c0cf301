//! Exact Online.

use std::time::Duration;

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error};

use crate::{Form, Parameter, Preset, Template};

/// Exact Online.
pub const EXACT_ONLINE: Preset = Preset {
    documentation: &[
        "https://support.exactonline.com/community/s/knowledge-base#All-All-DNO-Content-oauth-eol-oauth-devstep3",
    ],
    verified: "2026-11",
    unverified: &[
        "the URLs and the method, which are known from use and were not read in the documentation",
        "client authentication: the Authorization header is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "what it does with used refresh tokens: taken for strict",
        "an endpoint for revocation: left out",
        "the usual lifetime of access tokens (600 s): every answer names it",
        "which countries there are",
        "how early a renewal is refused: 30 s before expiry is known to work",
    ],
    notes: &["a renewal is refused until shortly before the access token expires"],
    parameters: &[Parameter {
        name: "country",
        hole: "host",
        title: "the country of Exact Online",
        expected: "one of nl, be, de, fr, es, uk, com",
        form: Form::Choice(&[
            ("nl", "start.exactonline.nl"),
            ("be", "start.exactonline.be"),
            ("de", "start.exactonline.de"),
            ("fr", "start.exactonline.fr"),
            ("es", "start.exactonline.es"),
            ("uk", "start.exactonline.co.uk"),
            ("com", "start.exactonline.com"),
        ]),
        default: None,
    }],
    authorization_endpoint: Some(Template::new("https://{host}/api/oauth2/auth")),
    client_authentication_methods: &[Method::ClientSecretBasic],
    earliest_renewal: Some(Duration::from_secs(30)),
    ..Preset::new("exact-online", "Exact Online", Template::new("https://{host}/api/oauth2/token"))
};

const _: () = EXACT_ONLINE.check();

/// Exact Online ([`EXACT_ONLINE`]) in a country: `nl`, `be`, `de`, `fr`, `es`, `uk` or `com`.
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) where `country` is not usable; the message says what
/// to change.
pub fn exact_online(country: &str) -> Result<AuthorizationServer, Error> {
    EXACT_ONLINE.server(&[("country", country)])
}
