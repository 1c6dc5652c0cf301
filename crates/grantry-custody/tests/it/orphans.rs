//! Tokens that come for a grant that is gone: revoked by whoever received them, or by whoever comes after.

use std::time::Duration;

use grantry_core::{Attempt, ErrorKind, Grant, GrantKey, RefreshToken};
use grantry_custody::{FolderLifeboat, Lifeboat};
use grantry_testkit::{Endpoint, Fault};
use grantry_vault::GrantRecord;

use crate::fixture::{STRICT, World, kind};
use crate::process::{Process, Start, days};

/// A renewal is under way while the grant is removed by somebody who asks no server.
async fn orphaned(world: &World, process: &Process) {
    let call = process.grant.obtain(Attempt::first());
    let remove = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let acme = process.acme();
        let stands = acme.grant("crm", "user-17").await.unwrap().unwrap();
        acme.remove_grant("crm", "user-17", &stands.version).await.unwrap();
    };
    let before = world.requests();
    let (result, ()) = tokio::join!(call, remove);
    assert_eq!(kind(result), ErrorKind::InvalidGrant);
    assert_eq!(world.requests(), before + 1);
}

/// How many entries the next process would find in the lifeboats, did this one die now.
async fn aboard(world: &World) -> usize {
    accounts_aboard(world).await.len()
}

#[tokio::test(start_paused = true)]
async fn tokens_that_come_for_a_grant_that_is_gone_are_revoked_until_the_server_has_answered() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    world.server.inject(Endpoint::Revocation, Fault::status(503).times(3));
    orphaned(&world, &process).await;
    world.pass(Duration::from_secs(30)).await;
    let ledger = world.server.ledger();
    assert_eq!(ledger.count(Endpoint::Revocation), 3 + 2, "refresh token and access token");
    world.pass(Duration::from_secs(600)).await;
    assert_eq!(ledger.count(Endpoint::Revocation), 5);
}

