//! A store that fails over, and loses what it had confirmed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Attempt, ErrorKind, Grant};
use grantry_custody::{AdoptedId, Adoption, Cargo, FolderLifeboat, Lifeboat, LifeboatError, Release, Seat};
use grantry_testkit::{Endpoint, Fault};
use grantry_vault::{Precondition, RecordKey, SealedRecord, Vault};

use crate::fixture::{STRICT, ShakyVault, TOKEN_LIFETIME, World, admin, key, kind};

impl World {
    /// The grant's record, as the store has it.
    async fn sealed(&self) -> SealedRecord {
        self.store.load(&RecordKey::grant(&key())).await.unwrap().unwrap().sealed
    }

    /// The store fails over to one that has the record as it was then.
    async fn fail_over_to(&self, then: SealedRecord) {
        fail_over(&self.store, then).await;
    }
}

async fn fail_over(store: &ShakyVault, then: SealedRecord) {
    let record = RecordKey::grant(&key());
    let now = store.load(&record).await.unwrap().unwrap();
    store.store(&record, then, Precondition::Matches(now.revision)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_store_lost_when_it_failed_over_is_written_again_by_whoever_remembers_it() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.replica().await, world.replica().await);
    let held = one.grant.obtain(Attempt::first()).await.unwrap();
    for lost in 1..=2 {
        let before = world.sealed().await;
        let mut held = held.clone();
        for _ in 0..lost {
            held = one.grant.obtain(Attempt::replace(&held)).await.unwrap();
        }
        world.fail_over_to(before).await;
        assert!(!world.is_alive().await, "the store holds a token that was used");
        let requests = world.requests();
        if lost == 1 {
            one.grant.obtain(Attempt::first()).await.unwrap();
        } else {
            // Nobody asks: it is looked after.
            world.pass(Duration::from_secs(90)).await;
        }
        assert_eq!(world.requests(), requests, "nothing is sent for it");
        assert!(world.is_alive().await, "{lost} lost");
    }
    other.grant.obtain(Attempt::first()).await.unwrap();
}

/// The record says nothing of the attempt any more, and whoever made it knows of it. Where the server revokes the family for a
/// used token that is all the difference.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_a_store_has_forgotten_is_still_in_doubt_for_everybody() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.replica().await, world.replica().await);
    let held = one.grant.obtain(Attempt::first()).await.unwrap();
    let before = world.sealed().await;
    // The request never arrives, but nobody can know that.
    world.server.inject(Endpoint::Token, Fault::drop_before_handling());
    assert_eq!(kind(one.grant.obtain(Attempt::replace(&held)).await), ErrorKind::InDoubt);
    assert_eq!(world.requests(), 2);
    world.fail_over_to(before).await;
    for replica in [&one, &other] {
        assert_eq!(kind(replica.grant.obtain(Attempt::replace(&held)).await), ErrorKind::InDoubt);
    }
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(world.requests(), 2, "the access token is still fit, so nothing is risked");
    world.pass(TOKEN_LIFETIME).await;
    assert_eq!(world.requests(), 3);
    one.custody.close().await;
    other.custody.close().await;
    assert!(world.is_alive().await, "the last chance brought it back");
}

/// The same, of the successor that is written again from what the process remembers.
#[tokio::test(start_paused = true)]
async fn a_successor_that_is_written_again_is_in_doubt_if_it_was_sent() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.replica().await, world.replica().await);
    let held = one.grant.obtain(Attempt::first()).await.unwrap();
    let before = world.sealed().await;
    let held = one.grant.obtain(Attempt::replace(&held)).await.unwrap();
    world.server.inject(Endpoint::Token, Fault::drop_before_handling());
    assert_eq!(kind(one.grant.obtain(Attempt::replace(&held)).await), ErrorKind::InDoubt);
    assert_eq!(world.requests(), 3);
    world.fail_over_to(before).await;
    for replica in [&one, &other] {
        assert_eq!(kind(replica.grant.obtain(Attempt::replace(&held)).await), ErrorKind::InDoubt);
    }
    world.pass(TOKEN_LIFETIME + Duration::from_secs(20)).await;
    assert_eq!(world.requests(), 4);
    one.custody.close().await;
    other.custody.close().await;
    assert!(world.is_alive().await, "the last chance brought it back");
}

