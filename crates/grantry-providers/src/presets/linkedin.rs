//! LinkedIn.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, ErrorCause, Pkce};

use crate::preset::days;
use crate::{Preset, Template};

/// LinkedIn.
pub const LINKEDIN: Preset = Preset {
    documentation: &[
        "https://learn.microsoft.com/linkedin/shared/authentication/programmatic-refresh-tokens",
        "https://learn.microsoft.com/linkedin/shared/authentication/authorization-code-flow",
        "https://learn.microsoft.com/linkedin/shared/authentication/authorization-code-flow-native",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "that it refuses a code verifier: seen in September 2026 \
         (github.com/UsefulSoftwareCo/executor/issues/2087), and not documented",
        "what it does with used refresh tokens: taken for strict",
        "a code of its own for a refresh token that ended: invalid_request, which condemns nothing",
        "an endpoint for revocation: left out",
    ],
    notes: &[
        "access tokens live for 60 days",
        "with a client secret a code that is redeemed with PKCE is refused as invalid_client: say \
         \"pkce\": false",
        "PKCE is for native applications, for which LinkedIn switches it on, at endpoints of their own",
        "a refresh token lives for 365 days from the consent, and no use extends that",
        "refresh tokens are for approved partners only",
    ],
    authorization_endpoint: Some(Template::new("https://www.linkedin.com/oauth/v2/authorization")),
    pkce: Pkce::Refused,
    error_causes: &[ErrorCause {
        code: "invalid_client",
        cause: "the code was redeemed with PKCE, which it refuses beside a client secret: say \"pkce\": false",
    }],
    client_authentication_methods: &[Method::ClientSecretPost],
    refresh_token_absolute_limit: days(365),
    granted_scope_separator: Some(','),
    ..Preset::new("linkedin", "LinkedIn", Template::new("https://www.linkedin.com/oauth/v2/accessToken"))
};

const _: () = LINKEDIN.check();

/// LinkedIn ([`LINKEDIN`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn linkedin() -> Result<AuthorizationServer, Error> {
    LINKEDIN.server(&[])
}
