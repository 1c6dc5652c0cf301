//! A pantry as a configuration describes it.

use std::path::Path;

use grantry::config::{Config, Loaded, Source, SystemSurroundings};
use grantry::pantry::Grantry;
use grantry::vault::access::Principal;
use grantry::vault::{LocalKey, RotationPolicy};
use grantry::{ErrorKind, TokenSource};
use grantry_testkit::{Endpoint, Fault, RegisteredClient, TestServer};

async fn server() -> TestServer {
    let client = RegisteredClient::with_secret("billing", "s3cret");
    TestServer::builder().client(client).start().await.unwrap()
}

/// A file with a vault, keys, roles and these services, in a folder.
fn load(folder: &Path, services: &str) -> Loaded {
    let file = folder.join("grantry.json");
    let text = format!(
        r#"{{
  "services": {services},
  "vault": {{ "type": "sqlite", "path": "grantry.db", "lifeboats": "lifeboats" }},
  "keys": {{ "type": "file", "path": "grantry.key" }},
  "access": {{ "bindings": [{{ "principal": "workload:billing", "role": "admin", "tenant": "*" }},
                           {{ "principal": "workload:billing", "role": "service", "tenant": "*" }}] }},
  "audit": {{ "folder": "trail" }},
}}"#
    );
    std::fs::write(&file, text).unwrap();
    Config::load([Source::file(&file)], &SystemSurroundings::new()).unwrap()
}

fn crm(server: &TestServer, scope: &str) -> String {
    format!(
        r#"{{ "crm": {{ "flow": "client_credentials", "tokenUrl": "{}", "clientId": "billing", "clientSecret": "s3cret",
             "scopes": ["{scope}"] }} }}"#,
        server.token_endpoint()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_opens_everything_and_a_newer_one_takes_effect() {
    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    LocalKey::generate(folder.path().join("grantry.key")).unwrap();
    let loaded = load(folder.path(), &crm(&server, "contacts.read"));
    let pantry = Grantry::builder().config(loaded).open().await.unwrap();
    let billing = pantry.as_principal(Principal::workload("billing").unwrap());
    billing.create_tenant("acme").await.unwrap();
    let source = billing.tenant("acme").unwrap().source("crm").await.unwrap();
    let first = source.token().await.unwrap();
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
    assert!(folder.path().join("grantry.db").exists() && folder.path().join("trail").exists());

    // The key file is one of the keys that are rotated.
    let ages = billing.vault().key_ages(&RotationPolicy::default(), None, 10).await.unwrap();
    assert!(ages.iter().any(|age| age.provider_key.is_some()), "{ages:?}");

    // The same again drops no token.
    pantry.reconfigure(load(folder.path(), &crm(&server, "contacts.read"))).await.unwrap();
    assert_eq!(source.token().await.unwrap().expose(), first.expose());
    pantry.reconfigure(load(folder.path(), &crm(&server, "contacts.write"))).await.unwrap();
    assert!(source.token().await.unwrap().scope().contains("contacts.write"));
    pantry.reconfigure(load(folder.path(), "{}")).await.unwrap();
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::Removed);
    pantry.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_a_crate_of_its_own_is_handed_in() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{ "vault": { "type": "postgres", "url": "postgres://127.0.0.1/grantry" } }"#;
    let loaded = Config::load([Source::text("grantry.json", text)], &SystemSurroundings::new()).unwrap();
    let error = Grantry::builder().config(loaded).open().await.unwrap_err();
    assert!(error.to_string().contains("grantry-vault-postgres"), "{error}");
    let loaded = load(folder.path(), "{}");
    let error = Grantry::builder().config(loaded).open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyUnavailable, "{error}");
    assert!(!folder.path().join("grantry.key").exists(), "no key is made by opening");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_alone_is_looked_up_when_the_pantry_opens() {
    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    LocalKey::generate(folder.path().join("grantry.key")).unwrap();
    let services = format!(
        r#"{{ "crm": {{ "flow": "client_credentials", "issuer": "{}", "clientId": "billing", "clientSecret": "s3cret" }} }}"#,
        server.issuer()
    );
    let pantry = Grantry::builder().config(load(folder.path(), &services)).open().await.unwrap();
    let billing = pantry.as_principal(Principal::workload("billing").unwrap());
    billing.create_tenant("acme").await.unwrap();
    let source = billing.tenant("acme").unwrap().source("crm").await.unwrap();
    source.token().await.unwrap();
    pantry.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_e20_what_the_issuer_of_a_file_names_elsewhere_on_this_machine_gets_nothing() {
    let (server, elsewhere) = (server().await, server().await);
    let folder = tempfile::tempdir().unwrap();
    LocalKey::generate(folder.path().join("grantry.key")).unwrap();
    let (issuer, other) = (server.issuer(), elsewhere.token_endpoint());
    let services = format!(
        r#"{{ "crm": {{ "flow": "client_credentials", "issuer": "{issuer}", "clientId": "billing", "clientSecret": "s3cret" }} }}"#
    );
    let metadata = format!(r#"{{"issuer":"{issuer}","token_endpoint":"{other}"}}"#);
    server.inject(Endpoint::Metadata, Fault::body(metadata));
    let pantry = Grantry::builder().config(load(folder.path(), &services)).open().await.unwrap();
    let billing = pantry.as_principal(Principal::workload("billing").unwrap());
    billing.create_tenant("acme").await.unwrap();
    let source = billing.tenant("acme").unwrap().source("crm").await.unwrap();
    let error = source.token().await.unwrap_err();
    assert!(error.to_string().contains("where requests may not go"), "{error}");
    assert_eq!(elsewhere.ledger().total(), 0);
    pantry.shutdown().await.unwrap();
}
