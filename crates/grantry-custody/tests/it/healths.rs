//! Health, forecasts, use, and grants that nobody uses.

use std::time::Duration;

use grantry_core::{Attempt, Clock, ErrorKind, Grant, GrantKey, RefreshToken};
use grantry_custody::{HealthState, Lifetimes, ReapedOutcome};
use grantry_testkit::Endpoint;
use grantry_vault::GrantRecord;

use crate::fixture::{STRICT, TOKEN_LIFETIME, World, key};
use crate::process::Start;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test(start_paused = true)]
async fn the_health_of_a_grant_tells_what_it_is_and_when_a_person_is_needed() {
    let world = World::new(STRICT).await;
    let lifetimes = Lifetimes { idle: Some(30 * DAY), absolute: Some(10 * DAY) };
    let process = world.process_with("one", Start { lifetimes, ..Start::default() }).await;
    world.pass(Duration::from_secs(5)).await;
    let new = process.grant.health().await.unwrap().unwrap();
    assert_eq!((new.state, new.generation, new.next_renewal), (HealthState::Active, 0, None));
    assert!(new.last_renewal.is_none() && new.last_error.is_none());
    assert_eq!(new.age, Duration::from_secs(5));
    process.grant.obtain(Attempt::first()).await.unwrap();
    let health = process.grant.health().await.unwrap().unwrap();
    let renewal = health.last_renewal.clone().unwrap();
    assert_eq!((health.generation, renewal.by.as_str()), (1, "one"));
    let next = health.next_renewal.unwrap();
    assert!(next > world.clock.wall() && next <= world.clock.wall().after(TOKEN_LIFETIME), "{next:?}");
    assert_eq!(health.idle_limit, Some(renewal.at.after(30 * DAY)));
    assert_eq!(health.absolute_limit, Some(health.consented.after(10 * DAY)));
    assert_eq!(health.person_needed(), health.absolute_limit);
    assert_eq!(health.person_needed_unless_used(), health.absolute_limit);
    assert_eq!(health.usage.calls, 1);
}

#[tokio::test(start_paused = true)]
async fn the_health_of_a_tenant_is_for_those_who_may_read_grants() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let consented = world.clock.wall();
    for account in ["a", "b", "z"] {
        let record = GrantRecord::new(consented).with_refresh_token(RefreshToken::new(account), consented);
        process.acme().create_grant("crm", account, record).await.unwrap();
    }
    let page = process.custody.health(&process.acme(), None, 2).await.unwrap();
    let rest = process.custody.health(&process.acme(), Some(&page[1].key), 10).await.unwrap();
    let accounts: Vec<_> = page.iter().chain(&rest).map(|health| health.key.account().to_owned()).collect();
    assert_eq!(accounts, ["a", "b", "user-17", "z"]);
    let error = process.custody.health(&process.as_nobody(), None, 2).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
}

#[tokio::test(start_paused = true)]
async fn a_state_of_renewal_that_a_newer_version_wrote_is_unreadable_and_stays_as_it_is() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let consented = world.clock.wall();
    let newer = GrantRecord::new(consented)
        .with_refresh_token(RefreshToken::new("r"), consented)
        .with_renewal(zeroize::Zeroizing::new(vec![9, 1, 2, 3]));
    process.acme().create_grant("crm", "newer", newer).await.unwrap();
    let other = GrantKey::new("acme", "crm", "newer").unwrap();
    let grant = process.custody.grant(other, world.redemption()).build().unwrap();
    assert_eq!(grant.health().await.unwrap().unwrap().state, HealthState::Unreadable);
    assert!(grant.obtain(Attempt::first()).await.is_err());
    let version = process.acme().grant("crm", "newer").await.unwrap().unwrap();
    assert_eq!(version.renewal(), [9, 1, 2, 3]);
    let listed = process.custody.health(&process.acme(), None, 10).await.unwrap();
    assert_eq!(listed.len(), 2, "the others are listed nevertheless");
    // Revoking it stops it, and goes no further.
    let report = grant.revoke(&process.acme(), grantry_custody::Revocation::default()).await.unwrap();
    assert!(!report.deleted && report.is_queued(), "{report:?}");
    assert_eq!(process.acme().grant("crm", "newer").await.unwrap().unwrap().renewal(), [9, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn uses_are_counted_in_memory_and_written_with_the_next_renewal() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.process("one").await, world.process("other").await);
    let set = one.grant.obtain(Attempt::first()).await.unwrap();
    one.grant.used(41);
    assert_eq!(other.grant.health().await.unwrap().unwrap().usage.calls, 1, "the rest is in memory");
    assert_eq!(one.grant.health().await.unwrap().unwrap().usage.calls, 42);
    one.grant.obtain(Attempt::replace(&set)).await.unwrap();
    let usage = other.grant.health().await.unwrap().unwrap().usage;
    assert_eq!(usage.calls, 43);
    let day = usage.last_used.unwrap();
    assert!(day <= world.clock.wall() && world.clock.wall().since(day) < DAY);
}

#[tokio::test(start_paused = true)]
async fn a_grant_is_unused_only_when_its_access_token_has_expired_for_so_long() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    let reap = async |unused_for, dry_run| {
        process.custody.reap(&process.acme(), unused_for, dry_run).await.unwrap().pop()
    };
    let reaped = reap(Duration::ZERO, true).await.unwrap();
    assert!(matches!(reaped.outcome, ReapedOutcome::NotKnown), "{reaped:?}");
    world.clock.advance_with_tokio_by_steps(3 * DAY, Duration::from_secs(3600)).await;
    assert!(reap(3 * DAY, true).await.is_none(), "it may have been used until the end of its first day");
    let reaped = reap(DAY, true).await.unwrap();
    assert!(matches!(reaped.outcome, ReapedOutcome::Unused), "{reaped:?}");
    assert_eq!((reaped.key, reaped.calls), (key(), 1));
    assert!(world.is_alive().await, "it was a dry run");
    let error = process.custody.reap(&process.as_nobody(), DAY, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
    let reaped = reap(DAY, false).await.unwrap();
    let ReapedOutcome::Revoked(report) = reaped.outcome else { panic!("{reaped:?}") };
    assert!(report.is_revoked_at_server() && report.deleted, "{report:?}");
    assert!(world.server.ledger().count(Endpoint::Revocation) > 0);
    assert!(world.stored().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_this_process_used_today_is_not_reaped() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    world.clock.advance_with_tokio_by_steps(3 * DAY, Duration::from_secs(3600)).await;
    process.grant.used(1);
    assert!(process.custody.reap(&process.acme(), DAY, false).await.unwrap().is_empty());
    assert!(world.is_alive().await);
}
