//! Zoho.

use std::time::Duration;

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, RefreshRate, Rotation};

use crate::{Form, Parameter, Preset, Template};

/// Zoho.
pub const ZOHO: Preset = Preset {
    documentation: &[
        "https://www.zoho.com/accounts/protocol/oauth/multi-dc.html",
        "https://www.zoho.com/accounts/protocol/oauth/devices/refresh-access-token.html",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "whether its endpoint for revocation takes a form as RFC 7009 has it: left out",
        "which code answers a refresh token that ended",
        "the host of the data centre in the United Kingdom: not covered",
    ],
    notes: &[
        "scopes are joined by commas",
        "a token is of one data centre; the redirect names the person's in accounts-server, where the \
         code has to be redeemed",
        "the refresh token stays as it is, and a person has 20 at most: the oldest ones end",
        "a refresh token brings 10 access tokens in 10 minutes at most",
        "without access_type=offline there is no refresh token",
        "the API's host is in api_domain, which is kept",
    ],
    parameters: &[Parameter {
        name: "dataCenter",
        hole: "host",
        title: "the Zoho data centre",
        expected: "one of com, eu, in, com.au, com.cn, jp, sa, ca",
        form: Form::Choice(&[
            ("com", "accounts.zoho.com"),
            ("eu", "accounts.zoho.eu"),
            ("in", "accounts.zoho.in"),
            ("com.au", "accounts.zoho.com.au"),
            ("com.cn", "accounts.zoho.com.cn"),
            ("jp", "accounts.zoho.jp"),
            ("sa", "accounts.zoho.sa"),
            ("ca", "accounts.zohocloud.ca"),
        ]),
        default: Some("com"),
    }],
    authorization_endpoint: Some(Template::new("https://{host}/oauth/v2/auth")),
    authorization_parameters: &[("access_type", "offline"), ("prompt", "consent")],
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::None,
    scope_separator: ',',
    kept_parameters: &["api_domain"],
    refresh_rate: RefreshRate::at_most(10, Duration::from_secs(600)),
    ..Preset::new("zoho", "Zoho", Template::new("https://{host}/oauth/v2/token"))
};

const _: () = ZOHO.check();

/// Zoho ([`ZOHO`]), in a data centre: `com`, `eu`, `in`, `com.au`, `com.cn`, `jp`, `sa` or `ca`.
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) where `data_center` is not usable; the message says what
/// to change.
pub fn zoho(data_center: &str) -> Result<AuthorizationServer, Error> {
    ZOHO.server(&[("dataCenter", data_center)])
}
