//! Several processes and one grant.

use std::time::Duration;

use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{Attempt, Clock, Consumed, Failure, Grant, GrantKey, Rotation, Scope, TokenSet};
use grantry_custody::{Custody, FolderLifeboat, Release};
use grantry_testkit::SeededGrant;
use grantry_vault::GrantRecord;
use grantry_vault::access::Principal;

use crate::fixture::{GRACE, STRICT, Slow, TOKEN_LIFETIME, World, admin, key};
use crate::process::Start;

#[tokio::test(start_paused = true)]
async fn the_first_token_is_obtained_and_the_rotated_refresh_token_is_stored() {
    let world = World::new(STRICT).await;
    let before = world.stored().await.unwrap();
    let replica = world.replica().await;
    let set = replica.grant.obtain(Attempt::first()).await.unwrap();
    assert!(set.token().is_fit(world.clock.now()));
    assert!(set.refresh_token().is_none(), "a source over custody never holds one");
    assert_eq!((set.generation(), world.requests()), (1, 1));
    assert_ne!(world.stored().await.unwrap().expose(), before.expose());
    assert!(world.is_alive().await);
    assert_eq!(replica.events.taken(), ["rotated"]);
}

#[tokio::test(start_paused = true)]
async fn sixteen_replicas_and_four_callers_each_make_one_request_for_each_expiry() {
    for rotation in [STRICT, GRACE] {
        let world = World::new(rotation).await;
        let mut replicas = Vec::new();
        for _ in 0..16 {
            replicas.push(world.replica().await);
        }
        let mut held: Vec<Option<grantry_core::TokenSet>> = vec![None; 64];
        for round in 1..=3 {
            let calls = held
                .iter()
                .enumerate()
                .map(|(nth, held)| replicas[nth % 16].grant.obtain(Attempt::replace_if_any(held.as_ref())));
            let sets = futures_util::future::join_all(calls).await;
            held = sets.into_iter().map(|set| Some(set.unwrap())).collect();
            assert_eq!(world.requests(), round, "{rotation:?}");
            assert!(world.is_alive().await);
            world.pass(TOKEN_LIFETIME).await;
        }
    }
}

/// Its lease is reckoned from what the store's clock said, so it has slept through that. Nobody has written meanwhile, and its
/// claim is taken; the others may find it over at once.
#[tokio::test(start_paused = true)]
async fn a_process_that_stood_still_between_its_look_and_its_claim_sends_nothing() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    world.store.set_late(Duration::from_secs(14));
    let failure = replica.grant.obtain(Attempt::first()).await.unwrap_err();
    assert!(matches!(failure.consumed, Consumed::No), "{failure:?}");
    assert_eq!(world.requests(), 0);
    world.store.set_late(Duration::ZERO);
    replica.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(world.requests(), 1, "nothing was in doubt");
}

/// The record was written by somebody else just before its owner was to extend its lease, and the store was out of the owner's reach
/// when it was to do so again.
#[tokio::test(start_paused = true)]
async fn a_lease_is_extended_at_once_on_top_of_what_somebody_else_wrote() {
    let world = World::new(Rotation::KeepOld).await;
    let redemption = Some(Arc::new(Slow(world.redemption())) as Arc<dyn Grant>);
    let owner = world.process_with("owner", Start { redemption, ..Start::default() }).await;
    let other = world.process("other").await;
    let renewing = other.vault.as_principal(Principal::system_renewal()).tenant("acme").unwrap();
    let renewing = renewing.renew("crm", "user-17").await.unwrap();
    let link = Arc::clone(&owner.link);
    let call = tokio::spawn(async move { owner.grant.obtain(Attempt::first()).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stands = renewing.grant().await.unwrap().unwrap();
    renewing.store(stands.value, &stands.version, stands.version.generation()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    link.cut();
    let second = tokio::spawn(async move { other.grant.obtain(Attempt::first()).await });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.requests(), 1, "its lease began anew after two seconds");
    assert_eq!(second.await.unwrap().unwrap().generation(), 1);
    assert_eq!(world.requests(), 2);
    call.abort();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_slow_keeps_nobody_from_a_renewal() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.replica().await, world.replica().await);
    world.store.set_late(Duration::from_millis(2_500));
    let (one, other) = tokio::join!(one.grant.obtain(Attempt::first()), other.grant.obtain(Attempt::first()));
    assert_eq!((one.unwrap().generation(), other.unwrap().generation()), (1, 1));
    assert_eq!(world.requests(), 1);
}

/// A source knows the token alone, and another caller was given the same one since.
#[tokio::test(start_paused = true)]
async fn a_token_that_is_to_be_replaced_is_never_given_out_again() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    let held = replica.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(replica.grant.obtain(Attempt::first()).await.unwrap().generation(), 1);
    let refused = TokenSet::from_token(held.token().clone());
    let next = replica.grant.obtain(Attempt::replace(&refused)).await.unwrap();
    assert_eq!((next.generation(), world.requests()), (2, 2));
    assert_ne!(next.token().expose(), held.token().expose());
    let later = replica.grant.obtain(Attempt::replace(&refused)).await.unwrap();
    assert_eq!((later.generation(), world.requests()), (2, 2), "what is stored is another one");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_another_replica_renewed_is_used_and_not_renewed_again() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.replica().await, world.replica().await);
    let first = one.grant.obtain(Attempt::first()).await.unwrap();
    let same = other.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(first.token().expose(), same.token().expose());
    // The one renews; the other, whose token is refused with it, finds the new one.
    let second = one.grant.obtain(Attempt::replace(&first)).await.unwrap();
    let found = other.grant.obtain(Attempt::replace(&same)).await.unwrap();
    assert_eq!((second.token().expose(), world.requests()), (found.token().expose(), 2));
    assert_ne!(second.token().expose(), first.token().expose());
}

