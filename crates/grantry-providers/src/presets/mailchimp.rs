//! Mailchimp.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Lifetime, Rotation};

use crate::{Preset, Template};

/// Mailchimp.
pub const MAILCHIMP: Preset = Preset {
    documentation: &["https://mailchimp.com/developer/marketing/guides/access-user-data-oauth-2/"],
    verified: "2026-11",
    unverified: &[
        "the URLs and the method, which are known from use and were not read in the documentation",
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "an endpoint for revocation: left out",
    ],
    notes: &[
        "tokens do not expire, which is written as expires_in of 0, and there are no refresh tokens",
        "the data centre of the account is told by https://login.mailchimp.com/oauth2/metadata",
    ],
    authorization_endpoint: Some(Template::new("https://login.mailchimp.com/oauth2/authorize")),
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::None,
    missing_expires_in: Lifetime::Never,
    zero_means_never: true,
    ..Preset::new("mailchimp", "Mailchimp", Template::new("https://login.mailchimp.com/oauth2/token"))
};

const _: () = MAILCHIMP.check();

/// Mailchimp ([`MAILCHIMP`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn mailchimp() -> Result<AuthorizationServer, Error> {
    MAILCHIMP.server(&[])
}
