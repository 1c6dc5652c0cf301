//! Lifeboats of the dead that cannot be looked at just now: what cannot be undone waits for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Attempt, ErrorKind, Grant};
use grantry_custody::{AdoptedId, Adoption, Cargo, FolderLifeboat, Lifeboat, LifeboatError, Release, Seat};

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
    async fn adopt(&self) -> Result<Adoption, LifeboatError> {
        if self.is_readable.load(Ordering::Relaxed) {
            return self.boat.adopt().await;
        }
        match self.looks.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(Adoption::default()),
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

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// A process dies with the only successor in its lifeboat.
fn died_with_the_successor() -> World {
    let first = runtime();
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
    world
}

/// The one file that is there.
fn left_in(folder: &Path) -> PathBuf {
    let mut left = std::fs::read_dir(folder).unwrap();
    let path = left.next().unwrap().unwrap().path();
    assert!(left.next().is_none());
    path
}

#[test]
fn no_last_chance_is_taken_while_the_lifeboats_of_the_dead_cannot_be_looked_at() {
    let world = died_with_the_successor();
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

/// A folder cannot be opened as the file that it takes the place of, whoever tries.
#[test]
fn no_last_chance_is_taken_while_one_lifeboat_of_the_dead_cannot_be_opened() {
    let world = died_with_the_successor();
    let (there, aside) = (left_in(&world.lifeboats()), world.lifeboats().join("aside"));
    std::fs::rename(&there, &aside).unwrap();
    std::fs::create_dir(&there).unwrap();
    runtime().block_on(async {
        let next = world.replica().await;
        world.pass(Duration::from_secs(40)).await;
        assert_eq!(kind(next.grant.obtain(Attempt::first()).await), ErrorKind::Storage);
        world.pass(Duration::from_secs(3_600)).await;
        assert_eq!(kind(next.grant.obtain(Attempt::first()).await), ErrorKind::Storage);
        assert_eq!(world.requests(), 1, "the server would take a second use for a theft");
        std::fs::remove_dir(&there).unwrap();
        std::fs::rename(&aside, &there).unwrap();
        let set = next.grant.obtain(Attempt::first()).await.unwrap();
        assert_eq!((set.generation(), world.requests()), (2, 2), "the successor came home, and was used");
        assert!(world.is_alive().await);
        next.custody.close().await;
    });
}

#[test]
fn a_lifeboat_that_cannot_be_opened_keeps_no_other_from_being_brought_home() {
    let world = died_with_the_successor();
    let there = left_in(&world.lifeboats());
    for name in ["0.lifeboat", "x.lifeboat"] {
        std::fs::create_dir(world.lifeboats().join(name)).unwrap();
    }
    runtime().block_on(async {
        let next = world.replica().await;
        assert!(!there.exists(), "it was brought home when custody was opened");
        let set = next.grant.obtain(Attempt::first()).await.unwrap();
        assert_eq!((set.generation(), world.requests()), (1, 1));
        next.custody.close().await;
    });
}
