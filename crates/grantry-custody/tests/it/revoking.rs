//! Revocation: what the server confirms, what it does not, and what comes too late.

use std::time::Duration;

use grantry_core::{AccessToken, Attempt, Clock, ErrorKind, Grant, RefreshToken};
use grantry_custody::{Revocation, RevokedPart, StepOutcome};
use grantry_testkit::{Endpoint, Fault, Moment};
use grantry_vault::{GrantRecord, GrantState, Precondition, RecordKey, SealedRecord, Vault};

use crate::fixture::{STRICT, World, key, kind};
use crate::process::{Process, Start, days};

async fn revoke(process: &Process) -> grantry_custody::RevocationReport {
    process.grant.revoke(&process.acme(), Revocation::AtServerThenHere).await.unwrap()
}

async fn state(process: &Process) -> Option<GrantState> {
    process.acme().grant("crm", "user-17").await.unwrap().map(|grant| grant.state)
}

fn is_live(world: &World, token: &RefreshToken) -> bool {
    let at = Moment::read(&world.clock);
    world.server.with_authority(|authority, _| authority.is_live(token, at))
}

fn is_good(world: &World, token: &AccessToken) -> bool {
    let at = Moment::read(&world.clock);
    world.server.with_authority(|authority, _| authority.check(token, at)).is_some()
}

