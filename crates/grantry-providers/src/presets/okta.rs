//! Okta.

use grantry_core::{
    AssertionAudience, AuthorizationServer, ClientAuthenticationMethod as Method, Error, RevocationSpares,
    Rotation,
};

use crate::{DefaultFlow, Form, Parameter, Preset, Template};

const METHODS: &[Method] = &[
    Method::PrivateKeyJwt,
    Method::ClientSecretBasic,
    Method::ClientSecretPost,
    Method::ClientSecretJwt,
    Method::None,
];

/// An org's name or host.
const DOMAIN: Parameter = Parameter {
    name: "domain",
    hole: "host",
    title: "the Okta domain",
    expected: "an org's name such as acme, or a host such as acme.okta.com",
    form: Form::Host {
        homes: &["okta.com", "oktapreview.com", "okta-emea.com"],
        custom: true,
        mistakes: &[("-admin", "it is the admin console's host; leave out -admin")],
    },
    default: None,
};

/// The id of a custom authorization server.
const SERVER_ID: Parameter = Parameter {
    name: "serverId",
    hole: "id",
    title: "the id of Okta's custom authorization server",
    expected: "the id alone, such as default or aus9o8wzkhckw9TLa0h7",
    form: Form::Id,
    default: None,
};

/// Okta's org authorization server, whose tokens are for Okta's own APIs.
pub const OKTA: Preset = Preset {
    documentation: &[
        "https://developer.okta.com/docs/api/openapi/okta-oauth/oauth",
        "https://developer.okta.com/docs/api/openapi/okta-oauth/oauth/orgas/revoke",
        "https://developer.okta.com/docs/api/openapi/okta-oauth/guides/client-auth",
        "https://developer.okta.com/docs/guides/build-self-signed-jwt/-/main/",
        "https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/",
        "https://developer.okta.com/docs/guides/refresh-tokens/refresh-token-rotation/",
        "https://developer.okta.com/docs/guides/revoke-tokens/revokeatrt",
    ],
    verified: "2026-11",
    unverified: &[
        "how long the grace period after a rotation is, which each client sets: taken for strict",
        "whether it checks the code challenge, though sending one is known to work",
        "the issuer, which each client may set to the org's host or to a custom domain: left out",
    ],
    notes: &[
        "client credentials for Okta's own scopes work with private_key_jwt alone",
        "rotation of refresh tokens is a setting of each client",
        "revoking an access token leaves its refresh token alone",
    ],
    parameters: &[DOMAIN],
    default_flow: DefaultFlow::ByRedirectUri,
    authorization_endpoint: Some(Template::new("https://{host}/oauth2/v1/authorize")),
    revocation_endpoint: Some(Template::new("https://{host}/oauth2/v1/revoke")),
    revocation_spares: RevocationSpares::UNKNOWN.with_refresh_tokens(true),
    client_authentication_methods: METHODS,
    client_credentials_methods: Some(&[Method::PrivateKeyJwt]),
    assertion_audience: AssertionAudience::TokenEndpoint,
    rotation: Rotation::UNKNOWN,
    rotation_setting_of: Some("the client"),
    ..Preset::new("okta", "Okta", Template::new("https://{host}/oauth2/v1/token"))
};

/// A custom authorization server at Okta, whose tokens are for APIs of the customer's own.
pub const OKTA_CUSTOM: Preset = Preset {
    name: "okta-custom",
    title: "Okta, a custom authorization server",
    documentation: &[
        "https://developer.okta.com/docs/api/openapi/okta-oauth/oauth/tag/CustomAS",
        "https://developer.okta.com/docs/api/openapi/okta-oauth/oauth/customas/revokecustomas",
        "https://developer.okta.com/docs/api/openapi/okta-oauth/guides/client-auth",
        "https://developer.okta.com/docs/guides/build-self-signed-jwt/-/main/",
        "https://developer.okta.com/docs/guides/refresh-tokens/refresh-token-rotation/",
        "https://developer.okta.com/docs/guides/revoke-tokens/revokeatrt",
    ],
    unverified: &[
        "how long the grace period after a rotation is, which each client sets: taken for strict",
        "whether it checks the code challenge, though sending one is known to work",
        "the issuer, which each client may set to the org's host or to a custom domain: left out",
    ],
    notes: &[
        "client credentials work with every method of a confidential client",
        "the server that every org has is called default",
        "rotation of refresh tokens is a setting of each client",
        "revoking an access token leaves its refresh token alone",
    ],
    parameters: &[DOMAIN, SERVER_ID],
    authorization_endpoint: Some(Template::new("https://{host}/oauth2/{id}/v1/authorize")),
    token_endpoint: Template::new("https://{host}/oauth2/{id}/v1/token"),
    revocation_endpoint: Some(Template::new("https://{host}/oauth2/{id}/v1/revoke")),
    client_credentials_methods: None,
    ..OKTA
};

