//! Renewing, revoking, removing, exchanging secrets, keeping consents.

use grantry::custody::{Revocation, Revoked, SecretStep};
use grantry::pantry::Registration;
use grantry::vault::GrantRecord;
use grantry::{AccessToken, Clock, ErrorKind, TokenSet, TokenSource};
use grantry_testkit::{Endpoint, Fault, RegisteredClient};

use crate::fixture::{World, acme};

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_asked_for_brings_a_new_token_to_open_handles_and_revokes_the_old_one() {
    let world = World::new();
    let pantry = world.open([]).await;
    let acme = acme(&pantry);
    acme.vault().store_client("crm", world.registration("s3cret"), None).await.unwrap();
    let source = acme.source("crm").await.unwrap();
    let old = source.token().await.unwrap();
    let renewed = acme.renew_and_revoke("crm").await.unwrap();
    assert_ne!(renewed.token.expose(), old.expose());
    assert_eq!(renewed.before, Some(Revoked::AtServer));
    assert!(!world.is_valid(&old) && world.is_valid(&renewed.token));
    assert_eq!(source.token().await.unwrap().expose(), renewed.token.expose());
    assert_eq!(world.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_removed_service_is_revoked_at_the_server_and_leaves_nothing_here() {
    let world = World::new();
    let pantry = world.open([]).await;
    let acme = acme(&pantry);
    acme.vault().store_client("crm", world.registration("s3cret"), None).await.unwrap();
    let source = acme.source("crm").await.unwrap();
    let token = source.token().await.unwrap();
    let report = acme.remove_service("crm", Revocation::AtServerThenHere).await.unwrap();
    assert_eq!(report.registration, Registration::Removed);
    assert!(report.revocations[0].is_revoked_at_server(), "{report:?}");
    assert!(!world.is_valid(&token));
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::Removed);
    assert!(acme.vault().client("crm").await.unwrap().is_none());
    let again = acme.remove_service("crm", Revocation::AtServerThenHere).await.unwrap();
    assert_eq!((again.registration, again.revocations.len()), (Registration::None, 0));
}

#[tokio::test(start_paused = true)]
async fn while_the_server_has_to_be_asked_again_the_registration_stays() {
    let world = World::new();
    let pantry = world.open([]).await;
    let acme = acme(&pantry);
    acme.vault().store_client("crm", world.registration("s3cret"), None).await.unwrap();
    acme.source("crm").await.unwrap().token().await.unwrap();
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    let report = acme.remove_service("crm", Revocation::AtServerThenHere).await.unwrap();
    assert_eq!(report.registration, Registration::KeptToRevoke);
    assert!(report.revocations[0].is_queued());
    world.server.clear_faults(Endpoint::Revocation);
    let report = acme.remove_service("crm", Revocation::AtServerThenHere).await.unwrap();
    assert_eq!(report.registration, Registration::Removed);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_asked_for_goes_on_with_the_next_secret_at_once() {
    let world = World::new();
    let pantry = world.open([]).await;
    let acme = acme(&pantry);
    let registration = world.registration("g0ne").with_secret("s3cret", world.clock.wall());
    acme.vault().store_client("crm", registration, None).await.unwrap();
    let renewed = acme.renew("crm").await.unwrap();
    assert!(world.is_valid(&renewed.token));
    assert_eq!(world.server.ledger().count(Endpoint::Token), 2, "a refusal, and what followed it");
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_exchanged_step_by_step_and_handles_go_on() {
    let world = World::new();
    let pantry = world.open([]).await;
    let acme = acme(&pantry);
    acme.vault().store_client("crm", world.registration("s3cret"), None).await.unwrap();
    let source = acme.source("crm").await.unwrap();
    let old = source.token().await.unwrap();
    world.server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", "s3cret").or_secret("n3w"));
    });
    let rotated = acme.rotate_secret("crm", Some("n3w".into()), false).await.unwrap().report;
    assert!(rotated.is_finished(), "{rotated:?}");
    assert_eq!(rotated.steps[..3], [SecretStep::Stored, SecretStep::Proven, SecretStep::Switched]);
    assert!(!world.is_valid(&old));
    let kept = acme.vault().reveal_client("crm").await.unwrap().unwrap();
    assert_eq!(kept.secrets().len(), 1);
    world.server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", "n3w"));
    });
    assert!(world.is_valid(&source.token().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_described_is_exchanged_where_it_stands() {
    let world = World::new();
    let pantry = world.open([world.service().described_in("grantry.json, line 4")]).await;
    let error = acme(&pantry).rotate_secret("crm", Some("n3w".into()), false).await.unwrap_err();
    assert!(error.to_string().contains("grantry.json, line 4: exchange it there"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn looking_at_an_open_grant_leaves_custody_its_hold_of_it() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let acme = acme(&pantry);
    let source = acme.source("crm").await.unwrap();
    source.token().await.unwrap();
    for _ in 0..3 {
        assert!(source.ready().is_some());
    }
    // Uses that no record tells of yet are known through the grant that is open.
    world.pass(std::time::Duration::from_secs(61)).await;
    for _ in 0..2 {
        let grants = acme.grants(None, 10).await.unwrap();
        assert!(
            grants[0].stored.as_ref().unwrap().usage.calls >= 4,
            "{:?}",
            grants[0].stored.as_ref().unwrap().usage
        );
        assert!(grants[0].open.as_ref().unwrap().hits >= 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clients_own_grant_that_was_taken_away_is_made_again() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let acme = acme(&pantry);
    let source = acme.source("crm").await.unwrap();
    let token = source.token().await.unwrap();
    acme.revoke("crm", Revocation::AtServerThenHere).await.unwrap();
    assert!(!world.is_valid(&token));
    assert!(world.is_valid(&source.token().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_persons_grant_that_was_revoked_is_gone_until_they_consent_anew() {
    let world = World::new();
    let pantry = world.open([world.calendar()]).await;
    let acme = acme(&pantry);
    let wall = world.clock.wall();
    let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
    acme.vault().create_grant("calendar", "user-17", record).await.unwrap();
    let source = acme.source(("calendar", "user-17")).await.unwrap();
    source.token().await.unwrap();
    acme.revoke(("calendar", "user-17"), Revocation::AtServerThenHere).await.unwrap();
    assert!(source.ready().is_none());
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::InvalidGrant);

    let now = world.clock.now();
    let consent = TokenSet::builder(AccessToken::new("brought"), now)
        .expires(now.after(std::time::Duration::from_secs(900)))
        .refresh_token(world.consent())
        .build()
        .unwrap();
    acme.keep_consent(("calendar", "user-17"), &consent).await.unwrap();
    let requests = world.requests();
    assert_eq!(source.token().await.unwrap().expose(), "brought");
    assert_eq!(world.requests(), requests);
    world.pass(std::time::Duration::from_secs(900)).await;
    assert!(world.is_valid(&source.token().await.unwrap()));
}
