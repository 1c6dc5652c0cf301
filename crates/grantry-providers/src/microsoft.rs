//! Microsoft Entra ID, in the worldwide cloud.

use grantry_core::{
    AssertionAudience, AuthorizationServer, ClientAuthenticationMethod as Method, Error, Rotation,
};

use crate::inserts::{is_guid, is_host_name};
use crate::{Preset, Template};

/// Microsoft Entra ID, version 2.0 of its endpoints, in the worldwide cloud.
pub const MICROSOFT: Preset = Preset {
    documentation: &[
        "https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow",
        "https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow",
        "https://learn.microsoft.com/entra/identity-platform/certificate-credentials",
        "https://learn.microsoft.com/entra/identity-platform/refresh-tokens",
        "https://learn.microsoft.com/entra/identity-platform/reference-error-codes",
    ],
    verified: "2026-11",
    unverified: &[
        "the issuer, which names the tenant by its id alone: left out",
        "the hosts of the national clouds: not covered",
    ],
    notes: &[
        "private_key_jwt needs a key that names its certificate (SigningKey::with_certificate) and signs with \
         PS256; the documentation knows no kid",
        "a client-credentials request asks for one scope, the resource followed by /.default",
        "client credentials need a tenant of their own: not common, organizations or consumers",
        "a token is for one resource",
        "there is no endpoint that revokes one token",
        "the provider's own codes (AADSTS...) are for people and may change: nothing is decided by them",
    ],
    authorization_endpoint: Some(Template::new(
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
    )),
    client_authentication_methods: &[
        Method::PrivateKeyJwt,
        Method::ClientSecretPost,
        Method::ClientSecretBasic,
        Method::None,
    ],
    assertion_audience: AssertionAudience::TokenEndpoint,
    rotation: Rotation::KeepOld,
    provider_code_prefix: Some("AADSTS"),
    ..Preset::new("microsoft", Template::new("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"))
};

const _: () = MICROSOFT.check();

/// Microsoft Entra ID ([`MICROSOFT`]). `tenant` is a directory's id (a GUID), a domain of it
/// (`contoso.onmicrosoft.com`), or one of `common`, `organizations` and `consumers`, which the client-credentials
/// flow does not accept.
///
/// ```
/// let server = grantry_providers::microsoft("contoso.onmicrosoft.com")?;
/// assert_eq!(
///     server.token_endpoint().as_str(),
///     "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token",
/// );
/// assert!(grantry_providers::microsoft("contoso").is_err());
/// # Ok::<(), grantry_core::Error>(())
/// ```
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) where `tenant` is none of these.
pub fn microsoft(tenant: &str) -> Result<AuthorizationServer, Error> {
    let tenant = tenant.to_ascii_lowercase();
    let known = matches!(tenant.as_str(), "common" | "organizations" | "consumers");
    if !(known || is_guid(&tenant) || is_host_name(&tenant)) {
        return Err(Error::configuration(
            "the Microsoft tenant is not usable: expected a directory id such as \
             72f988bf-86f1-41af-91ab-2d7cd011db47, a domain such as contoso.onmicrosoft.com, or common, \
             organizations, consumers",
        ));
    }
    MICROSOFT.server(&[("tenant", &tenant)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://login.microsoftonline.com";

    #[test]
    fn the_urls_of_a_tenant() {
        for (tenant, segment) in [
            ("72f988bf-86f1-41af-91ab-2d7cd011db47", "72f988bf-86f1-41af-91ab-2d7cd011db47"),
            ("72F988BF-86F1-41AF-91AB-2D7CD011DB47", "72f988bf-86f1-41af-91ab-2d7cd011db47"),
            ("contoso.onmicrosoft.com", "contoso.onmicrosoft.com"),
            ("contoso.example", "contoso.example"),
            ("common", "common"),
            ("organizations", "organizations"),
            ("consumers", "consumers"),
        ] {
            let server = microsoft(tenant).unwrap();
            assert_eq!(server.token_endpoint().as_str(), format!("{BASE}/{segment}/oauth2/v2.0/token"));
            let authorize = server.authorization_endpoint().unwrap();
            assert_eq!(authorize.as_str(), format!("{BASE}/{segment}/oauth2/v2.0/authorize"));
        }
    }

    #[test]
    fn what_the_preset_says() {
        let server = microsoft("common").unwrap();
        assert_eq!(server.provider(), Some("microsoft"));
        assert_eq!(server.rotation(), Rotation::KeepOld);
        assert_eq!(server.provider_code_prefix(), Some("AADSTS"));
        assert_eq!(server.assertion_audience(), AssertionAudience::TokenEndpoint);
        assert!(server.revocation_endpoint().is_none() && server.issuer().is_none());
        assert_eq!(server.client_credentials_methods(), server.client_authentication_methods());
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_inserted_stays_in_its_place(tenant in "[ -~]{0,40}|\\PC{0,20}|[a-z.]{1,20}") {
            if let Ok(server) = microsoft(&tenant) {
                let segment = tenant.to_ascii_lowercase();
                proptest::prop_assert_eq!(
                    server.token_endpoint().as_str().to_owned(),
                    format!("{BASE}/{segment}/oauth2/v2.0/token")
                );
            }
        }
    }
}
