//! Revocations that wait: what they cost while they do, and what they do to one another.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{AccessToken, Clock, Error, GrantKey, RefreshToken};
use grantry_custody::{Custody, NoLifeboat, Revocation, Revoked, Revoker, StepOutcome};
use grantry_testkit::{Endpoint, Fault};
use grantry_vault::{GrantRecord, GrantState};

use crate::fixture::{STRICT, World, admin};
use crate::process::Process;

/// How many times custody began something with the grant, by the audit trail.
async fn begun(process: &Process) -> usize {
    let (reader, mut begun, mut after) = (process.vault.as_principal(admin()), 0, None);
    loop {
        let (lines, next) = reader.audit_lines(after.as_ref()).await.unwrap();
        let of_grant = |line: &&String| line.contains("grant.renew") && line.contains("user-17");
        begun += lines.iter().filter(of_grant).count();
        if next.is_none() {
            return begun;
        }
        after = next;
    }
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_waits_writes_nothing_into_the_audit_trail_until_its_time_has_come() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    process.grant.revoke(&process.acme(), Revocation::AtServerThenHere).await.unwrap();
    let (began, asked) = (begun(&process).await, world.server.ledger().count(Endpoint::Revocation));
    world.pass(Duration::from_secs(3000)).await;
    let tries = world.server.ledger().count(Endpoint::Revocation) - asked;
    assert!((4..=5).contains(&tries), "the pauses are 1, 2, 4, 8, 16 minutes: {tries}");
    assert_eq!((begun(&process).await - began) as u64, tries);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_waits_for_somebody_who_knows_the_server_writes_nothing_into_the_audit_trail() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    process.acme().stop_grant("crm", "user-17", None).await.unwrap();
    process.custody.close().await;
    let stranger =
        Custody::builder(&process.vault, NoLifeboat).clock(world.clock.clone()).open().await.unwrap();
    assert!(stranger.finish_revocations("acme").await.unwrap()[0].is_queued());
    let began = begun(&process).await;
    world.pass(Duration::from_secs(3000)).await;
    assert_eq!(begun(&process).await, began);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_whose_record_a_newer_version_wrote_is_tried_each_hour_and_not_each_minute() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let stands = process.acme().reveal_grant("crm", "user-17").await.unwrap().unwrap();
    let newer = stands.value.with_renewal(zeroize::Zeroizing::new(vec![9, 1, 2, 3]));
    process.acme().replace_grant("crm", "user-17", newer, Some(&stands.version)).await.unwrap();
    process.acme().stop_grant("crm", "user-17", None).await.unwrap();
    assert!(process.custody.finish_revocations("acme").await.unwrap()[0].is_queued());
    let began = begun(&process).await;
    world.pass(Duration::from_secs(3 * 3600)).await;
    let tries = begun(&process).await - began;
    assert!((2..=4).contains(&tries), "{tries}");
    assert_eq!(process.acme().grant("crm", "user-17").await.unwrap().unwrap().renewal(), [9, 1, 2, 3]);
}

/// Revokes refresh tokens, but for those that begin with this: there it never answers.
#[derive(Debug, Default)]
struct Server {
    name: Option<&'static str>,
    hangs_for: Option<&'static str>,
    asked: Mutex<Vec<String>>,
    revoked: Mutex<BTreeSet<String>>,
}

impl Server {
    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn has_revoked(&self, token: &str) -> bool {
        self.revoked.lock().unwrap().contains(token)
    }
}

#[async_trait]
impl Revoker for Server {
    async fn revoke_refresh_token(&self, token: &RefreshToken) -> Result<Revoked, Error> {
        self.asked.lock().unwrap().push(token.expose().to_owned());
        if self.hangs_for.is_some_and(|those| token.expose().starts_with(those)) {
            std::future::pending::<()>().await;
        }
        self.revoked.lock().unwrap().insert(token.expose().to_owned());
        Ok(Revoked::AtServer)
    }
    async fn revoke_access_token(&self, _: &AccessToken) -> Result<Revoked, Error> {
        Ok(Revoked::Unsupported)
    }
    fn server(&self) -> Option<String> {
        self.name.map(str::to_owned)
    }
}

