//! What a grant's history tells, and what is made of it.

use std::time::Duration;

use grantry_core::{
    Attempt, AuthorizationServer, Clock, Error, ErrorCause, ErrorKind, Failure, Grant, Stage, TokenSet,
};
use grantry_custody::{CauseKind, Happened, HealthState, Lifetimes};
use grantry_testkit::{Endpoint, Fault};

use crate::fixture::{GRACE, STRICT, TOKEN_LIFETIME, World, kind};
use crate::process::{Process, Start};

async fn history(process: &Process) -> Vec<(String, Happened)> {
    let health = process.grant.health().await.unwrap().unwrap();
    health.history.into_iter().map(|entry| (entry.by.to_string(), entry.what)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_history_names_who_renewed_and_costs_no_write_of_its_own() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.process("one").await, world.process("other").await);
    let version = async || one.acme().grant("crm", "user-17").await.unwrap().unwrap().version.number();
    let before = version().await;
    let set = one.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(version().await, before + 2, "the claim and the landing");
    let same = other.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(same.token().expose(), set.token().expose());
    other.grant.obtain(Attempt::replace(&same)).await.unwrap();
    let expected = [("one".to_owned(), Happened::Renewed), ("other".to_owned(), Happened::Renewed)];
    assert_eq!(history(&one).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_history_has_eight_entries_at_most() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let mut held = None;
    for _ in 0..12 {
        held = Some(process.grant.obtain(Attempt::replace_if_any(held.as_ref())).await.unwrap());
    }
    assert_eq!(history(&process).await.len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_that_is_asked_for_again_is_in_the_history() {
    let world = World::new(GRACE).await;
    let process = world.process("one").await;
    world.server.inject(Endpoint::Token, Fault::drop_after_handling());
    assert_eq!(kind(process.grant.obtain(Attempt::first()).await), ErrorKind::InDoubt);
    let health = process.grant.health().await.unwrap().unwrap();
    assert_eq!((health.state, health.last_error.unwrap().kind), (HealthState::InDoubt, ErrorKind::InDoubt));
    world.pass(Duration::from_secs(5)).await;
    process.custody.close().await;
    let happened: Vec<_> = history(&process).await.into_iter().map(|(_, what)| what).collect();
    assert_eq!(happened, [Happened::InDoubt, Happened::Renewed]);
    assert!(process.grant.health().await.unwrap().unwrap().last_error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_vanishes_with_the_only_answer_is_named_as_the_cause() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.process("one").await, world.process("other").await);
    world.pass(Duration::from_secs(10)).await;
    let call = other.grant.obtain(Attempt::first());
    let vanish = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        other.link.cut();
    };
    let _ = tokio::join!(call, vanish);
    world.pass(Duration::from_secs(30)).await;
    // It has not looked for a while: the owner may have slept as long as it has.
    let failure = loop {
        let failure = one.grant.obtain(Attempt::first()).await.unwrap_err();
        if failure.error.kind() != ErrorKind::InDoubt {
            break failure;
        }
        world.pass(failure.error.retry_at().unwrap().since(Clock::now(&world.clock))).await;
    };
    assert_eq!(failure.error.kind(), ErrorKind::InvalidGrant);
    let diagnosis = failure.error.diagnosis();
    let first = diagnosis.causes().next().unwrap();
    assert!(first.starts_with("process other used the refresh token at 20"), "{first}");
    assert!(diagnosis.remedy().contains("consent again"), "{}", diagnosis.remedy());
    let health = one.grant.health().await.unwrap().unwrap();
    assert_eq!(health.state, HealthState::PersonNeeded);
    let last = health.last_error.unwrap();
    assert_eq!(last.causes[0].kind, CauseKind::UsedByAnotherProcess);
    assert_eq!(last.diagnosis(), diagnosis, "whoever looks later is told the same, the new consent first");
    assert!(
        health.history.iter().any(|entry| entry.by.as_str() == "other" && entry.what == Happened::InDoubt)
    );
}

#[tokio::test(start_paused = true)]
async fn what_spends_nothing_is_the_last_error_until_a_renewal_comes() {
    let world = World::new(STRICT).await;
    let replica = world.process("one").await;
    let before = replica.grant.health().await.unwrap().unwrap();
    assert!(before.last_error.is_none());
    let faults = [
        (Fault::status(503), ErrorKind::Unavailable),
        (Fault::status(401).with_body(r#"{"error":"invalid_client"}"#), ErrorKind::InvalidClient),
        (Fault::status(400).with_body(r#"{"error":"invalid_scope"}"#), ErrorKind::InvalidScope),
        (Fault::refuse_connection(), ErrorKind::Unreachable),
    ];
    for (fault, kind) in faults {
        world.server.inject(Endpoint::Token, fault);
        let failure = replica.grant.obtain(Attempt::first()).await.unwrap_err();
        assert_eq!(failure.error.kind(), kind);
        let health = replica.grant.health().await.unwrap().unwrap();
        let last = health.last_error.unwrap();
        assert_eq!((health.state, last.kind), (HealthState::Active, kind));
        let (told, expected) = (last.diagnosis(), failure.error.diagnosis());
        assert_eq!(told.party(), expected.party());
        assert!(!told.remedy().is_empty());
        assert_eq!(health.history.len(), 1, "{:?}", health.history);
    }
    replica.grant.obtain(Attempt::first()).await.unwrap();
    let health = replica.grant.health().await.unwrap().unwrap();
    assert!(health.last_error.is_none());
    assert_eq!(health.history.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_process_had_received_is_in_the_history_as_brought_home() {
    let world = World::new(STRICT).await;
    let first = world.process("first").await;
    let call = first.grant.obtain(Attempt::first());
    let vanish = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        first.link.cut();
    };
    let _ = tokio::join!(call, vanish);
    let left = std::fs::read_dir(world.lifeboats()).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(&left, world.lifeboats().join("dead.lifeboat")).unwrap();
    let next = world.process("next").await;
    let happened: Vec<_> = history(&next).await;
    assert_eq!(happened, [("next".to_owned(), Happened::BroughtHome)]);
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_comes_after_the_verdict_is_in_the_history_as_a_revival() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.process("one").await, world.process("other").await);
    let call = other.grant.obtain(Attempt::first());
    let stand_still = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        other.link.cut();
    };
    let _ = tokio::join!(call, stand_still);
    // The server forgives nothing, but its answer to the other process is in a lifeboat.
    let left: Vec<_> =
        std::fs::read_dir(world.lifeboats()).unwrap().map(|file| file.unwrap().path()).collect();
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(kind(one.grant.obtain(Attempt::first()).await), ErrorKind::InvalidGrant);
    for (nth, file) in left.iter().enumerate() {
        std::fs::copy(file, world.lifeboats().join(format!("dead-{nth}.lifeboat"))).unwrap();
    }
    let next = world.process("next").await;
    let (by, what) = history(&next).await.pop().unwrap();
    assert_eq!((by.as_str(), what), ("next", Happened::Revived));
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_was_idle_for_longer_than_the_provider_allows_is_diagnosed_so() {
    let world = World::new(STRICT).await;
    let minute = Duration::from_secs(60);
    let lifetimes = Lifetimes { idle: Some(2 * minute), absolute: Some(3 * minute) };
    let process = world.process_with("one", Start { lifetimes, ..Start::default() }).await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    world.pass(4 * minute).await;
    let token = world.stored().await.unwrap();
    world.server.with_authority(|authority, _| authority.revoke_grant_of(&token));
    let failure = process.grant.obtain(Attempt::first()).await.unwrap_err();
    let text = failure.error.diagnosis().to_string();
    assert!(text.contains("was not used for 4 minutes") && text.contains("after 2 minutes"), "{text}");
    let health = process.grant.health().await.unwrap().unwrap();
    let error = health.last_error.clone().unwrap();
    let causes: Vec<_> = error.causes.iter().map(|cause| cause.kind).collect();
    assert_eq!((error.kind, causes), (ErrorKind::InvalidGrant, vec![CauseKind::Idle, CauseKind::TooOld]));
    // The next caller, in a process that has seen nothing of it, gets the same answer without a request.
    let requests = world.requests();
    let other = world.process_with("other", Start { lifetimes, ..Start::default() }).await;
    let failure = other.grant.obtain(Attempt::first()).await.unwrap_err();
    assert!(failure.error.diagnosis().to_string().contains("was not used for 4 minutes"));
    assert_eq!(world.requests(), requests);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_newer_than_the_last_success_is_a_cause() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    world.pass(TOKEN_LIFETIME).await;
    let client = grantry_vault::ClientRecord::new("crm")
        .with_secret("s3cret", grantry_core::Clock::wall(&world.clock));
    process.acme().store_client("crm", client, None).await.unwrap();
    let token = world.stored().await.unwrap();
    world.server.with_authority(|authority, _| authority.revoke_grant_of(&token));
    let failure = process.grant.obtain(Attempt::first()).await.unwrap_err();
    let text = failure.error.diagnosis().to_string();
    assert!(text.contains("the client got a new secret"), "{text}");
}

/// A server's word that the consent was withdrawn, which only its preset can read.
#[derive(Debug)]
struct Withdrawn;

#[async_trait::async_trait]
impl Grant for Withdrawn {
    async fn obtain(&self, _: Attempt<'_>) -> Result<TokenSet, Failure> {
        let server = AuthorizationServer::builder("https://as.example.com/token")
            .error_causes([ErrorCause { code: "X50173", cause: "the person changed the password" }])
            .build()
            .unwrap();
        let error = Error::new(ErrorKind::InvalidGrant, Stage::Token, "refused").with_provider_code("X50173");
        Err(Failure::refused(server.explain(error)))
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_providers_code_means_comes_before_what_the_history_suggests() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let grant =
        process.custody.grant(process.grant.key().clone(), Withdrawn).rotation(STRICT).build().unwrap();
    let failure = grant.obtain(Attempt::first()).await.unwrap_err();
    let diagnosis = failure.error.diagnosis();
    let causes: Vec<_> = diagnosis.causes().collect();
    assert_eq!(causes[0], "the person changed the password");
    assert!(causes.len() > 1 && diagnosis.remedy().contains("consent again"), "{diagnosis}");
}
