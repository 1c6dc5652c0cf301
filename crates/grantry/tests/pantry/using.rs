//! Tokens, shared by handles and kept through restarts.

use std::time::Duration;

use grantry::vault::GrantRecord;
use grantry::vault::access::{Binding, Reach, Role};
use grantry::{Clock, ErrorKind, TokenSource};

use crate::fixture::{LIFETIME, World, acme, admin, other, policy};

#[tokio::test(start_paused = true)]
async fn handles_of_two_principals_share_one_token_and_one_request() {
    let world = World::new();
    let builder = world.builder().access(policy(&[other()])).services([world.service().build().unwrap()]);
    let pantry = builder.open().await.unwrap();
    pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
    let mine = acme(&pantry).source("crm").await.unwrap();
    let others = pantry.as_principal(other()).tenant("acme").unwrap().source("crm").await.unwrap();
    let (one, two) = tokio::join!(mine.token(), others.token());
    assert_eq!(one.unwrap().expose(), two.unwrap().expose());
    assert!(mine.ready().is_some() && others.ready().is_some());
    assert_eq!(world.requests(), 1);
    let status = pantry.status();
    assert_eq!(status.grants.len(), 1);
    assert_eq!(status.grants[0].open.as_ref().unwrap().renewals, (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_handle_whose_principal_loses_the_right_gives_nothing_more_and_the_others_go_on() {
    let world = World::new();
    let builder = world.builder().access(policy(&[other()])).services([world.service().build().unwrap()]);
    let pantry = builder.open().await.unwrap();
    pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
    let mine = acme(&pantry).source("crm").await.unwrap();
    let others = pantry.as_principal(other()).tenant("acme").unwrap().source("crm").await.unwrap();
    others.token().await.unwrap();
    let without = pantry.vault().policy().edit().retain_bindings(|binding| binding.role() != "service");
    pantry.vault().replace_policy(without.build().unwrap()).unwrap();
    assert!(others.ready().is_none());
    assert_eq!(others.token().await.unwrap_err().kind(), ErrorKind::AccessDenied);
    assert!(others.ready().is_none());
    mine.token().await.unwrap();
    assert!(mine.ready().is_some());
    let again = pantry.vault().policy().edit().bind(Binding::allow(
        other(),
        Role::service(),
        Reach::parse("acme/*/*").unwrap(),
    ));
    pantry.vault().replace_policy(again.build().unwrap()).unwrap();
    others.token().await.unwrap();
    assert!(others.ready().is_some());
    assert_eq!(world.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handle_ends_with_the_binding_that_allowed_it() {
    let world = World::new();
    let end = world.clock.wall().after(Duration::from_secs(60));
    let bound = Binding::allow(other(), Role::service(), Reach::parse("acme/*/*").unwrap()).until(end);
    let access = policy(&[]).edit().bind(bound).build().unwrap();
    let builder = world.builder().access(access).services([world.service().build().unwrap()]);
    let pantry = builder.open().await.unwrap();
    pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
    let source = pantry.as_principal(other()).tenant("acme").unwrap().source("crm").await.unwrap();
    source.token().await.unwrap();
    assert!(source.ready().is_some());
    world.pass(Duration::from_secs(61)).await;
    assert!(source.ready().is_none());
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::AccessDenied);
}

#[tokio::test(start_paused = true)]
async fn a_stored_consent_is_renewed_by_two_processes_and_never_lost() {
    let world = World::new();
    let one = world.open([world.calendar()]).await;
    let two = world.open([world.calendar()]).await;
    let wall = world.clock.wall();
    let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
    acme(&one).vault().create_grant("calendar", "user-17", record).await.unwrap();
    let first = acme(&one).source(("calendar", "user-17")).await.unwrap();
    let second = acme(&two).source(("calendar", "user-17")).await.unwrap();
    for _ in 0..5 {
        let (one, two) = tokio::join!(first.token(), second.token());
        assert!(world.is_valid(&one.unwrap()));
        assert!(world.is_valid(&two.unwrap()));
        // Time stands still while a lifeboat is written, which is a real file.
        tokio::time::sleep(LIFETIME).await;
    }
    let answered = world.server.ledger().entries();
    let accepted = |entry: &grantry_testkit::Entry| matches!(entry.outcome, grantry_testkit::Outcome::Answered { status, .. } if status.is_success());
    assert!(answered.iter().all(accepted), "{answered:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_in_the_background_before_it_expires() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    let first = source.token().await.unwrap();
    world.pass(LIFETIME - Duration::from_secs(60)).await;
    // Time stands still while the lifeboat is written, which is a real file.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second = source.ready().unwrap();
    assert_ne!(first.expose(), second.expose());
    assert_eq!(world.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_given_out_no_more() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    let first = source.token().await.unwrap();
    source.reject(&first);
    let second = source.token().await.unwrap();
    assert_ne!(first.expose(), second.expose());
    assert_eq!(world.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn uses_are_written_with_the_next_renewal() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    source.token().await.unwrap();
    for _ in 0..10 {
        assert!(source.ready().is_some());
    }
    pantry.shutdown().await.unwrap();
    let again = world.open([world.service()]).await;
    world.pass(LIFETIME).await;
    acme(&again).source("crm").await.unwrap().token().await.unwrap();
    let grants = acme(&again).grants(None, 10).await.unwrap();
    assert_eq!(grants.len(), 1);
    assert!(grants[0].stored.as_ref().unwrap().usage.last_used.is_some(), "{grants:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_another_process_brought_is_given_out_no_more_either_once_it_was_refused() {
    let world = World::new();
    let one = world.open([world.service()]).await;
    let two = world.open([world.service()]).await;
    let first = acme(&one).source("crm").await.unwrap();
    let second = acme(&two).source("crm").await.unwrap();
    let mut seen = vec![first.token().await.unwrap()];
    assert_eq!(second.token().await.unwrap().expose(), seen[0].expose());
    for source in [&first, &second, &second, &first, &second] {
        // Refusals in a row count once.
        world.pass(Duration::from_secs(60)).await;
        let held = source.token().await.unwrap();
        source.reject(&held);
        let next = source.token().await.unwrap();
        assert_ne!(next.expose(), held.expose());
        if seen.iter().all(|token| token.expose() != next.expose()) {
            seen.push(next);
        }
    }
    assert_eq!(world.requests(), u64::try_from(seen.len()).unwrap());
}