/// Renewals are counted anew from a new consent on, and what came of the one before bears the higher number.
#[tokio::test(start_paused = true)]
async fn after_a_new_consent_all_replicas_together_make_one_request() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.replica().await, world.replica().await);
    let mut held = one.grant.obtain(Attempt::first()).await.unwrap();
    for _ in 0..3 {
        held = one.grant.obtain(Attempt::replace(&held)).await.unwrap();
    }
    // Two callers of one process, of whom the second was given its token later.
    let same = other.grant.obtain(Attempt::first()).await.unwrap();
    let later = other.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!((same.generation(), later.generation(), world.requests()), (4, 4, 4));

    let vault = world.vault().await;
    let acme = vault.as_principal(admin()).tenant("acme").unwrap();
    let stands = acme.grant("crm", "user-17").await.unwrap().unwrap();
    let anew = GrantRecord::new(world.clock.wall()).with_refresh_token(world.consent(), world.clock.wall());
    acme.replace_grant("crm", "user-17", anew, Some(&stands.version)).await.unwrap();

    let renewed = one.grant.obtain(Attempt::replace(&held)).await.unwrap();
    // As a source knows it, by the token alone; and as a caller that kept all of it.
    let by_token = TokenSet::from_token(later.token().clone());
    for held in [&same, &by_token, &later] {
        let found = other.grant.obtain(Attempt::replace(held)).await.unwrap();
        assert_eq!((found.token().expose(), found.generation()), (renewed.token().expose(), 1));
        assert_eq!(world.requests(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn lifetimes_of_a_stored_token_are_those_of_the_server() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.replica().await, world.replica().await);
    let set = one.grant.obtain(Attempt::first()).await.unwrap();
    world.pass(Duration::from_secs(20)).await;
    let found = other.grant.obtain(Attempt::first()).await.unwrap();
    let (early, late) = (found.token().expires().unwrap(), set.token().expires().unwrap());
    assert!(early <= late && late.since(early) < Duration::from_secs(1), "{early:?} {late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_cuts_nothing_off() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    let call = replica.grant.obtain(Attempt::first());
    // The request is under way for 50 ms.
    assert!(tokio::time::timeout(Duration::from_millis(30), call).await.is_err());
    replica.custody.close().await;
    assert_eq!(world.requests(), 1);
    assert!(world.is_alive().await, "what was received is in the store");
}

/// A request that is not answered.
#[derive(Debug)]
struct Unanswered;

#[async_trait]
impl Grant for Unanswered {
    async fn obtain(&self, _attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_another_process_keeps_no_seat_in_the_lifeboat_from_the_other_grants() {
    let world = World::new(STRICT).await;
    let consented = world.server.seed_grant(SeededGrant::new("crm", Scope::parse("contacts.read").unwrap()));
    let (vault, wall) = (world.vault().await, world.clock.wall());
    let acme = vault.as_principal(admin()).tenant("acme").unwrap();
    let record = GrantRecord::new(wall).with_refresh_token(consented, wall);
    acme.create_grant("crm", "user-18", record).await.unwrap();

    let busy = world.replica_with(Arc::new(Unanswered), Release::default()).await;
    let hangs = tokio::spawn(async move { busy.grant.obtain(Attempt::first()).await });
    world.pass(Duration::from_millis(200)).await;

    let lifeboat = FolderLifeboat::builder(world.lifeboats()).seats(1).open().unwrap();
    let custody = Custody::builder(&vault, lifeboat).clock(world.clock.clone()).open().await.unwrap();
    let waits = custody.grant(key(), world.redemption()).rotation(STRICT).build().unwrap();
    let waits = tokio::spawn(async move { waits.obtain(Attempt::first()).await });
    world.pass(Duration::from_millis(200)).await;
    assert!(!waits.is_finished());

    let other = GrantKey::new("acme", "crm", "user-18").unwrap();
    let other = custody.grant(other, world.redemption()).rotation(STRICT).build().unwrap();
    let start = world.clock.now();
    other.obtain(Attempt::first()).await.unwrap();
    let took = world.clock.now().since(start);
    assert!(took < Duration::from_secs(1), "the only seat was taken by one that waits: {took:?}");
    hangs.abort();
    waits.abort();
}

/// Sends, and is never heard of again.
#[derive(Debug)]
struct Vanishing(Arc<dyn Grant>);

#[async_trait]
impl Grant for Vanishing {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        drop(self.0.obtain(attempt).await);
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_owner_had_sent_is_asked_for_again_inside_a_short_window_though_nobody_wants_a_token() {
    for seconds in [30, 20, 15] {
        let world = World::new(Rotation::Grace { window: Duration::from_secs(seconds), same: false }).await;
        let redemption: Arc<dyn Grant> = Arc::new(Vanishing(world.redemption()));
        let start = Start { redemption: Some(redemption), ..Start::default() };
        let owner = world.process_with("owner", start).await;
        let survivor = world.process("survivor").await;
        // The look that every process begins with lies behind it.
        world.pass(Duration::from_millis(500)).await;
        tokio::select! {
            _ = owner.grant.obtain(Attempt::first()) => panic!("it is never heard of again"),
            () = tokio::time::sleep(Duration::from_secs(1)) => owner.link.cut(),
        }
        assert_eq!(world.requests(), 1);
        world.pass(Duration::from_secs(seconds)).await;
        survivor.custody.close().await;
        assert!(world.is_alive().await, "{seconds} s");
        assert_eq!(world.requests(), 2);
    }
}
