//! Shopify, with offline access tokens that expire.

use std::time::Duration;

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Lifetime, Rotation};

use crate::preset::days;
use crate::{Form, Parameter, Preset, Template};

/// Shopify, with offline access tokens that expire.
pub const SHOPIFY: Preset = Preset {
    documentation: &[
        "https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/offline-access-tokens",
        "https://shopify.dev/changelog/more-resilient-refreshes-for-expiring-offline-access-tokens",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "an endpoint for revocation: left out",
        "that expiring=1 does no harm in a refresh request, with which it is sent as well",
        "whether scopes are better joined by commas: spaces are known to work",
    ],
    notes: &[
        "expiring=1 asks for tokens that live for an hour, with a refresh token; public applications \
         have to from 2027-01-01",
        "a refresh token that was used is accepted until its successor is, for at most 30 days",
        "a refresh token lives for 90 days",
        "sends no token type, and tokens go into a header of its own, X-Shopify-Access-Token",
    ],
    parameters: &[Parameter {
        name: "shop",
        hole: "shop",
        title: "the shop",
        expected: "its name such as acme, or its host such as acme.myshopify.com",
        form: Form::Host { homes: &["myshopify.com"], custom: false, mistakes: &[] },
        default: None,
    }],
    authorization_endpoint: Some(Template::new("https://{shop}/admin/oauth/authorize")),
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::Grace { window: Duration::from_secs(30 * 24 * 3600), same: false },
    refresh_token_idle_limit: days(90),
    missing_expires_in: Lifetime::Never,
    granted_scope_separator: Some(','),
    extra_parameters: &[("expiring", "1")],
    ..Preset::new("shopify", "Shopify", Template::new("https://{shop}/admin/oauth/access_token"))
};

const _: () = SHOPIFY.check();

/// A shop at Shopify ([`SHOPIFY`]): its name (`acme`) or host (`acme.myshopify.com`).
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) where `shop` is not usable; the message says what
/// to change.
pub fn shopify(shop: &str) -> Result<AuthorizationServer, Error> {
    SHOPIFY.server(&[("shop", shop)])
}
