//! Services of a configuration that leave parts of their description to the vault, and issuers.

use std::time::Duration;

use grantry::config::{Config, FixedSurroundings, Source};
use grantry::custody::Revocation;
use grantry::pantry::{Flow, Grantry, Registration, TenantPantry, completed};
use grantry::vault::ClientRecord;
use grantry::{ErrorKind, Fallback, TokenSource};
use grantry_testkit::{Endpoint, Fault};

use crate::fixture::{World, acme, admin};

fn config(services: &str) -> Config {
    let text = format!(r#"{{ "services": {services} }}"#);
    Config::load([Source::text("grantry.json", text)], &FixedSurroundings::new()).unwrap().config
}

async fn open(world: &World, services: &str) -> (Grantry, TenantPantry) {
    let pantry = world.builder().config(config(services)).open().await.unwrap();
    pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
    let acme = acme(&pantry);
    (pantry, acme)
}

const SECRETS: &str = r#""clientId": "billing", "clientSecret": "s3cret""#;

#[tokio::test(start_paused = true)]
async fn what_a_configuration_leaves_out_of_a_service_is_the_vaults() {
    let world = World::new();
    let services = r#"{ "crm": { "flow": "client_credentials", "scopes": ["contacts.write"] }, "bare": {} }"#;
    let (pantry, acme) = open(&world, services).await;
    for name in ["crm", "bare"] {
        acme.vault().store_client(name, world.registration("s3cret"), None).await.unwrap();
        let token = acme.source(name).await.unwrap().token().await.unwrap();
        assert!(world.is_valid(&token));
        assert_eq!(token.scope().contains("contacts.write"), name == "crm", "{token:?}");
        assert_eq!(token.scope().contains("contacts.read"), name == "bare", "{token:?}");
    }
    // Endpoints, too: it is revoked at the server.
    let report = acme.remove_service("crm", Revocation::AtServerThenHere).await.unwrap();
    assert!(report.revocations[0].is_revoked_at_server(), "{report:?}");
    pantry.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_secret_in_the_vault_and_in_a_configuration_that_names_no_server_is_refused_with_both_places() {
    let world = World::new();
    let issuer = world.server.issuer();
    let services = format!(
        r#"{{ "crm": {{ {SECRETS} }}, "found": {{ {SECRETS}, "flow": "client_credentials", "issuer": "{issuer}" }} }}"#
    );
    let (pantry, acme) = open(&world, &services).await;
    for name in ["crm", "found"] {
        acme.vault().store_client(name, world.registration("s3cret"), None).await.unwrap();
        let error = acme.source(name).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
        assert!(text.contains("grantry.json:1:") && text.contains(&format!("registration {name}")), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert_eq!(world.server.ledger().total(), 0, "nobody is asked for the sake of what cannot be used");
    pantry.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_in_neither_place_is_named_to_whoever_asks_and_stops_nobody_else() {
    let world = World::new();
    let url = world.server.token_endpoint();
    let services = format!(
        r#"{{ "crm": {{ {SECRETS}, "tokenUrl": "{url}", "flow": "client_credentials" }},
             "flowless": {{ {SECRETS}, "tokenUrl": "{url}" }}, "nowhere": {{ {SECRETS} }},
             "tenantless": {{ {SECRETS}, "provider": "microsoft" }} }}"#
    );
    let (pantry, acme) = open(&world, &services).await;
    acme.source("crm").await.unwrap().token().await.unwrap();
    for (name, words) in
        [("flowless", &["flow"][..]), ("nowhere", &["tokenUrl", "flow"]), ("tenantless", &["tenantId"])]
    {
        let error = acme.source(name).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
        assert!(text.contains("grantry.json:") && text.contains(&format!("{name} still lacks")), "{text}");
        assert!(words.iter().all(|word| text.contains(word)) && !text.contains("clientSecret"), "{text}");
    }
    // What it lacks may come to the vault later.
    let record = ClientRecord::new("billing").with_attribute("flow", "client_credentials");
    acme.vault().store_client("flowless", record, None).await.unwrap();
    acme.source("flowless").await.unwrap().token().await.unwrap();
    pantry.shutdown().await.unwrap();
}

#[test]
fn each_part_comes_from_the_configuration_if_that_says_it_and_else_from_the_vault() {
    let attributes = [
        ("scopes", "stored"),
        ("redirect_uri", "https://app.example.com/stored"),
        ("revocation_url", "https://as.example.com/revoke"),
        ("refresh.buffer_seconds", "77"),
        ("refresh.max_retries", "9"),
        ("refresh.fallback", "fail"),
        ("provider.tenantId", "contoso.onmicrosoft.com"),
    ];
    let attributes = |more: &[(&str, &str)]| {
        let all = attributes.iter().chain(more);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let service = |members: &str, more: &[(&str, &str)]| {
        let config = config(&format!(r#"{{ "crm": {{ {members} }} }}"#));
        completed(config.service("crm").unwrap(), &attributes(more)).unwrap()
    };
    let known = r#""flow": "client_credentials", "tokenUrl": "https://as.example.com/token""#;
    let bare = service(known, &[]);
    assert_eq!(
        (bare.scopes(), bare.redirect_uri()),
        (&["stored".to_owned()][..], Some("https://app.example.com/stored"))
    );
    let seconds = Duration::from_secs;
    let policy = bare.policy();
    assert_eq!((policy.buffer(), policy.max_retries(), policy.fallback()), (seconds(77), 9, Fallback::Fail));
    assert!(bare.server().revocation_endpoint().is_some());

    let said = r#""scopes": [], "refreshToken": { "bufferTime": 5, "queuePatience": 6 }"#;
    let said = service(&format!("{known}, {said}"), &[]);
    let policy = said.policy();
    assert!(said.scopes().is_empty());
    assert_eq!((policy.buffer(), policy.max_retries()), (seconds(5), 9));
    assert_eq!(policy.fallback(), Fallback::Queue { patience: seconds(6) });

    // What was stored of another server is nothing to this one.
    for other in [("token_url", "https://other.example.com/token"), ("provider", "okta")] {
        let service = service(known, &[other]);
        assert!(service.server().revocation_endpoint().is_none() && service.server().provider().is_none());
    }

    let microsoft =
        service(r#""provider": "microsoft", "scopes": ["https://graph.microsoft.com/.default"]"#, &[]);
    assert_eq!(microsoft.flow(), Flow::ClientCredentials);
    assert!(microsoft.server().token_endpoint().as_str().contains("/contoso.onmicrosoft.com/oauth2/"));
    let template = r#""tokenUrl": "https://as.example.com/{tenantId}/token""#;
    let template = service(&format!(r#"{template}, "flow": "client_credentials""#), &[]);
    assert_eq!(
        template.server().token_endpoint().as_str(),
        "https://as.example.com/contoso.onmicrosoft.com/token"
    );
    let of_vault = service("", &[("token_url", "https://as.example.com/token")]);
    assert_eq!(of_vault.flow(), Flow::ClientCredentials);

    // A value that the provider cannot have is wrong there, not missing.
    let config = config(r#"{ "crm": { "provider": "microsoft" } }"#);
    let wrong = [("provider.tenantId".to_owned(), "a/b".to_owned())].into();
    let error = completed(config.service("crm").unwrap(), &wrong).unwrap_err().to_string();
    assert!(error.contains("what the vault's registration says of crm cannot be used"), "{error}");
}

fn of_issuer(issuer: &str, names: &[&str]) -> String {
    let each = names.iter().map(|name| {
        format!(r#""{name}": {{ {SECRETS}, "flow": "client_credentials", "issuer": "{issuer}" }}"#)
    });
    each.collect::<Vec<_>>().join(", ")
}

#[tokio::test(start_paused = true)]
async fn an_issuer_is_asked_once_for_all_its_services_when_the_first_of_them_is_needed() {
    let world = World::new();
    let services = format!("{{ {} }}", of_issuer(&world.server.issuer(), &["a", "b", "c"]));
    let (pantry, acme) = open(&world, &services).await;
    assert_eq!(world.server.ledger().total(), 0);
    let (a, b, c) = tokio::join!(acme.source("a"), acme.source("b"), acme.source("c"));
    for source in [a, b, c] {
        source.unwrap().token().await.unwrap();
    }
    assert_eq!(world.server.ledger().count(Endpoint::Metadata), 1);
    // Whoever says it anew asks anew.
    pantry.reload(config(&services)).await.unwrap();
    assert_eq!(world.server.ledger().count(Endpoint::Metadata), 2);
    pantry.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_does_not_answer_fails_its_own_services_and_is_asked_again_later() {
    let world = World::new();
    world.server.inject(Endpoint::Metadata, Fault::status(503).until_cleared());
    let url = world.server.token_endpoint();
    let services = format!(
        r#"{{ "crm": {{ {SECRETS}, "flow": "client_credentials", "tokenUrl": "{url}" }}, {} }}"#,
        of_issuer(&world.server.issuer(), &["a", "b"])
    );
    let (pantry, acme) = open(&world, &services).await;
    acme.source("crm").await.unwrap().token().await.unwrap();
    let error = acme.source("a").await.unwrap_err();
    assert!(error.to_string().contains(&world.server.issuer()), "{error}");
    assert!(!error.kind().is_definite(), "{error:?}");
    let asked = world.server.ledger().count(Endpoint::Metadata);
    assert_eq!(acme.source("b").await.unwrap_err().kind(), error.kind());
    assert_eq!(world.server.ledger().count(Endpoint::Metadata), asked, "nobody is asked again at once");
    world.server.clear_faults(Endpoint::Metadata);
    world.pass(Duration::from_secs(6)).await;
    acme.source("a").await.unwrap().token().await.unwrap();
    acme.source("b").await.unwrap().token().await.unwrap();
    pantry.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_removed_here_alone_needs_no_issuer_and_what_is_to_be_revoked_there_waits_for_it() {
    let world = World::new();
    let issuer = world.server.issuer();
    let services = format!(r#"{{ "crm": {{ "flow": "client_credentials", "issuer": "{issuer}" }} }}"#);
    let (pantry, acme) = open(&world, &services).await;
    let record = ClientRecord::new("billing").with_secret("s3cret", grantry::Clock::wall(&world.clock));
    acme.vault().store_client("crm", record, None).await.unwrap();
    acme.source("crm").await.unwrap().token().await.unwrap();
    pantry.shutdown().await.unwrap();

    let (pantry, acme) = open(&world, &services).await;
    world.server.inject(Endpoint::Metadata, Fault::status(503).until_cleared());
    let before = world.server.ledger().total();
    let waits = acme.remove_service("crm", Revocation::AtServerThenHere).await.unwrap_err();
    assert!(!waits.kind().is_definite() && acme.vault().client("crm").await.unwrap().is_some(), "{waits}");
    let waits = acme.revoke("crm", Revocation::AtServerThenHere).await.unwrap_err();
    assert!(!waits.kind().is_definite(), "{waits}");
    let asked = world.server.ledger().total();
    assert!(asked > before);
    let report = acme.remove_service("crm", Revocation::HereOnly).await.unwrap();
    assert_eq!((report.registration, report.revocations.len()), (Registration::Removed, 1));
    assert_eq!(world.server.ledger().total(), asked);
    pantry.shutdown().await.unwrap();
}
