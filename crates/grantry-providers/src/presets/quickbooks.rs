//! QuickBooks, by Intuit.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Rotation};

use crate::preset::days;
use crate::{Preset, Template};

/// QuickBooks, by Intuit.
pub const QUICKBOOKS: Preset = Preset {
    documentation: &[
        "https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/oauth-2.0",
        "https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/faq",
    ],
    verified: "2026-11",
    unverified: &[
        "client authentication by the Authorization header: posting the secret is known to work",
        "whether it checks the code challenge, though sending one is known to work",
        "whether a second use of a refresh token revokes all of its family: taken for yes",
        "whether its endpoint for revocation takes a form as RFC 7009 has it: left out",
    ],
    notes: &[
        "the refresh token changes about once in 24 hours, and an answer that was lost then \
         disconnects the company",
        "refresh tokens end after 100 days without use, and 5 years after the consent",
        "the company is named by realmId, in the query of the redirect beside the code",
    ],
    aliases: &["intuit"],
    authorization_endpoint: Some(Template::new("https://appcenter.intuit.com/connect/oauth2")),
    client_authentication_methods: &[Method::ClientSecretBasic, Method::ClientSecretPost],
    rotation: Rotation::Strict { revokes_family: true },
    refresh_token_idle_limit: days(100),
    refresh_token_absolute_limit: days(1825),
    ..Preset::new(
        "quickbooks",
        "QuickBooks",
        Template::new("https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"),
    )
};

const _: () = QUICKBOOKS.check();

/// QuickBooks ([`QUICKBOOKS`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn quickbooks() -> Result<AuthorizationServer, Error> {
    QUICKBOOKS.server(&[])
}
