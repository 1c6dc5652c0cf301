//! Services that change while handles are held.

use grantry::{ErrorKind, Fallback, RefreshPolicy, TokenSource};
use grantry_testkit::RegisteredClient;

use crate::fixture::{World, acme};

#[tokio::test(start_paused = true)]
async fn another_policy_or_secret_drops_no_token_that_is_still_right() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    let token = source.token().await.unwrap();
    let policy = RefreshPolicy::builder().fallback(Fallback::Fail).build().unwrap();
    let changed = world.service().policy(policy).secret("n3w").build().unwrap();
    pantry.replace_services([changed]).await.unwrap();
    let now = source.token().await.unwrap();
    assert_eq!((now.expose(), world.requests()), (token.expose(), 1));
    assert!(source.ready().is_some());
}

#[tokio::test(start_paused = true)]
async fn another_scope_brings_another_token_to_the_same_handle() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    source.token().await.unwrap();
    pantry.replace_services([world.service().scope("contacts.write").build().unwrap()]).await.unwrap();
    let token = source.token().await.unwrap();
    assert!(token.scope().contains("contacts.write"), "{token:?}");
    assert_eq!(world.requests(), 2);
    // And back: the first one is still in the vault.
    pantry.replace_services([world.service().build().unwrap()]).await.unwrap();
    assert!(!source.token().await.unwrap().scope().contains("contacts.write"));
    assert_eq!(world.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn tokens_with_another_parameter_are_not_taken_for_this_services_after_a_restart() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    acme(&pantry).source("crm").await.unwrap().token().await.unwrap();
    pantry.shutdown().await.unwrap();
    let again = world.open([world.service().audience("https://api.example.com")]).await;
    acme(&again).source("crm").await.unwrap().token().await.unwrap();
    assert_eq!(world.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_removed_service_says_so_and_comes_back_to_the_same_handle() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    source.token().await.unwrap();
    pantry.replace_services([]).await.unwrap();
    assert!(source.ready().is_none());
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::Removed);
    assert_eq!(acme(&pantry).source("crm").await.unwrap_err().kind(), ErrorKind::Removed);
    assert_eq!(acme(&pantry).source("another").await.unwrap_err().kind(), ErrorKind::NotFound);
    pantry.replace_services([world.service().build().unwrap()]).await.unwrap();
    source.token().await.unwrap();
    assert_eq!(world.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_is_stored_anew_is_found_after_a_while() {
    let world = World::new();
    let pantry = world.open([]).await;
    let acme = acme(&pantry);
    acme.vault().store_client("crm", world.registration("s3cret"), None).await.unwrap();
    let source = acme.source("crm").await.unwrap();
    source.token().await.unwrap();
    acme.remove_service("crm", grantry::custody::Revocation::AtServerThenHere).await.unwrap();
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::Removed);
    acme.vault().store_client("crm", world.registration("s3cret"), None).await.unwrap();
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::Removed, "not with each call");
    world.pass(std::time::Duration::from_secs(300)).await;
    assert!(world.is_valid(&source.token().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_used_leaves_the_service_as_it_was() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    source.token().await.unwrap();
    let broken = world.service().scope("not\"usable").build().unwrap();
    let error = pantry.replace_services([broken]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    source.token().await.unwrap();
    assert!(source.ready().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_another_process_exchanged_is_found_when_the_old_one_is_refused() {
    let world = World::new();
    let pantry = world.open([]).await;
    let acme = acme(&pantry);
    let version = acme.vault().store_client("crm", world.registration("s3cret"), None).await.unwrap();
    let source = acme.source("crm").await.unwrap();
    let token = source.token().await.unwrap();
    world.server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", "n3w"));
    });
    acme.vault().store_client("crm", world.registration("n3w"), Some(&version)).await.unwrap();
    source.reject(&token);
    let next = source.token().await.unwrap();
    assert_ne!(next.expose(), token.expose());
    assert!(world.is_valid(&next));
}

#[tokio::test(start_paused = true)]
async fn a_registration_in_the_vault_is_all_that_a_service_needs() {
    let world = World::new();
    let pantry = world.open([]).await;
    let acme = acme(&pantry);
    let version = acme.vault().store_client("crm", world.registration("s3cret"), None).await.unwrap();
    let source = acme.source("crm").await.unwrap();
    source.token().await.unwrap();
    let wider = world.registration("s3cret").with_attribute("scopes", "contacts.read contacts.write");
    acme.vault().store_client("crm", wider, Some(&version)).await.unwrap();
    pantry.reread().await.unwrap();
    assert!(source.token().await.unwrap().scope().contains("contacts.write"));
}