#[tokio::test(start_paused = true)]
async fn orphans_stay_in_the_lifeboat_of_a_dead_process_until_they_are_revoked() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    orphaned(&world, &process).await;
    let left = std::fs::read_dir(world.lifeboats()).unwrap().next().unwrap().unwrap().path();
    process.custody.close().await;
    let dead = world.lifeboats().join("dead.lifeboat");
    std::fs::copy(&left, &dead).unwrap();
    drop(process);
    let next = world.process("next").await;
    world.pass(Duration::from_secs(130)).await;
    assert!(dead.exists(), "the server has not answered");
    world.server.clear_faults(Endpoint::Revocation);
    world.pass(Duration::from_secs(130)).await;
    assert!(!dead.exists());
    assert!(next.acme().grant("crm", "user-17").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn orphans_stay_in_the_lifeboat_of_the_living_for_as_long_as_the_server_does_not_answer() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    orphaned(&world, &process).await;
    days(&world, 2).await;
    assert_eq!(aboard(&world).await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_orphan_that_is_tried_again_leaves_alone_what_was_consented_to_meanwhile() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    orphaned(&world, &process).await;
    world.pass(Duration::from_secs(60)).await;
    let wall = grantry_core::Clock::wall(&world.clock);
    let anew = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
    process.acme().create_grant("crm", "user-17", anew).await.unwrap();
    world.server.clear_faults(Endpoint::Revocation);
    let asked = world.server.ledger().count(Endpoint::Revocation);
    days(&world, 1).await;
    assert_eq!(
        world.server.ledger().count(Endpoint::Revocation),
        asked,
        "a server may take all consents along"
    );
    assert_eq!(aboard(&world).await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_orphan_makes_room_in_the_lifeboat_for_what_is_in_flight() {
    let world = World::new(STRICT).await;
    let process = world.process_with("one", Start { seats: Some(2), spares: true, ..Start::default() }).await;
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    for _ in 0..2 {
        orphaned(&world, &process).await;
        let consented = world.consent();
        let wall = grantry_core::Clock::wall(&world.clock);
        let anew = GrantRecord::new(wall).with_refresh_token(consented, wall);
        process.acme().create_grant("crm", "user-17", anew).await.unwrap();
    }
    let renewed = tokio::time::timeout(Duration::from_secs(2), process.grant.obtain(Attempt::first())).await;
    renewed.expect("it waits for no orphan").unwrap();
    // The last to come sits there still.
    world.pass(Duration::from_secs(600)).await;
    assert_eq!(aboard(&world).await, 1);
}

/// Whose entries the next process would find, did this one die now.
async fn accounts_aboard(world: &World) -> Vec<String> {
    let as_left = tempfile::tempdir().unwrap();
    for left in std::fs::read_dir(world.lifeboats()).unwrap() {
        std::fs::copy(left.unwrap().path(), as_left.path().join("dead.lifeboat")).unwrap();
    }
    let adopted = FolderLifeboat::open(as_left.path()).unwrap().adopt().await.unwrap();
    let keys = adopted.entries.iter().map(|adopted| adopted.cargo.record.as_grant_key().unwrap());
    let mut accounts: Vec<_> = keys.map(|key| key.account().to_owned()).collect();
    accounts.sort();
    accounts
}

#[tokio::test(start_paused = true)]
async fn as_many_orphans_make_room_as_renewals_need_seats_and_the_oldest_do() {
    let world = World::new(STRICT).await;
    let process = world.process_with("one", Start { seats: Some(5), ..Start::default() }).await;
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    let (acme, wall) = (process.acme(), grantry_core::Clock::wall(&world.clock));
    let mut grants = Vec::new();
    for user in 0..8 {
        let account = format!("user-{user}");
        let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
        acme.create_grant("crm", &account, record).await.unwrap();
        let key = GrantKey::new("acme", "crm", &account).unwrap();
        let grant = process.custody.grant(key, world.redemption()).rotation(STRICT);
        grants.push((account, grant.revoker(world.revocation_endpoint()).build().unwrap()));
    }
    for (account, grant) in &grants[..5] {
        let remove = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let stands = acme.grant("crm", account).await.unwrap().unwrap();
            acme.remove_grant("crm", account, &stands.version).await.unwrap();
        };
        let (result, ()) = tokio::join!(grant.obtain(Attempt::first()), remove);
        assert_eq!(kind(result), ErrorKind::InvalidGrant);
    }
    assert_eq!(accounts_aboard(&world).await.len(), 5);
    // Each is on its way for a while, so that none sits where another sat.
    world.server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(2)).until_cleared());
    let [(_, one), (_, two), (_, three)] = &grants[5..] else { panic!("there are three") };
    let later = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        three.obtain(Attempt::first()).await
    };
    let renewed = tokio::join!(one.obtain(Attempt::first()), two.obtain(Attempt::first()), later);
    for renewed in [renewed.0, renewed.1, renewed.2] {
        renewed.unwrap();
    }
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(accounts_aboard(&world).await, ["user-3", "user-4"]);
}

#[tokio::test(start_paused = true)]
async fn orphans_of_an_earlier_consent_are_left_alone_unless_the_server_spares_the_later_one() {
    for (spares, expected) in [(false, 0), (true, 2)] {
        let world = World::new(STRICT).await;
        let process = world.process_with("one", Start { spares, ..Start::default() }).await;
        let call = process.grant.obtain(Attempt::first());
        let replace = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let acme = process.acme();
            let stands = acme.grant("crm", "user-17").await.unwrap().unwrap();
            let wall = grantry_core::Clock::wall(&world.clock);
            let anew = GrantRecord::new(wall).with_refresh_token(RefreshToken::new("anew"), wall);
            acme.replace_grant("crm", "user-17", anew, Some(&stands.version)).await.unwrap();
        };
        let _ = tokio::join!(call, replace);
        world.pass(Duration::from_secs(5)).await;
        assert_eq!(world.server.ledger().count(Endpoint::Revocation), expected, "{spares}");
    }
}
