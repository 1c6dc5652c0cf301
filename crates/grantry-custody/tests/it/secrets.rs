//! Exchanging a client's secret, cut off anywhere.

use std::future::Future;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{AccessToken, Attempt, ClientSecret, Clock, Error, ErrorKind, Grant, Scope, TokenSet};
use grantry_custody::{Custody, NoLifeboat, Prover, SecretRotationReport, SecretStep};
use grantry_endpoint::{TokenEndpoint, TokenRequest};
use grantry_testkit::{Endpoint, Fault, Moment, RegisteredClient};
use grantry_vault::ClientRecord;

use crate::fixture::{STRICT, World};
use crate::process::{Process, Start};

/// Proves a secret with the client's own credentials.
struct ByClientCredentials(Box<dyn Fn(&str) -> TokenEndpoint + Send + Sync>);

impl std::fmt::Debug for ByClientCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByClientCredentials")
    }
}

#[async_trait]
impl Prover for ByClientCredentials {
    async fn prove(&self, secret: &ClientSecret) -> Result<(), Error> {
        let request = TokenRequest::new("client_credentials").scope(Scope::parse("contacts.read").unwrap());
        let redeemed = (self.0)(secret.expose()).redeem(request, Attempt::first()).await;
        redeemed.map(drop).map_err(|failure| failure.error)
    }
}

fn prover(world: &World) -> ByClientCredentials {
    let transport = world.server.transport();
    let (server, clock) = (world.server.authorization_server().unwrap(), world.clock.clone());
    ByClientCredentials(Box::new(move |secret| {
        let client = grantry_endpoint::ClientAuthentication::secret_basic(secret);
        let client = grantry_endpoint::Client::new("crm", client).unwrap();
        TokenEndpoint::builder(server.clone(), client, Arc::new(transport.clone()))
            .clock(Arc::new(clock.clone()))
            .build()
            .unwrap()
    }))
}

/// A world in which the server knows both secrets, and the vault the old one.
async fn world() -> (World, Process) {
    let world = World::new(STRICT).await;
    world.server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("crm", "s3cret").or_secret("n3w"));
    });
    let process = world.process("one").await;
    let client = ClientRecord::new("crm").with_secret("s3cret", world.clock.wall()).with_attribute("a", "b");
    process.acme().store_client("crm", client, None).await.unwrap();
    (world, process)
}

async fn secrets(process: &Process) -> Vec<String> {
    let client = process.acme().reveal_client("crm").await.unwrap().unwrap();
    assert_eq!(client.attributes().get("a").map(String::as_str), Some("b"));
    client.secrets().iter().map(|held| held.secret.expose().to_owned()).collect()
}

