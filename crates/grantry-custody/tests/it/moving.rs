//! Grants that go to another vault.

use std::time::Duration;

use grantry_core::{Attempt, ErrorKind, Grant, StoreTime};
use grantry_custody::{HealthState, NotMovable, Revocation, relocated};
use grantry_testkit::{Endpoint, Fault};
use grantry_vault::GrantState;

use crate::fixture::{STRICT, TOKEN_LIFETIME, World, kind};

#[tokio::test(start_paused = true)]
async fn a_grant_that_was_moved_is_neither_renewed_nor_revoked_where_it_was() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.process("one").await, world.process("other").await);
    let set = one.grant.obtain(Attempt::first()).await.unwrap();
    let stored = one.acme().grant("crm", "user-17").await.unwrap().unwrap();
    one.acme().mark_moved("crm", "user-17", &stored.version).await.unwrap();
    let late = one.acme().mark_moved("crm", "user-17", &stored.version).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Conflict, "by another version than the one that is there");

    let requests = world.requests();
    world.pass(2 * TOKEN_LIFETIME).await;
    assert_eq!(kind(one.grant.obtain(Attempt::replace(&set)).await), ErrorKind::Removed);
    assert_eq!(kind(other.grant.obtain(Attempt::first()).await), ErrorKind::Removed);
    assert!(one.grant.revoke(&one.acme(), Revocation::default()).await.is_err());
    assert_eq!(one.grant.health().await.unwrap().unwrap().state, HealthState::Moved);
    world.pass(Duration::from_secs(600)).await;
    assert_eq!((world.requests(), world.server.ledger().count(Endpoint::Revocation)), (requests, 0));
    let left = one.acme().reveal_grant("crm", "user-17").await.unwrap().unwrap();
    assert!(left.state() == GrantState::Moved && left.refresh_token().is_some(), "nothing is lost");
    assert!(world.is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn the_times_of_a_grant_become_those_of_the_other_store_and_its_line_goes_on() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    world.pass(Duration::from_secs(20)).await;
    let stored = process.acme().reveal_grant("crm", "user-17").await.unwrap().unwrap();
    let there = StoreTime::from_nanos(5_000_000_000_000);
    let record = relocated(&stored, there).unwrap();
    let (before, after) = (&stored.access_tokens()[0], &record.access_tokens()[0]);
    let left = before.expires.unwrap().since(stored.version.read_at());
    assert_eq!(after.expires.unwrap().since(there), left);
    assert_eq!(there.since(after.obtained), stored.version.read_at().since(before.obtained));
    assert_eq!(record.state(), GrantState::Active);
    // As it comes back, it is what it was.
    process.acme().mark_moved("crm", "user-17", &stored.version).await.unwrap();
    let moved = process.acme().reveal_grant("crm", "user-17").await.unwrap().unwrap();
    let record = relocated(&moved, moved.version.read_at()).unwrap();
    let acme = process.acme();
    let back =
        acme.adopt_grant("crm", "user-17", record, &moved.version, Some(&moved.version)).await.unwrap();
    assert_eq!((back.lineage(), back.generation()), (stored.version.lineage(), stored.version.generation()));
    world.pass(TOKEN_LIFETIME).await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    let health = process.grant.health().await.unwrap().unwrap();
    assert_eq!((health.state, health.generation, health.history.len()), (HealthState::Active, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_being_renewed_or_in_doubt_stays_where_it_is() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    world.pass(TOKEN_LIFETIME).await;
    world.server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(3)));
    let acme = process.acme();
    let look = async || acme.reveal_grant("crm", "user-17").await.unwrap().unwrap();
    {
        let mut renewal = std::pin::pin!(process.grant.obtain(Attempt::first()));
        let early = tokio::time::timeout(Duration::from_secs(1), &mut renewal).await;
        assert!(early.is_err(), "its answer is on its way");
        let stored = look().await;
        assert!(matches!(relocated(&stored, stored.version.read_at()), Err(NotMovable::Renewing)));
        renewal.await.unwrap();
    }
    let stored = look().await;
    assert!(relocated(&stored, stored.version.read_at()).is_ok());
    // An answer that is lost leaves a doubt behind.
    world.pass(TOKEN_LIFETIME).await;
    world.server.inject(Endpoint::Token, Fault::drop_after_handling());
    let _ = process.grant.obtain(Attempt::first()).await;
    let stored = look().await;
    let refused = relocated(&stored, stored.version.read_at()).unwrap_err();
    assert!(matches!(refused, NotMovable::InDoubt | NotMovable::Renewing), "{refused:?}");
}
