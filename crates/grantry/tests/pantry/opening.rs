//! Parts that are missing, contradictions, and the end.

use std::time::Duration;

use grantry::pantry::Grantry;
use grantry::vault::{LocalKey, MemoryVault};
use grantry::{ErrorKind, TokenSource};
use zeroize::Zeroizing;

use crate::fixture::{World, acme, admin, policy};

#[tokio::test]
async fn a_part_that_is_missing_is_named_with_the_call_that_brings_it() {
    let key = || LocalKey::from_bytes(Zeroizing::new([7; 32]));
    for (builder, named) in [
        (Grantry::builder(), ".vault("),
        (Grantry::builder().vault(MemoryVault::new()), ".keys("),
        (Grantry::builder().vault(MemoryVault::new()).keys(key()), ".access("),
        (Grantry::builder().vault(MemoryVault::new()).keys(key()).access(policy(&[])), ".lifeboats("),
    ] {
        let error = builder.open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_services_of_one_name_are_refused_with_both_places() {
    let world = World::new();
    let twice = [world.service().described_in("one.json"), world.service().described_in("two.json")];
    let services: Vec<_> = twice.into_iter().map(|service| service.build().unwrap()).collect();
    let error = world.builder().services(services).open().await.unwrap_err().to_string();
    assert!(error.contains("one.json") && error.contains("two.json"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_secret_in_the_description_and_in_the_vault_is_an_error_that_names_both() {
    let world = World::new();
    let pantry = world.open([world.service().described_in("grantry.json, line 4")]).await;
    let acme = acme(&pantry);
    acme.vault().store_client("crm", world.registration("s3cret"), None).await.unwrap();
    let error = acme.source("crm").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = error.to_string();
    assert!(text.contains("grantry.json, line 4") && text.contains("the vault (tenant acme"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_not_found_and_a_consent_that_is_missing_is_a_persons_move() {
    let world = World::new();
    let pantry = world.open([world.calendar()]).await;
    let acme = acme(&pantry);
    assert_eq!(acme.source("payroll").await.unwrap_err().kind(), ErrorKind::NotFound);
    let error = acme.source(("calendar", "user-17")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidGrant);
    assert_eq!(error.diagnosis().party(), grantry::Party::ResourceOwner);
    assert!(acme.source("No Name").await.unwrap_err().kind() == ErrorKind::Configuration);
}

#[tokio::test(start_paused = true)]
async fn after_shutdown_nothing_runs_and_everything_is_stored() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    // Asked for, and nobody waits for it.
    let asked = tokio::spawn({
        let source = std::sync::Arc::clone(&source);
        async move { source.token().await }
    });
    tokio::time::sleep(Duration::from_millis(5)).await;
    pantry.shutdown().await.unwrap();
    let token = asked.await.unwrap().unwrap();
    assert!(pantry.status().process.unwrap().is_closed);
    assert_eq!(pantry.status().process.unwrap().renewals_in_flight, 0);
    let error = acme(&pantry).source("crm").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    pantry.shutdown().await.unwrap();

    let again = world.open([world.service()]).await;
    let found = acme(&again).source("crm").await.unwrap().token().await.unwrap();
    assert_eq!((found.expose(), world.requests()), (token.expose(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_nobody_lets_nobody_in() {
    let world = World::new();
    let pantry = world.builder().access(policy(&[])).open().await.unwrap();
    let nobody = pantry.as_principal(crate::fixture::other());
    assert_eq!(nobody.create_tenant("acme").await.unwrap_err().kind(), ErrorKind::AccessDenied);
    pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
    let error = nobody.tenant("acme").unwrap().source("crm").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "also of what is not there");
}