/// Whoever did not know has written since, so that the record's version is newer than any that was seen.
#[tokio::test(start_paused = true)]
async fn what_a_store_lost_is_written_again_although_others_have_written_since() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.replica().await, world.replica().await);
    // The looks that follow the opening are over, and the next is in a minute.
    world.pass(Duration::from_secs(5)).await;
    let held = one.grant.obtain(Attempt::first()).await.unwrap();
    let before = world.sealed().await;
    let newer = one.grant.obtain(Attempt::replace(&held)).await.unwrap();
    world.fail_over_to(before).await;
    // Its owner extends the lease while it waits for an answer that never comes.
    world.server.inject(Endpoint::Token, Fault::drop_before_handling().delayed(Duration::from_secs(15)));
    assert_eq!(kind(other.grant.obtain(Attempt::replace(&held)).await), ErrorKind::InDoubt);
    assert_eq!(world.requests(), 3);
    assert_eq!(kind(one.grant.obtain(Attempt::replace(&newer)).await), ErrorKind::InDoubt);
    assert_eq!(world.requests(), 3, "nothing is sent for it");
    assert!(world.is_alive().await, "it stands in the record again");
    world.pass(TOKEN_LIFETIME + Duration::from_secs(20)).await;
    one.custody.close().await;
    other.custody.close().await;
    assert!(world.is_alive().await, "the last chance was the successor's");
}

#[tokio::test(start_paused = true)]
async fn what_a_store_brings_back_is_in_doubt_for_a_process_that_has_only_seen_that_there_was_more() {
    let world = World::new(STRICT).await;
    let (one, other) = (world.replica().await, world.replica().await);
    let held = one.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(other.grant.obtain(Attempt::first()).await.unwrap().generation(), 1);
    let before = world.sealed().await;
    world.server.inject(Endpoint::Token, Fault::drop_before_handling());
    assert_eq!(kind(one.grant.obtain(Attempt::replace(&held)).await), ErrorKind::InDoubt);
    // It sees a newer version, and nothing of what it says.
    let acme = other.vault.as_principal(admin()).tenant("acme").unwrap();
    acme.reveal_grant("crm", "user-17").await.unwrap().unwrap();
    one.custody.close().await;
    drop(one.grant);
    world.fail_over_to(before).await;
    assert_eq!(kind(other.grant.obtain(Attempt::replace(&held)).await), ErrorKind::InDoubt);
    assert_eq!(world.requests(), 2);
    world.pass(TOKEN_LIFETIME + Duration::from_secs(20)).await;
    assert_eq!(world.requests(), 3);
    other.custody.close().await;
    assert!(world.is_alive().await, "the last chance brought it back");
}

/// A lifeboat that takes its time to be looked into: meanwhile the store fails over.
#[derive(Debug)]
struct WhileLookedInto {
    boat: FolderLifeboat,
    store: Arc<ShakyVault>,
    then: Arc<Mutex<Option<SealedRecord>>>,
}

#[async_trait]
impl Lifeboat for WhileLookedInto {
    async fn reserve(&self) -> Result<Seat, LifeboatError> {
        self.boat.reserve().await
    }
    async fn board(&self, seat: &Seat, cargo: &Cargo) -> Result<(), LifeboatError> {
        self.boat.board(seat, cargo).await
    }
    fn leave(&self, seat: Seat) {
        self.boat.leave(seat);
    }
    async fn adopt(&self) -> Result<Adoption, LifeboatError> {
        let then = self.then.lock().unwrap().take();
        if let Some(then) = then {
            fail_over(&self.store, then).await;
        }
        self.boat.adopt().await
    }
    async fn bring_home(&self, id: &AdoptedId) -> Result<(), LifeboatError> {
        self.boat.bring_home(id).await
    }
    fn is_durable(&self) -> bool {
        true
    }
}

/// What it had read before said that the token is in doubt, and what it read afterwards that another one was never used.
#[tokio::test(start_paused = true)]
async fn a_store_that_goes_back_while_lifeboats_are_looked_into_is_noticed() {
    let world = World::new(STRICT).await;
    let before = world.sealed().await;
    let then = Arc::new(Mutex::new(None));
    let boat = FolderLifeboat::builder(world.lifeboats()).seats(4).open().unwrap();
    let boat = WhileLookedInto { boat, store: Arc::clone(&world.store), then: Arc::clone(&then) };
    let one = world.replica_in(boat, world.redemption(), Release::default()).await;
    let other = world.replica().await;
    let held = one.grant.obtain(Attempt::first()).await.unwrap();
    world.server.inject(Endpoint::Token, Fault::drop_before_handling());
    assert_eq!(kind(other.grant.obtain(Attempt::replace(&held)).await), ErrorKind::InDoubt);
    assert_eq!(world.requests(), 2);
    other.custody.close().await;
    drop(other.grant);
    *then.lock().unwrap() = Some(before);
    assert_eq!(kind(one.grant.obtain(Attempt::replace(&held)).await), ErrorKind::InDoubt);
    assert!(then.lock().unwrap().is_none(), "it was looked into");
    assert_eq!(world.requests(), 2, "nothing is sent");
    world.pass(TOKEN_LIFETIME + Duration::from_secs(20)).await;
    one.custody.close().await;
    assert!(world.is_alive().await, "the last chance brought it back");
}
