//! Whom the process speaks for where it names nobody.

use std::path::Path;
use std::time::Duration;

use grantry::config::{Config, Source, SystemSurroundings};
use grantry::custody::Revocation;
use grantry::pantry::Grantry;
use grantry::vault::access::{AccessPolicy, Principal};
use grantry::vault::{ClientRecord, GrantRecord, LocalKey, RotationPolicy};
use grantry::{Clock, Error, ErrorKind, SystemClock, TokenSource};
use grantry_testkit::{Endpoint, RegisteredClient, TestServer};

/// A configuration with a vault and keys, and this beside them.
fn config(folder: &Path, server: &TestServer, access: &str) -> Config {
    let text = format!(
        r#"{{ "services": {{ "crm": {{ "flow": "client_credentials", "tokenUrl": "{}", "clientId": "billing",
                                       "clientSecret": "s3cret" }} }},
              "vault": {{ "type": "sqlite", "path": "grantry.db" }},
              "keys": {{ "type": "file", "path": "grantry.key" }} {access} }}"#,
        server.token_endpoint()
    );
    let file = folder.join("grantry.json");
    std::fs::write(&file, text).unwrap();
    Config::load([Source::file(&file)], &SystemSurroundings::new()).unwrap().into()
}

async fn server() -> TestServer {
    let client = RegisteredClient::with_secret("billing", "s3cret");
    TestServer::builder().client(client).start().await.unwrap()
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.err().unwrap().kind()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_word_on_access_the_process_uses_tokens_and_may_nothing_else() {
    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    LocalKey::generate(folder.path().join("grantry.key")).unwrap();
    let pantry = Grantry::builder().config(config(folder.path(), &server, "")).open().await.unwrap();
    assert!(pantry.create_tenant("acme").await.unwrap());
    assert!(!pantry.create_tenant("acme").await.unwrap());
    let acme = pantry.tenant("acme").unwrap();
    acme.source("crm").await.unwrap().token().await.unwrap();
    let calls = server.ledger().count(Endpoint::Token);
    assert_eq!(calls, 1);

    // What a tenant has is not another one's, and a name is no tenant.
    pantry.create_tenant("globex").await.unwrap();
    assert!(pantry.tenant("globex").unwrap().grants(None, 10).await.unwrap().is_empty());
    let error = pantry.tenant("initech").unwrap().source("crm").await.err().unwrap();
    assert!(error.to_string().contains("create_tenant"), "{error}");
    assert_eq!(kind(pantry.tenant("../acme")), ErrorKind::Configuration);

    // It sees no secret, writes no registration, and turns no key.
    let vault = acme.vault();
    assert_eq!(kind(vault.reveal_client("crm").await), ErrorKind::AccessDenied);
    let record = ClientRecord::new("other").with_secret("an0ther", SystemClock::new().wall());
    assert_eq!(kind(vault.store_client("erp", record, None).await), ErrorKind::AccessDenied);
    assert_eq!(kind(vault.reveal_grant("crm", "default").await), ErrorKind::AccessDenied);
    let itself = pantry.as_principal(Principal::workload("grantry").unwrap());
    let ages = itself.vault().key_ages(&RotationPolicy::default(), None, 10).await;
    assert_eq!(kind(ages), ErrorKind::AccessDenied);
    assert_eq!(kind(itself.vault().erase_tenant(acme.vault().tenant()).await), ErrorKind::AccessDenied);

    // A consent may be kept, and nobody else may anything.
    let now = SystemClock::new().wall();
    vault.create_grant("crm", "user-17", GrantRecord::new(now)).await.unwrap();
    let other = pantry.as_principal(Principal::workload("billing").unwrap());
    assert_eq!(kind(other.tenant("acme").unwrap().source("crm").await), ErrorKind::AccessDenied);
    assert_eq!(kind(other.create_tenant("hooli").await), ErrorKind::AccessDenied);
    pantry.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_word_on_access_a_reaper_may_see_grants_and_revoke_them() {
    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    LocalKey::generate(folder.path().join("grantry.key")).unwrap();
    let reaper = || Principal::workload("reaper").unwrap();
    for is_wanted in [false, true] {
        let builder = Grantry::builder().config(config(folder.path(), &server, ""));
        let builder =
            if is_wanted { builder.reap_unused(Duration::from_secs(3600), reaper()) } else { builder };
        let pantry = builder.open().await.unwrap();
        pantry.create_tenant("acme").await.unwrap();
        pantry.tenant("acme").unwrap().source("crm").await.unwrap().token().await.unwrap();
        let by = pantry.as_principal(reaper()).tenant("acme").unwrap();
        if is_wanted {
            assert_eq!(by.grants(None, 10).await.unwrap().len(), 1);
            by.revoke("crm", Revocation::AtServerThenHere).await.unwrap();
        } else {
            assert_eq!(kind(by.grants(None, 10).await), ErrorKind::AccessDenied);
        }
        assert_eq!(kind(by.source("crm").await), ErrorKind::AccessDenied);
        pantry.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_policy_the_process_has_to_say_whom_in_it_it_speaks_for() {
    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    LocalKey::generate(folder.path().join("grantry.key")).unwrap();
    let access = r#", "access": { "bindings": [
        { "principal": "workload:billing", "role": "service", "tenant": "acme" },
        { "principal": "person:ana", "role": "operator", "tenant": "*" }] }"#;
    let builder = || Grantry::builder().config(config(folder.path(), &server, access));
    let pantry = builder().open().await.unwrap();
    let ana = pantry.as_principal(Principal::person("ana").unwrap());
    ana.create_tenant("acme").await.unwrap();
    ana.create_tenant("globex").await.unwrap();
    let error = pantry.tenant("acme").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    for way in ["as_principal", "GrantryBuilder::principal"] {
        assert!(error.to_string().contains(way), "{error}");
    }
    assert_eq!(kind(pantry.create_tenant("hooli").await), ErrorKind::Configuration);
    pantry.shutdown().await.unwrap();

    // Named once, it may what the policy allows it, and no more.
    let billing = Principal::workload("billing").unwrap();
    let pantry = builder().principal(billing).open().await.unwrap();
    pantry.tenant("acme").unwrap().source("crm").await.unwrap().token().await.unwrap();
    assert_eq!(kind(pantry.tenant("globex").unwrap().source("crm").await), ErrorKind::AccessDenied);
    assert_eq!(kind(pantry.create_tenant("hooli").await), ErrorKind::AccessDenied);
    pantry.shutdown().await.unwrap();

    // A policy of the program's own comes before what nobody said.
    let me = Principal::workload("me").unwrap();
    let said = Grantry::builder().config(config(folder.path(), &server, "")).access(AccessPolicy::sole(&me));
    let pantry = said.open().await.unwrap();
    assert_eq!(kind(pantry.tenant("acme")), ErrorKind::Configuration);
    pantry.as_principal(me).tenant("acme").unwrap().source("crm").await.unwrap();
    pantry.shutdown().await.unwrap();
}
