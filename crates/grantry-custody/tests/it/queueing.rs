//! Revocations that wait: what they cost while they do, and what they do to one another.

use std::time::Duration;

use grantry_custody::{Custody, NoLifeboat, Revocation};
use grantry_testkit::{Endpoint, Fault};

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
