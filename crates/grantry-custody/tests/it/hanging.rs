//! Calls that do not come to an end: a connection that is dead without anybody having noticed, a runtime that ends.

use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Attempt, Clock, Grant};
use grantry_custody::{AdoptedId, Adoption, Cargo, FolderLifeboat, Lifeboat, LifeboatError, Release, Seat};
use grantry_testkit::{Endpoint, Fault};

use crate::fixture::{STRICT, World};

/// The owner would have been taken for gone after lease and allowance, and the token sent once more, with the successor in the owner's
/// lifeboat.
#[tokio::test(start_paused = true)]
async fn a_successor_is_written_again_where_the_first_write_is_never_answered() {
    let world = World::new(STRICT).await;
    let owner = world.process("owner").await;
    // The claim is written.
    owner.link.lose_write_after(1);
    let other = world.process("other").await;
    let began = world.clock.now();
    assert_eq!(owner.grant.obtain(Attempt::first()).await.unwrap().generation(), 1);
    assert!(world.clock.now().since(began) < Duration::from_secs(3), "the lifeboat suffices");
    assert_eq!(other.grant.obtain(Attempt::first()).await.unwrap().generation(), 1);
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(world.requests(), 1);
    assert!(world.is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_extended_where_the_first_attempt_to_do_so_is_never_answered() {
    let world = World::new(STRICT).await;
    world.server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(14)));
    let owner = world.process("owner").await;
    owner.link.lose_write_after(1);
    let other = world.process("other").await;
    let call = tokio::spawn(async move { owner.grant.obtain(Attempt::first()).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(other.grant.obtain(Attempt::first()).await.unwrap().generation(), 1);
    assert_eq!(call.await.unwrap().unwrap().generation(), 1);
    assert_eq!(world.requests(), 1);
    assert!(world.is_alive().await);
}

/// A lifeboat whose entries are written, and whose disk never says so.
#[derive(Debug)]
struct NeverSynced(FolderLifeboat);

#[async_trait]
impl Lifeboat for NeverSynced {
    async fn reserve(&self) -> Result<Seat, LifeboatError> {
        self.0.reserve().await
    }
    async fn board(&self, seat: &Seat, cargo: &Cargo) -> Result<(), LifeboatError> {
        let _written = futures_util::poll!(self.0.board(seat, cargo));
        std::future::pending().await
    }
    fn leave(&self, seat: Seat) {
        self.0.leave(seat);
    }
    async fn adopt(&self) -> Result<Adoption, LifeboatError> {
        self.0.adopt().await
    }
    async fn bring_home(&self, id: &AdoptedId) -> Result<(), LifeboatError> {
        self.0.bring_home(id).await
    }
    fn is_durable(&self) -> bool {
        true
    }
}

/// Nobody closed custody. A kill would have left the entry.
#[test]
fn what_is_on_its_way_into_a_lifeboat_stays_there_when_the_runtime_ends() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let first = runtime();
    let world = first.block_on(async {
        let world = World::new(STRICT).await;
        let boat = NeverSynced(FolderLifeboat::builder(world.lifeboats()).seats(4).open().unwrap());
        let replica = world.replica_in(boat, world.redemption(), Release::default()).await;
        tokio::spawn(async move { replica.grant.obtain(Attempt::first()).await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        world
    });
    assert_eq!(world.requests(), 1);
    drop(first);
    let left = runtime().block_on(async { FolderLifeboat::open(world.lifeboats()).unwrap().adopt().await });
    assert_eq!(left.unwrap().entries.len(), 1);
}
