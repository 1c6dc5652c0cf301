//! Lifeboats of the dead that cannot be looked at just now: what cannot be undone waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Attempt, ErrorKind, Grant};
use grantry_custody::{Adopted, AdoptedId, Cargo, FolderLifeboat, Lifeboat, LifeboatError, Release, Seat};

use crate::fixture::{STRICT, World, kind};

/// A lifeboat whose folder cannot be read for a while, from the second look on.
#[derive(Debug)]
struct Unread {
    boat: FolderLifeboat,
    looks: AtomicU32,
    is_readable: Arc<AtomicBool>,
}

#[async_trait]
impl Lifeboat for Unread {
    async fn reserve(&self) -> Result<Seat, LifeboatError> {
        self.boat.reserve().await
    }
    async fn board(&self, seat: &Seat, cargo: &Cargo) -> Result<(), LifeboatError> {
        self.boat.board(seat, cargo).await
    }
    fn leave(&self, seat: Seat) {
        self.boat.leave(seat);
    }
    async fn adopt(&self) -> Result<Vec<Adopted>, LifeboatError> {
        if self.is_readable.load(Ordering::Relaxed) {
            return self.boat.adopt().await;
        }
        match self.looks.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(Vec::new()),
            _ => Err(LifeboatError::Failed("too many files are open".to_owned())),
        }
    }
    async fn bring_home(&self, id: &AdoptedId) -> Result<(), LifeboatError> {
        self.boat.bring_home(id).await
    }
    fn is_durable(&self) -> bool {
        true
    }
}

#[test]
fn no_last_chance_is_taken_while_the_lifeboats_of_the_dead_cannot_be_looked_at() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let first = runtime();
    // A process dies with the only successor in its lifeboat.
    let world = first.block_on(async {
        let world = World::new(STRICT).await;
        let replica = world.replica().await;
        let call = replica.grant.obtain(Attempt::first());
        let fail = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            world.store.set_down(true);
        };
        let (set, ()) = tokio::join!(call, fail);
        set.expect("the lifeboat suffices");
        world
    });
    drop(first);
    world.store.set_down(false);
    runtime().block_on(async {
        let boat = FolderLifeboat::builder(world.lifeboats()).seats(4).open().unwrap();
        let is_readable = Arc::new(AtomicBool::new(false));
        let boat = Unread { boat, looks: AtomicU32::new(0), is_readable: Arc::clone(&is_readable) };
        let next = world.replica_in(boat, world.redemption(), Release::default()).await;
        world.pass(Duration::from_secs(40)).await;
        assert_eq!(kind(next.grant.obtain(Attempt::first()).await), ErrorKind::Storage);
        assert_eq!(world.requests(), 1, "the server would take a second use for a theft");
        is_readable.store(true, Ordering::Relaxed);
        let set = next.grant.obtain(Attempt::first()).await.unwrap();
        assert_eq!((set.generation(), world.requests()), (1, 1));
        assert!(world.is_alive().await);
        next.custody.close().await;
    });
}