const _: () = OKTA.check();
const _: () = OKTA_CUSTOM.check();

/// Okta's org authorization server ([`OKTA`]). `domain` is an org's name (`acme`) or a full host
/// (`acme.okta.com`, `acme.oktapreview.com`, a custom domain).
///
/// ```
/// let server = grantry_providers::okta("acme.oktapreview.com")?;
/// assert_eq!(server.token_endpoint().host_str(), Some("acme.oktapreview.com"));
/// assert!(grantry_providers::okta("acme.okta.com/oauth2").is_err());
/// # Ok::<(), grantry_core::Error>(())
/// ```
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) where `domain` is neither; the message says what to
/// change.
pub fn okta(domain: &str) -> Result<AuthorizationServer, Error> {
    OKTA.server(&[("domain", domain)])
}

/// A custom authorization server at Okta ([`OKTA_CUSTOM`]): the org's domain as in [`okta`], and the server's id
/// (`default`, or such as `aus9o8wzkhckw9TLa0h7`).
///
/// ```
/// let server = grantry_providers::okta_custom("acme", "default")?;
/// assert_eq!(server.token_endpoint().as_str(), "https://acme.okta.com/oauth2/default/v1/token");
/// # Ok::<(), grantry_core::Error>(())
/// ```
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) where the domain or the id is not usable.
pub fn okta_custom(domain: &str, server_id: &str) -> Result<AuthorizationServer, Error> {
    OKTA_CUSTOM.server(&[("domain", domain), ("serverId", server_id)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inserts;

    #[test]
    fn the_urls_of_an_org() {
        for (domain, host) in [
            ("acme", "acme.okta.com"),
            ("ACME", "acme.okta.com"),
            ("dev-123456", "dev-123456.okta.com"),
            ("acme.okta.com", "acme.okta.com"),
            ("acme.oktapreview.com", "acme.oktapreview.com"),
            ("acme.okta-emea.com", "acme.okta-emea.com"),
            ("Login.Acme.Example", "login.acme.example"),
        ] {
            let server = okta(domain).unwrap();
            assert_eq!(server.token_endpoint().as_str(), format!("https://{host}/oauth2/v1/token"));
            let authorize = server.authorization_endpoint().unwrap();
            assert_eq!(authorize.as_str(), format!("https://{host}/oauth2/v1/authorize"));
            let revoke = server.revocation_endpoint().unwrap();
            assert_eq!(revoke.as_str(), format!("https://{host}/oauth2/v1/revoke"));
            let custom = okta_custom(domain, "aus9o8wzkhckw9TLa0h7").unwrap();
            let expected = format!("https://{host}/oauth2/aus9o8wzkhckw9TLa0h7/v1/token");
            assert_eq!(custom.token_endpoint().as_str(), expected);
            let revoke = custom.revocation_endpoint().unwrap();
            assert_eq!(revoke.as_str(), format!("https://{host}/oauth2/aus9o8wzkhckw9TLa0h7/v1/revoke"));
        }
    }

    #[test]
    fn what_the_presets_say() {
        let (org, custom) = (okta("acme").unwrap(), okta_custom("acme", "default").unwrap());
        assert_eq!(org.client_credentials_methods(), [Method::PrivateKeyJwt]);
        assert_eq!(custom.client_credentials_methods(), custom.client_authentication_methods());
        for (server, name) in [(org, "okta"), (custom, "okta-custom")] {
            assert_eq!(server.provider(), Some(name));
            assert_eq!(server.rotation(), Rotation::UNKNOWN);
            assert_eq!(server.assertion_audience(), AssertionAudience::TokenEndpoint);
            assert!(server.issuer().is_none());
        }
    }

    #[test]
    fn mistakes_are_answered_with_what_to_change() {
        for (domain, expected) in [
            ("", "it is empty"),
            ("https://acme.okta.com", "without https:// and path"),
            ("acme.okta.com/", "without https:// and path"),
            ("acme.okta.com:443", "without port"),
            (" acme", "white space"),
            ("bücher.example", "xn--"),
            ("acme.okta.com.", "dot at its end"),
            ("acme-admin.okta.com", "leave out -admin"),
            ("okta.com", "the provider's own"),
            ("10.0.0.1", "no address"),
        ] {
            let error = okta(domain).unwrap_err();
            assert_eq!(error.kind(), grantry_core::ErrorKind::Configuration);
            assert!(error.to_string().contains(expected), "{domain}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_inserted_stays_in_its_place(domain in "[ -~]{0,30}|\\PC{0,20}", id in "[ -~]{0,20}|\\PC{0,9}") {
            if let Ok(server) = okta_custom(&domain, &id) {
                let url = server.token_endpoint();
                let host = url.host_str().unwrap();
                proptest::prop_assert!(inserts::is_host_name(host));
                proptest::prop_assert_eq!(
                    url.as_str().to_owned(),
                    format!("https://{host}/oauth2/{id}/v1/token")
                );
            }
        }
    }
}