#[tokio::test(start_paused = true)]
async fn req_e27_a_grant_is_revoked_at_the_server_and_deleted_here_and_the_report_names_each_step() {
    let world = World::new(STRICT).await;
    let (process, other) = (world.process("one").await, world.process("other").await);
    let set = process.grant.obtain(Attempt::first()).await.unwrap();
    let token = world.stored().await.unwrap();
    let report = revoke(&process).await;
    assert!(report.deleted && report.is_revoked_at_server() && !report.is_queued(), "{report:?}");
    let parts: Vec<_> = report.steps.iter().map(|step| step.part.clone()).collect();
    let access = RevokedPart::AccessToken(grantry_core::Target::default());
    assert_eq!(parts, [RevokedPart::RefreshToken, access, RevokedPart::Record]);
    assert!(!is_live(&world, &token) && !is_good(&world, &AccessToken::new(set.token().expose())));
    assert_eq!(state(&process).await, None);
    assert_eq!(process.events.taken(), ["rotated", "revoked"]);
    assert_eq!(kind(other.grant.obtain(Attempt::first()).await), ErrorKind::InvalidGrant);
    // Once more is no mistake.
    assert!(revoke(&process).await.deleted);
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_revoke_stops_nothing() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let refused = process.grant.revoke(&process.as_nobody(), Revocation::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AccessDenied);
    let elsewhere = process.vault.as_principal(crate::fixture::admin()).tenant("other").unwrap();
    let refused = process.grant.revoke(&elsewhere, Revocation::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Configuration);
    assert!(process.grant.obtain(Attempt::first()).await.is_ok());
    assert_eq!(world.server.ledger().count(Endpoint::Revocation), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_revocation_endpoint_the_grant_is_deleted_and_the_report_says_what_lives_on() {
    let world = World::new(STRICT).await;
    let process = world.process_with("one", Start { revokes_nothing: true, ..Start::default() }).await;
    let token = world.stored().await.unwrap();
    let report = revoke(&process).await;
    assert!(report.deleted && !report.is_revoked_at_server(), "{report:?}");
    assert!(matches!(report.steps[0].outcome, StepOutcome::Unsupported));
    assert!(is_live(&world, &token));
    assert_eq!(state(&process).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_kind_of_token_that_the_server_does_not_revoke_is_unsupported_and_not_queued() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let body = r#"{"error":"unsupported_token_type"}"#;
    world.server.inject(Endpoint::Revocation, Fault::status(400).with_body(body));
    let report = revoke(&process).await;
    assert!(matches!(report.steps[0].outcome, StepOutcome::Unsupported), "{report:?}");
    assert!(report.deleted);
}

#[tokio::test(start_paused = true)]
async fn only_here_means_that_the_server_is_not_asked() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let report = process.grant.revoke(&process.acme(), Revocation::HereOnly).await.unwrap();
    assert!(report.deleted && matches!(report.steps[0].outcome, StepOutcome::NotAsked));
    assert_eq!(world.server.ledger().count(Endpoint::Revocation), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_server_does_not_answer_is_asked_again_by_itself_and_nothing_is_renewed_meanwhile() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    let token = world.stored().await.unwrap();
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    let report = revoke(&process).await;
    assert!(report.is_queued() && !report.deleted, "{report:?}");
    assert_eq!(state(&process).await, Some(GrantState::Revoked));
    assert_eq!(kind(process.grant.obtain(Attempt::first()).await), ErrorKind::InvalidGrant);
    assert_eq!(world.requests(), 1);
    world.server.clear_faults(Endpoint::Revocation);
    world.pass(Duration::from_secs(130)).await;
    assert!(!is_live(&world, &token));
    assert_eq!(state(&process).await, None);
    assert!(process.events.taken().contains(&"revoked"));
}

#[tokio::test(start_paused = true)]
async fn a_revocation_survives_a_restart_and_what_was_done_is_not_done_again() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    let token = world.stored().await.unwrap();
    // The access token's revocation is answered, the refresh token's is not.
    world.server.inject(Endpoint::Revocation, Fault::status(503));
    assert!(revoke(&process).await.is_queued());
    assert!(is_live(&world, &token));
    let left = process.acme().grant("crm", "user-17").await.unwrap().unwrap();
    assert!(left.has_refresh_token && left.access_tokens.is_empty(), "{left:?}");
    process.custody.close().await;
    let asked = world.server.ledger().count(Endpoint::Revocation);
    let next = world.process("next").await;
    assert!(next.custody.finish_revocations("acme").await.unwrap()[0].is_queued(), "its time has not come");
    world.pass(Duration::from_secs(130)).await;
    next.custody.close().await;
    assert_eq!(state(&next).await, None);
    assert!(!is_live(&world, &token));
    assert_eq!(world.server.ledger().count(Endpoint::Revocation), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_right_after_stopping_a_grant_leaves_the_rest_to_the_next() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let token = world.stored().await.unwrap();
    process.acme().stop_grant("crm", "user-17", None).await.unwrap();
    assert_eq!(kind(process.grant.obtain(Attempt::first()).await), ErrorKind::InvalidGrant);
    let reports = process.custody.finish_revocations("acme").await.unwrap();
    assert!(reports.len() == 1 && reports[0].is_revoked_at_server(), "{reports:?}");
    assert!(!is_live(&world, &token));
}

#[tokio::test(start_paused = true)]
async fn a_grant_is_stopped_as_it_was_read_or_not_at_all() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let acme = process.acme();
    let read = acme.grant("crm", "user-17").await.unwrap().unwrap();
    process.grant.obtain(Attempt::first()).await.unwrap();
    let stale = acme.stop_grant("crm", "user-17", Some(&read.version)).await.unwrap_err();
    assert_eq!((stale.kind(), state(&process).await), (ErrorKind::Conflict, Some(GrantState::Active)));
    let read = acme.grant("crm", "user-17").await.unwrap().unwrap();
    acme.stop_grant("crm", "user-17", Some(&read.version)).await.unwrap().unwrap();
    assert_eq!(state(&process).await, Some(GrantState::Revoked));
    assert!(acme.stop_grant("crm", "nobody", None).await.unwrap().is_none());
    let denied = process.as_nobody().stop_grant("crm", "user-17", None).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::AccessDenied);
}

#[tokio::test(start_paused = true)]
async fn whoever_revokes_may_go_away() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let token = world.stored().await.unwrap();
    let acme = process.acme();
    let revoke = process.grant.revoke(&acme, Revocation::AtServerThenHere);
    assert!(tokio::time::timeout(Duration::from_millis(20), revoke).await.is_err());
    process.custody.close().await;
    assert!(!is_live(&world, &token));
    assert_eq!(state(&process).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_holds_a_revocation_up_and_nothing_else() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    world.server.inject(Endpoint::Revocation, Fault::delay(Duration::from_secs(100_000)).until_cleared());
    let report = revoke(&process).await;
    assert!(report.is_queued(), "{report:?}");
    assert_eq!(state(&process).await, Some(GrantState::Revoked));
}

#[tokio::test(start_paused = true)]
async fn req_e27_after_seven_days_the_grant_is_deleted_whatever_the_server_says() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    assert!(revoke(&process).await.is_queued());
    days(&world, 6).await;
    assert_eq!(state(&process).await, Some(GrantState::Revoked));
    let asked = world.server.ledger().count(Endpoint::Revocation);
    assert!((12..60).contains(&asked), "the pauses grow: {asked}");
    days(&world, 2).await;
    assert_eq!(state(&process).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_long_is_asked_about_many_grants_at_once() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let wall = grantry_core::Clock::wall(&world.clock);
    for user in 0..32 {
        let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
        process.acme().create_grant("crm", &format!("leaver-{user}"), record).await.unwrap();
        process.acme().stop_grant("crm", &format!("leaver-{user}"), None).await.unwrap().unwrap();
    }
    world.server.inject(Endpoint::Revocation, Fault::delay(Duration::from_secs(3)).until_cleared());
    let custody = process.custody.clone();
    let finished = tokio::spawn(async move { custody.finish_revocations("acme").await.unwrap() });
    world.pass(Duration::from_secs(10)).await;
    assert!(finished.is_finished(), "96 s if they were revoked one after the other");
    let reports = finished.await.unwrap();
    assert_eq!(reports.len(), 32);
    assert!(reports.iter().all(|report| report.deleted && report.is_revoked_at_server()), "{reports:?}");
    assert!(reports.is_sorted_by(|a, b| a.key < b.key), "in the order of the vault");
}

#[tokio::test(start_paused = true)]
async fn a_consent_that_was_given_meanwhile_is_not_touched() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    assert!(revoke(&process).await.is_queued());
    let stopped = process.acme().grant("crm", "user-17").await.unwrap().unwrap();
    let wall = grantry_core::Clock::wall(&world.clock);
    let anew = GrantRecord::new(wall).with_refresh_token(RefreshToken::new("anew"), wall);
    process.acme().replace_grant("crm", "user-17", anew, Some(&stopped.version)).await.unwrap();
    world.server.clear_faults(Endpoint::Revocation);
    world.pass(Duration::from_secs(130)).await;
    assert_eq!(state(&process).await, Some(GrantState::Active));
}

