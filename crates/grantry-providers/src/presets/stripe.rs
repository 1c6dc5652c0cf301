//! Stripe Connect, with standard accounts.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error};

use crate::{Preset, Template};

/// Stripe Connect, with standard accounts.
pub const STRIPE: Preset = Preset {
    documentation: &[
        "https://docs.stripe.com/connect/oauth-standard-accounts",
        "https://docs.stripe.com/connect/oauth-reference",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "what it does with used refresh tokens: taken for strict",
        "how long tokens live, of which an answer says nothing: a token is used until it is refused",
        "the endpoint for deauthorization: left out",
    ],
    notes: &[
        "Stripe advises new platforms not to use OAuth",
        "the account is named by stripe_user_id in the answer, which is kept",
    ],
    authorization_endpoint: Some(Template::new("https://connect.stripe.com/oauth/authorize")),
    client_authentication_methods: &[Method::ClientSecretPost],
    kept_parameters: &["stripe_user_id"],
    ..Preset::new("stripe", "Stripe Connect", Template::new("https://connect.stripe.com/oauth/token"))
};

const _: () = STRIPE.check();

/// Stripe Connect ([`STRIPE`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn stripe() -> Result<AuthorizationServer, Error> {
    STRIPE.server(&[])
}
