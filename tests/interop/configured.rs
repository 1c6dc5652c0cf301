//! From a configuration to a resource: certificates and keys that tokens are bound to, as a certified server judges them.
#![allow(clippy::unwrap_used, reason = "a test may")]

use grantry::config::{Config, Source, SystemSurroundings};
use grantry::custody::Revocation;
use grantry::pantry::{Grantry, TenantPantry};
use grantry::vault::access::{AccessPolicy, Permission, Principal, Reach, Role};
use grantry::vault::{LocalKey, MemoryVault};
use grantry::{AuthorizedClient, Binding, HttpTransport, HttpTransportBuilder, TokenSource};
use grantry_tests::{Certificates, Fallible, OidcProvider, Settings};

use crate::authorization_code::{Browser, Person, REDIRECT_URI, run_in};

fn me() -> Principal {
    Principal::workload("me").unwrap()
}

fn policy() -> AccessPolicy {
    let all = Role::custom("everything", Permission::ALL.iter().copied()).unwrap();
    let bound = grantry::vault::access::Binding::allow(me(), "everything", Reach::everything());
    AccessPolicy::builder().role(all).bind(bound).build().unwrap()
}

/// The tenant of a pantry with the services of a file, which is in this folder.
async fn open(
    folder: &std::path::Path,
    services: &str,
    transport: HttpTransportBuilder,
) -> Fallible<(Grantry, TenantPantry)> {
    let file = folder.join("grantry.json");
    std::fs::write(&file, format!("{{ \"services\": {services} }}"))?;
    let loaded = Config::load([Source::file(&file)], &SystemSurroundings::new())?;
    let pantry = Grantry::builder()
        .config(loaded)
        .vault(MemoryVault::new())
        .keys(LocalKey::from_bytes(zeroize::Zeroizing::new([7; 32])))
        .access(policy())
        .lifeboats(folder.join("lifeboats"))
        .http_transport(transport)
        .open()
        .await?;
    let mine = pantry.as_principal(me());
    mine.create_tenant("acme").await?;
    let acme = mine.tenant("acme")?;
    Ok((pantry, acme))
}

/// A person consents, in this browser.
async fn consent(acme: &TenantPantry, browser: Browser) -> Fallible<()> {
    let flow = acme.authorize(("web", "ana")).flow().await?;
    let done = run_in(browser, &flow).await?.map_err(|unfinished| unfinished.error)?;
    acme.keep_consent(("web", "ana"), &done.granted.token_set).await?;
    Ok(())
}

const PERSON: &str = r#""flow": "authorization_code", "scopes": ["openid", "offline_access"],
    "additionalParams": { "prompt": "consent" }"#;

#[tokio::test]
async fn req_c11_c12_a_file_names_certificates_and_tokens_that_are_bound_to_them_read_a_resource() {
    grantry::install_crypto_provider();
    let certificates = Certificates::make().unwrap();
    let server = OidcProvider::start_secure(Settings::default(), &certificates).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("issued.pem"), certificates.issued()).unwrap();
    std::fs::write(folder.path().join("self-signed.pem"), certificates.self_signed()).unwrap();
    let mutual = |file: &str| {
        format!(
            r#""mutualTls": {{ "certificateFile": "{file}", "privateKeyFile": "{file}", "boundTokens": true }}"#
        )
    };
    let (issuer, issued) = (server.issuer(), mutual("issued.pem"));
    let services = format!(
        r#"{{ "tls": {{ "issuer": "{issuer}", "clientId": "tls", "flow": "client_credentials", {issued} }},
             "self-signed": {{ "issuer": "{issuer}", "clientId": "self-signed", "flow": "client_credentials",
               "clientAuthentication": "self_signed_tls_client_auth", {} }},
             "web": {{ "issuer": "{issuer}", "clientId": "web-tls", "clientSecret": "web-tls-secret",
               "redirectUri": "{REDIRECT_URI}", {PERSON}, {issued} }} }}"#,
        mutual("self-signed.pem"),
    );
    let transport =
        || HttpTransport::builder().add_root_certificate(certificates.authority()).allow_private_addresses();
    let (pantry, acme) = open(folder.path(), &services, transport()).await.unwrap();
    for name in ["tls", "self-signed"] {
        let source = acme.stored_source(name).await.unwrap();
        let token = source.token().await.unwrap();
        let Binding::Certificate(bound) = token.binding() else { panic!("{name} is not bound") };
        assert_eq!(*bound, source.identity().unwrap().thumbprint(), "{name}");
    }

    consent(&acme, Browser::over(transport().build().unwrap(), Person::Consents)).await.unwrap();
    let source = acme.stored_source(("web", "ana")).await.unwrap();
    let authority = reqwest::Certificate::from_pem(certificates.authority().as_bytes()).unwrap();
    let builder = || reqwest::Client::builder().tls_certs_only([authority.clone()]);
    let identity = source.identity().unwrap();
    let alias = acme.authorize(("web", "ana")).flow().await.unwrap();
    let origin = alias.endpoint().server().token_endpoint().origin().ascii_serialization();
    assert!(!origin.starts_with(issuer), "the alias, on another port");
    let api = AuthorizedClient::with_identity(builder(), identity, source.clone(), [&origin]).unwrap();
    let url = format!("{origin}/me");
    assert_eq!(api.get(&url).send().await.unwrap().status(), 200);
    acme.renew(("web", "ana")).await.unwrap();
    assert_eq!(api.get(&url).send().await.unwrap().status(), 200);
    let stranger = AuthorizedClient::from_builder(builder(), source, [&origin]).unwrap();
    assert!(stranger.get(&url).send().await.unwrap_err().to_string().contains("certificate"));
    let report = acme.revoke(("web", "ana"), Revocation::AtServerThenHere).await.unwrap();
    assert!(!report.is_queued(), "{report:?}");
    pantry.shutdown().await.unwrap();
}

#[tokio::test]
async fn req_e08_e14_a_file_binds_tokens_to_keys_and_they_read_a_resource() {
    grantry::install_crypto_provider();
    let server = OidcProvider::start(Settings { dpop_nonces: true, ..Settings::default() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let issuer = server.issuer();
    for (client, credential) in [
        ("desktop-bound", r#""clientAuthentication": "none""#),
        ("web-bound", r#""clientSecret": "web-bound-secret""#),
    ] {
        let services = format!(
            r#"{{ "bound": {{ "issuer": "{issuer}", "clientId": "bound", "clientSecret": "bound-secret",
                   "flow": "client_credentials", "dpop": true }},
                 "web": {{ "issuer": "{issuer}", "clientId": "{client}", {credential}, "dpop": true,
                   "redirectUri": "{REDIRECT_URI}", {PERSON} }} }}"#
        );
        let (pantry, acme) = open(folder.path(), &services, HttpTransport::builder()).await.unwrap();
        let own = acme.source("bound").await.unwrap().token().await.unwrap();
        assert!(matches!(own.binding(), Binding::Proof(_)));

        consent(&acme, Browser::new(Person::Consents).unwrap()).await.unwrap();
        let source = acme.source(("web", "ana")).await.unwrap();
        let api =
            AuthorizedClient::from_builder(reqwest::Client::builder(), source.clone(), [issuer]).unwrap();
        assert_eq!(api.get(server.url("/me")).send().await.unwrap().status(), 200, "{client}");
        let before = source.token().await.unwrap();
        acme.renew(("web", "ana")).await.unwrap();
        assert_ne!(source.token().await.unwrap().expose(), before.expose());
        assert_eq!(api.get(server.url("/me")).send().await.unwrap().status(), 200, "{client}");
        pantry.shutdown().await.unwrap();
    }
}
