//! Microsoft Entra ID, in the worldwide cloud.

use grantry_core::{
    AssertionAudience, AuthorizationServer, ClientAuthenticationMethod as Method, Error, ErrorCause, Pkce,
    Rotation,
};

use crate::preset::days;
use crate::{DefaultFlow, Form, Parameter, Preset, Template};

const fn cause(code: &'static str, cause: &'static str) -> ErrorCause {
    ErrorCause { code, cause }
}

/// What the codes mean that a client comes to see. They are for people: the documentation forbids to decide by them,
/// and nothing here does.
const CAUSES: &[ErrorCause] = &[
    cause("AADSTS28000", "the scopes are for more than one resource: a token is for one"),
    cause("AADSTS50034", "the account does not exist in this directory"),
    cause("AADSTS50057", "the person's account was disabled"),
    cause(
        "AADSTS50076",
        "multifactor authentication is needed, since a policy or the person's place changed",
    ),
    cause("AADSTS50078", "the multifactor authentication is too old for the directory's policy"),
    cause("AADSTS50079", "the person has to enrol for multifactor authentication"),
    cause("AADSTS50173", "the grant was revoked, by a change of the password or by an administrator"),
    cause("AADSTS50194", "the application is for one directory only: name it in place of common"),
    cause("AADSTS53003", "a Conditional Access policy of the directory blocks it"),
    cause("AADSTS65001", "nobody consented to this application and these scopes yet"),
    cause("AADSTS65004", "the person declined the consent"),
    cause("AADSTS70008", "the code or the refresh token expired, or was revoked"),
    cause("AADSTS70011", "a scope is not valid here, such as .default together with others"),
    cause("AADSTS70043", "the sign-in frequency of a Conditional Access policy ended the refresh token"),
    cause("AADSTS90002", "the tenant does not exist: compare the tenant id"),
    cause("AADSTS500011", "the resource that the scope names does not exist in this directory"),
    cause("AADSTS700016", "the application does not exist in this directory: compare client id and tenant"),
    cause("AADSTS700024", "the client assertion is not valid at this time: compare the machine's clock"),
    cause("AADSTS700027", "the client assertion's key or certificate is not registered for the application"),
    cause("AADSTS700082", "the refresh token was not used for too long"),
    cause(
        "AADSTS700084",
        "the refresh token was issued to a single-page application and lives for a fixed time",
    ),
    cause("AADSTS7000215", "the client secret is wrong: the value is needed, not its id"),
    cause("AADSTS7000222", "the client secret expired"),
];

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
        "what each code means today: the reference may change without notice",
    ],
    notes: &[
        "tenantId is one directory's id or domain, or common, organizations or consumers for applications that \
         are registered for several",
        "refresh tokens need the scope offline_access; they live for 90 days, or 24 hours where they were issued \
         to a single-page application",
        "older endpoints write expires_in as a string, which is read as well",
        "private_key_jwt needs a key that names its certificate (SigningKey::with_certificate) and signs with \
         PS256; the documentation knows no kid",
        "a client-credentials request asks for one scope, the resource followed by /.default",
        "client credentials need a tenant of their own: not common, organizations or consumers",
        "a token is for one resource",
        "there is no endpoint that revokes one token",
        "the provider's own codes (AADSTS...) are for people and may change: they explain, and nothing is decided \
         by them",
    ],
    aliases: &["entra", "azure", "azure-ad"],
    parameters: &[Parameter {
        name: "tenantId",
        hole: "tenant",
        title: "the Microsoft tenant",
        expected: "a directory id such as 72f988bf-86f1-41af-91ab-2d7cd011db47, a domain such as \
                   contoso.onmicrosoft.com, or common, organizations, consumers",
        form: Form::Directory { words: &["common", "organizations", "consumers"] },
        default: None,
    }],
    default_flow: DefaultFlow::ByScopes { end: ".default" },
    pkce: Pkce::Supported,
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
    refresh_token_idle_limit: days(90),
    error_causes: CAUSES,
    provider_code_prefix: Some("AADSTS"),
    ..Preset::new(
        "microsoft",
        "Microsoft Entra ID",
        Template::new("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"),
    )
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
    MICROSOFT.server(&[("tenantId", tenant)])
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