async fn rotate(world: &World, process: &Process, new: Option<&str>) -> SecretRotationReport {
    let rotation = process.custody.rotate_secret(&process.acme(), "crm", prover(world));
    match new {
        Some(new) => rotation.to(new).run().await,
        None => rotation.run().await,
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_stored_proven_put_first_and_the_old_ones_tokens_are_revoked() {
    let (world, process) = world().await;
    let old = process.grant.obtain(Attempt::first()).await.unwrap();
    let report = rotate(&world, &process, Some("n3w")).await;
    let revoked =
        matches!(report.steps[3], SecretStep::OldTokensRevoked { revoked: 1, unsupported: 0, failed: 0, .. });
    assert!(report.is_finished() && revoked, "{report:?}");
    assert_eq!(report.steps[..3], [SecretStep::Stored, SecretStep::Proven, SecretStep::Switched]);
    assert_eq!(report.steps[4..], [SecretStep::OldDropped]);
    assert_eq!(secrets(&process).await, ["n3w"]);
    assert!(!is_good(&world, &old));
    // Whoever had it refused gets another one, and the grant lives on.
    process.grant.obtain(Attempt::replace(&old)).await.unwrap();
    assert!(world.is_alive().await);
    let again = rotate(&world, &process, Some("n3w")).await;
    assert!(again.is_finished() && again.steps.is_empty(), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn where_an_access_token_may_take_its_grant_along_it_is_left_to_expire() {
    let (world, _) = world().await;
    let start = Start { takes_along: true, ..Start::default() };
    let process = world.process_with("other", start).await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    let report = rotate(&world, &process, Some("n3w")).await;
    let left = matches!(report.steps[3], SecretStep::OldTokensRevoked { revoked: 0, unsupported: 1, .. });
    assert!(report.is_finished() && left, "{report:?}");
    assert_eq!(world.server.ledger().count(Endpoint::Revocation), 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_nobody_here_knows_how_to_revoke_is_not_one_that_the_server_cannot_revoke() {
    let (world, process) = world().await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    let custody =
        Custody::builder(&process.vault, NoLifeboat).clock(world.clock.clone()).open().await.unwrap();
    let report = custody.rotate_secret(&process.acme(), "crm", prover(&world)).to("n3w").run().await;
    let left = matches!(
        report.steps[3],
        SecretStep::OldTokensRevoked { revoked: 0, unsupported: 0, failed: 0, unknown: 1, .. }
    );
    assert!(report.is_finished() && left, "{report:?}");
    assert_eq!(world.server.ledger().count(Endpoint::Revocation), 0);
}

#[tokio::test(start_paused = true)]
async fn where_the_server_revokes_nothing_each_old_token_is_counted_as_that() {
    let (world, _) = world().await;
    let start = Start { revokes_nothing: true, ..Start::default() };
    let process = world.process_with("other", start).await;
    process.grant.obtain(Attempt::first()).await.unwrap();
    let report = rotate(&world, &process, Some("n3w")).await;
    let left = matches!(
        report.steps[3],
        SecretStep::OldTokensRevoked { revoked: 0, unsupported: 1, failed: 0, unknown: 0, .. }
    );
    assert!(report.is_finished() && left, "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_the_server_does_not_accept_is_taken_back() {
    let (world, process) = world().await;
    let report = rotate(&world, &process, Some("mistyped")).await;
    assert_eq!(report.steps, [SecretStep::Stored, SecretStep::TakenBack]);
    assert_eq!(report.stopped.unwrap().kind(), ErrorKind::InvalidClient);
    assert_eq!(secrets(&process).await, ["s3cret"]);
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_is_not_answered_leaves_both_and_another_run_goes_on() {
    let (world, process) = world().await;
    world.server.inject(Endpoint::Token, Fault::status(503));
    let report = rotate(&world, &process, Some("n3w")).await;
    assert!(!report.is_finished() && report.steps == [SecretStep::Stored], "{report:?}");
    assert_eq!(secrets(&process).await, ["s3cret", "n3w"], "the old one is tried first");
    assert!(rotate(&world, &process, None).await.is_finished());
    assert_eq!(secrets(&process).await, ["n3w"]);
}

#[tokio::test(start_paused = true)]
async fn the_old_secret_can_be_kept_until_another_run() {
    let (world, process) = world().await;
    let rotation =
        process.custody.rotate_secret(&process.acme(), "crm", prover(&world)).to("n3w").keeping_old();
    assert!(rotation.run().await.is_finished());
    assert_eq!(secrets(&process).await, ["n3w", "s3cret"]);
    let another = rotate(&world, &process, Some("third")).await;
    assert_eq!(another.stopped.unwrap().kind(), ErrorKind::Configuration);
    assert!(rotate(&world, &process, None).await.is_finished());
    assert_eq!(secrets(&process).await, ["n3w"]);
}

#[tokio::test(start_paused = true)]
async fn a_grant_whose_renewal_is_in_doubt_keeps_the_token_that_bridges_it() {
    let (world, process) = world().await;
    let held = process.grant.obtain(Attempt::first()).await.unwrap();
    world.server.inject(Endpoint::Token, Fault::drop_before_handling());
    assert!(process.grant.obtain(Attempt::replace(&held)).await.is_err());
    let report = rotate(&world, &process, Some("n3w")).await;
    let left = matches!(report.steps[3], SecretStep::OldTokensRevoked { revoked: 0, failed: 1, .. });
    assert!(report.is_finished() && left, "{report:?}");
    assert_eq!(world.server.ledger().count(Endpoint::Revocation), 0);
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_somebody_is_renewing_keeps_its_access_token() {
    let (world, process) = world().await;
    let other = world.process("other").await;
    let held = other.grant.obtain(Attempt::first()).await.unwrap();
    world.server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(2)));
    let rotating = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        rotate(&world, &process, Some("n3w")).await
    };
    let (renewed, report) = tokio::join!(other.grant.obtain(Attempt::replace(&held)), rotating);
    renewed.unwrap();
    let left = matches!(report.steps[3], SecretStep::OldTokensRevoked { revoked: 0, failed: 1, .. });
    assert!(report.is_finished() && left, "{report:?}");
    assert!(world.is_alive().await);
}

fn is_good(world: &World, set: &TokenSet) -> bool {
    let (token, at) = (AccessToken::new(set.token().expose()), Moment::read(&world.clock));
    world.server.with_authority(|authority, _| authority.check(&token, at)).is_some()
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_obtained_with_the_old_secret_while_the_new_one_was_being_proven_is_revoked() {
    let (world, process) = world().await;
    world.server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(2)));
    let renewing = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        process.grant.obtain(Attempt::first()).await.unwrap()
    };
    let (report, old) = tokio::join!(rotate(&world, &process, Some("n3w")), renewing);
    let revoked = matches!(report.steps[3], SecretStep::OldTokensRevoked { revoked: 1, .. });
    assert!(report.is_finished() && revoked, "{report:?}");
    assert!(!is_good(&world, &old));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_goes_on_leaves_tokens_of_the_new_secret_alone() {
    let (world, process) = world().await;
    let old = process.grant.obtain(Attempt::first()).await.unwrap();
    world.server.inject(Endpoint::Revocation, Fault::delay(Duration::from_secs(20)));
    let cut = tokio::time::timeout(Duration::from_secs(5), rotate(&world, &process, Some("n3w"))).await;
    assert!(cut.is_err() && secrets(&process).await == ["n3w", "s3cret"]);
    let set = process.grant.obtain(Attempt::replace(&old)).await.unwrap();
    let report = rotate(&world, &process, None).await;
    let none =
        matches!(report.steps[0], SecretStep::OldTokensRevoked { revoked: 0, unsupported: 0, failed: 0, .. });
    assert!(report.is_finished() && none && is_good(&world, &set), "{report:?}");
    let client = process.acme().reveal_client("crm").await.unwrap().unwrap();
    assert_eq!(client.attributes().len(), 1, "nothing is left of the exchange: {client:?}");
}

#[tokio::test(start_paused = true)]
async fn where_the_old_secret_was_kept_tokens_are_revoked_up_to_the_run_that_drops_it() {
    let (world, process) = world().await;
    let rotation = process.custody.rotate_secret(&process.acme(), "crm", prover(&world)).to("n3w");
    assert!(rotation.keeping_old().run().await.is_finished());
    // This process has not heard of the new one yet.
    let old = process.grant.obtain(Attempt::first()).await.unwrap();
    world.pass(Duration::from_secs(1)).await;
    let report = rotate(&world, &process, None).await;
    assert!(report.is_finished() && !is_good(&world, &old), "{report:?}");
}

/// Polls so many times, and drops what is not ready by then.
async fn cut_off<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        // Whatever the future waits for gets its turn.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    None
}

#[tokio::test(start_paused = true)]
async fn cut_off_anywhere_the_first_secret_works_and_another_run_ends_it() {
    let mut seen = std::collections::BTreeSet::new();
    for polls in 0.. {
        let (world, process) = world().await;
        process.grant.obtain(Attempt::first()).await.unwrap();
        let report = cut_off(rotate(&world, &process, Some("n3w")), polls).await;
        let held = secrets(&process).await;
        seen.insert(held.clone());
        let first = ClientSecret::new(held[0].as_str());
        assert!(prover(&world).prove(&first).await.is_ok(), "after {polls} polls: {}", held[0]);
        let resumed = rotate(&world, &process, None).await;
        assert!(resumed.is_finished(), "after {polls} polls: {resumed:?}");
        let expected = if held == ["s3cret"] { "s3cret" } else { "n3w" };
        assert_eq!(secrets(&process).await, [expected], "after {polls} polls");
        assert!(world.is_alive().await);
        if report.is_some() {
            break;
        }
    }
    assert_eq!(seen.len(), 4, "every state was cut off at: {seen:?}");
}

/// Whatever is asked of the store for it, an exchange survives that one call fails, or is done and its answer lost.
#[tokio::test(start_paused = true)]
async fn whichever_call_of_the_store_fails_a_secret_works_none_is_lost_and_another_run_ends_it() {
    for (new, expected) in [("n3w", "n3w"), ("mistyped", "s3cret")] {
        for done in [false, true] {
            let mut seen = std::collections::BTreeSet::new();
            for calls in 0.. {
                let (world, process) = world().await;
                process.grant.obtain(Attempt::first()).await.unwrap();
                process.link.fail_after(calls, done);
                let report = rotate(&world, &process, Some(new)).await;
                let is_over = process.link.stop_failing();
                let held = secrets(&process).await;
                let at = format!("{new}, call {calls}, done {done}: {held:?}, {report:?}");
                assert!(prover(&world).prove(&ClientSecret::new(held[0].as_str())).await.is_ok(), "{at}");
                let has = |secret: &str| held.iter().any(|held| held == secret);
                assert!(
                    has("s3cret") || held == ["n3w"],
                    "the old one goes when the new one is proven: {at}"
                );
                assert!(has(new) || !report.steps.contains(&SecretStep::Switched), "{at}");
                let resumed = rotate(&world, &process, Some(new)).await;
                assert_eq!(resumed.is_finished(), new == "n3w", "{at}: {resumed:?}");
                assert_eq!(secrets(&process).await, [expected], "{at}");
                let client = process.acme().reveal_client("crm").await.unwrap().unwrap();
                assert_eq!(client.attributes().len(), 1, "nothing is left of the exchange: {client:?}");
                assert!(world.is_alive().await, "{at}");
                seen.insert(held);
                if is_over {
                    break;
                }
            }
            assert!(seen.len() >= 2, "it was cut off in between: {seen:?}");
        }
    }
}