/// Opens a service that is revoked at this server, and stops a grant of it that holds these refresh tokens.
async fn stopped(world: &World, process: &Process, at: &Arc<Server>, name: (&str, &str), tokens: &[&str]) {
    stopped_of("acme", world, process, at, name, tokens).await;
}

async fn stopped_of(
    tenant: &str,
    world: &World,
    process: &Process,
    at: &Arc<Server>,
    name: (&str, &str),
    tokens: &[&str],
) {
    let key = GrantKey::new(tenant, name.0, name.1).unwrap();
    process.custody.grant(key, world.redemption()).revoker(Arc::clone(at)).build().unwrap();
    let mut tokens = tokens.iter().map(|token| RefreshToken::new(*token));
    let record = GrantRecord::new(world.clock.wall())
        .with_refresh_token(tokens.next().unwrap(), world.clock.wall())
        .with_alternates(tokens);
    let vault = process.vault.as_principal(admin()).tenant(tenant).unwrap();
    vault.create_grant(name.0, name.1, record).await.unwrap();
    vault.stop_grant(name.0, name.1, None).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_holds_up_its_own_revocations_alone_and_is_asked_for_a_few() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    for name in [None, Some("https://as.example.com/revoke")] {
        let hanging = Arc::new(Server { name, hangs_for: Some(""), ..Server::default() });
        let well = Arc::new(Server::default());
        for user in 0..60 {
            // The same server for two services, where its name says so.
            let service = if name.is_some() && user % 2 == 0 { "named-a" } else { "named-b" };
            stopped(&world, &process, &hanging, (service, &format!("{name:?}-{user}")), &["a", "b"]).await;
        }
        let last = format!("{name:?}");
        stopped(&world, &process, &well, ("the-last", &last), &["last"]).await;
        let custody = process.custody.clone();
        let finishing = tokio::spawn(async move { custody.finish_revocations("acme").await.unwrap() });
        // What can be done without any time is done by then.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(well.has_revoked("last"), "it waits for no other server");
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(finishing.is_finished(), "one wait for the server, and not one for each token");
        let reports = finishing.await.unwrap();
        assert_eq!(reports.iter().filter(|report| report.is_queued()).count(), 60);
        // The minute's look asks beside it.
        assert!(hanging.asked() <= 2 * 16, "{}", hanging.asked());
        for report in reports.iter().filter(|report| report.is_queued()) {
            let (service, account) = (report.key.service(), report.key.account());
            let stands = process.acme().grant(service, account).await.unwrap().unwrap();
            process.acme().remove_grant(service, account, &stands.version).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_server_never_answers_keeps_no_other_from_being_revoked() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let server = Arc::new(Server { hangs_for: Some("never"), ..Server::default() });
    stopped(&world, &process, &server, ("crm", "first"), &["beside-it", "never", "never-2"]).await;
    for user in 0..40 {
        let (account, token) = (format!("later-{user}"), format!("token-{user}"));
        stopped(&world, &process, &server, ("crm", &account), &[&token]).await;
    }
    world.pass(Duration::from_secs(300)).await;
    assert!((0..40).all(|user| server.has_revoked(&format!("token-{user}"))));
    world.pass(Duration::from_secs(600)).await;
    assert!(server.has_revoked("beside-it"));
}

#[tokio::test(start_paused = true)]
async fn a_grant_whose_deletion_failed_is_as_it_was_and_no_server_is_asked_for_what_was_to_be_deleted_here_only()
 {
    for done in [false, true] {
        for calls in 0.. {
            let world = World::new(STRICT).await;
            let process = world.process("one").await;
            process.link.fail_after(calls, done);
            let deleted = process.grant.revoke(&process.acme(), Revocation::HereOnly).await;
            let is_over = process.link.stop_failing();
            let stands = process.acme().grant("crm", "user-17").await.unwrap();
            let is_whole = stands.as_ref().is_none_or(|grant| grant.state == GrantState::Active);
            assert!(is_whole, "call {calls}, done {done}: {stands:?}");
            assert!(deleted.is_err() || stands.is_none());
            world.pass(Duration::from_secs(130)).await;
            assert_eq!(world.server.ledger().count(Endpoint::Revocation), 0, "call {calls}, done {done}");
            assert!(process.grant.revoke(&process.acme(), Revocation::HereOnly).await.unwrap().deleted);
            if is_over {
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_never_revoked_is_told_when_it_is_given_up() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    process.grant.revoke(&process.acme(), Revocation::AtServerThenHere).await.unwrap();
    process.custody.close().await;
    for _ in 0..7 * 24 {
        world.clock.advance_with_tokio(Duration::from_secs(3600)).await;
    }
    let next = world.process("next").await;
    let report = next.custody.finish_revocations("acme").await.unwrap().remove(0);
    assert!(report.deleted && !report.is_queued() && !report.is_revoked_at_server(), "{report:?}");
    assert!(matches!(report.steps[0].outcome, StepOutcome::Failed { queued: false, .. }), "{report:?}");
    assert_eq!(next.events.taken(), ["revoked"]);
    assert!(next.vault.close().await.is_ok());
    let (lines, _) = world.vault().await.as_principal(admin()).audit_lines(None).await.unwrap();
    assert!(lines.iter().any(|line| line.contains("revocation_given_up")), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn no_token_is_given_up_that_the_server_was_never_asked_for_since_it_hung_for_another() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    let server = Arc::new(Server { hangs_for: Some(""), ..Server::default() });
    stopped(&world, &process, &server, ("leaving", "a-first"), &["one", "two", "three"]).await;
    for user in 0..40 {
        let (account, token) = (format!("later-{user}"), format!("token-{user}"));
        stopped(&world, &process, &server, ("leaving", &account), &[&token]).await;
    }
    process.custody.finish_revocations("acme").await.unwrap();
    process.custody.close().await;
    world.clock.advance_with_tokio(Duration::from_secs(8 * 24 * 3600)).await;
    let next = world.process("next").await;
    let key = GrantKey::new("acme", "leaving", "a-first").unwrap();
    next.custody.grant(key, world.redemption()).revoker(Arc::clone(&server)).build().unwrap();
    world.pass(Duration::from_secs(1800)).await;
    let left = next.acme().grants(None, 100).await.unwrap();
    assert_eq!(left.iter().map(|grant| grant.key.service()).collect::<Vec<_>>(), ["crm"], "it ends");
    let asked: BTreeSet<_> = server.asked.lock().unwrap().iter().cloned().collect();
    assert_eq!(asked.len(), 43, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_is_deleted_when_its_time_is_over_and_not_when_the_next_try_would_be() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    let since = world.clock.now();
    process.grant.revoke(&process.acme(), Revocation::AtServerThenHere).await.unwrap();
    // From then on the pauses are half an hour and more.
    world.pass(Duration::from_secs(40 * 60)).await;
    process.custody.close().await;
    let limit = Duration::from_secs(7 * 24 * 3600);
    let passed = world.clock.now().since(since);
    world.clock.advance_with_tokio(limit - Duration::from_secs(600) - passed).await;
    let next = world.process("next").await;
    assert!(next.custody.finish_revocations("acme").await.unwrap()[0].is_queued());
    let (began, asked) = (begun(&next).await, world.server.ledger().count(Endpoint::Revocation));
    world.pass(Duration::from_secs(500)).await;
    assert!(next.acme().grant("crm", "user-17").await.unwrap().is_some());
    assert_eq!((begun(&next).await, world.server.ledger().count(Endpoint::Revocation)), (began, asked));
    world.pass(Duration::from_secs(300)).await;
    assert!(next.acme().grant("crm", "user-17").await.unwrap().is_none());
    assert_eq!(begun(&next).await, began + 1);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_whose_requests_hang_does_not_keep_others_at_the_same_server_from_being_asked_for() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    process.vault.as_principal(admin()).create_tenant("zeta").await.unwrap();
    let name = Some("https://as.example.com/revoke");
    let server = Arc::new(Server { name, hangs_for: Some("hangs"), ..Server::default() });
    for user in 0..200 {
        let (account, token) = (format!("user-{user}"), format!("hangs-{user}"));
        stopped(&world, &process, &server, ("leaving", &account), &[&token]).await;
    }
    stopped_of("zeta", &world, &process, &server, ("leaving", "the-last"), &["last"]).await;
    world.pass(Duration::from_secs(1800)).await;
    assert!(server.has_revoked("last"));
}