/// The record as the store has it.
async fn sealed(world: &World) -> SealedRecord {
    world.store.load(&RecordKey::grant(&key())).await.unwrap().unwrap().sealed
}

/// The store goes back to a record that it had before.
async fn goes_back(world: &World, before: SealedRecord) {
    let record = RecordKey::grant(&key());
    let now = world.store.load(&record).await.unwrap().unwrap();
    world.store.store(&record, before, Precondition::Matches(now.revision)).await.unwrap();
}

/// A process that knows nothing of what the store lost renews the grant, until its record is newer than any that was seen.
async fn renewed_by_another(world: &World) -> Process {
    let other = world.process("other").await;
    let mut set = other.grant.obtain(Attempt::first()).await.unwrap();
    for _ in 0..3 {
        set = other.grant.obtain(Attempt::replace(&set)).await.unwrap();
    }
    other
}

#[tokio::test(start_paused = true)]
async fn a_store_that_goes_back_brings_no_grant_back_that_was_withdrawn() {
    // Only here, so that the server would still take the token.
    for deleted in [true, false] {
        let world = World::new(STRICT).await;
        let process = world.process("one").await;
        process.grant.obtain(Attempt::first()).await.unwrap();
        let before = sealed(&world).await;
        if deleted {
            assert!(process.grant.revoke(&process.acme(), Revocation::HereOnly).await.unwrap().deleted);
        } else {
            process.acme().stop_grant("crm", "user-17", None).await.unwrap().unwrap();
        }
        goes_back(&world, before).await;

        let requests = world.requests();
        assert_eq!(kind(process.grant.obtain(Attempt::first()).await), ErrorKind::InvalidGrant);
        assert_eq!(world.requests(), requests, "nothing is sent for it");
        // It is withdrawn in the store again, so that those know it who had not seen it.
        let other = world.process("other").await;
        assert_eq!(kind(other.grant.obtain(Attempt::first()).await), ErrorKind::InvalidGrant);
        assert_eq!(state(&other).await, (!deleted).then_some(GrantState::Revoked));
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_a_store_brought_back_and_somebody_renewed_who_did_not_know_is_withdrawn_all_the_same() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    let before = sealed(&world).await;
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    assert!(revoke(&process).await.is_queued());
    goes_back(&world, before).await;
    let other = renewed_by_another(&world).await;
    assert_eq!(state(&other).await, Some(GrantState::Active));

    world.server.clear_faults(Endpoint::Revocation);
    let newest = world.stored().await.unwrap();
    world.pass(Duration::from_secs(400)).await;
    assert_eq!(state(&other).await, None);
    assert!(!is_live(&world, &newest));
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_was_deleted_and_renewed_by_somebody_who_did_not_know_is_deleted_again() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    let before = sealed(&world).await;
    assert!(process.grant.revoke(&process.acme(), Revocation::HereOnly).await.unwrap().deleted);
    goes_back(&world, before).await;
    let other = renewed_by_another(&world).await;
    assert_eq!(kind(process.grant.obtain(Attempt::first()).await), ErrorKind::InvalidGrant);
    assert_eq!(state(&other).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_goes_back_behind_a_new_consent_brings_the_removed_one_not_back_either() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    let before = sealed(&world).await;
    process.grant.revoke(&process.acme(), Revocation::HereOnly).await.unwrap();
    let wall = world.clock.wall();
    let anew = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
    process.acme().create_grant("crm", "user-17", anew).await.unwrap();
    let first = process.grant.obtain(Attempt::first()).await.unwrap();
    let consented = sealed(&world).await;
    process.grant.obtain(Attempt::replace(&first)).await.unwrap();

    // Of the new consent nothing is withdrawn, and what the store lost of it is written again.
    goes_back(&world, consented).await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    assert!(world.is_alive().await);
    goes_back(&world, before).await;
    let requests = world.requests();
    assert_eq!(kind(process.grant.obtain(Attempt::first()).await), ErrorKind::InvalidGrant);
    assert_eq!((world.requests(), state(&world.process("other").await).await), (requests, None));
}

#[tokio::test(start_paused = true)]
async fn the_report_of_a_deletion_names_the_other_refresh_tokens_that_the_record_has() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let stands = process.acme().reveal_grant("crm", "user-17").await.unwrap().unwrap();
    // No state of renewal tells of them.
    let others = ["an-earlier-one", "another"].map(RefreshToken::new);
    let record = stands.value.with_alternates(others);
    process.acme().replace_grant("crm", "user-17", record, Some(&stands.version)).await.unwrap();
    let report = process.grant.revoke(&process.acme(), Revocation::HereOnly).await.unwrap();
    let is_other = |part: &RevokedPart| *part == RevokedPart::OtherRefreshToken;
    assert_eq!(report.steps.iter().filter(|step| is_other(&step.part)).count(), 2, "{report:?}");
}
